"""`TaskPredictions` → COCO's annotations or results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framesift_kernels import I64

from .. import masks
from ..errors import UsageError
from ..files import write_json
from .coco import PathLike, read_coco_dataset
from .objects import Category, TaskPredictions

_VISIBLE = 2


def write_coco(
    predictions: TaskPredictions,
    path: PathLike,
    *,
    annotations: PathLike | None = None,
    results: bool = False,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    images: PathLike | None = None,
) -> None:
    """Write predictions as COCO's annotations, or as results of a model.

    Annotations have ``score`` and, where there are some, ``probabilities`` beside what COCO knows; flags of keypoints
    are twice the score, rounded. Results keep the scores of keypoints. Masks are COCO's compressed strings. Pictures that
    are `TaskPredictions.missing` are left out.

    Parameters
    ----------
    predictions
        Of any task but a classification.
    path
        The JSON file.
    annotations
        A COCO dataset from which the ids, heights and widths of the pictures are taken.
    results
        Write results, which need *annotations*.
    shapes
        Height and width by path of the picture: masks need them, LightlyOne's files do not say them.
    images
        Or a folder in which the pictures are.

    Raises
    ------
    UsageError
        COCO has no such task, a picture's height and width are needed and not known, or do not fit its masks; a picture
        is not among the *annotations*.
    """
    if predictions.task_type == "classification":
        raise UsageError("COCO has no classification: expected boxes, masks or keypoints")
    if results and annotations is None:
        raise UsageError("results need annotations=: the COCO dataset whose ids of pictures they name")
    known = None if annotations is None else read_coco_dataset(annotations)
    given = dict(known.shapes if known is not None else {}) | dict(shapes or {})
    numbers: Mapping[str, int | str] = (
        {name: i + 1 for i, name in enumerate(predictions.files)}
        if known is None
        else {image.file_name: image.id for image in known.images}
    )
    writer = _Writer(given, None if images is None else Path(images), results)
    for name, items in predictions.each():
        if name not in numbers:
            raise UsageError(f"picture {name!r} is not among the images of {annotations}")
        writer.add(name, items, numbers[name])
    if results:
        write_json(Path(path), writer.objects)
        return
    categories = [_category(category) for category in predictions.categories]
    write_json(Path(path), {"images": writer.images, "annotations": writer.objects, "categories": categories})


class _Writer:
    def __init__(self, shapes: Mapping[str, tuple[int, int]], folder: Path | None, results: bool) -> None:
        self.shapes, self.folder, self.results = shapes, folder, results
        self.images: list[dict[str, Any]] = []
        self.objects: list[dict[str, Any]] = []

    def add(self, name: str, items: list[dict[str, Any]], number: int | str) -> None:
        """Add a picture and its objects."""
        shape = self._shape(name, needed=any("segmentation" in item for item in items))
        image: dict[str, Any] = {"id": number, "file_name": name}
        if shape is not None:
            image |= {"height": shape[0], "width": shape[1]}
        self.images.append(image)
        for item in items:
            self.objects.append(self._object(item, number, shape, name))

    def _shape(self, name: str, *, needed: bool) -> tuple[int, int] | None:
        if name in self.shapes:
            return self.shapes[name]
        if self.folder is not None and (self.folder / name).is_file():
            from PIL import Image, UnidentifiedImageError

            try:
                with Image.open(self.folder / name) as picture:
                    return picture.height, picture.width
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as e:
                raise UsageError(f"{self.folder / name} is no picture ({e})") from None
        if needed:
            raise UsageError(
                f"the height and width of {name!r} are needed for its masks: give the folder of the pictures (images=), "
                "a COCO dataset (annotations=) or shapes="
            )
        return None

    def _object(
        self, item: dict[str, Any], number: int | str, shape: tuple[int, int] | None, name: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"image_id": number, **item}
        counts: I64 | None = None
        if "segmentation" in item:
            assert shape is not None
            try:
                counts = masks.convert(item["segmentation"], shape, "row", "column")
            except UsageError as e:
                raise UsageError(f"a mask of {name!r} does not fit the picture: {e}") from None
            found["segmentation"] = {"size": list(shape), "counts": masks.to_string(counts)}
            if "bbox" not in item:
                found["bbox"] = list(masks.bbox(counts, shape))
        if self.results:
            return found
        if "keypoints" in item:
            found["keypoints"] = list(item["keypoints"])
            found["keypoints"][2::3] = [round(_VISIBLE * score) for score in item["keypoints"][2::3]]
            found["num_keypoints"] = sum(flag > 0 for flag in found["keypoints"][2::3])
        area = found["bbox"][2] * found["bbox"][3] if counts is None else masks.area(counts)
        return {"id": len(self.objects) + 1, **found, "area": area, "iscrowd": 0}


def _category(category: Category) -> dict[str, Any]:
    found: dict[str, Any] = {"id": category.id, "name": category.name}
    if category.keypoint_names is not None:
        found["keypoints"] = list(category.keypoint_names)
    if category.keypoint_skeleton is not None:
        found["skeleton"] = [[a + 1, b + 1] for a, b in category.keypoint_skeleton]
    return found

"""Masks, class maps and probabilities of a model → run lengths with scores, picture by picture.

Source: "Semantic Segmentation" of LightlyOne's documentation: the class of a pixel is its most likely one, a segment's
score the median or mean of its pixels'.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import masks
from ..cores import count_threads
from ..errors import UsageError

Score = Literal["median", "mean"]
Array = npt.NDArray[Any]
Singletons = list[dict[str, Any]]


def segments_of_probabilities(
    volume: Any,
    *,
    category_ids: Sequence[int] | None = None,
    score: Score = "median",
    threads: int | None = None,
) -> Iterator[Singletons]:
    """Semantic segments of probabilities, as LightlyOne has them, a picture at a time.

    Parameters
    ----------
    volume : (N, C, H, W) floats from 0 to 1
        NumPy or zarr array, which may exceed memory: it is read in whole chunks along its first axis, picture by
        picture if it has none.
    category_ids
        C ids; by default 0 to C - 1.
    score
        Of a segment: the median or the mean of its class's probabilities over its pixels.

    Yields
    ------
    list of dict
        ``category_id``, ``segmentation`` (run lengths along the rows) and ``score`` of each class that a picture has,
        in the order of the classes. Ties between classes go to the first.

    Raises
    ------
    UsageError
        It has not four dimensions, or numbers that are no probabilities: apply a softmax first.

    Notes
    -----
    O(C H W) a picture; memory of a chunk of pictures, and of H W numbers a thread.
    """
    shape = _shape(volume, 4, "volume must be (pictures, classes, height, width)")
    ids = _ids(category_ids, shape[1])
    aggregate = _aggregate(score)

    def one(picture: Array) -> Singletons:
        classes, best = _most_likely(picture)
        return _segments(classes, best, ids, aggregate)

    return _each(one, [volume], shape[0], threads)


def segments_of_class_maps(
    maps: Any,
    probabilities: Any = None,
    *,
    category_ids: Sequence[int] | None = None,
    score: Score = "median",
    threads: int | None = None,
) -> Iterator[Singletons]:
    """Semantic segments of maps of classes: `segments_of_probabilities` of what is decided already.

    Parameters
    ----------
    maps : (N, H, W) integers
        Classes, from 0; pixels below 0, or 255 in uint8, have none.
    probabilities : (N, H, W) floats from 0 to 1, optional
        Of those classes. Without them every score is 1.
    category_ids
        Ids of classes 0, 1, ...; by default those numbers themselves.
    """
    shape = _shape(maps, 3, "maps must be (pictures, height, width)")
    aggregate = _aggregate(score)
    if probabilities is not None and tuple(probabilities.shape) != shape:
        raise UsageError(
            f"probabilities must be of the shape of the maps, {shape}, got {probabilities.shape}"
        )

    def one(classes: Array, best: Array | None = None) -> Singletons:
        if classes.dtype.kind not in "iu":
            raise UsageError(f"maps must hold integers, got {classes.dtype = }")
        none = (classes < 0) | (classes == 255) if classes.dtype == np.uint8 else classes < 0
        numbers = np.where(none, -1, classes.astype(np.int64))
        ids = range(int(numbers.max(initial=-1)) + 1) if category_ids is None else category_ids
        if numbers.max(initial=-1) >= len(ids):
            raise UsageError(f"maps must hold classes below {len(ids)}, got {numbers.max()}")
        if best is not None:
            _check_probabilities(best)
        return _segments(numbers, best, ids, aggregate)

    return _each(one, [maps] if probabilities is None else [maps, probabilities], shape[0], threads)


def objects_of_masks(
    pictures_masks: npt.ArrayLike,
    category_ids: Sequence[int],
    scores: npt.ArrayLike,
    *,
    score: Score = "median",
) -> Singletons:
    """Instances of one picture, as LightlyOne has them, of their masks.

    Parameters
    ----------
    pictures_masks : (K, H, W) bool or numbers
    category_ids
        K ids.
    scores : (K,) or (K, H, W) floats from 0 to 1
        Of the instances, or of their pixels: then the median or mean within the mask.

    Returns
    -------
    list of dict
        ``category_id``, ``segmentation``, ``bbox`` and ``score``; masks without a pixel are left out.

    Raises
    ------
    UsageError
        Shapes do not go together, or scores are no probabilities.
    """
    array, values = np.asarray(pictures_masks), np.asarray(scores)
    shape = _shape(array, 3, "masks must be (instances, height, width)")
    if len(category_ids) != shape[0] or values.shape not in (shape[:1], shape):
        raise UsageError(
            f"{shape[0]} masks of {shape[1:]} pixels need as many category_ids and scores, or scores of their shape, "
            f"got {len(category_ids)} and {values.shape}"
        )
    aggregate = _aggregate(score)
    if values.size:
        _check_probabilities(values)
    found = []
    for mask, counts, number, value in zip(
        array, masks.encode_batch(array, "row"), category_ids, values, strict=True
    ):
        if masks.area(counts):
            found.append(
                {
                    "category_id": int(number),
                    "segmentation": counts.tolist(),
                    "bbox": list(masks.bbox(counts, shape[1:], "row")),
                    "score": float(value if values.ndim == 1 else aggregate(value[mask != 0])),
                }
            )
    return found


def _segments(
    classes: Array, best: Array | None, ids: Sequence[int], aggregate: Callable[[Array], Any]
) -> Singletons:
    """All segments of a map in one pass; *best* are the probabilities of its classes."""
    runs = masks.encode_instances(classes + 1, "row")
    return [
        {
            "category_id": int(ids[number - 1]),
            "segmentation": counts.tolist(),
            "score": 1.0 if best is None else float(aggregate(best[classes == number - 1])),
        }
        for number, counts in runs.items()
    ]


def _most_likely(picture: Array) -> tuple[Array, Array]:
    """(H, W) class and its probability, plane by plane: NumPy's argmax along the first axis hops through memory."""
    best = picture[0].copy()
    classes = np.zeros(best.shape, np.uint8 if len(picture) < 255 else np.int32)
    _check_probabilities(best)
    for number, plane in enumerate(picture[1:], 1):
        _check_probabilities(plane)
        better = plane > best
        np.copyto(classes, number, where=better)
        np.copyto(best, plane, where=better)
    return classes, best


def _check_probabilities(values: Array) -> None:
    if values.dtype.kind != "f":
        raise UsageError(f"probabilities must be floats, got {values.dtype = }")
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if not (low >= 0 and high <= 1):  # not so for NaN
        raise UsageError(f"probabilities must be from 0 to 1, got {low:g} to {high:g}; apply a softmax first")


def _aggregate(score: str) -> Callable[[Array], Any]:
    if score not in ("median", "mean"):
        raise UsageError(f'score must be "median" or "mean", got {score!r}')
    return np.median if score == "median" else lambda values: values.mean(dtype=np.float64)


def _shape(array: Any, n_dimensions: int, expected: str) -> tuple[int, ...]:
    shape = tuple(int(size) for size in array.shape)
    if len(shape) != n_dimensions or not all(shape[1:]):
        raise UsageError(f"{expected}, got shape {shape}")
    return shape


def _ids(given: Sequence[int] | None, n: int) -> Sequence[int]:
    if given is not None and len(given) != n:
        raise UsageError(f"category_ids must be {n}, one a class, got {len(given)}")
    return range(n) if given is None else given


def _each(
    one: Callable[..., Singletons], arrays: list[Any], n: int, threads: int | None
) -> Iterator[Singletons]:
    """*one* of each picture, in order, on all cores; a chunk is read while those before it are worked on."""
    n_threads = count_threads(threads)
    step = int((getattr(arrays[0], "chunks", None) or [1])[0])
    with ThreadPoolExecutor(n_threads, "framesift-segments") as pool:
        waiting: deque[Future[Singletons]] = deque()
        try:
            for start in range(0, n, step):
                blocks = [np.asarray(array[start : start + step]) for array in arrays]
                waiting.extend(pool.submit(one, *pictures) for pictures in zip(*blocks, strict=True))
                while len(waiting) > max(n_threads, step):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

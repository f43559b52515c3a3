"""COCO's files become LightlyOne's and come back the same; pycocotools and labelformat agree on what they mean."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import framesift
import lightlyfiles
import naive_predictions as naive
from framesift import predictions
from framesift.errors import SourceError, UsageError
from framesift.predictions import read_coco, read_lightly, write_coco, write_lightly
from framesift_cli.main import run
from peers import peer

coco_mask = peer("pycocotools.mask")
formats = peer("labelformat.formats")

SHAPE = (6, 7)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]


def dataset(rng: np.random.Generator, *, masks: bool = False, keypoints: bool = False, n: int = 9):
    images = [
        {"id": 7 * i + 3, "file_name": f"sub {i % 2}/p{i}.jpg", "height": SHAPE[0], "width": SHAPE[1]}
        for i in range(n)
    ]
    annotations = []
    for number in range(1, 3 * n):
        item = {
            "id": number,
            "image_id": int(rng.choice([image["id"] for image in images[1:]])),
            "category_id": int(rng.choice([1, 5])),
            "bbox": [*rng.integers(0, 3, 2).tolist(), 2.5, 3],
            "area": 7.5,
            "iscrowd": 0,
        }
        if masks:
            pixels = np.asfortranarray(rng.random(SHAPE) < 0.5, np.uint8)
            counts = coco_mask.encode(pixels)["counts"].decode()
            column = naive.run_lengths(pixels.T.tolist())
            item["segmentation"] = [
                {"size": [*SHAPE], "counts": counts},
                {"size": [*SHAPE], "counts": column},
                [SQUARE],
            ][number % 3]
        if keypoints:
            item["keypoints"] = [1, 2, 0, 3.5, 4, 1, 5, 6, 2]
            item["num_keypoints"] = 2
        annotations.append(item)
    categories = [{"id": 5, "name": "mouse"}, {"id": 1, "name": "rat"}]
    if keypoints:
        categories[0] |= {"keypoints": ["a", "b", "c"], "skeleton": [[1, 2], [2, 3]]}
    return {"images": images, "annotations": annotations, "categories": categories}


def objects(items):
    """Per picture, order within kept."""
    found = {}
    for item in items:
        found.setdefault(item["image_id"], []).append(item)
    return found


@pytest.mark.parametrize("kind", ["boxes", "masks", "keypoints"])
def test_there_and_back(tmp_path: Path, rng, kind) -> None:
    given = dataset(rng, masks=kind == "masks", keypoints=kind == "keypoints")
    source, back = tmp_path / "coco.json", tmp_path / "back.json"
    source.write_text(json.dumps(given))
    assert run(["predictions", "convert", str(source), str(tmp_path / "lightly"), "-q"]) == 0
    assert run(["predictions", "validate", str(tmp_path / "lightly"), "-q"]) == 0
    arguments = [
        "predictions",
        "convert",
        str(tmp_path / "lightly"),
        str(back),
        "--annotations",
        str(source),
        "-q",
    ]
    assert run(arguments) == 0
    found = json.loads(back.read_text())
    key = {image["id"]: image for image in given["images"]}
    assert {image["id"]: image for image in found["images"]} == key
    assert found["categories"] == sorted(given["categories"], key=lambda c: c["id"])
    expected = objects(given["annotations"])
    for number, items in objects(found["annotations"]).items():
        for item, original in zip(items, expected.pop(number), strict=True):
            assert item["score"] == 1
            for name in ("bbox", "category_id", "keypoints", "num_keypoints"):
                assert item.get(name) == original.get(name)
            if kind == "masks":
                mask = coco_mask.decode(item["segmentation"])
                np.testing.assert_array_equal(mask, pixels_of(original["segmentation"]))
                assert item["area"] == mask.sum()
    assert not expected


def pixels_of(segmentation):
    if isinstance(segmentation, list) or isinstance(segmentation["counts"], list):
        found = coco_mask.frPyObjects(segmentation, *SHAPE)
        return coco_mask.decode(coco_mask.merge(found) if isinstance(found, list) else found)
    return coco_mask.decode(segmentation)


def test_masks_are_rows_of_the_picture(tmp_path: Path, rng) -> None:
    given = dataset(rng, masks=True)
    (tmp_path / "coco.json").write_text(json.dumps(given))
    found = read_coco(tmp_path / "coco.json")
    assert found.task_type == "instance-segmentation"
    expected = objects(given["annotations"])
    for i, image in enumerate(given["images"]):
        for item, original in zip(found.singletons(i), expected.get(image["id"], []), strict=True):
            assert item["segmentation"] == naive.run_lengths(pixels_of(original["segmentation"]).tolist())


@pytest.mark.parametrize("masks", [False, True])
def test_results_there_and_back(tmp_path: Path, rng, masks) -> None:
    given = dataset(rng, masks=masks)
    (tmp_path / "coco.json").write_text(json.dumps(given))
    results = [
        {k: v for k, v in item.items() if k not in ("id", "area", "iscrowd")} | {"score": float(rng.random())}
        for item in given["annotations"]
    ]
    for item in results:
        if masks and item["image_id"] % 2:
            del item["bbox"]
        if masks and not isinstance(item["segmentation"], dict):
            item["segmentation"] = {"size": [*SHAPE], "counts": [0, 5, 37]}
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = read_coco(tmp_path / "results.json", annotations=tmp_path / "coco.json", task="model")
    write_lightly(found, tmp_path / "lightly")
    again = read_lightly(tmp_path / "lightly", files=found.files)["model"]
    for name in type(found).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    write_coco(again, tmp_path / "back.json", annotations=tmp_path / "coco.json", results=True)
    expected = objects(results)
    for number, items in objects(json.loads((tmp_path / "back.json").read_text())).items():
        for item, original in zip(items, expected[number], strict=True):
            assert item["score"] == original["score"]
            if masks:
                pixels = pixels_of(original["segmentation"])
                np.testing.assert_array_equal(coco_mask.decode(item["segmentation"]), pixels)
                box = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(pixels))).tolist()
                assert item["bbox"] == original.get("bbox", box)
    with pytest.raises(UsageError, match="give the annotations="):
        read_coco(tmp_path / "results.json")


def test_labelformat_reads_what_is_written(tmp_path: Path, rng) -> None:
    """And what it writes is read: its boxes of pictures in a folder."""
    given = dataset(rng)
    for image in given["images"]:
        image["file_name"] = os.path.basename(image["file_name"])
    (tmp_path / "coco.json").write_text(json.dumps(given))
    found = read_coco(tmp_path / "coco.json", task="model", score=0.5)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in found.files:
        Image.new("L", SHAPE[::-1]).save(pictures / name)
    theirs = tmp_path / "theirs" / "model"
    reader = formats.COCOObjectDetectionInput(input_file=tmp_path / "coco.json")
    formats.LightlyObjectDetectionOutput(output_folder=theirs).save(label_input=reader)
    (tmp_path / "theirs/tasks.json").write_text('["model"]')
    read = read_lightly(tmp_path / "theirs", files=found.files)["model"]
    for name in ("files", "offsets", "category", "bbox"):
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name))
    write_lightly(found, tmp_path / "ours")
    labels = formats.LightlyObjectDetectionInput(
        input_folder=tmp_path / "ours/model", images_rel_path="../../pictures"
    )
    n = sum(len(label.objects) for label in labels.get_labels())
    assert n == len(given["annotations"])


def test_sizes_come_from_the_pictures(tmp_path: Path, rng) -> None:
    items = {"a b.png": [lightlyfiles.singleton(rng, "semantic-segmentation", [0, 1])]}
    categories = [{"id": i, "name": f"{i}"} for i in range(2)]
    lightlyfiles.write(tmp_path, {"task": ("semantic-segmentation", categories, items)})
    out = tmp_path / "coco.json"
    assert run(["predictions", "convert", str(tmp_path), str(out), "-q"]) == 2
    Image.new("L", SHAPE[::-1]).save(tmp_path / "a b.png")
    assert run(["predictions", "convert", str(tmp_path), str(out), "--images", str(tmp_path), "-q"]) == 0
    (item,) = json.loads(out.read_text())["annotations"]
    runs = items["a b.png"][0]["segmentation"]
    expected = np.repeat(np.arange(len(runs)) % 2, runs).reshape(SHAPE)
    np.testing.assert_array_equal(coco_mask.decode(item["segmentation"]), expected)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"image_id": 99}, "image_id", "an id of one of the images, got 99"),
        ({"image_id": [3]}, "image_id", "got"),
        ({"category_id": 2}, "category_id", "an id of schema.json, got 2"),
        ({"bbox": [1, 2, 3]}, "bbox", "got 3 numbers"),
        ({"segmentation": {"size": [6, 8], "counts": [48]}}, "segmentation.size", "that of the picture"),
        ({"segmentation": {"size": [6, 7], "counts": [41]}}, "segmentation", "add up"),
        ({"segmentation": {"size": [6, 7], "counts": "????"}}, "segmentation", "add up"),
        ({"segmentation": [[1, 2]]}, "segmentation", "three finite corners"),
        ({"segmentation": [[0, 0, 1e9, 0, 0, 1e9]]}, "segmentation", "within 112 pixels"),
        ({"segmentation": "none"}, "segmentation", "expected polygons or run lengths"),
    ],
)
def test_objects_that_are_wrong_are_set_aside(tmp_path: Path, capsys, rng, change, field, reason) -> None:
    given = dataset(rng, masks=True)
    given["annotations"][4] |= change
    (tmp_path / "coco.json").write_text(json.dumps(given))
    arguments = [
        str(tmp_path / "coco.json"),
        str(tmp_path / "out"),
        "--task-type",
        "instance-segmentation",
        "--json",
    ]
    assert run(["predictions", "convert", *arguments, "-q"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["n_objects"] == len(given["annotations"]) - 1
    (fault,) = found["set_aside"]
    assert fault["field"] == f"annotations[4].{field}"
    assert reason in fault["reason"]


def test_large_masks_are_refused(tmp_path: Path, rng) -> None:
    given = dataset(rng, masks=True)
    for image in given["images"]:
        del image["height"], image["width"]
    given["annotations"] = given["annotations"][:1]
    given["annotations"][0]["segmentation"] = {"size": [2**20, 2**20], "counts": [2**40]}
    (tmp_path / "coco.json").write_text(json.dumps(given))
    with pytest.raises(SourceError, match="a mask of 1 to"):
        read_coco(tmp_path / "coco.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [("../../escape.png", "has parts that are no names"), ("/etc/escape.png", "is not relative")],
)
def test_no_path_leads_out(tmp_path: Path, rng, name, message) -> None:
    given = dataset(rng)
    given["images"][0]["file_name"] = name
    (tmp_path / "coco.json").write_text(json.dumps(given))
    with pytest.raises(SourceError, match=message):
        read_coco(tmp_path / "coco.json")


def test_files_that_would_collide(tmp_path: Path, rng) -> None:
    given = dataset(rng)
    given["images"][1]["file_name"] = given["images"][0]["file_name"].replace(".jpg", ".png")
    (tmp_path / "coco.json").write_text(json.dumps(given))
    found = read_coco(tmp_path / "coco.json")
    with pytest.raises(UsageError, match=r"would have one file, sub 0/p0\.json"):
        write_lightly(found, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_tasks_add_up(tmp_path: Path, rng) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(dataset(rng)))
    for task in ("a", "b/c"):
        write_lightly(read_coco(tmp_path / "coco.json", task=task), tmp_path / "out")
    assert sorted(read_lightly(tmp_path / "out")) == ["a", "b/c"]
    with pytest.raises(UsageError, match="exists already"):
        write_lightly(read_coco(tmp_path / "coco.json", task="a"), tmp_path / "out")


def test_validation_tells_faults_and_codes(tmp_path: Path, capsys) -> None:
    box = {"category_id": 0, "score": 0.5, "bbox": [0, 0, 2, 2]}
    categories = [{"id": 0, "name": "car"}]
    folder = lightlyfiles.write(
        tmp_path, {"task": ("object-detection", categories, {"a.png": [box], "b.png": [box | {"score": 2}]})}
    )
    assert run(["predictions", "validate", str(tmp_path), "--json", "-q"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["faults"] == [
        {
            "file": "task/b.json",
            "field": "predictions[0].score",
            "reason": "expected a number from 0 to 1, got 2",
        }
    ]
    (folder / "task/a.json").unlink()
    assert run(["predictions", "validate", str(tmp_path)]) == 4
    assert "task/b.json: predictions[0].score: expected a number" in capsys.readouterr().err
    (folder / "task/schema.json").write_text("{}")
    assert run(["predictions", "validate", str(tmp_path), "-q"]) == 4
    assert run(["predictions", "validate", str(tmp_path / "none"), "-q"]) == 4


def test_validate_is_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        framesift.predictions, "validate_lightly", lambda *a, **k: calls.append((a, sorted(k))) or []
    )
    assert run(["predictions", "validate", "folder", "--threads", "2", "-q"]) == 0
    assert calls == [((Path("folder"),), ["progress", "threads"])]


# Metadata ---------------------------------------------------------------------------------------------------------


def test_metadata_of_videos_hold_for_frames(tmp_path: Path) -> None:
    top = tmp_path / ".lightly/metadata"
    (top / "sub").mkdir(parents=True)
    fields = [
        ("Speed", "car.speed", 0.5, "NUMERIC_FLOAT"),
        ("Weather", "weather", "unknown", "CATEGORICAL_STRING"),
        ("Night", "night", False, "CATEGORICAL_BOOLEAN"),
    ]
    schema = [dict(zip(("name", "path", "defaultValue", "valueDataType"), f, strict=True)) for f in fields]
    (top / "schema.json").write_text(json.dumps(schema))
    records = [
        ("sub/v.mp4", "video", {"weather": "rain", "car": {"speed": 3}}),
        ("sub/v-01-mp4.png", "frame", {"weather": "sun", "night": True}),
        ("a.png", "image", {"car": {"speed": "fast"}}),
    ]
    for name, kind, values in records:
        path = top / predictions.prediction_path(name)
        path.write_text(json.dumps({"file_name": name, "type": kind, "metadata": values}))
    (top / "bad.json").write_text("{")
    names = ["sub/v-00-mp4.png", "sub/v-01-mp4.png", "a.png", "none.png"]
    found = predictions.read_metadata(tmp_path, files=names)
    assert found.columns["Speed"].tolist() == [3, 3, 0.5, 0.5]
    assert found.columns["Weather"].tolist() == ["rain", "sun", "unknown", "unknown"]
    assert found.columns["Night"].tolist() == [False, True, False, False]
    assert [str(fault) for fault in found.set_aside] == [
        "a.json: metadata.car.speed: expected one of type NUMERIC_FLOAT, got 'fast'"
    ]
    config = {
        "nSamples": 1,
        "strategies": [
            {"input": {"type": "METADATA", "key": "Speed"}, "strategy": {"type": "WEIGHTS"}},
            {
                "input": {"type": "METADATA", "key": "Night"},
                "strategy": {"type": "BALANCE", "target": {"true": 1}},
            },
        ],
    }
    assert framesift.lightly.select(config, metadata=found.columns).tolist() == [1]
    everything = predictions.read_metadata(tmp_path)
    assert everything.files == ("a.png", "sub/v-01-mp4.png")
    assert {fault.file for fault in everything.set_aside} == {"bad.json", "a.json"}
    schema[0]["defaultValue"] = "none"
    (top / "schema.json").write_text(json.dumps(schema))
    with pytest.raises(SourceError, match="defaultValue: expected one of type NUMERIC_FLOAT, got 'none'"):
        predictions.read_metadata(tmp_path)

"""Predictions of videos have a file a frame, named as the worker expects; arrays become the document's run lengths."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clips
import naive_predictions as naive
from framesift.errors import SourceError, UsageError
from framesift.predictions import (
    for_video,
    objects_of_masks,
    read_lightly,
    segments_of_class_maps,
    segments_of_probabilities,
    validate_lightly,
)

CLASSES = ["rat", "mouse"]
BOX = {"category_id": 1, "score": 0.5, "bbox": [0, 0, 2, 2]}


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    top = tmp_path_factory.mktemp("videos")
    (top / "sub").mkdir()
    return clips.CLIPS["h264_b_frames"].make(top / "sub" / "my clip.mp4")


def test_a_function_sees_every_frame_in_order(video: Path, tmp_path: Path) -> None:
    def model(picture):
        number = clips.painted_number(picture[..., 0])
        return [BOX | {"bbox": np.array([number, 1, 2, 3.5], np.float32), "score": np.float32(0.25)}]

    steps = []
    out = tmp_path / "predictions"
    folder = for_video(
        video, model, categories=CLASSES, root=video.parents[1], out=out, progress=steps.append
    )
    assert folder == out / "predictions"
    assert steps[-1].done == 60
    names = [f"sub/my clip-{i:02d}-mp4.png" for i in range(60)]  # 60 frames: two digits
    found = read_lightly(out, files=names)["predictions"]
    assert not found.missing.any()
    assert found.bbox[:, 0].tolist() == list(range(60))
    assert found.bbox[0].tolist() == [0, 1, 2, 3.5]
    (checked,) = validate_lightly(out)
    assert (checked.n_files, checked.faults) == (60, ())
    record = json.loads((folder / "sub/my clip-07-mp4.json").read_text())
    assert record["file_name"] == names[7]


def test_tables_say_the_same(video: Path, tmp_path: Path) -> None:
    table = {
        "frame": np.array([3, 3, 59]),
        "category_id": [0, 1, 1],
        "score": [0.5, 0.75, 1],
        "x": [1.5, 2, 3],
        "y": [0, 0, 0],
        "width": [2, 2, 2],
        "height": [1, 1, 1],
    }
    by_frame: dict[int, list] = {}
    for i, frame in enumerate(table["frame"].tolist()):
        box = [table[name][i] for name in ("x", "y", "width", "height")]
        item = {"category_id": table["category_id"][i], "score": table["score"][i], "bbox": box}
        by_frame.setdefault(frame, []).append(item)
    for task, model in (("a", table), ("b", by_frame)):
        for_video(video, model, categories=CLASSES, task=task, out=tmp_path)
    found = read_lightly(tmp_path)
    for name in ("files", "offsets", "category", "score", "bbox"):
        np.testing.assert_array_equal(getattr(found["a"], name), getattr(found["b"], name))
    assert found["a"].singletons(3) == by_frame[3]
    assert len(found["a"]) == 60


def test_masks_and_several_videos_in_one_task(video: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 96), bool)
    mask[3:5, 7:9] = True
    other = video.with_name("other.mp4")
    other.write_bytes(video.read_bytes())
    item = {"category_id": 0, "score": 1, "segmentation": mask}
    for path in (video, other, video):
        out = for_video(path, lambda _: [item], categories=CLASSES, task_type="semantic-segmentation")
    assert out == video.parent / ".lightly/predictions/predictions"
    found = read_lightly(video.parent)["predictions"]
    assert len(found) == 120
    assert found.singletons(0)[0]["segmentation"] == naive.run_lengths(mask.tolist())
    assert json.loads((out.parent / "tasks.json").read_text()) == ["predictions"]
    with pytest.raises(UsageError, match="has another schema"):
        for_video(video, {}, categories=["rat"], task_type="semantic-segmentation")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({60: [BOX]}, "has 60 frames, but predictions are of frame 60"),
        ({-1: [BOX]}, "counted from 0, got predictions of frame -1"),
        (
            {2: [BOX, BOX | {"score": 2}]},
            r"frame 2: predictions\[1\]\.score: expected a number from 0 to 1, got 2",
        ),
        ({2: [BOX | {"category_id": 2}]}, r"frame 2: predictions\[0\]\.category_id"),
        ({"frame": [1]}, "or a table with columns frame, category_id"),
        (3, "a model is a function"),
    ],
)
def test_wrong_predictions_leave_nothing_behind(video: Path, tmp_path: Path, model, message) -> None:
    with pytest.raises(UsageError, match=message):
        for_video(video, model, categories=CLASSES, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_video(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        for_video(tmp_path / "none.mp4", {}, categories=CLASSES)
    with pytest.raises(UsageError, match="give root="):
        for_video(tmp_path / "none.mp4", {}, categories=CLASSES, root=tmp_path / "elsewhere")


# Arrays -----------------------------------------------------------------------------------------------------------


def the_documents(volume, aggregate):
    """As the document's example does it, picture by picture, class by class."""
    for picture in volume:
        chosen = np.argmax(picture, axis=0)
        yield [
            {
                "category_id": int(number),
                "segmentation": naive.run_lengths((chosen == number).tolist()),
                "score": float(aggregate(picture[number, chosen == number])),
            }
            for number in np.unique(chosen)
        ]


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=4, max_dims=4, max_side=5),
        elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    )
)
def test_probabilities_become_the_documents_segments(volume) -> None:
    assert list(segments_of_probabilities(volume)) == list(the_documents(volume, np.median))
    means = zip(segments_of_probabilities(volume, score="mean"), the_documents(volume, np.mean), strict=True)
    for found, expected in means:
        assert [item["score"] for item in found] == pytest.approx([item["score"] for item in expected])


@pytest.mark.parametrize("n_classes", [1, 3, 300])
def test_volumes_of_a_store_are_streamed(tmp_path: Path, rng, n_classes: int) -> None:
    volume = rng.random((7, n_classes, 9, 65), np.float32)
    array = zarr.create_array(str(tmp_path / "v"), data=volume, chunks=(2, n_classes, 9, 65))
    ids = [10 * i for i in range(n_classes)]
    expected = list(the_documents(volume, np.median))
    for items in expected:
        for item in items:
            item["category_id"] *= 10
    assert list(segments_of_probabilities(array, category_ids=ids, threads=2)) == expected
    classes, best = volume.argmax(axis=1), volume.max(axis=1)
    assert list(segments_of_class_maps(classes, best, category_ids=ids)) == expected


def test_only_what_is_at_hand_is_read() -> None:
    class Volume:
        shape, chunks, read = (100, 2, 4, 4), (2, 2, 4, 4), 0

        def __getitem__(self, s):
            self.read = max(self.read, s.stop)
            return np.full((s.stop - s.start, 2, 4, 4), 0.5)

    volume = Volume()
    found = segments_of_probabilities(volume, threads=2)
    assert next(found) == [{"category_id": 0, "segmentation": [0, 16], "score": 0.5}]
    assert volume.read <= 4
    found.close()


def test_pixels_without_a_class() -> None:
    maps = np.array([[[0, 255, 2, 2]]], np.uint8)
    expected = [
        {"category_id": 0, "segmentation": [0, 1, 3], "score": 1.0},
        {"category_id": 2, "segmentation": [2, 2], "score": 1.0},
    ]
    assert list(segments_of_class_maps(maps)) == [expected]
    assert list(segments_of_class_maps(np.where(maps == 255, -1, maps.astype(int)))) == [expected]
    assert list(segments_of_class_maps(np.full((1, 2, 2), -1))) == [[]]
    with pytest.raises(UsageError, match="classes below 2, got 2"):
        list(segments_of_class_maps(maps, category_ids=[4, 5]))


def test_instances_have_boxes(rng) -> None:
    given = rng.random((4, 5, 6)) < 0.3
    given[2] = False
    pixels = rng.random((4, 5, 6))
    found = objects_of_masks(given, [3, 1, 1, 2], pixels)
    assert [item["category_id"] for item in found] == [3, 1, 2]
    for item, i in zip(found, [0, 1, 3], strict=True):
        rows, columns = np.nonzero(given[i])
        assert item["segmentation"] == naive.run_lengths(given[i].tolist())
        assert item["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert item["score"] == np.median(pixels[i][given[i]])
    assert [item["score"] for item in objects_of_masks(given, [0] * 4, [0.5, 0.25, 1, 0])] == [0.5, 0.25, 0]


@pytest.mark.parametrize(
    ("volume", "options", "message"),
    [
        (
            np.zeros((1, 2, 3)),
            {},
            r"volume must be \(pictures, classes, height, width\), got shape \(1, 2, 3\)",
        ),
        (np.full((1, 2, 3, 3), -0.5), {}, "from 0 to 1, got -0.5 to -0.5; apply a softmax"),
        (np.full((1, 2, 3, 3), np.nan), {}, "from 0 to 1, got nan"),
        (np.zeros((1, 2, 3, 3), int), {}, "must be floats"),
        (np.zeros((1, 2, 3, 3)), {"category_ids": [1]}, "category_ids must be 2"),
        (np.zeros((1, 2, 3, 3)), {"score": "best"}, '"median" or "mean"'),
    ],
)
def test_wrong_arrays(volume, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        list(segments_of_probabilities(volume, **options))

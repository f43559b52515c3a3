"""Diversity of the objects in pictures: picks as the plain procedure's, and vectors of what boxes hold."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import naive_vectors
import onnxfiles
from clips import make_clip
from framesift import Diversity, Weights, index, lightly, predictions, product_greedy
from framesift.errors import UsageError
from framesift.lightly.objects import boxes_of
from peers import peer

SIZE = (6, 8)
OBJECTS = {"input": {"type": "EMBEDDINGS", "task": "cars"}, "strategy": {"type": "DIVERSITY"}}


# Picks -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_picks_are_those_of_the_plain_procedure(data: Any) -> None:
    sizes = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=12))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    offsets = np.cumsum([0, *sizes])
    x = rng.normal(size=(offsets[-1], 3)).astype(np.float32)
    n = data.draw(st.integers(1, len(sizes)))
    before = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=n - 1, unique=True))
    weights = rng.random(len(sizes)).astype(np.float32) + 0.1 if data.draw(st.booleans()) else None
    least = data.draw(st.sampled_from([None, 0.5, 1.5]))
    objectives: list[Any] = [Diversity(x=x, offsets=offsets, min_distance=least)]
    objectives += [] if weights is None else [Weights(values=weights)]
    picks = product_greedy(objectives, n - len(before), preselected=before).tolist()
    assert [*before, *picks] == naive_vectors.object_diversity(x, offsets, n, before, weights, least)


def test_one_object_a_picture_is_the_diversity_of_pictures() -> None:
    x = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    config = {
        "n_samples": 60,
        "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}],
    }
    by_task = {"n_samples": 60, "strategies": [OBJECTS]}
    objects = lightly.Objects(x, np.arange(501))
    picks = lightly.select(by_task, embeddings={"cars": objects})
    assert_array_equal(picks, lightly.select(config, embeddings=x))
    selection = peer("lightly_mundig").Selection()
    selection.add_diversifying_strategy(x, 1.0)
    assert picks.tolist() == selection.run_selection([], 500, 60)


def test_skipped_and_stopped_at_a_distance() -> None:
    x = np.array([[0, 0], [1, 0], [0.1, 0], [1.1, 0], [5, 0], [0.05, 0]], np.float32)
    offsets = [0, 2, 4, 5, 6, 6]  # pictures of two, two, one, one and no objects
    objective = Diversity(x=x, offsets=offsets, min_distance=0.5, stop_at_min_distance=False)
    assert product_greedy([objective], 4).tolist() == [0, 2]
    assert product_greedy([Diversity(x=x, offsets=offsets, min_distance=0.5)], 4).tolist() == [0, 2]
    assert product_greedy([Diversity(x=x, offsets=offsets)], 5).tolist() == [0, 2, 1, 3, 4]
    with pytest.raises(UsageError, match="offsets must rise from 0 to the number of vectors, 6"):
        product_greedy([Diversity(x=x, offsets=[0, 3])], 1)


def test_typicality_and_similarity_of_objects() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    offsets = np.sort(np.concatenate([[0, 60], rng.integers(0, 61, 18)]))
    queries = rng.normal(size=(3, 4)).astype(np.float32)
    objects, sizes = lightly.Objects(x, offsets), np.diff(offsets)
    nearest = np.sqrt(((x[:, None] - queries) ** 2).sum(axis=2)).min(axis=1)
    of_objects = np.exp(-nearest / nearest.mean())
    expected = [max(of_objects[a:b], default=0) for a, b in pairwise(offsets)]
    for kind, count in (("SIMILARITY", 5), ("TYPICALITY", 5)):
        entry = {"input": OBJECTS["input"], "strategy": {"type": kind}}
        found = lightly.select(
            {"n_samples": count, "strategies": [entry]}, embeddings={"cars": objects}, queries=queries
        )
        assert len(found) == count
        assert (sizes[found] > 0).all()
        if kind == "SIMILARITY":
            assert set(found.tolist()) == set(np.argsort(expected)[::-1][:count].tolist())


# Boxes -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 6), st.integers(1, 6), st.integers(0, 4))
def test_tiles_cover_the_picture(width: int, height: int, n_rows: int, n_cols: int, quarters: int) -> None:
    found = lightly.tiles(width, height, n_rows, n_cols, quarters / 4)
    assert_allclose(
        found, naive_vectors.tiles(width, height, n_rows, n_cols, f"{quarters}/4"), rtol=1e-9, atol=1e-9
    )
    assert_allclose([found[-1][0] + found[-1][2], found[-1][1] + found[-1][3]], [width, height])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", n=20)


@pytest.fixture(scope="module")
def made(clip: Path) -> Any:
    with index(clip) as made:
        yield made


BOXES = [[(4, 6, 20, 11), (30.4, 8.6, 40.0, 30.0)], [], [(-5, 50, 300, 300)], [(95, 63, 5, 5)]]


def test_a_row_is_what_a_box_holds(clip: Path, made: Any, tmp_path: Path) -> None:
    model = onnxfiles.identity(tmp_path / "m.onnx", SIZE)
    boxes = [BOXES[i % 4] for i in range(20)]
    found = lightly.embed_objects(made, boxes, model, normalize=False)
    assert_array_equal(found.offsets, np.cumsum([0, *map(len, boxes)]))
    pictures = list(naive_vectors.frames(clip))
    cut = {0: (4, 6, 24, 17), 1: (30, 9, 70, 39), 2: (0, 50, 96, 64), 3: (95, 63, 96, 64)}
    row = 0
    for i, picture in enumerate(pictures):
        for box in ((0, 1), (), (2,), (3,))[i % 4]:
            expected = naive_vectors.prepared(picture, SIZE, box=cut[box]).transpose(2, 0, 1).reshape(-1)
            assert np.abs(found.x[row] - expected).mean() < 8 / 255, (i, box)
            row += 1
    unit = lightly.embed_objects(made, boxes, model)
    assert_allclose(np.linalg.norm(unit.x, axis=1), 1, atol=1e-6)


def test_objects_are_kept_and_resumed(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from framesift.features import stored
    from framesift.features.onnx import OnnxRunner

    model = onnxfiles.identity(tmp_path / "m.onnx", SIZE)
    boxes = [[(i, 5, 20, 20)] * 3 for i in range(20)]
    with index(clip) as other:
        expected = lightly.embed_objects(other, boxes, model).x
    monkeypatch.setattr(stored, "_CHUNK_ROWS", 16)

    def stop(step: Any) -> None:
        if step.done > 40:
            raise KeyboardInterrupt

    with index(clip, tmp_path / "store") as kept:
        with pytest.raises(KeyboardInterrupt):
            lightly.embed_objects(kept, boxes, model, progress=stop)
        assert_array_equal(lightly.embed_objects(kept, boxes, model).x, expected)
        monkeypatch.setattr(OnnxRunner, "run", None)
        assert_array_equal(lightly.embed_objects(kept, boxes, model).x, expected)


def test_boxes_that_are_none(made: Any) -> None:
    with pytest.raises(UsageError, match="a list for each of 20 frames, got 1"):
        lightly.embed_objects(made, [[]])
    with pytest.raises(
        UsageError, match=r"a: a box must be x, y, width and height above 0, .* got \(1, 2, 0, 4\)"
    ):
        lightly.embed_objects(made, [[(1, 2, 0, 4)]] * 20)


# Configurations ----------------------------------------------------------------------------------------------------


def test_tiles_of_an_auto_task(made: Any) -> None:
    config = {
        "nSamples": 6,
        "strategies": [{"input": {"type": "EMBEDDINGS", "task": "tiles"}, "strategy": {"type": "DIVERSITY"}}],
        "autoTasks": [{"type": "TILING", "name": "tiles", "numRows": 2, "numCols": 3, "overlap": 0.2}],
    }
    chosen = lightly.select_frames(made, config)
    boxes = [lightly.tiles(96, 64, 2, 3, 0.2)] * 20
    objects = lightly.embed_objects(made, boxes)
    assert_array_equal(objects.offsets, np.arange(21) * 6)
    expected = naive_vectors.object_diversity(objects.x, objects.offsets, 6)
    assert [f.index for f in sorted(chosen.frames, key=lambda f: f.rank)] == expected
    config["autoTasks"] = [{"type": "CROP", "name": "tiles"}]
    assert len(lightly.select_frames(made, config)) == 6
    config["autoTasks"] = [{"type": "TILING", "name": "tiles", "numRows": 2}]
    with pytest.raises(UsageError, match="option 'num_cols' is missing"):
        lightly.select_frames(made, config)


@pytest.mark.parametrize("task_type", ["object-detection", "keypoint-detection"])
def test_objects_of_predictions(task_type: str, made: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "predictions"
    (folder / "cars").mkdir(parents=True)
    (folder / "tasks.json").write_text('["cars"]')
    schema = {"task_type": task_type, "categories": [{"id": 0, "name": "car"}]}
    (folder / "cars/schema.json").write_text(json.dumps(schema))
    boxes: list[list[Any]] = []
    for i in range(20):
        corners = np.column_stack([rng.integers(0, 40, (i % 3, 2)), rng.integers(5, 20, (i % 3, 2))]).tolist()
        boxes.append([tuple(map(float, corner)) for corner in corners])
        where = [
            {"bbox": [x, y, w, h]}
            if task_type == "object-detection"
            else {"keypoints": [x, y, 1, x + w, y, 1, x, y + h, 0.5]}
            for x, y, w, h in corners
        ]
        items = [{"category_id": 0, "score": 0.5, **place} for place in where]
        name = f"a-{i:02d}-mp4"
        (folder / f"cars/{name}.json").write_text(
            json.dumps({"file_name": f"{name}.png", "predictions": items})
        )
    model = onnxfiles.identity(tmp_path / "m.onnx", SIZE)
    chosen = lightly.select_frames(
        made, {"n_samples": 5, "strategies": [OBJECTS]}, predictions=folder, vectors=model
    )
    objects = lightly.embed_objects(made, boxes, model)
    expected = naive_vectors.object_diversity(objects.x, objects.offsets, 5)
    assert [f.index for f in sorted(chosen.frames, key=lambda f: f.rank)] == expected
    with pytest.raises(UsageError, match="objects of task 'cars', of which there are no predictions"):
        lightly.select_frames(made, {"n_samples": 5, "strategies": [OBJECTS]})


def test_objects_without_boxes(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    (folder / "sky").mkdir(parents=True)
    (folder / "tasks.json").write_text('["sky"]')
    schema = {"task_type": "semantic-segmentation", "categories": [{"id": 0, "name": "sky"}]}
    (folder / "sky/schema.json").write_text(json.dumps(schema))
    item = {"category_id": 0, "score": 0.5, "segmentation": [0, 4]}
    (folder / "sky/a.json").write_text(json.dumps({"file_name": "a.png", "predictions": [item]}))
    with pytest.raises(UsageError, match=r"task 'sky' \(semantic-segmentation\) has objects without a box"):
        boxes_of(predictions.read_lightly(folder)["sky"])

"""LightlyOne's predictions are read as they are written, scored as the document says, and wrong ones are told apart."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framesift as fs
import lightlyfiles
import naive_predictions as naive
from framesift import predictions
from framesift.errors import SourceError, UsageError
from framesift.predictions import read_lightly, validate_lightly
from framesift.predictions.lightly import readers
from framesift.predictions.lightly.checks import Checker
from framesift.predictions.lightly.schema import read_schema
from peers import peer

lightly_mundig = peer("lightly_mundig")

IDS = [3, 0, 7]
CATEGORIES = [{"id": i, "name": f"class {i}"} for i in IDS]
NAMES = ["uncertainty_least_confidence", "uncertainty_margin", "uncertainty_entropy"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(1)
    tasks = {
        kind: (kind, CATEGORIES, lightlyfiles.pictures(rng, kind, sorted(IDS), 40))
        for kind in lightlyfiles.TYPES
    }
    top = tmp_path_factory.mktemp("lightly")
    lightlyfiles.write(top, tasks)
    return top, {kind: found for kind, (_, _, found) in tasks.items()}


@pytest.mark.parametrize("kind", lightlyfiles.TYPES)
def test_what_is_written_is_read(made, kind) -> None:
    top, written = made
    found = read_lightly(top)[kind]
    assert set(found.files) == set(written[kind])
    assert not found.missing.any()
    assert not found.set_aside
    for i, name in enumerate(found.files):
        for read, item in zip(found.singletons(i), written[kind][name], strict=True):
            if kind == "keypoint-detection":
                x, y = item["keypoints"][::3], item["keypoints"][1::3]
                item = item | {"bbox": [min(x), min(y), max(x) - min(x), max(y) - min(y)]}
            assert read == item


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("kind", lightlyfiles.TYPES)
def test_scores_are_those_of_one_picture_after_the_other(made, kind, normalize) -> None:
    top, written = made
    names = [*written[kind]][::-1]
    found = read_lightly(top, [kind], files=names, geometry=False)[kind]
    scores = predictions.scores(found, normalize=normalize)
    items = [written[kind][name] for name in names]
    expected = [naive.uncertainties(kind, of, sorted(IDS), normalize) for of in items]
    for name, column in zip(NAMES, np.transpose(expected), strict=True):
        np.testing.assert_allclose(scores[name], column, atol=1e-12)
    np.testing.assert_allclose(
        predictions.class_distribution(found),
        [naive.distribution(of, sorted(IDS)) for of in items],
        atol=1e-6,
    )
    counts = [[sum(item["category_id"] == i for item in of) for i in sorted(IDS)] for of in items]
    np.testing.assert_array_equal(predictions.category_count(found), counts)
    if kind in ("classification", "semantic-segmentation"):
        assert set(scores) == set(NAMES)
    else:
        np.testing.assert_allclose(
            scores["objectness_least_confidence"], [naive.objectness(of) for of in items]
        )
        np.testing.assert_allclose(scores["object_frequency"], naive.frequencies(items))


def test_the_documents_example_of_missing_probabilities() -> None:
    assert naive.probabilities({"category_id": 0, "score": 0.7}, [0, 1, 2, 3]) == pytest.approx(
        [0.7, 0.1, 0.1, 0.1]
    )


def test_one_class_has_a_second_for_scores_only(tmp_path: Path) -> None:
    item = {"category_id": 0, "score": 0.5, "bbox": [0, 0, 2, 2]}
    lightlyfiles.write(tmp_path, {"od": ("object-detection", [{"id": 0, "name": "car"}], {"a.png": [item]})})
    found = read_lightly(tmp_path)["od"]
    assert predictions.scores(found)["uncertainty_entropy"] == [1.0]
    np.testing.assert_array_equal(predictions.class_distribution(found), [[1]])


def test_they_go_into_selection_as_they_are(made) -> None:
    """Picks are lightly-mundig's on the same numbers."""
    top, written = made
    names = sorted(written["object-detection"])
    data = predictions.for_select(read_lightly(top, ["object-detection"], files=names).values())
    scores = data["scores"]["object-detection"]["uncertainty_entropy"]
    rows = data["predictions"]["object-detection"]["class_distribution"]
    x = np.random.default_rng(0).normal(size=(len(names), 8)).astype(np.float32)
    task = {"task": "object-detection"}
    config: dict[str, Any] = {
        "nSamples": 12,
        "strategies": [
            {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}},
            {
                "input": {"type": "SCORES", "score": "uncertainty_entropy", **task},
                "strategy": {"type": "WEIGHTS"},
            },
            {
                "input": {"type": "PREDICTIONS", "name": "CLASS_DISTRIBUTION", **task},
                "strategy": {"type": "BALANCE", "distribution": "UNIFORM"},
            },
        ],
    }
    selection = lightly_mundig.Selection()
    selection.add_diversifying_strategy(x, 1.0, None)
    selection.add_weighting_strategy(scores.astype(np.float32), 1.0)
    selection.add_balancing_strategy(rows, [1 / 3] * 3, 1.0)
    expected = list(selection.run_selection([], len(names), 12))
    assert fs.lightly.select(config, embeddings=x, **data).tolist() == expected
    config["strategies"][0] = {
        "input": {"type": "PREDICTIONS", "name": "CATEGORY_COUNT", "categories": ["class 3"], **task},
        "strategy": {"type": "THRESHOLD", "threshold": 0, "operation": "BIGGER"},
    }
    for i in fs.lightly.select(config, embeddings=x, **data):
        assert any(item["category_id"] == 3 for item in written["object-detection"][names[i]])


def test_pictures_without_predictions_are_missing(made) -> None:
    top, written = made
    name = next(name for name, items in written["object-detection"].items() if items)
    asked = ["none.png", name, "another/none.jpg", os.path.splitext(name)[0] + ".jpg"]
    found = read_lightly(top, ["object-detection"], files=asked)["object-detection"]
    assert found.missing.tolist() == [True, False, True, True]
    assert [len(found.singletons(i)) for i in range(4)] == [0, len(written["object-detection"][name]), 0, 0]
    with pytest.raises(UsageError, match="is not relative"):
        read_lightly(top, files=["/etc/passwd.png"])


def test_processes_read_what_one_reads(made, monkeypatch: pytest.MonkeyPatch) -> None:
    top, _ = made
    steps = []
    monkeypatch.setattr(readers, "_WORTH", 2)
    monkeypatch.setattr("framesift.predictions.lightly.reading._PART", 7)
    several = read_lightly(top, ["instance-segmentation"], threads=2, progress=steps.append)
    assert (steps[-1].done, steps[-1].total) == (40, 40)
    one = read_lightly(top, ["instance-segmentation"], threads=1)
    a, b = several["instance-segmentation"], one["instance-segmentation"]
    for name in type(a).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


# What is wrong ----------------------------------------------------------------------------------------------------

BOX = {"category_id": 0, "score": 0.5, "bbox": [0, 0, 2, 2]}
BAD = [
    ("object-detection", BOX | {"category_id": 1}, "category_id", "an id of schema.json, got 1"),
    ("object-detection", BOX | {"category_id": True}, "category_id", "got True"),
    ("object-detection", BOX | {"score": 1.5}, "score", "from 0 to 1, got 1.5"),
    ("object-detection", {"category_id": 0, "bbox": [0, 0, 1, 1]}, "score", "got nothing"),
    ("object-detection", {"category_id": 0, "score": 1}, "bbox", "object-detection needs it"),
    ("object-detection", BOX | {"bbox": [0, 0, 1]}, "bbox", "got 3 numbers"),
    ("object-detection", BOX | {"bbox": [0, -1, 1, 1]}, "bbox", "nothing below 0"),
    ("object-detection", BOX | {"bbox": [0, 0, 10**400, 1]}, "bbox", "finite"),
    ("object-detection", BOX | {"bbox": "0 0 1 1"}, "bbox", "a list of numbers"),
    (
        "object-detection",
        BOX | {"probabilities": [0.5, 0.5]},
        "probabilities",
        "expected 3, one a category, got 2",
    ),
    ("object-detection", BOX | {"probabilities": [0.5, 0.5, 0.5]}, "probabilities", "add up to 1, got 1.5"),
    ("object-detection", BOX | {"probabilities": [1.5, -0.5, 0]}, "probabilities", "from 0 to 1"),
    ("object-detection", ["no object"], "", "expected an object, got a list"),
    ("classification", {"category_id": 0}, "score", "got nothing"),
    ("keypoint-detection", {"category_id": 0, "score": 1, "keypoints": [1, 2]}, "keypoints", "got 2 numbers"),
    (
        "semantic-segmentation",
        {"category_id": 0, "score": 1, "segmentation": [1.5, 2]},
        "segmentation",
        "integers",
    ),
    (
        "semantic-segmentation",
        {"category_id": 0, "score": 1, "segmentation": [[1], 2]},
        "segmentation",
        "integers",
    ),
    (
        "semantic-segmentation",
        {"category_id": 0, "score": 1, "segmentation": [-1, 2]},
        "segmentation",
        "integers",
    ),
    (
        "semantic-segmentation",
        {"category_id": 0, "score": 1, "segmentation": [2**64]},
        "segmentation",
        "integers",
    ),
    ("instance-segmentation", BOX, "segmentation", "is missing"),
]


@pytest.mark.parametrize(("kind", "item", "field", "reason"), BAD)
def test_faults_name_file_field_and_reason(tmp_path: Path, kind, item, field, reason) -> None:
    good = lightlyfiles.singleton(np.random.default_rng(0), kind, sorted(IDS))
    files = {"sub/bad.png": [item], "good.png": [good]}
    lightlyfiles.write(tmp_path, {"task": (kind, CATEGORIES, files)})
    found = read_lightly(tmp_path)["task"]
    assert found.files == ("good.png",)
    (fault,) = found.set_aside
    assert fault.file == "sub/bad.json"
    assert fault.field == "predictions[0]" + (f".{field}" if field else "")
    assert reason in fault.reason
    (checked,) = validate_lightly(tmp_path)
    assert (checked.n_files, checked.n_bad_files) == (2, 1)
    assert str(checked.faults[0]).startswith(f"task/sub/bad.json: {fault.field}: ")


def test_masks_of_one_picture_have_one_size(tmp_path: Path) -> None:
    items = [{"category_id": 0, "score": 1, "segmentation": [3, n]} for n in (3, 4)]
    files = {"a.png": items, "b.png": items[:1]}
    lightlyfiles.write(tmp_path, {"task": ("semantic-segmentation", CATEGORIES, files)})
    (fault,) = read_lightly(tmp_path)["task"].set_aside
    assert fault.field == "predictions[1].segmentation"
    assert "the 6 pixels of the others" in fault.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"file_name": "a.png", "predictions": [{"score": NaN}]}', "NaN is no number"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "expected an object, got a list"),
        (b'{"file_name": "a.png"}', "expected a list, got nothing"),
        (b'{"file_name": "../a.png", "predictions": []}', "has parts that are no names"),
        (b'{"file_name": "b.png", "predictions": []}', "expected that of a.*, after which the file is named"),
        (b'{"file_name": "a.png", "predictions": [' + b"1" * 5000 + b"]}", "is not JSON"),
    ],
)
def test_what_strangers_write(tmp_path: Path, text: bytes, reason: str) -> None:
    files = {"good.png": [BOX]}
    folder = lightlyfiles.write(tmp_path, {"task": ("object-detection", CATEGORIES, files)})
    (folder / "task/a.json").write_bytes(text)
    (fault,) = read_lightly(tmp_path)["task"].set_aside
    assert reason in str(fault)


def test_pipes_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lightlyfiles.write(tmp_path, {"task": ("object-detection", CATEGORIES, {"good.png": [BOX]})})
    os.mkfifo(folder / "task/pipe.json")
    (folder / "task/large.json").write_bytes(b" " * 5000)
    monkeypatch.setattr("framesift.predictions.lightly.parts.MAX_FILE_BYTES", 4000)
    large, pipe = read_lightly(tmp_path)["task"].set_aside
    assert "5000 bytes, more than the 4000 allowed" in str(large)
    assert "expected a regular file" in str(pipe)


def test_a_task_without_anything_usable_is_an_error(tmp_path: Path) -> None:
    lightlyfiles.write(tmp_path, {"task": ("object-detection", CATEGORIES, {"bad.png": [{}]})})
    with pytest.raises(SourceError, match=re.escape("bad.json: predictions[0].category_id: expected an id")):
        read_lightly(tmp_path)


@pytest.mark.parametrize(
    ("tasks", "schema", "message"),
    [
        ({"a": 1}, None, "tasks.json: expected a list of names of tasks, got an object"),
        (["../up"], None, r"tasks.json: \[0\]: expected the name of a folder beside it, got '../up'"),
        (["task", "task"], None, "tasks.json: a task is listed twice"),
        (["task"], None, "schema.json does not exist"),
        (
            ["task"],
            {"task_type": "boxes"},
            "schema.json: task_type: expected one of classification, .*, got 'boxes'",
        ),
        (
            ["task"],
            {"task_type": "classification"},
            "categories: expected a list of at least one, got nothing",
        ),
        (
            ["task"],
            {"task_type": "classification", "categories": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]},
            "id 0 is given twice",
        ),
        (
            ["task"],
            {"task_type": "classification", "categories": [{"id": -1, "name": "a"}]},
            r"categories\[0\].id: expected an integer of at least 0, got -1",
        ),
    ],
)
def test_wrong_tasks_and_schemas(tmp_path: Path, tasks, schema, message) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    if schema is not None:
        (tmp_path / "task/schema.json").write_text(json.dumps(schema))
    with pytest.raises(SourceError, match=message):
        read_lightly(tmp_path)


def test_validation_is_to_the_letter(tmp_path: Path) -> None:
    thin = BOX | {"bbox": [0, 0, 0.5, 3]}
    lightlyfiles.write(tmp_path, {"task": ("object-detection", CATEGORIES, {"a.png": [thin, {}, thin]})})
    assert len(read_lightly(tmp_path, files=[])["task"]) == 0
    (checked,) = validate_lightly(tmp_path)
    assert [fault.field for fault in checked.faults] == [
        "predictions[0].bbox",
        "predictions[1].category_id",
        "predictions[2].bbox",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["category_id", "score", "bbox", "segmentation", "keypoints", "probabilities"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(lightlyfiles.TYPES), items=json_values)
def test_nothing_raises(tmp_path_factory, kind, items) -> None:
    """Any JSON is read or comes back with its faults."""
    path = tmp_path_factory.getbasetemp() / f"{kind}.schema.json"
    if not path.exists():
        path.write_text(json.dumps({"task_type": kind, "categories": CATEGORIES}))
    checker = Checker(schema=read_schema(path))
    text = json.dumps({"file_name": "a.png", "predictions": items}).encode()
    name, rows, faults = checker.check(text, "a.json")
    assert bool(faults) != bool(name)
    assert not (rows and faults)


# Names ------------------------------------------------------------------------------------------------------------


def test_names_of_frames_are_the_documents() -> None:
    assert predictions.frame_name("subdir/video_1.mp4", 99, 200) == "subdir/video_1-099-mp4.png"
    assert predictions.prediction_path("subdir/video_1-099-mp4.png") == "subdir/video_1-099-mp4.json"
    assert predictions.frame_name("v.mp4", 99, 1000) == "v-0099-mp4.png"
    assert predictions.frame_name("v.mp4", 0, 10) == "v-00-mp4.png"
    assert predictions.parse_frame_name("subdir/video_1-099-mp4.png") == ("subdir/video_1.mp4", 99, 3)
    assert predictions.parse_frame_name("image_1.png") is None
    with pytest.raises(UsageError, match="0 to 9, got 10"):
        predictions.frame_name("v.mp4", 10, 10)


@given(
    stem=st.from_regex(r"([a-z0-9 _-]{1,8}/)?[a-z0-9 _.-]{0,5}[a-z0-9_]", fullmatch=True),
    suffix=st.sampled_from(["mp4", "avi", "MOV"]),
    data=st.data(),
)
def test_names_of_frames_are_read_back(stem, suffix, data) -> None:
    n = data.draw(st.integers(1, 10**6))
    frame = data.draw(st.integers(0, n - 1))
    video = f"{stem}.{suffix}"
    found = predictions.parse_frame_name(predictions.frame_name(video, frame, n))
    assert found == (video, frame, len(str(n)))

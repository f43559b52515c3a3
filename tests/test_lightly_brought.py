"""Configurations select frames by predictions, metadata, scores and queries that are brought along."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import framesift
import lightlyfiles
import naive_lightly
from clips import make_clip, painted
from framesift import index, lightly, read_selection
from framesift.errors import NotEnoughFramesError, SourceError, UsageError
from framesift.lightly import quality
from framesift.lightly.config import parse
from framesift.lightly.names import sample_names
from framesift.lightly.preparing import prepare
from framesift.lightly.relevant import read_relevant
from framesift_cli.main import run as cli

SIZE = (96, 64)
N = {"day/a": 40, "b": 12}
DIVERSITY = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}
CLASSES = [{"id": 3, "name": "car"}, {"id": 5, "name": "bus"}, {"id": 6, "name": "bike"}]


def entry(entry_input: dict[str, Any], **strategy: Any) -> dict[str, Any]:
    return {"input": entry_input, "strategy": strategy}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input folder with ``.lightly`` in it."""
    top = tmp_path_factory.mktemp("in")
    for name, first in (("b", 100), ("day/a", 0)):
        (top / name).parent.mkdir(exist_ok=True)
        pictures = [painted(i + first, SIZE) for i in range(N[name])]
        make_clip(top / f"{name}.mkv", n=N[name], size=SIZE, codec="ffv1", pictures=pictures)
    rng = np.random.default_rng(0)
    names = [f"{name}-{i:02d}-mkv.png" for name in ("b", "day/a") for i in range(N[name])]
    ids = [item["id"] for item in CLASSES]
    tasks = {
        task: (
            task_type,
            CLASSES,
            {
                name: [
                    lightlyfiles.singleton(rng, task_type, ids)
                    for _ in range(1 if task_type == "classification" else rng.integers(0, 4))
                ]
                for name in names[::1]
                if name != "b-03-mkv.png"
            },
        )
        for task, task_type in (("weather", "classification"), ("cars", "object-detection"))
    }
    lightlyfiles.write(top, tasks)
    metadata = top / ".lightly/metadata"
    metadata.mkdir()
    schema = [
        {"name": "speed", "path": "speed", "defaultValue": 0.5, "valueDataType": "NUMERIC_FLOAT"},
        {"name": "Time", "path": "time.light", "defaultValue": "day", "valueDataType": "CATEGORICAL_STRING"},
    ]
    (metadata / "schema.json").write_text(json.dumps(schema))
    for name in names[::3]:
        path = metadata / name.replace(".png", ".json")
        path.parent.mkdir(exist_ok=True)
        values = {"speed": float(rng.random()), "time": {"light": str(rng.choice(["day", "night"]))}}
        path.write_text(json.dumps({"file_name": name, "type": "frame", "metadata": values}))
    return top


@pytest.fixture(scope="module")
def made(folder: Path) -> Any:
    with index(folder, size=32) as made:
        yield made


@pytest.fixture(scope="module")
def whole(made: Any) -> dict[str, Any]:
    """What `lightly.select` is to be given to select the same."""
    from contextlib import ExitStack

    names = sample_names(made)
    top = Path(made.records[0].uri).parent
    read = framesift.predictions.read_lightly(top, files=names)
    meta = framesift.predictions.read_metadata(top, files=names)
    with ExitStack() as stack:
        ready = prepare(
            made, parse({"n_samples": 1, "strategies": [DIVERSITY]}), lightly_brought(), {}, stack
        )
        embeddings = ready.vectors
    columns = {
        name: np.concatenate([r.statistic(name) for r in made.readers()]) for name in ("luminance", "motion")
    }
    return {
        "embeddings": embeddings,
        "metadata": meta.by_path | columns | quality.quality(made),
        **framesift.predictions.for_select(read.values()),
    }


def lightly_brought() -> Any:
    from framesift.lightly.brought import Brought

    return Brought()


def rows_of(selection: Any) -> list[int]:
    """Rows of the index in the order of picking."""
    frames = sorted(selection.frames, key=lambda f: f.rank)
    order = [s.name for s in selection.sources]
    assert order == ["b", "a"]
    return [(0, N["b"])[f.source] + f.index for f in frames]


EVERY = [
    entry({"type": "EMBEDDINGS"}, type="DIVERSITY", strength=0.5),
    entry({"type": "EMBEDDINGS"}, type="TYPICALITY", numNearestNeighbors=5),
    entry({"type": "SCORES", "task": "cars", "score": "uncertainty_entropy"}, type="WEIGHTS"),
    entry({"type": "SCORES", "task": "cars", "score": "object_frequency"}, type="WEIGHTS", strength=2),
    entry({"type": "SCORES", "task": "weather", "score": "uncertainty_margin"}, type="WEIGHTS"),
    entry({"type": "METADATA", "key": "speed"}, type="WEIGHTS"),
    entry({"type": "METADATA", "key": "lightly.snr"}, type="WEIGHTS"),
    entry({"type": "METADATA", "key": "lightly.uniformRowRatio"}, type="WEIGHTS", strength=-1),
    entry({"type": "METADATA", "key": "time.light"}, type="BALANCE", target={"day": 0.5, "night": 0.5}),
    entry(
        {"type": "METADATA", "key": "lightly.sharpness"}, type="THRESHOLD", threshold=1.0, operation="BIGGER"
    ),
    entry(
        {"type": "SCORES", "task": "cars", "score": "objectness_least_confidence"},
        type="THRESHOLD",
        threshold=0.1,
        operation="BIGGER_EQUAL",
    ),
    entry(
        {"type": "PREDICTIONS", "task": "cars", "name": "CLASS_DISTRIBUTION"},
        type="BALANCE",
        target={"car": 0.2, "bus": 0.6},
    ),
    entry(
        {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
        type="BALANCE",
        distribution="UNIFORM",
    ),
    entry(
        {"type": "PREDICTIONS", "task": "cars", "name": "CATEGORY_COUNT", "categories": ["car"]},
        type="WEIGHTS",
    ),
    entry({"type": "RANDOM", "randomSeed": 3}, type="WEIGHTS"),
]


@pytest.mark.parametrize("number", range(len(EVERY)))
def test_every_strategy_selects_what_it_selects_from_arrays(
    number: int, made: Any, whole: dict[str, Any]
) -> None:
    config = {"n_samples": 9, "strategies": [EVERY[number], EVERY[(3 * number + 1) % len(EVERY)]]}
    assert rows_of(lightly.select_frames(made, config)) == lightly.select(config, **whole).tolist()


def test_the_command_finds_what_lies_beside_the_input(
    folder: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    config = {"nSamples": 7, "strategies": [EVERY[0], EVERY[2], EVERY[8], EVERY[11]]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    arguments = ["select", str(folder), "--config", str(tmp_path / "c.json"), "--size", "32", "--quiet"]
    assert cli([*arguments, "--out", str(tmp_path / "out")]) == 0
    expected = lightly.select(config, **whole).tolist()
    assert rows_of(read_selection(tmp_path / "out/selection.json")) == expected
    # Files instead of the folder; the predictions elsewhere, named relative to a root; a table of scores.
    (folder / ".lightly").rename(tmp_path / "kept")
    try:
        videos = [str(folder / "b.mkv"), str(folder / "day/a.mkv")]
        elsewhere = [
            "--predictions",
            str(tmp_path / "kept/predictions"),
            "--metadata",
            str(tmp_path / "kept/metadata"),
        ]
        arguments = ["select", *videos, *arguments[2:], *elsewhere, "--root", str(folder)]
        assert cli([*arguments, "--out", str(tmp_path / "out")]) == 0
        assert rows_of(read_selection(tmp_path / "out/selection.json")) == expected
        assert cli([*arguments[:3], "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "o")]) == 2
    finally:
        (tmp_path / "kept").rename(folder / ".lightly")


def test_wrong_files_of_predictions_are_set_aside_and_missing_ones_have_no_objects(
    folder: Path, made: Any, whole: dict[str, Any]
) -> None:
    path = folder / ".lightly/predictions/cars/b-05-mkv.json"
    kept = path.read_text()
    config = {"n_samples": 52, "strategies": [EVERY[13]]}
    try:
        path.write_text(kept.replace('"bbox"', '"box"') if '"bbox"' in kept else "{")
        selection = lightly.select_frames(made, config)
    finally:
        path.write_text(kept)
    assert [item.uri for item in selection.set_aside] == [str(path)]
    assert rows_of(selection)[0] == int(np.argmax(whole["predictions"]["cars"]["category_count"][:, 0]))
    with pytest.raises(
        SourceError, match=r"no predictions of task 'cars' for any of 52 frames, the first of which is"
    ):
        lightly.select_frames(made, config, predictions=folder / ".lightly/predictions", root="/")
    with pytest.raises(UsageError, match=r"no task 'trucks'"):
        lightly.select_frames(
            made,
            {"n_samples": 1, "strategies": [entry({**EVERY[13]["input"], "task": "trucks"}, type="WEIGHTS")]},
        )


def test_queries_are_pictures_videos_selections_and_arrays(made: Any, folder: Path, tmp_path: Path) -> None:
    config = {
        "n_samples": 1,
        "strategies": [entry({"type": "EMBEDDINGS", "tagName": "tag-a"}, type="SIMILARITY")],
    }
    with index(folder, size=32) as again:
        selection = framesift.select(again, 3, method="random", seed=5)
        framesift.export(selection, tmp_path)
    for frame in selection.frames:
        found = lightly.select_frames(made, config, queries=tmp_path / str(frame.file))
        assert [(f.source, f.index) for f in found.frames] == [(frame.source, frame.index)]
    both = {**config, "n_samples": 3}
    assert len(lightly.select_frames(made, both, queries={"tag-a": tmp_path / "selection.json"})) == 3
    assert len(lightly.select_frames(made, both, queries=[folder / "b.mkv"])) == 3
    assert len(lightly.select_frames(made, both, queries=np.ones((2, 52), "f4"))) == 3
    with pytest.raises(UsageError, match="SIMILARITY needs queries="):
        lightly.select_frames(made, config)
    with pytest.raises(UsageError, match="does not exist"):
        lightly.select_frames(made, config, queries="nowhere.png")


@pytest.mark.parametrize("key", ["Time", "time.light"])
def test_metadata_go_by_their_path_as_in_lightly_one_and_by_their_name(made: Any, key: str) -> None:
    balance = entry({"type": "METADATA", "key": key}, type="BALANCE", target={"night": 1.0})
    selection = lightly.select_frames(made, {"n_samples": 3, "strategies": [balance]})
    names, top = sample_names(made), Path(made.records[0].uri).parent
    light = framesift.predictions.read_metadata(top, files=names).by_path["time.light"]
    assert light[rows_of(selection)].tolist() == ["night"] * 3


def test_a_score_that_a_task_lacks_is_named_with_those_it_has(made: Any) -> None:
    wrong = entry({"type": "SCORES", "task": "cars", "score": "uncertanty_entropy"}, type="WEIGHTS")
    with pytest.raises(
        UsageError, match=r"no score 'uncertanty_entropy' of task 'cars' .*'uncertainty_entropy'"
    ):
        lightly.select_frames(made, {"n_samples": 3, "strategies": [wrong]})


def test_tables_of_scores_and_metadata_are_read_by_name(made: Any, tmp_path: Path) -> None:
    names = sample_names(made)
    rng = np.random.default_rng(1)
    score, kind = rng.random(len(names)), rng.choice(["x", "y"], len(names))
    path = tmp_path / "t.csv"
    order = rng.permutation(len(names))

    def write(rows: Any, head: Any = ("kind", "filenames", "model/entropy")) -> None:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    write([[kind[i], names[i], float(score[i])] for i in order])
    weights = entry({"type": "SCORES", "task": "model", "score": "entropy"}, type="WEIGHTS")
    selection = lightly.select_frames(made, {"n_samples": 5, "strategies": [weights]}, scores=path)
    assert rows_of(selection) == np.argsort(-score, kind="stable")[:5].tolist()
    balance = entry({"type": "METADATA", "key": "kind"}, type="BALANCE", target={"x": 0.5, "y": 0.5})
    selection = lightly.select_frames(made, {"n_samples": 6, "strategies": [balance]}, metadata=path)
    assert sorted(kind[rows_of(selection)]) == ["x"] * 3 + ["y"] * 3
    for rows, head, says in (
        ([["x", names[0], 1]], ("kind", "filenames", "s"), f"no row for '{names[1]}'"),
        ([["x", names[0], 1]] * 2, ("kind", "filenames", "s"), "names a sample twice"),
        ([["x", names[0]]], ("kind", "filenames", "s"), "line 2: expected 3 columns"),
        ([], ("kind", "s"), "expected a column 'filenames'"),
    ):
        write(rows, head)
        with pytest.raises(UsageError, match=says):
            lightly.select_frames(made, {"n_samples": 5, "strategies": [weights]}, scores=path)


def test_groups_of_a_regular_expression_are_metadata(made: Any) -> None:
    balance = entry({"type": "METADATA", "key": "folder"}, type="BALANCE", distribution="UNIFORM")
    config = {"n_samples": 8, "lightlyPathRegex": r"^(?P<folder>\w+)/", "strategies": [balance, DIVERSITY]}
    selection = lightly.select_frames(made, config)
    assert [len(selection.indices(s)) for s in (0, 1)] == [4, 4]
    for regex, says in ((r"^(\w+)/", "expected a named group"), (r"(?P<folder>night)", "matches no name")):
        with pytest.raises(UsageError, match=says):
            lightly.select_frames(made, {**config, "lightlyPathRegex": regex})


# The worker's configuration -----------------------------------------------------------------------------------------


def test_the_configuration_of_a_run_is_taken_as_the_client_is_given_it(
    folder: Path, tmp_path: Path, capsys: Any
) -> None:
    (folder / ".lightly/relevant.txt").write_text("day/*\n")
    run = {
        "worker_config": {
            "enable_corruptness_check": False,
            "remove_exact_duplicates": True,
            "enable_training": False,
            "relevant_filenames_file": ".lightly/relevant.txt",
            "shutdown_when_job_finished": True,
        },
        "selection_config": {"nSamples": 4, "strategies": [DIVERSITY]},
        "lightly_config": {"loader": {"batch_size": 16}},
    }
    (tmp_path / "c.json").write_text(json.dumps(run))
    assert (
        cli(["select", str(folder), "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "out")])
        == 0
    )
    selection = read_selection(tmp_path / "out/selection.json")
    assert [s.name for s in selection.sources] == ["a"]  # the other was not even decoded
    assert len(selection) == 4
    assert "enable_training, shutdown_when_job_finished, lightly_config.loader" in capsys.readouterr().err


def test_older_options_and_parts_are_checked() -> None:
    older = {"method": "coreset", "stopping_condition": {"n_samples": 0.2}}
    assert parse({"docker": older}).corruption_threshold is None
    assert parse({"docker": older | {"enable_corruptness_check": True}}).corruption_threshold == 0.1
    assert (
        parse({"docker": older | {"corruptnessCheck": {"corruptionThreshold": 0.3}}}).corruption_threshold
        == 0.3
    )
    assert parse({"worker_config": {"selectedSequenceLength": 5, "method": "random"}}).sequence_length == 5
    chosen = {"n_samples": 3, "strategies": [DIVERSITY]}
    assert (
        parse({"selection": chosen, "docker": {"remove_exact_duplicates": False}}).remove_exact_duplicates
        is False
    )
    assert parse({**chosen, "selected_sequence_length": 3}).sequence_length == 3
    for config, says in (
        (
            {"docker": {"selected_sequence_lenght": 3}},
            r"config.docker: .* Did you mean 'selected_sequence_length'",
        ),
        ({"docker": {"corruptness_check": {"threshold": 1}}}, "Did you mean 'corruption_threshold'"),
        ({"docker": {"corruption_threshold": 2}}, "expected a number from 0 to 1, got 2"),
        ({"docker": older, "worker_config": older}, "given twice"),
        ({"docker": older, "selection": chosen}, "'method' and a selection exclude each other"),
        ({"selection": {"n_samples": 3}}, "config.selection: option 'strategies' is missing"),
        ({"docker": {"method": "coresets"}}, "Did you mean"),
        ({"selection": chosen, "lightly": {"modell": {}}}, "config.lightly: .* Did you mean 'model'"),
    ):
        with pytest.raises(UsageError, match=says):
            parse(config)
    with pytest.raises(UsageError, match="selected_sequence_length is of frames of videos"):
        lightly.select({**chosen, "selected_sequence_length": 2}, embeddings=np.ones((9, 2)))


# Sequences ----------------------------------------------------------------------------------------------------------


def test_sequences_are_selected_by_their_means(made: Any, whole: dict[str, Any]) -> None:
    length = 5
    bounds = [(0, 12), (12, 52)]
    config = {
        "n_samples": 20,
        "strategies": [DIVERSITY, EVERY[5], EVERY[11]],
        "selected_sequence_length": length,
    }
    mean = np.array(naive_lightly.pooled(whole["embeddings"], length, bounds))
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    cars = whole["predictions"]["cars"]
    shares = naive_lightly.pooled(cars["class_distribution"].astype(float), length, bounds)
    picked = lightly.select(
        {"n_samples": 4, "strategies": config["strategies"]},
        embeddings=unit.astype("f4"),
        metadata={"speed": naive_lightly.pooled(whole["metadata"]["speed"], length, bounds)},
        predictions={"cars": {"categories": cars["categories"], "class_distribution": shares}},
    )
    starts = [at for start, stop in bounds for at in range(start, stop - length + 1, length)]
    selection = lightly.select_frames(made, config)
    assert rows_of(selection) == [starts[s] + i for s in picked for i in range(length)]
    assert {f.cluster for f in selection.frames} == set(range(4))
    for changed, says in (
        ({"n_samples": 21}, "multiple of selected_sequence_length, got 21 and 5"),
        ({"selected_sequence_length": 50, "n_samples": 50}, "no video has 50 frames"),
    ):
        with pytest.raises(UsageError, match=says):
            lightly.select_frames(made, config | changed)
    with pytest.raises(UsageError, match="leave one out"):
        lightly.select_frames(made, config, near_duplicates=0.1)


def test_sequences_are_listed_as_they_were_selected(folder: Path, tmp_path: Path) -> None:
    config = {"n_samples": 9, "strategies": [DIVERSITY], "selectedSequenceLength": 3}
    framesift.extract(folder, 1, tmp_path, config=config, size=32)
    framesift.lightly.write_outputs(tmp_path / "selection.json", tmp_path, embeddings=False)
    found = json.loads((tmp_path / "data/sequence_information.json").read_text())
    assert [len(entry["frame_indices"]) for entry in found] == [3, 3, 3]
    assert all(entry["frame_indices"][0] % 3 == 0 for entry in found)


# What is left out ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures: the lower half of one is grey, one is there twice, one almost."""
    top = tmp_path_factory.mktemp("broken")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(8)]
    pictures[2] = pictures[2].copy()
    pictures[2][24:] = 128
    pictures[5] = pictures[4].copy()
    pictures[6] = np.clip(pictures[4].astype(int) + rng.integers(-2, 3, (48, 64, 3)), 0, 255).astype(np.uint8)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(top / f"p{i}.png")
    return top


def test_uniform_rows_are_corrupt_and_near_copies_duplicates(broken: Path, tmp_path: Path) -> None:
    config = {"n_samples": -1, "strategies": [DIVERSITY], "enable_corruptness_check": True}
    selection = framesift.extract(broken, 1, tmp_path, config=config, near_duplicates=0.3)
    assert selection.indices() == [0, 1, 3, 4, 7]
    assert selection.dropped["corrupt"] == selection.dropped["duplicate"] == 1
    assert selection.dropped["near duplicate"] == 1
    framesift.lightly.write_outputs(tmp_path / "selection.json", tmp_path, embeddings=False)
    lists = {p.stem: p.read_text().split() for p in (tmp_path / "filenames").iterdir()}
    assert lists["corrupt_filenames"] == ["p2.png"]
    assert lists["duplicate_filenames"] == ["p5.png", "p6.png"]
    assert lists["removed_filenames"] == []
    check = json.loads((tmp_path / "corruptness_check_information.json").read_text())
    assert check == {"corrupt_samples": {"p2.png": "built-in"}, "corrupt_videos": {}}
    plain = {**config, "enable_corruptness_check": False, "remove_exact_duplicates": False}
    assert framesift.extract(broken, 1, tmp_path, config=plain).indices() == list(range(8))


def test_bars_of_a_film_are_not_corrupt(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64, 96, 3)).astype(np.uint8) for _ in range(9)]
    for picture in pictures:
        picture[:12] = picture[-12:] = 16
    pictures[4][30:] = 90
    make_clip(tmp_path / "a.mkv", n=9, size=(96, 64), codec="ffv1", pictures=pictures)
    with index(tmp_path / "a.mkv") as made:
        assert quality.quality(made)["lightly.uniformRowRatio"].min() > 0.29
        assert np.flatnonzero(quality.corruptness(made) > 0.1).tolist() == [4]


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12))
@settings(deadline=None, max_examples=25)
def test_quality_is_what_the_plain_procedure_measures(seed: int, h: int, w: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, rng.choice([2, 4, 256]), (3, h + 1, w + 1)).astype(np.uint8)
    pictures[0] = 7
    rows = quality.uniform_rows(pictures)
    if min(h, w) > 1:
        for picture, found in zip(pictures, rows, strict=True):
            assert found.mean() == naive_lightly.uniform_row_ratio(picture)
    else:
        assert not rows.any()
    for picture, found in zip(pictures, quality.signal_to_noise(pictures), strict=True):
        expected = picture.mean() / picture.std() if picture.std() else 0
        assert found == pytest.approx(expected, rel=1e-5)


NAMES = [
    "a.mp4",
    "sub/a.mp4",
    "sub/b1.mp4",
    "sub/b2.mp4",
    "sub/deep/a.mp4",
    "sub/deep/b/c.mp4",
    "other/a.mp4",
]


@given(
    st.lists(
        st.sampled_from("sub/b* *.mp4 !a.mp4 !sub/deep/** **/a.mp4 deep/ /sub/a.mp4 !b?.mp4 sub/*/b".split()),
        max_size=4,
    )
)
@settings(deadline=None, max_examples=60)
def test_patterns_are_those_of_gitignore(
    tmp_path_factory: pytest.TempPathFactory, patterns: list[str]
) -> None:
    path = tmp_path_factory.mktemp("r") / "r.txt"
    path.write_text(f"a.mp4\nsub/*  {' '.join(patterns)}\n")
    relevant = read_relevant(path)
    found = [name for name in NAMES if name in relevant]
    below = [n for n in NAMES if n.startswith("sub/") and not naive_lightly.is_ignored(n, patterns)]
    assert found == ["a.mp4", *below]


def test_the_documents_example_of_relevant_files(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("image_1.png\nsubdir/* subdir/image_4* !subdir/image_41.png !subdir/image_42.png\n")
    relevant = read_relevant(path)
    names = ["image_1.png", *(f"subdir/image_{i}.png" for i in (2, 3, 40, 41, 42))]
    assert [name for name in names if name not in relevant] == ["subdir/image_40.png"]
    for content, says in (("/a.png", "is absolute"), ("./a.png\n", "has './'"), ("\n", "holds no file name")):
        path.write_text(content)
        with pytest.raises(UsageError, match=says):
            read_relevant(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_relevant(tmp_path / "none.txt")


def test_frames_of_a_list_may_be_chosen(made: Any, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("b-03-mkv.png\nday/a-1*\n")
    config = {"n_samples": -1, "strategies": [DIVERSITY]}
    selection = lightly.select_frames(made, config, relevant_filenames=path)
    assert [selection.indices(s) for s in (0, 1)] == [[3], list(range(10, 20))]
    assert selection.dropped["irrelevant"] == 41
    path.write_text("c.mkv\n")
    with pytest.raises(UsageError, match=r"names none of 52 samples; the first is 'b-00-mkv\.png'"):
        lightly.select_frames(made, config, relevant_filenames=path)
    with pytest.raises(UsageError, match="no file of 2 is relevant"):
        framesift.extract(folder, 1, tmp_path, config=config, relevant_filenames=path)


# The datapool ---------------------------------------------------------------------------------------------------------


def test_what_was_selected_before_counts_wherever_it_is_from(made: Any, folder: Path, tmp_path: Path) -> None:
    config = {"n_samples": 6, "strategies": [DIVERSITY]}
    framesift.extract(folder / "b.mkv", 1, tmp_path / "b", config=config, size=32, store=tmp_path / "store")
    framesift.lightly.write_outputs(tmp_path / "b/selection.json", tmp_path / "b", embeddings=False)
    earlier = read_selection(tmp_path / "b/selection.json").indices()
    path = tmp_path / "b/filenames/sampled_filenames.txt"
    chosen = [
        rows_of(lightly.select_frames(made, config, **options))
        for options in (
            {"exclude": tmp_path / "b/selection.json"},
            {"preselected": tmp_path / "b/selection.json"},
            {"preselected": [path]},
        )
    ]
    assert chosen[0] == chosen[1] == chosen[2]
    assert not set(chosen[0]) & set(earlier)
    with index(
        folder / "day", size=32
    ) as other:  # of which b.mkv is no part: its pictures are read, or its store
        alone = lightly.select_frames(other, config).indices()
        by_pictures = lightly.select_frames(other, config, preselected=tmp_path / "b/selection.json")
        by_store = lightly.select_frames(other, config, preselected=tmp_path / "store")
        assert len(by_pictures) == len(by_store) == 6
        assert by_pictures.options["n_excluded"] == 6
        assert by_store.options["n_excluded"] == 12
        assert by_pictures.dropped["excluded"] == 0
        assert by_pictures.indices() != alone
        with pytest.raises(UsageError, match=r"and 5 more that the input has not; give the selection\.json"):
            lightly.select_frames(other, config, preselected=path)
    with pytest.raises(UsageError, match=r"and the input both have .*b\.mkv"):
        lightly.select_frames(made, config, preselected=tmp_path / "store")
    with pytest.raises(UsageError, match=r"no selection\.json, no list of file names and no store"):
        lightly.select_frames(made, config, preselected=tmp_path)
    for picture in (tmp_path / "b/frames").rglob("*.png"):
        picture.unlink()


def test_vectors_of_pictures_elsewhere_are_near_those_of_the_frames(folder: Path, tmp_path: Path) -> None:
    """The datapool has all that is different but for one frame: that is the one chosen."""
    framesift.extract(folder / "b.mkv", 11, tmp_path, method="random", seed=2, size=32)
    left = set(range(12)) - set(read_selection(tmp_path / "selection.json").indices())
    (tmp_path / "copy").mkdir()
    copied = tmp_path / "copy" / "c.mkv"
    copied.write_bytes((folder / "b.mkv").read_bytes() + b"\0")  # another source, of the same frames
    with index(copied, size=32) as made:
        found = lightly.select_frames(
            made, {"n_samples": 1, "strategies": [DIVERSITY]}, preselected=tmp_path / "selection.json"
        )
    assert set(found.indices()) == left


def test_nothing_left_says_why(made: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("b-03-mkv.png\n")
    threshold = entry(
        {"type": "METADATA", "key": "luminance"}, type="THRESHOLD", threshold=999, operation="BIGGER"
    )
    with pytest.raises(
        NotEnoughFramesError, match=r"nothing to choose of 52 frames \(51 irrelevant\); loosen"
    ):
        lightly.select_frames(made, {"n_samples": 1, "strategies": [threshold]}, relevant_filenames=path)

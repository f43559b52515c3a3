"""Frames of videos are selected by LightlyOne's configurations."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clips import make_clip, painted
from framesift import extract, index, lightly, read_selection
from framesift.errors import NotEnoughFramesError, UsageError

SIZE = (96, 64)
DIVERSITY = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [
        make_clip(
            folder / f"{name}.mkv",
            n=n,
            size=SIZE,
            codec="ffv1",
            pictures=[painted(i + first, SIZE) for i in range(n)],
        )
        for name, first, n in (("a", 0, 40), ("b", 100, 12))
    ]


@pytest.fixture(scope="module")
def made(films: list[Path]) -> Any:
    with index(films, size=32) as made:
        yield made


def chosen(selection: Any) -> list[tuple[int, int]]:
    return [(f.source, f.index) for f in selection.frames]


def metadata(made: Any, name: str) -> Any:
    return np.concatenate([made.reader(s).statistic(name) for s in range(2)])


def test_so_many_frames_as_asked_for_and_the_same_again(made: Any) -> None:
    config = {"nSamples": 9, "strategies": [DIVERSITY]}
    selection = lightly.select_frames(made, config)
    assert len({*chosen(selection)}) == 9
    assert selection.method == "lightly"
    assert selection.options["config"] == config
    assert sorted(f.rank for f in selection.frames) == list(range(9))
    assert chosen(lightly.select_frames(made, config)) == chosen(selection)
    assert len(lightly.select_frames(made, {"proportion_samples": 0.25, "strategies": [DIVERSITY]})) == 13


def test_metadata_of_the_index_are_inputs(made: Any) -> None:
    sharpness = metadata(made, "sharpness")
    least = float(np.sort(sharpness)[-10])
    sharp = {
        "input": {"type": "METADATA", "key": "lightly.sharpness"},
        "strategy": {"type": "THRESHOLD", "threshold": least, "operation": "BIGGER_EQUAL"},
    }
    selection = lightly.select_frames(made, {"n_samples": 99, "strategies": [sharp, DIVERSITY]})
    rows = {source * 40 + frame for source, frame in chosen(selection)}
    assert rows == set(np.flatnonzero(sharpness >= least))
    balance = {
        "input": {"type": "METADATA", "key": "source"},
        "strategy": {"type": "BALANCE", "distribution": "UNIFORM", "strength": 5},
    }
    selection = lightly.select_frames(made, {"n_samples": 16, "strategies": [balance, DIVERSITY]})
    assert [len(selection.indices(s)) for s in (0, 1)] == [8, 8]
    sharp["strategy"]["threshold"] = 1e9  # type: ignore[index]
    with pytest.raises(NotEnoughFramesError, match="leaves nothing to choose of 52 frames"):
        lightly.select_frames(made, {"n_samples": 9, "strategies": [sharp]})


def test_frames_extracted_before_are_a_datapool(made: Any, films: list[Path], tmp_path: Path) -> None:
    config = {"n_samples": 6, "strategies": [DIVERSITY]}
    extract(films, 1, tmp_path / "first", config=config, size=32)
    both = lightly.select_frames(made, {**config, "n_samples": 12})
    second = lightly.select_frames(made, config, exclude=tmp_path / "first" / "selection.json")
    first = read_selection(tmp_path / "first" / "selection.json")
    assert not {*chosen(first)} & {*chosen(second)}
    assert {*chosen(first)} | {*chosen(second)} == {*chosen(both)}


def test_a_file_is_read_and_checked_before_anything_is_decoded(films: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    path.write_text(json.dumps({"nSamples": 5, "strategies": [DIVERSITY]}))
    selection = extract(films, 20, tmp_path / "out", config=path)
    assert len(selection) == 5
    assert all((tmp_path / "out" / str(f.file)).is_file() for f in selection.frames)
    for content, says in (
        ("{", "is not JSON"),
        ("[]", f"{path}: a selection config must be a dict"),
        ('{"nSample": 1}', f"{path}: config: Option 'nSample' does not exist! Did you mean 'n_samples'?"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=re.escape(says)):
            extract("nowhere.mp4", 1, tmp_path / "out", config=path)
    with pytest.raises(UsageError, match="cannot be read"):
        extract("nowhere.mp4", 1, tmp_path / "out", config=tmp_path / "missing.json")
    for options in ({"per_source": True}, {"min_gap": 3}):
        with pytest.raises(UsageError, match="config goes with none of per_source, min_gap"):
            extract(
                "nowhere.mp4",
                1,
                tmp_path / "out",
                config={"n_samples": 1, "strategies": [DIVERSITY]},
                **options,
            )

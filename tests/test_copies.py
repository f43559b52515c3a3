"""The same shown by several files is chosen from one of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift as fs
from clips import make_clip
from framesift.selection.checks import METHODS
from framesift.selection.copies import find_copies
from framesift_cli.main import run
from real import video


def dance(n: int, seed: int, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """A square that wanders in fits and starts over a textured field."""
    rng = np.random.default_rng(seed)
    scale = size[0] // 96
    still = np.repeat(np.repeat(np.random.default_rng(0).integers(40, 90, (64, 96, 3)), scale, 0), scale, 1)
    at, pictures = np.array([40.0, 30.0]), []
    for _ in range(n):
        at = (at + rng.normal(0, 1, 2) * rng.choice([0.5, 6])) % (80, 48)
        picture = still.astype(np.uint8)
        x, y = (at * scale).astype(int)
        picture[y : y + 16 * scale, x : x + 16 * scale] = 230
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copies")
    first = dance(120, 1)
    make_clip(folder / "a_original.mp4", n=120, pictures=first, options={"crf": "18"})
    make_clip(folder / "b_part.mp4", n=70, pictures=first[30:100], options={"crf": "32"})
    make_clip(folder / "c_other.mp4", n=120, pictures=dance(120, 2))
    make_clip(folder / "d_large.mp4", n=120, size=(192, 128), pictures=dance(120, 2, (192, 128)))
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> Any:
    with fs.index(folder, size=48, isolate=False) as found:
        yield found


def test_a_part_encoded_anew_and_a_larger_one_are_found(made: fs.Index) -> None:
    part, small = find_copies(made, [0, 1, 2, 3])
    assert (part.source, part.of, part.rows.tolist()) == (1, 0, list(range(70)))
    assert part.offset_s == pytest.approx(30 / 25, abs=0.021)
    assert (small.source, small.of) == (2, 3)
    assert len(small.rows) > 110


@pytest.mark.parametrize("method", METHODS)
def test_frames_are_chosen_of_one_of_them_and_it_is_said(made: fs.Index, method: str) -> None:
    found = fs.select(made, 12, method=method)
    assert not found.indices(1)
    assert found.dropped["copied"] >= 70
    assert len(found.notes) == 2
    assert "b_part.mp4 shows what" in found.notes[0]
    assert "from 1.20 s on: 70 of its 70 frames" in found.notes[0]
    each = fs.select(made, 5, method=method, per_source=True)
    assert [len(each.indices(s)) for s in range(4)] == [5] * 4


def test_both_are_chosen_from_where_duplicates_are_kept(made: fs.Index) -> None:
    both = fs.select(made, 300, method="uniform", keep_duplicates=True)
    assert both.indices(1)
    assert not both.notes


def test_the_command_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["select", str(folder), "-n", "4", "--out", str(tmp_path), "--no-isolate"]) == 0
    assert "note: " in capsys.readouterr().err
    assert "shows what" in (tmp_path / "report.html").read_text()
    assert len(fs.read_selection(tmp_path / "selection.json").notes) == 2


def test_the_rest_of_a_longer_copy_is_still_chosen_from(tmp_path: Path) -> None:
    shared = dance(90, 5)
    make_clip(tmp_path / "a.mp4", n=90, pictures=shared)
    make_clip(tmp_path / "b.mp4", n=110, pictures=shared[20:] + dance(40, 9), options={"crf": "30"})
    with fs.index(tmp_path, isolate=False) as made:
        found = fs.select(made, 40, method="uniform")
        (copy,) = find_copies(made, [0, 1])
    both = {0: set(range(20, 90)), 1: set(range(70))}[copy.source]
    assert set(copy.rows.tolist()) == both
    assert not both & set(found.indices(copy.source))
    assert found.indices(0)
    assert found.indices(1)


def test_still_and_short_videos_and_other_recordings_of_one_field_are_no_copies(tmp_path: Path) -> None:
    still = [np.full((64, 96, 3), 90, np.uint8)] * 60
    make_clip(tmp_path / "a.mp4", n=60, pictures=still)
    make_clip(tmp_path / "b.mp4", n=60, pictures=still)
    make_clip(tmp_path / "c.mp4", n=9)
    make_clip(tmp_path / "d.mp4", n=9)
    for seed in range(3):
        make_clip(tmp_path / f"e{seed}.mp4", n=100, pictures=dance(100, 20 + seed))
    with fs.index(tmp_path, isolate=False) as made:
        assert find_copies(made, list(range(7))) == []


def test_two_encodes_of_a_real_video_are_one() -> None:
    names = ["centered_pair_low_quality.mp4", "centered_pair_small.mp4", "small_robot.mp4"]
    with fs.index([video(name) for name in names], size=32, isolate=False) as made:
        found: Any = fs.select(made, 20)
    assert found.indices(0) == []
    assert found.dropped["copied"] == 1100
    assert "1100 of its 1100 frames" in found.notes[0]


def test_of_too_many_sources_it_is_said_that_copies_were_not_looked_for(
    made: fs.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.selection.copies._MOST_SOURCES", 3)
    assert fs.select(made, 5, method="uniform").notes == [
        "sources that show the same were not looked for among more than 3 sources"
    ]

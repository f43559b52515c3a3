"""Suggestions in SLEAP projects, read back with sleap-io."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import framesift as fs
from clips import make_clip
from framesift.errors import SourceError, UsageError
from framesift_cli.main import run
from posefiles import write_slp
from real import prediction, video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=60)


@pytest.fixture
def chosen(clip: Path) -> Any:
    with fs.index(clip) as made:
        yield fs.select(made, 8)


def suggestions(path: Path) -> list[tuple[str, int]]:
    sleap_io = pytest.importorskip("sleap_io")
    labels = sleap_io.load_slp(str(path), open_videos=False)
    return [(Path(s.video.filename).name, s.frame_idx) for s in labels.suggestions]


def test_a_new_project(chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "new.slp"
    assert fs.write_suggestions(chosen, path) == 8
    assert suggestions(path) == [("clip.mp4", i) for i in chosen.indices()]
    assert fs.write_suggestions(chosen, path) == 0
    assert len(suggestions(path)) == 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_project_that_is_there_keeps_all_it_has(chosen: fs.Selection, tmp_path: Path) -> None:
    labelled, predicted = chosen.indices()[:2]
    rows = [
        (labelled, 0, 0, 0.0, [(1.0, 2.0, 1.0), (3.0, 4.0, 1.0)]),
        (predicted, 1, 0, 0.5, [(1.0, 2.0, 0.3), (3.0, 4.0, 0.3)]),
    ]
    path = write_slp(tmp_path / "p.slp", rows, videos=["C:\\other.mp4", "D:\\a\\clip.mp4"], tracks=["a"])
    with h5py.File(path) as file:
        before = {
            name: file[name][()] for name in ("frames", "instances", "points", "pred_points", "videos_json")
        }
    with h5py.File(path, "r+") as file:  # the labelled frame is one of the clip
        frames = file["frames"][()]
        frames["video"] = 1
        file["frames"][...] = frames
        before["frames"] = frames
    assert fs.write_suggestions(chosen, path) == 7
    with h5py.File(path) as file:
        for name, data in before.items():
            np.testing.assert_array_equal(file[name][()], data)
        row = json.loads(file["suggestions_json"][0])
        assert row["video"] == "1"
    assert suggestions(path) == [("clip.mp4", i) for i in chosen.indices() if i != labelled]


def test_frames_of_a_project_are_not_chosen_again(clip: Path, chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "p.slp"
    fs.write_suggestions(chosen, path)
    with fs.index(clip) as made:
        again = fs.select(made, 20, exclude=path)
    assert not set(again.indices()) & set(chosen.indices())


def test_what_is_no_project_stays_as_it_is(chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "p.slp"
    path.write_bytes(b"something else")
    with pytest.raises(SourceError, match="SLEAP"):
        fs.write_suggestions(chosen, path)
    assert path.read_bytes() == b"something else"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match=r"\.slp"):
        fs.write_suggestions(chosen, tmp_path / "p.h5")
    newer = write_slp(tmp_path / "n.slp", [(0, 1, 0, 0.5, [(0, 0, 0), (0, 0, 0)])], format_id=3.0)
    with pytest.raises(SourceError, match="newer"):
        fs.write_suggestions(chosen, newer)


def test_the_command(chosen: fs.Selection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "selection.json").write_text(json.dumps(chosen.to_json()))
    assert run(["suggest", str(tmp_path / "selection.json"), str(tmp_path / "p.slp")]) == 0
    assert "8 suggestions" in capsys.readouterr().err


def test_the_real_flies(tmp_path: Path) -> None:
    project = tmp_path / "flies.slp"
    project.write_bytes(prediction("clip.2node.slp").read_bytes())
    with fs.index(video("clip.mp4"), start=0.9, size=16) as made:
        found = fs.outliers(made, prediction("clip.predictions.slp"), 6, method=["uncertain", "jump"])
        assert len(found.selection) == 6
        assert fs.write_suggestions(found.selection, project) == 0, "users labelled every frame of it"

"""The demonstration shows what it promises."""

import json
from pathlib import Path

import pytest

import framesift.demo
from framesift import read_selection
from framesift.demo import SCENE_FRAMES, demo, scene_of
from framesift.errors import UsageError
from framesift_cli.main import run


def test_frames_know_their_scene() -> None:
    assert scene_of(0) == 0
    assert scene_of(SCENE_FRAMES[0] - 1) == 0
    assert scene_of(SCENE_FRAMES[0]) == 1
    assert scene_of(sum(SCENE_FRAMES) - 1) == len(SCENE_FRAMES) - 1 == 11


def test_the_demo_finds_all_12_scenes_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scenes"], found["kmeans"], found["coreset"]) == (12, 12, 12)
    assert found["uniform"] < 12
    assert found["random"] < 12
    assert "k-means 12" in found["summary"]
    assert {scene_of(frame) for frame in found["frames"]} == set(range(12))
    for name in ("demo.mp4", "contact-sheet.png", "report.html", "selection.json"):
        assert (tmp_path / name).stat().st_size > 0
    chosen = read_selection(tmp_path / "selection.json")
    assert chosen.indices() == found["frames"]
    assert len(list((tmp_path / "frames").glob("*.png"))) == 12


def test_the_demo_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        demo(tmp_path / "file" / "out")


def test_the_clip_is_made_without_x264_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framesift.demo, "SCENE_FRAMES", (3, 2))
    monkeypatch.setattr("framesift.demo.av.codecs_available", {"mpeg4"})
    framesift.demo.make_clip(tmp_path / "demo.mp4")
    assert framesift.describe(tmp_path / "demo.mp4")[0][0]["n_frames"] == 5

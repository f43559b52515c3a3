"""Lightning Pose: the queue of the newer app, and zips that come in."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import framesift as fs
from clips import make_clip
from framesift.errors import SourceError, UsageError
from framesift.export.lightning_project import enqueue, find_project
from framesift_cli.main import run
from posefiles import frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "ses1.mp4", n=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project.yaml").write_text("view_names: []\nkeypoint_names: [snout, tail]\n")
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def png(size: tuple[int, int] = (8, 6), level: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (level, 0, 0)).save(file, "PNG")
    return file.getvalue()


# The queue --------------------------------------------------------------------------------------------------------


def test_chosen_frames_wait_to_be_labelled(clip: Path, project: Path) -> None:
    chosen = fs.extract(clip, 4, project, layout="lightning-pose").indices()
    assert min(np.diff(chosen)) >= 2
    queue = lines(project / "CollectedData.unlabeled.jsonl")
    assert queue == [{"frame_path": f"labeled-data/ses1/img{i:08d}.png", "predictions": None} for i in chosen]
    table = (project / "CollectedData.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in table] == ["scorer", "bodyparts", "coords"]
    assert table[1] == "bodyparts,snout,snout,tail,tail"
    assert fs.predictions.read_labels(project / "CollectedData.csv").files == ()


def test_what_waits_stays_and_what_is_labelled_is_left_out(project: Path) -> None:
    found = find_project(project)
    assert found is not None
    labelled = "scorer,me,me\nbodyparts,snout,snout\ncoords,x,y\nlabeled-data/v/img00000002.png,1,2\n"
    (project / "CollectedData.csv").write_text(labelled)
    first = {"frame_path": "labeled-data/v/img00000001.png", "predictions": None}
    (project / "CollectedData.unlabeled.jsonl").write_text(json.dumps(first) + "\n")
    paths = [Path(f"img{i:08d}.png") for i in (1, 2, 3)]
    guesses = {f"labeled-data/v/{path.name}": {"snout": (1.5, 2.0)} for path in paths}
    assert enqueue(found, {"v": paths}, guesses, "m", 7) == 1
    guess = {
        "model_name": "m",
        "date_time": 7,
        "predictions": [{"keypoint_name": "snout", "x": 1.5, "y": 2.0}],
    }
    assert lines(project / "CollectedData.unlabeled.jsonl") == [
        {"frame_path": f"labeled-data/v/img{i:08d}.png", "predictions": guess} for i in (1, 3)
    ]
    assert (project / "CollectedData.csv").read_text() == labelled


def test_every_view_has_its_queue_in_the_same_order(project: Path) -> None:
    (project / "project.yaml").write_text("view_names: [top, side]\nkeypoint_names: []\n")
    found = find_project(project)
    assert found is not None
    pictures = [Path(f"img{i:08d}.png") for i in (9, 4)]
    enqueue(found, {"s1_top": pictures, "s1_side": pictures, "s0_top": pictures, "s0_side": pictures})
    for view in ("top", "side"):
        queue = lines(project / f"CollectedData_{view}.unlabeled.jsonl")
        assert [line["frame_path"] for line in queue] == [
            f"labeled-data/{session}_{view}/img{i:08d}.png" for session in ("s0", "s1") for i in (4, 9)
        ]


def test_labelling_begins_from_the_predictions(clip: Path, project: Path, rng: np.random.Generator) -> None:
    xyl = np.concatenate(
        [50 + np.cumsum(rng.normal(size=(60, 1, 2, 2)), axis=0), np.full((60, 1, 2, 1), 0.9)], axis=3
    )
    frame(xyl, [""], ["snout", "tail"]).to_csv(project / "ses1.csv")
    found = fs.extract_outliers(clip, project / "ses1.csv", 3, project, layout="lightning-pose")
    queue = lines(project / "CollectedData.unlabeled.jsonl")
    for index, line in zip(found.selection.indices(), queue, strict=True):
        points = line["predictions"]["predictions"]
        assert [p["keypoint_name"] for p in points] == ["snout", "tail"]
        np.testing.assert_allclose([[p["x"], p["y"]] for p in points], xyl[index, 0, :, :2], atol=1e-3)


@pytest.mark.parametrize("text", ["[", "view_names: 3\n", "- a"])
def test_what_is_no_project(project: Path, text: str) -> None:
    (project / "project.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"project\.yaml"):
        find_project(project)


def test_what_is_no_queue(clip: Path, project: Path) -> None:
    (project / "CollectedData.unlabeled.jsonl").write_text("{}\n")
    with pytest.raises(SourceError, match="queue"):
        fs.extract(clip, 2, project, layout="lightning-pose")


# Zips -------------------------------------------------------------------------------------------------------------


def make_zip(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_zip_that_was_written_is_read_back(clip: Path, tmp_path: Path) -> None:
    chosen = fs.extract(clip, 3, tmp_path / "a", layout="lightning-pose").indices()
    paths = fs.import_zip(tmp_path / "a" / "zips" / "ses1.zip", tmp_path / "b")
    assert [path.name for path in paths] == [f"img{i:08d}.png" for i in chosen]
    for path in (tmp_path / "a" / "labeled-data" / "ses1").iterdir():
        assert (tmp_path / "b" / "labeled-data" / "ses1" / path.name).read_bytes() == path.read_bytes()


def test_a_second_zip_adds_to_the_first(project: Path) -> None:
    frames = {f"img{i:08d}.png": png(level=i) for i in range(6)}
    first = make_zip(project / "v.zip", {**frames, "selected_frames.csv": "img00000002.png\n"})
    fs.import_zip(first, project)
    fs.import_zip(first, project)
    more = {"img00000009.png": png(level=9), "selected_frames.csv": "img00000009.png\r\n"}
    fs.import_zip(make_zip(project / "v.zip", more), project)
    folder = project / "labeled-data" / "v"
    assert (folder / "selected_frames.csv").read_text() == "img00000002.png\nimg00000009.png\n"
    assert len(lines(project / "CollectedData.unlabeled.jsonl")) == 2
    clash = make_zip(project / "v.zip", {"img00000002.png": png(level=77)})
    with pytest.raises(SourceError, match="another picture"):
        fs.import_zip(clash, project)


ONE = {"img00000002.png": png(), "selected_frames.csv": "img00000002.png\n"}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({**ONE, "../img00000003.png": png()}, "no name of a frame"),
        ({**ONE, "/tmp/img00000003.png": png()}, "no name of a frame"),
        ({**ONE, "a/img00000003.png": png()}, "no name of a frame"),
        ({**ONE, "img00000003.png": b"not a picture"}, "img00000003"),
        ({**ONE, "img00000003.png": png((9, 9))}, "2 sizes"),
        ({**ONE, "img003.png": png()}, "digits"),
        ({**ONE, "selected_frames.csv": "img00000004.png"}, "not in the zip"),
        ({**ONE, "selected_frames.csv": "../../etc/passwd"}, "no name of a frame"),
        ({**ONE, "selected_frames.csv": ""}, "names no frame"),
        ({**ONE, "img00000003.png": bytes(64 << 20)}, "refused"),
        ({"selected_frames.csv": "img00000004.png"}, "no image"),
    ],
)
def test_zips_of_strangers(tmp_path: Path, members: dict[str, bytes | str], says: str) -> None:
    path = make_zip(tmp_path / "v.zip", members)
    with pytest.raises(SourceError, match=says):
        fs.import_zip(path, tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written before all is checked"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = make_zip(tmp_path / "v.zip", ONE), tmp_path / "bad.zip"
    bad.write_bytes(b"PK")
    assert run(["import-zip", str(good), str(bad), "--out", str(tmp_path / "p")]) == 3
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "p" / "labeled-data" / "v" / "img00000002.png")
    assert "set aside" in err
    assert run(["import-zip", str(bad), "--out", str(tmp_path / "p")]) == 4

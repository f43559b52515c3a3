"""A project that frames were put into, loaded by Lightning Pose where ``FRAMESIFT_LP_PYTHON`` names a Python that has it.

How such a Python is made stands in ``lp_loading.py``.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

import framesift as fs
from clips import make_clip

PYTHON = os.environ.get("FRAMESIFT_LP_PYTHON", "")


@pytest.mark.skipif(not PYTHON, reason="FRAMESIFT_LP_PYTHON is not set")
def test_lightning_pose_loads_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("view_names: []\nkeypoint_names: [snout, tail]\n")
    (tmp_path / "videos").mkdir()
    clip = make_clip(tmp_path / "videos" / "ses1.mp4", n=60)
    chosen = fs.extract(clip, 5, tmp_path, layout="lightning-pose").indices()
    table = tmp_path / "CollectedData.csv"
    waiting = [
        json.loads(line) for line in (tmp_path / "CollectedData.unlabeled.jsonl").read_text().splitlines()
    ]
    rows = [f"{each['frame_path']},{i}.5,2,3,4" for i, each in enumerate(waiting)]  # a person labels them
    table.write_text(table.read_text().rstrip("\n") + "\n" + "\n".join(rows) + "\n")
    script = str(Path(__file__).with_name("lp_loading.py"))
    done = subprocess.run([PYTHON, script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["keypoints"] == ["snout", "tail"]
    assert found["images"] == [f"labeled-data/ses1/img{i:08d}.png" for i in chosen]
    assert found["xy"] == [[[i + 0.5, 2], [3, 4]] for i in range(5)]
    assert found["videos"] == ["ses1.mp4"]
    for index, paths in zip(chosen, found["context"], strict=True):
        inside = [p for i, p in enumerate(paths) if 0 <= index + i - 2 < 60]
        assert len(inside) >= 3
        assert all(Path(p).is_file() for p in inside)

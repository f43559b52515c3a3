"""A project that was made here, loaded by DeepLabCut itself, where ``FRAMESIFT_DLC_PYTHON`` names a Python that has it.

How such a Python is made stands in ``dlc_loading.py``.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import framesift as fs
from clips import make_clip
from posefiles import SCORER, frame

PYTHON = os.environ.get("FRAMESIFT_DLC_PYTHON", "")


@pytest.mark.skipif(not PYTHON, reason="FRAMESIFT_DLC_PYTHON is not set")
def test_deeplabcut_loads_what_was_written(tmp_path: Path, rng: np.random.Generator) -> None:
    clips = [make_clip(tmp_path / "mouse.mp4", n=130), make_clip(tmp_path / "rat.mp4", n=30)]
    config = fs.deeplabcut.create("reach", "Ann", clips, folder=tmp_path, bodyparts=["snout", "tail"])
    xyl = 50 + np.cumsum(rng.normal(size=(130, 1, 2, 3)), axis=0)
    xyl[..., 2] = 0.99
    xyl[60, 0, 0, :2] += 60
    predictions = config.parent / "videos" / f"mouse{SCORER}.csv"
    frame(xyl, [""], ["snout", "tail"]).to_csv(predictions)
    fs.deeplabcut.outliers(config, videos=["mouse"], n=8)
    fs.predictions.filter_file(predictions)
    folder = config.parent / "labeled-data" / "mouse"
    machine = pd.read_hdf(folder / "machinelabels-iter0.h5", "df_with_missing")
    corrected = machine.drop(columns="likelihood", level="coords").rename(columns={SCORER: "Ann"}, level=0)
    corrected.to_hdf(folder / "CollectedData_Ann.h5", key="df_with_missing", mode="w")
    splits = fs.deeplabcut.split(config, fraction=0.8)
    done = subprocess.run(
        [PYTHON, str(Path(__file__).with_name("dlc_loading.py")), str(config), SCORER, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["videos"] == {str(config.parent / "videos" / c.name): "0, 96, 0, 64" for c in clips}
    assert found["bodyparts"] == ["snout", "tail"]
    assert found["filtered"] == [
        str(predictions.with_name(f"mouse{SCORER}_filtered.h5")),
        "_filtered",
        [130, 6],
    ]
    assert found["rows"] == list(splits.files)
    assert found["machine"] == [f"labeled-data/mouse/{p.name}" for p in sorted(folder.glob("*.png"))]
    assert found["train"] == len(splits.train[0])

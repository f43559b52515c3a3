"""Suite ``pose``: fitting ARMA(3, 1) models to the paths of keypoints, against statsmodels' SARIMAX."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import framesift
from framesift.outliers.arma import fit_arma
from framesift_kernels import load

from .peers.statsmodels import sarimax
from .record import shared

_REPEATS = {"tiny": 1, "small": 3, "full": 7}
_DATA = Path(os.environ.get("FRAMESIFT_DATA") or Path(__file__).parents[2] / "shared" / "data")
_REAL = "m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5"

Row = dict[str, Any]


def _series(size: str) -> dict[str, Any]:
    """Paths by name: those of the open-field mouse where its predictions are there, else of a simulated one."""
    path = _DATA / "predictions" / _REAL
    if size == "tiny" or not path.exists():
        rng = np.random.default_rng(0)
        return {"simulated, 300 frames": 200 + np.cumsum(np.cumsum(rng.normal(size=300)) * 0.1)}
    poses = framesift.predictions.read(path)
    found = {}
    for k, keypoint in enumerate(poses.keypoints):
        for axis in (0, 1):
            y = poses.xy[:, 0, k, axis].astype(np.float64)
            y[poses.likelihood[:, 0, k] < 0.9] = np.nan
            found[f"{keypoint} {'xy'[axis]}, {len(y)} frames"] = y
    return found


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw times, and a row a path: shortest processor times in turn, on one thread, and how the fits differ.

    Theirs, which takes eighty times as long, is fitted once of size ``small``.
    """
    kernels, theirs = load("cpu"), sarimax()
    raw: list[Row] = []
    rows: list[Row] = []
    with threadpool_limits(1):
        for name, y in shared(list(_series(size).items()), lambda given: given[0]):
            fit_arma(y, 3, 1, kernels)  # which compiles
            ours_s, theirs_s = [], []
            for turn in range(_REPEATS[size]):
                began = time.process_time()
                ar, ma = fit_arma(y, 3, 1, kernels)
                predicted, _, likelihood, _ = kernels.arma_filter(y, ar, ma)
                ours_s.append(time.process_time() - began)
                if theirs is not None and (turn == 0 or size == "full"):
                    began = time.process_time()
                    expected, their_likelihood = theirs(y)
                    theirs_s.append(time.process_time() - began)
            raw += [{"path": name, "program": "framesift", "cpu_s": s} for s in ours_s]
            raw += [{"path": name, "program": "statsmodels", "cpu_s": s} for s in theirs_s]
            row: Row = {"path": name, "framesift ms": 1000 * min(ours_s)}
            if theirs is not None:
                row |= {
                    "statsmodels ms": 1000 * min(theirs_s),
                    "ratio": min(theirs_s) / min(ours_s),
                    "log likelihood gained": likelihood - their_likelihood,
                    "predictions differ by at most, px": float(np.abs(predicted - expected).max()),
                }
            rows.append(row)
    return raw, rows

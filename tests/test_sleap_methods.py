"""SLEAP's own rules for frames to look at, against plain loops over the frames (sleap/gui/suggestions.py, 1.6)."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framesift.errors import UsageError
from framesift.outliers.measures import MEASURES, Settings
from framesift.outliers.scores import score_poses
from framesift.predictions import Poses, read
from framesift_cli.main import run
from framesift_kernels import load
from posefiles import write_slp
from real import prediction, video

PLAIN = Settings(kernels=load("cpu"))


def flagged(poses: Poses, method: str, threshold: float | None = None) -> list[int]:
    given_one = {} if threshold is None else {method: threshold}
    scores = score_poses(poses, method, settings=PLAIN, thresholds=given_one)
    return scores.frames[scores.scores[0].flagged].tolist()


def moves(poses: Poses) -> dict[tuple[int, int, int], float]:
    """How far each keypoint moved, by row, individual and keypoint, where both frames have it."""
    found = {}
    for row in range(1, len(poses)):
        if poses.frames[row] - poses.frames[row - 1] != 1:
            continue
        for i in range(len(poses.individuals)):
            for k in range(len(poses.keypoints)):
                (x0, y0), (x1, y1) = poses.xy[row - 1, i, k], poses.xy[row, i, k]
                if np.isfinite([x0, y0, x1, y1]).all():
                    found[row, i, k] = float(np.hypot(x1 - x0, y1 - y0))
    return found


def naive_displacement(poses: Poses, limit: float) -> list[int]:
    found, each = set(), moves(poses)
    for row in range(len(poses)):
        for i in range(len(poses.individuals)):
            ways = [each[row, i, k] for k in range(len(poses.keypoints)) if (row, i, k) in each]
            if ways and np.mean(ways) > limit:
                found.add(int(poses.frames[row]))
    return sorted(found)


def naive_velocity(poses: Poses, share: float) -> list[int]:
    each = moves(poses)
    if not each:
        return []
    least, most = min(each.values()), max(each.values())
    return sorted(
        {int(poses.frames[r]) for (r, _, _), way in each.items() if way - least > share * (most - least)}
    )


def naive_prediction_score(poses: Poses, limit: float, lower: int, upper: int) -> list[int]:
    assert poses.instance_score is not None
    found = []
    for row, scores in enumerate(poses.instance_score):
        if lower <= sum(bool(score <= limit) for score in scores) <= upper:
            found.append(int(poses.frames[row]))
    return found


@st.composite
def some_poses(draw: st.DrawFn) -> Poses:
    n, m, k = draw(st.integers(0, 12)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    xy = rng.integers(0, 40, (n, m, k, 2)).astype(np.float32)
    xy[rng.random((n, m, k)) < 0.2] = np.nan
    score = rng.integers(0, 7, (n, m)).astype(np.float32)
    score[rng.random((n, m)) < 0.2] = np.nan
    return Poses(
        frames=np.cumsum(rng.integers(1, 3, n)),
        individuals=tuple(f"i{i}" for i in range(m)),
        keypoints=tuple(f"k{i}" for i in range(k)),
        xy=xy,
        likelihood=np.where(np.isnan(xy[..., 0]), np.nan, 0.9).astype(np.float32),
        instance_score=score,
        present=np.ones((m, k), bool),
        scorer="",
        tool="sleap",
    )


@settings(max_examples=150, deadline=None)
@given(some_poses(), st.sampled_from([None, 0.05, 0.3, 5.0, 20.0]))
def test_frames_are_those_of_sleaps_rules(poses: Poses, threshold: float | None) -> None:
    assert flagged(poses, "displacement", threshold) == naive_displacement(poses, threshold or 10)
    assert flagged(poses, "prediction-score", threshold) == naive_prediction_score(
        poses, threshold or 3, 1, 2
    )
    expected = naive_velocity(poses, threshold or 0.1)
    assert flagged(poses, "velocity", threshold) == expected


def test_scores_of_individuals_are_read_and_cut_with_the_frames(tmp_path: Path) -> None:
    at = [(1.0, 1.0, 0.9), (2.0, 2.0, 0.9)]
    rows = [
        (0, 1, 0, 2.5, at),
        (0, 1, 1, 9.0, at),
        (1, 1, 0, 8.0, at),
        (2, 1, 1, 1.0, at),
    ]
    poses = read(write_slp(tmp_path / "a.slp", rows))
    assert poses.instance_score is not None
    np.testing.assert_array_equal(poses.instance_score, [[2.5, 9], [8, np.nan], [np.nan, 1]])
    assert flagged(poses, "prediction-score") == [0, 2]
    assert flagged(poses.between(1, 3), "prediction-score") == [2]
    without = read(prediction("m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5"))
    with pytest.raises(UsageError, match="prediction-score is of whole individuals"):
        MEASURES["prediction-score"](without, PLAIN)


def test_the_real_flies(tmp_path: Path) -> None:
    poses = read(prediction("clip.predictions.slp"))
    assert flagged(poses, "displacement") == naive_displacement(poses, 10)
    assert flagged(poses, "velocity") == naive_velocity(poses, 0.1) != []
    assert flagged(poses, "prediction-score", 1.5) == naive_prediction_score(poses, 1.5, 1, 2)
    names = ["--method", "velocity", "--method", "displacement", "--method", "prediction-score"]
    given_files = [str(video("clip.mp4")), "-p", str(prediction("clip.predictions.slp"))]
    assert (
        run(["outliers", *given_files, *names, "--dry-run", "--quiet", "--json", "--out", str(tmp_path)]) == 0
    )

"""Filtered predictions and features of the skeleton, as DeepLabCut's ``filterpredictions`` and ``analyzeskeleton``."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from framesift_kernels import F32

from ..errors import UsageError
from ..machine import load_kernels
from .poses import Poses
from .reading import read
from .writing import write_poses, write_table

FILTERS = ("median", "arima")
_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bones:
    """Features of bones, each from one keypoint to another; with n frames and b bones:"""

    names: tuple[str, ...]
    """b names, ``<individual>_<from>_<to>``, without the individual where there is none."""
    length: F32
    """(n, b) pixels."""
    orientation: F32
    """(n, b) degrees from 0 to 360: how far a line to the right is to be turned, clockwise as the picture is shown."""
    likelihood: F32
    """(n, b) the smaller of the two keypoints'."""


def filter_poses(
    poses: Poses,
    method: str = "median",
    *,
    window: int = 5,
    p_bound: float = 0.001,
    ar_ma: tuple[int, int] = (3, 1),
    keypoints: Collection[str] | None = None,
    device: str = "cpu",
) -> Poses:
    """Smooth the path of every keypoint. Likelihoods stay as they are.

    Parameters
    ----------
    poses
        As `read` gives them.
    method
        ``"median"``: of *window* frames about each. What is missing does not count, and windows end with the video
        (DeepLabCut takes zeros there, which draws the first and last frames to the corner). ``"arima"``: what an
        ARMA model of the path expects from the frames before; keypoints less likely than *p_bound* are missing to it,
        and the first that is not stays as it is.
    window
        Frames, odd.
    p_bound, ar_ma
        Of ``"arima"``.
    keypoints
        Smooth the paths of these only (DeepLabCut's ``comparisonbodyparts``); by default all.
    device
        ``"cpu"``.

    Returns
    -------
    Poses
        NaN where nothing of a window is known, and, of ``"arima"``, before anything is known and in paths of fewer
        than 11 known frames.

    Raises
    ------
    UsageError
        An option makes no sense.
    """
    if method not in FILTERS:
        raise UsageError(f"method must be one of {', '.join(FILTERS)}, got {method!r}")
    if window < 1 or window % 2 == 0:
        raise UsageError(f"window must be an odd number of frames, got {window}")
    unknown = set(keypoints or ()) - set(poses.keypoints)
    if unknown:
        raise UsageError(f"there is no keypoint {min(unknown)!r}; there are {', '.join(poses.keypoints)}")
    xy = _median(poses, window) if method == "median" else _arima(poses, p_bound, ar_ma, device)
    if keypoints:
        left = np.array([name not in keypoints for name in poses.keypoints])
        xy = np.where(left[:, None], poses.xy, xy)
    return replace(poses, xy=xy)


def _arima(poses: Poses, p_bound: float, ar_ma: tuple[int, int], device: str) -> F32:
    from ..outliers.measures import Settings, expected_paths

    settings = Settings(kernels=load_kernels(device), p_bound=p_bound, orders=ar_ma)
    return _begun(expected_paths(poses, settings)[0].astype(np.float32), poses, p_bound)


def _begun(expected: F32, poses: Poses, p_bound: float) -> F32:
    """*expected*, where something was known before; the first known point as it is, as in DeepLabCut; before it NaN."""
    if not len(poses):
        return expected
    known = np.isfinite(poses.xy).all(axis=3) & ~(poses.likelihood < p_bound)
    first = np.where(known.any(axis=0), known.argmax(axis=0), len(poses))
    row = np.arange(len(poses))[:, None, None]
    out = np.where((row == first)[..., None], poses.xy, expected)
    begun: F32 = np.where((row < first)[..., None], np.float32(np.nan), out)
    return begun


def _median(poses: Poses, window: int) -> F32:
    """Medians over windows of frames by number, also where some are missing."""
    n, m, k, _ = poses.xy.shape
    if not n:
        return poses.xy
    rows = poses.frames - poses.frames[0]
    half = window // 2
    path = np.full((int(rows[-1]) + 1 + 2 * half, m * k * 2), np.nan, np.float32)
    path[rows + half] = poses.xy.reshape(n, -1)
    out = np.empty((len(path) - 2 * half, m * k * 2), np.float32)
    for start in range(0, len(out), _BLOCK_ROWS):
        part = sliding_window_view(path[start : start + _BLOCK_ROWS + 2 * half], window, axis=0)
        out[start : start + _BLOCK_ROWS] = _nanmedian(part[: len(out) - start])
    found: F32 = out[rows].reshape(n, m, k, 2)
    return found


def _nanmedian(windows: npt.NDArray[np.float32]) -> F32:
    """Median over the last axis of what is not NaN; NaN where nothing is. (numpy's warns of that.)"""
    ordered = np.sort(windows, axis=-1)  # NaN last
    count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    upper = np.take_along_axis(ordered, np.minimum(count // 2, windows.shape[-1] - 1)[..., None], -1)[..., 0]
    lower = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[..., None], -1)[..., 0]
    middle: F32 = ((lower + upper) / 2).astype(np.float32)
    return middle


def filter_file(
    path: str | os.PathLike[str],
    method: str = "median",
    out: str | os.PathLike[str] | None = None,
    *,
    window: int = 5,
    p_bound: float = 0.001,
    ar_ma: tuple[int, int] = (3, 1),
    keypoints: Collection[str] | None = None,
) -> list[Path]:
    """Filter a file of predictions; writes ``<name>_filtered.h5`` and ``.csv`` beside it or in *out*, see `filter_poses`."""
    path = Path(path)
    filtered = filter_poses(
        read(path), method, window=window, p_bound=p_bound, ar_ma=ar_ma, keypoints=keypoints
    )
    return write_poses(filtered, _beside(path, "filtered", out))


def _beside(path: Path, what: str, out: str | os.PathLike[str] | None) -> Path:
    return (path.parent if out is None else Path(out)) / f"{path.stem}_{what}.h5"


def bones(poses: Poses, skeleton: Sequence[Sequence[str]]) -> Bones:
    """Length, orientation and likelihood of bones in every frame.

    Parameters
    ----------
    poses
        As `read` gives them.
    skeleton
        Pairs of keypoints. Individuals that lack one of a pair have no such bone.

    Raises
    ------
    UsageError
        A pair is none, or a keypoint is not known.
    """
    names: list[str] = []
    places: list[tuple[int, int, int]] = []
    for i, individual in enumerate(poses.individuals):
        for pair in skeleton:
            if len(pair) != 2 or not set(pair) <= set(poses.keypoints):
                raise UsageError(
                    f"a bone is two of the keypoints {', '.join(poses.keypoints)}, got {list(pair)}"
                )
            a, b = (poses.keypoints.index(name) for name in pair)
            if poses.present[i, a] and poses.present[i, b]:
                names.append("_".join([individual, *pair] if individual else pair))
                places.append((i, a, b))
    if not places:
        raise UsageError("the skeleton has no bones; give pairs of keypoints")
    i, a, b = np.array(places).T
    along = (poses.xy[:, i, b] - poses.xy[:, i, a]).astype(np.float64)
    degrees = np.degrees(np.arctan2(along[..., 1], along[..., 0]))
    return Bones(
        names=tuple(names),
        length=np.hypot(along[..., 0], along[..., 1]).astype(np.float32),
        orientation=np.where(degrees < 0, degrees + 360, degrees).astype(np.float32),
        likelihood=np.minimum(poses.likelihood[:, i, a], poses.likelihood[:, i, b]),
    )


def skeleton_file(
    path: str | os.PathLike[str],
    skeleton: Sequence[Sequence[str]],
    out: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Features of a file's skeleton; writes ``<name>_skeleton.h5`` and ``.csv`` beside it or in *out*, see `bones`."""
    path = Path(path)
    poses = read(path)
    found = bones(poses, skeleton)
    columns = [(name, what) for name in found.names for what in ("length", "orientation", "likelihood")]
    values = np.stack([found.length, found.orientation, found.likelihood], axis=2).reshape(len(poses), -1)
    return write_table(_beside(path, "skeleton", out), columns, ["bone", "feature"], values, poses.frames)

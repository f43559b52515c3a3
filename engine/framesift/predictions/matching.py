"""Which predictions belong to which video, by name and by length."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import SourceError, UsageError
from .limits import faults_of
from .poses import Poses

_SUFFIXES = (".h5", ".hdf5", ".csv", ".slp")
_MODEL = re.compile(r"^(?:DLC|DeepCut)[_A-Z0-9]")
_OF_LIGHTNING_POSE = re.compile(r"_(temporal_norm|pca_singleview_error|pca_multiview_error|pixel_error)$")
_NO_PREDICTIONS = re.compile(r"(_skeleton|_meta|_full|_assemblies|_predictions_to_fit)$")


def find_predictions(
    videos: Iterable[str | os.PathLike[str]],
    places: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> dict[Path, Path]:
    """The predictions of each video, by the names of the files.

    Known are ``<video>DLC_….h5`` (and ``DeepCut``) of DeepLabCut, ``<video>.csv`` and
    ``<video>.mp4/predictions.csv`` of Lightning Pose, and ``<video>.slp``, ``<video>.mp4.predictions.slp`` and
    ``….analysis.h5`` of SLEAP. Filtered predictions are taken before others, HDF5 before CSV.

    Parameters
    ----------
    videos
        Paths of videos.
    places
        Files of predictions, and folders that are searched for them (not those below).

    Returns
    -------
    dict
        From the path of a video to that of its predictions.

    Raises
    ------
    SourceError
        A video has none, or two of different models; a file given belongs to no video.
    """
    paths = [Path(video) for video in videos]
    given = as_places(places)
    found = {path: find_one(path, paths, given) for path in paths}
    _, listed = _files(given)
    unused = [file for file in listed if file not in found.values() and not _is_twin(file, found.values())]
    if unused:
        raise SourceError(
            f"{unused[0]} belongs by its name to none of the {len(paths)} videos "
            f"({', '.join(p.name for p in paths[:3])})"
        )
    return found


def as_places(places: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """One place or several, as paths."""
    return [Path(p) for p in ([places] if isinstance(places, str | os.PathLike) else places)]


def check_places(places: object) -> None:
    """Refuse files and folders of predictions that are not there, before anything is decoded for them.

    Poses themselves, by name of their video, are left to be checked later.

    Raises
    ------
    UsageError
        Names the first that is neither.
    """
    if places is None or isinstance(places, Mapping):
        return
    for place in as_places(places):  # type: ignore[arg-type]
        if not place.exists():
            raise UsageError(f"predictions: {place} is neither a file nor a folder of predictions")


def find_one(video: Path, videos: list[Path], places: list[Path]) -> Path:
    """The predictions of one of *videos*, see `find_predictions`.

    Raises
    ------
    SourceError
        It has none, or two of different models.
    """
    files, listed = _files(places)
    hits = [file for file in files if _belongs(file, video, videos)]
    if not hits and len(videos) == 1 and len(listed) == 1:
        hits = [listed[0]]  # one video and one file: whatever its name, its length will tell
    hits = hits or [file for file in files if _names_it(file, video)]
    if not hits:
        raise SourceError(
            f"there are no predictions for {video.name}; expected a name such as {video.stem}DLC_….h5, "
            f"{video.stem}.csv or {video.stem}.slp in {', '.join(map(str, places[:3])) or 'no place'}"
        )
    return _best(hits, video)


def _names_it(file: Path, video: Path) -> bool:
    """Whether a project of SLEAP, whatever it is called, is of that video and has predictions of it."""
    if file.suffix.lower() != ".slp":
        return False
    from .hdf5 import open_hdf5, read_array
    from .sleap import PREDICTED, base_name, read_videos

    try:
        with faults_of(file, "a SLEAP project"), open_hdf5(file) as project:
            names = [base_name(each.filename) for each in read_videos(project)]
            kinds = read_array(project, "instances")["instance_type"]
            return video.name in names and bool((kinds == PREDICTED).any())
    except (SourceError, UsageError):
        return False


def _files(given: list[Path]) -> tuple[list[Path], list[Path]]:
    """All files of predictions, and those that were named one by one."""
    files, listed = [], []
    for place in given:
        if place.is_dir():
            here = [p for p in sorted(place.iterdir()) if p.suffix.lower() in _SUFFIXES]
            files += here + sorted(place.glob("*/predictions.csv"))
        elif place.is_file():
            files.append(place)
            listed.append(place)
        else:
            raise SourceError(f"{place} is neither a file nor a folder of predictions")
    return files, listed


def _belongs(file: Path, video: Path, others: list[Path]) -> bool:
    stem = file.stem.removesuffix(".analysis").removesuffix(".predictions").removesuffix(".tracked")
    if _NO_PREDICTIONS.search(stem) or _OF_LIGHTNING_POSE.search(stem):
        return False
    if file.name == "predictions.csv" and file.parent.name in (video.name, video.stem):
        return True
    if stem in (video.stem, video.name):
        return True
    if _is_of_model(stem, video.stem):
        return not any(  # mouse1 and mouse1DLC: the longer name is meant
            len(other.stem) > len(video.stem) and _is_of_model(stem, other.stem) for other in others
        )
    # SLEAP names analysis files <project>.000_<video>.analysis.h5
    return bool(re.search(rf"\.\d{{3}}_{re.escape(video.stem)}$", stem))


def _is_of_model(stem: str, video: str) -> bool:
    return stem.startswith(video) and _MODEL.match(stem[len(video) :]) is not None


def _best(hits: list[Path], video: Path) -> Path:
    def key(path: Path) -> tuple[bool, bool]:
        return not path.stem.endswith("_filtered"), path.suffix.lower() == ".csv"

    best = sorted(hits, key=key)[0]
    models = {hit.stem.removesuffix("_filtered") for hit in hits}
    if len(models) > 1:
        names = ", ".join(sorted(hit.name for hit in hits)[:4])
        raise SourceError(
            f"there are several predictions for {video.name} ({names}); name the one that is meant"
        )
    return best


def _is_twin(file: Path, chosen: Iterable[Path]) -> bool:
    """Whether *file* is the same predictions in the other format, or unfiltered."""
    stem = file.stem.removesuffix("_filtered")
    return any(stem == other.stem.removesuffix("_filtered") for other in chosen)


def check_fits(poses: Poses, video: str, n_frames: int, *, partial: bool = False) -> None:
    """Refuse predictions that are not of a video of *n_frames* frames.

    Parameters
    ----------
    poses
        As `read` gives them.
    video
        What an error calls the video.
    n_frames
        Its frames.
    partial
        Predictions of some frames only are right. Those of SLEAP always may be.

    Raises
    ------
    SourceError
        A prediction lies beyond the end, or, without *partial*, there is not one for every frame.
    """
    name = poses.path or "the predictions"
    if not len(poses):
        raise SourceError(f"{name} holds no predictions (for {video})")
    first, last = int(poses.frames[0]), int(poses.frames[-1])
    rows = f"{len(poses)} rows, for frames {first} to {last}"
    if last >= n_frames:
        shift = (
            f"; if its index begins elsewhere, give offset={-first}"
            if len(poses) <= n_frames and first
            else ""
        )
        raise SourceError(
            f"{name} has {rows}, but {video} has {n_frames} frames: it belongs to another video{shift}"
        )
    if poses.n_video_frames not in (None, n_frames) and not partial:
        raise SourceError(
            f"{name} was made for a video of {poses.n_video_frames} frames, but {video} has {n_frames}; with partial "
            "(--partial) it is taken as it is"
        )
    if len(poses) != n_frames and poses.tool != "sleap" and not partial:
        raise SourceError(
            f"{name} has {rows}, but {video} has {n_frames} frames: it belongs to another video or another cut of "
            "it; with partial (--partial) it is taken as it is"
        )

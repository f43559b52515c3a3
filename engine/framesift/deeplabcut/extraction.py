"""Frames into a project: chosen among all of its videos, or where a model's predictions look wrong."""

import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import FramesiftError, NothingUsableError, SourceError, UsageError
from ..export.exporting import export
from ..files import disk_errors, write_json
from ..index import Index, index
from ..outliers.choosing import Outliers
from ..outliers.choosing import outliers as choose_outliers
from ..outliers.extracting import count_outliers
from ..outliers.tables import write_scores
from ..positions import Position
from ..progress import ProgressCallback, silent
from ..selection.checks import check_choice, check_limits
from ..selection.choice import select
from ..selection.result import Selection
from ..sources import IMAGE_SUFFIXES, SetAside
from .config import Project, ProjectVideo, read_project
from .machinelabels import labels_of, load_pandas, write_machine_labels
from .naming import is_of, some_of
from .project import add_videos
from .sharing import choose_together, store_for

PathLike = str | os.PathLike[str]
_EXISTING = ("skip", "extend")


@dataclass(slots=True, kw_only=True)
class Extracted:
    """What was added to a project."""

    config: Path
    pictures: dict[str, list[Path]] = field(default_factory=dict)
    """By name of the video, pictures written, in ``labeled-data/<video>``."""
    skipped: list[SetAside] = field(default_factory=list)
    """Videos that have pictures already."""
    set_aside: list[SetAside] = field(default_factory=list)
    """Videos that could not be used, and why."""
    flagged: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of outliers, by name of the video, frames flagged by method."""

    def to_json(self) -> dict[str, Any]:
        """What ``framesift dlc extract --json`` prints."""
        return {
            "config": str(self.config),
            "pictures": {name: [str(path) for path in paths] for name, paths in self.pictures.items()},
            "flagged": self.flagged,
            "skipped": [{"uri": item.uri, "reason": item.reason} for item in self.skipped],
            "set_aside": [{"uri": item.uri, "reason": item.reason} for item in self.set_aside],
        }


def extract(
    config: PathLike,
    *,
    videos: Iterable[PathLike] | None = None,
    n: int | None = None,
    total: int | None = None,
    min_per_video: int = 0,
    max_per_video: int | None = None,
    method: str = "kmeans",
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    crop: bool = False,
    existing: str = "skip",
    min_gap: str | int | None = None,
    foreground: bool = False,
    prefer_sharp: float = 0.0,
    seed: int = 0,
    store: PathLike | None = None,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Extracted:
    """Extract frames to label from the videos of a project, as ``deeplabcut.extract_frames`` does, without asking.

    Parameters
    ----------
    config
        ``config.yaml``, or the project's folder.
    videos
        Paths or names of some of its videos; all by default.
    n
        Frames of each video; ``numframes2pick`` by default.
    total, min_per_video, max_per_video
        Instead of *n*, frames of all videos together, and of each at least and at most; the method shares them out.
    method
        See `select`. ``"random"`` is what DeepLabCut calls uniform.
    start, stop
        As in `index`; by default those of the config, which are fractions.
    crop
        Use the rectangle of each video in the config, for the choice and for the pictures.
    existing
        A video that has pictures already: ``"skip"`` it, or ``"extend"`` them by *n* others.
    min_gap, foreground, prefer_sharp, seed, store, threads, progress
        See `select` and `index`.

    Returns
    -------
    Extracted
        Beside the pictures, ``framesift/<video>`` in the project has a contact sheet, a report and the selection.

    Raises
    ------
    UsageError
        An option or the config makes no sense.
    NothingUsableError
        No video could be used.
    """
    project = read_project(config)
    if total is not None and n is not None:
        raise UsageError(f"give n frames of each video or a total, not both, got {n} and {total}")
    wanted = int(project.number("numframes2pick", 20)) if n is None else n
    check_choice(wanted if total is None else total, method, min_gap, seed)
    check_limits(total or 0, min_per_video, max_per_video, per_source=total is None)
    options: dict[str, Any] = {
        "method": method,
        "seed": seed,
        "min_gap": min_gap,
        "foreground": foreground,
        "prefer_sharp": prefer_sharp,
        "progress": progress,
    }
    job = _Job(project, existing, store, threads, progress, _range(project, start, stop), crop)
    chosen = some_of(project, videos)
    if total is None:
        return job.run(
            chosen,
            lambda made, video, _: select(made, wanted, exclude=_before(project, video), **options),
        )
    options |= {"min_per_source": min_per_video, "max_per_source": max_per_video}
    with store_for(store, project.folder) as job.store:
        before = [folder for video in chosen for folder in _before(project, video)]
        parts = choose_together(
            filter(job.is_wanted, chosen),
            job.open,
            lambda joint: select(joint, total, exclude=before, **options),
        )
        return job.run(chosen, lambda made, video, _: replace(parts[video.key], index=made))


def outliers(
    config: PathLike,
    *,
    videos: Iterable[PathLike] | None = None,
    predictions: PathLike | Iterable[PathLike] | None = None,
    n: int | None = None,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    store: PathLike | None = None,
    threads: int | None = None,
    copy_videos: bool = False,
    progress: ProgressCallback = silent,
    **judging: Any,
) -> Extracted:
    """Add frames on which a model's predictions look wrong, and its labels of them, as ``extract_outlier_frames`` does.

    Frames that are in ``labeled-data`` already, and those nearer to them than the gap, are not chosen. Where
    ``cropping`` is set, pictures are cropped to the video's rectangle, and the predictions, which count from the
    rectangle of analysis, are moved along.

    Parameters
    ----------
    config, n, start, stop, store, threads, progress
        See `extract`.
    videos
        Paths or names; those that are not in the project are added to it. All by default.
    predictions
        Files and folders; by default the folders of the videos.
    copy_videos
        Copy what is added, see `add_videos`.
    **judging
        Options of `framesift.outliers`.

    Returns
    -------
    Extracted
        ``machinelabels-iter<k>.h5`` and ``machinelabels.csv`` stand beside the pictures, all scores in
        ``framesift/<video>``.
    """
    load_pandas()
    project = read_project(config)
    wanted = int(project.number("numframes2pick", 20)) if n is None else n
    if videos is not None:
        videos = list(videos)
        new = [v for v in videos if Path(v).is_file() and not is_of(project, v)]
        if new:
            add_videos(project.config, new, copy_videos=copy_videos)
            project = read_project(project.config)
    cropping = bool(project.data.get("cropping"))
    job = _Job(project, "extend", store, threads, progress, _range(project, start, stop), cropping)

    def fill(made: Index, video: ProjectVideo, folder: Path) -> Outliers:
        return choose_outliers(
            made, _places(video, predictions), wanted, exclude=_before(project, video), **judging
        )

    return job.run(some_of(project, videos), fill)


def count(
    config: PathLike,
    *,
    videos: Iterable[PathLike] | None = None,
    predictions: PathLike | Iterable[PathLike] | None = None,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    **judging: Any,
) -> dict[str, Any]:
    """How many frames `outliers` would flag, see `framesift.count_outliers`."""
    project = read_project(config)
    chosen = some_of(project, videos)
    places = [place for video in chosen for place in _places(video, predictions)]
    begin, end = _range(project, start, stop)
    unique = list(dict.fromkeys(places))
    return count_outliers([video.path for video in chosen], unique, start=begin, stop=end, **judging)


_Range = tuple[str | float | Position | None, str | float | Position | None]


def _range(project: Project, start: Any, stop: Any) -> _Range:
    """The range asked for, or that of the config."""
    first, last = project.number("start", 0.0), project.number("stop", 1.0)
    if not 0 <= first < last <= 1:
        raise UsageError(
            f"{project.config}: start and stop must have 0 <= start < stop <= 1, got {first} and {last}"
        )
    begin = (float(first) if first else None) if start is None else start
    return begin, (float(last) if last != 1 else None) if stop is None else stop


def _places(video: ProjectVideo, given: PathLike | Iterable[PathLike] | None) -> list[PathLike]:
    if given is not None:
        return [given] if isinstance(given, str | os.PathLike) else list(given)
    folders = [video.path.parent, video.path.resolve().parent]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [
        p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and re.match(r"\D*\d+\D*$", p.stem)
    ]


def _before(project: Project, video: ProjectVideo) -> list[Path]:
    folder = project.folder / "labeled-data" / video.name
    return [folder] if _pictures(folder) else []


@dataclass(slots=True)
class _Job:
    project: Project
    existing: str
    store: PathLike | None
    threads: int | None
    progress: ProgressCallback
    range: _Range
    crop: bool

    def run(self, videos: list[ProjectVideo], fill: Callable[[Index, ProjectVideo, Path], Any]) -> Extracted:
        """Fill the folder of each video; one that cannot be used is set aside."""
        if self.existing not in _EXISTING:
            raise UsageError(f"existing must be one of {', '.join(_EXISTING)}, got {self.existing!r}")
        found = Extracted(config=self.project.config)
        stems: dict[str, str] = {}
        for video in videos:
            folder = self.project.folder / "labeled-data" / video.name
            there = len(_pictures(folder))
            try:
                other = stems.setdefault(video.name.casefold(), video.key)
                if other != video.key:
                    raise SourceError(
                        f"{other} has the same name, and so the same folder of pictures; rename one"
                    )
                if there and self.existing == "skip":
                    reason = f"{there} pictures are there already; use existing='extend' (--existing extend) for more"
                    found.skipped.append(SetAside(video.key, reason))
                    continue
                self._one(video, folder, fill, found)
            except FramesiftError as e:
                if isinstance(e, UsageError) and len(videos) == 1:
                    raise
                found.set_aside.append(SetAside(video.key, str(e)))
        if found.set_aside and not found.pictures and not found.skipped:
            raise NothingUsableError("; ".join(f"{s.uri}: {s.reason}" for s in found.set_aside[:3]))
        return found

    def is_wanted(self, video: ProjectVideo) -> bool:
        """It is there, and its pictures are no reason to skip it."""
        pictures = _pictures(self.project.folder / "labeled-data" / video.name)
        return video.path.exists() and not (pictures and self.existing == "skip")

    def open(self, video: ProjectVideo) -> Index:
        """The index of a video."""
        if not video.path.exists():
            raise SourceError("the video is not there; change its path in video_sets of config.yaml")
        first, last = self.range
        return index(
            video.path,
            self.store,
            start=first,
            stop=last,
            crop=video.crop if self.crop else None,
            threads=self.threads,
            progress=self.progress,
        )

    def _one(
        self,
        video: ProjectVideo,
        folder: Path,
        fill: Callable[[Index, ProjectVideo, Path], Any],
        found: Extracted,
    ) -> None:
        crop = video.crop if self.crop else None
        with self.open(video) as made:
            result = fill(made, video, folder)
            chosen: Selection = result if isinstance(result, Selection) else result.selection
            if not chosen.frames:
                found.skipped.append(SetAside(video.key, "none of the frames that were chosen is of it"))
                return
            found.pictures[video.name] = self._write(chosen, video, folder, crop)
        if isinstance(result, Outliers):
            self._label(result, video, folder, crop, found.pictures[video.name])
            found.flagged[video.name] = result.counts()

    def _write(self, chosen: Selection, video: ProjectVideo, folder: Path, crop: Any) -> list[Path]:
        """Export beside the project's folders, then move: no picture that is there is ever replaced."""
        root = self.project.folder
        report = root / "framesift" / video.name
        with disk_errors(root), tempfile.TemporaryDirectory(prefix=".framesift-", dir=root) as scratch:
            export(
                chosen,
                scratch,
                layout="deeplabcut",
                picture_crop=crop,
                threads=self.threads,
                progress=self.progress,
            )
            folder.mkdir(parents=True, exist_ok=True)
            report.mkdir(parents=True, exist_ok=True)
            paths = []
            for frame in sorted(chosen.frames, key=lambda f: f.index):
                if frame.file is None:
                    continue
                place = folder / Path(frame.file).name
                if not place.exists():
                    os.replace(Path(scratch) / frame.file, place)
                frame.file = os.path.relpath(place, report)
                paths.append(place)
            for name in ("contact-sheet.png", "report.html"):
                os.replace(Path(scratch) / name, report / name)
        write_json(report / "selection.json", chosen.to_json())
        if not paths:
            raise SourceError(
                "; ".join(item.reason for item in chosen.set_aside) or "no frame could be written"
            )
        return paths

    def _label(
        self, found: Outliers, video: ProjectVideo, folder: Path, crop: Any, paths: list[Path]
    ) -> None:
        x, y = self.project.analysis_offset
        shift = (x - crop[0], y - crop[2]) if crop else (x, y)
        frames = found.selection.indices()
        files = [f"labeled-data/{video.name}/{path.name}" for path in paths]
        labels = labels_of(found.poses[0], frames[: len(files)], files, shift)
        write_machine_labels(folder, self.project.iteration, labels)
        write_scores(self.project.folder / "framesift" / video.name, found)

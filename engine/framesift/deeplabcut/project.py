"""Projects: their folders, their config, their videos."""

import datetime
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import SourceError, UsageError
from ..files import disk_errors, write_atomically
from ..inspection import describe
from ..sources import Input, SetAside, find_sources
from .config import Crop, add_entries, entries, load_yaml, read_project

_FOLDERS = ("videos", "labeled-data", "training-datasets", "dlc-models")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def create(
    project: str,
    experimenter: str,
    videos: Input | Iterable[Input],
    *,
    folder: str | os.PathLike[str] = ".",
    copy_videos: bool = False,
    bodyparts: Sequence[str] = ("bodypart1", "bodypart2", "bodypart3", "objectA"),
    individuals: Sequence[str] = (),
    skeleton: Sequence[Sequence[str]] = (),
    n: int = 20,
    date: str | None = None,
) -> Path:
    """Make a project: its folders, its ``config.yaml``, its videos linked or copied.

    Parameters
    ----------
    project, experimenter
        Names, of the task and of who labels; without ``/``.
    videos
        Video files, folders and patterns on this machine.
    folder
        Where the project's folder ``<project>-<experimenter>-<date>`` is made.
    copy_videos
        Copy the videos into the project; else link them.
    bodyparts, individuals, skeleton
        Of the config; with individuals the project is a multi-animal one.
    n
        ``numframes2pick``.
    date
        ``YYYY-MM-DD``; today by default.

    Returns
    -------
    Path
        The ``config.yaml``.

    Raises
    ------
    UsageError
        The project exists, a name makes no sense, or two videos have one name.
    NothingUsableError
        No video can be opened.
    """
    for what, name in (("project", project), ("experimenter", experimenter)):
        if not re.fullmatch(r"[^/\\\0\s][^/\\\0]*", name):
            raise UsageError(f"{what} must be a name without slashes, got {name!r}")
    try:
        day = datetime.date.today() if date is None else datetime.date.fromisoformat(date)
    except ValueError:
        raise UsageError(f"date must be YYYY-MM-DD, got {date!r}") from None
    load_yaml()
    found = _described(videos)
    root = Path(folder).absolute() / f"{project}-{experimenter}-{day.isoformat()}"
    if root.exists():
        raise UsageError(
            f"{root} exists already; add videos to it with add_videos (framesift dlc add-videos)"
        )
    _check_names([], [path for path, _ in found])
    with disk_errors(root):
        for name in _FOLDERS:
            (root / name).mkdir(parents=True)
    facts = {
        "Task": project,
        "scorer": experimenter,
        "date": f"{_MONTHS[day.month - 1]}{day.day}",
        "project_path": str(root),
        "bodyparts": list(bodyparts),
        "individuals": list(individuals),
        "skeleton": [list(pair) for pair in skeleton],
        "numframes2pick": n,
    }
    text = _template(facts, entries(_bring(root, found, copy_videos)))
    write_atomically(root / "config.yaml", lambda file: file.write(text.encode()))
    return root / "config.yaml"


def add_videos(
    config: str | os.PathLike[str],
    videos: Input | Iterable[Input],
    *,
    copy_videos: bool = False,
    crops: Sequence[Crop] | None = None,
) -> list[Path]:
    """Add videos to a project. Those that are in it already are left as they are.

    Parameters
    ----------
    config
        ``config.yaml``, or the project's folder.
    videos, copy_videos
        See `create`.
    crops
        x1, x2, y1, y2 of each video; the whole frame by default.

    Returns
    -------
    list of Path
        Videos in the project that were added.

    Raises
    ------
    UsageError
        Another video of a name is in the project, or the crops are not one for each video.
    """
    project = read_project(config)
    found = _described(videos)
    if crops is not None and len(crops) != len(found):
        raise UsageError(f"crops must be one for each video, got {len(crops)} for {len(found)} videos")
    if crops is not None:
        for (path, (_, width, _, height)), crop in zip(found, crops, strict=True):
            if not (0 <= crop[0] < crop[1] <= width and 0 <= crop[2] < crop[3] <= height):
                raise UsageError(f"the crop {crop} does not lie inside the {width}x{height} frames of {path}")
        found = [(path, crop) for (path, _), crop in zip(found, crops, strict=True)]
    known = {video.path.resolve() for video in project.videos()}
    new = [(path, crop) for path, crop in found if path.resolve() not in known]
    _check_names([video.path for video in project.videos()], [path for path, _ in new])
    if not new:
        return []
    brought = _bring(project.folder, new, copy_videos)
    add_entries(project, brought)
    return [Path(key) for key in brought]


def _described(videos: Input | Iterable[Input]) -> list[tuple[Path, Crop]]:
    """Path and whole frame of each video."""
    sources, set_aside = find_sources(videos)
    local = [s for s in sources if s.kind == "video" and isinstance(s.path, Path) and s.remote is None]
    if len(local) < len(sources):
        other = next(s for s in sources if s not in local)
        raise UsageError(f"{other.uri} is no video file on this machine, which DeepLabCut needs")
    facts, broken = describe([str(s.path) for s in local]) if local else ([], [])
    wrong: list[SetAside] = [*set_aside, *broken]
    if wrong:
        raise SourceError(f"{wrong[0].uri}: {wrong[0].reason}")
    return [(Path(f["uri"]), (0, int(f["width"]), 0, int(f["height"]))) for f in facts]


def _check_names(there: list[Path], new: list[Path]) -> None:
    """DeepLabCut keeps the pictures of a video in a folder of its stem: two of one stem would share it."""
    taken = {path.stem.casefold(): path for path in there}
    for path in new:
        other = taken.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise UsageError(
                f"{path} and {other} are both named {path.stem!r}: DeepLabCut would put their pictures in one folder; "
                "rename one"
            )


def _bring(root: Path, videos: list[tuple[Path, Crop]], copy_videos: bool) -> dict[str, Crop]:
    """Link or copy videos into the project, and make their folders; keys and crops for the config."""
    found: dict[str, Crop] = {}
    for path, crop in videos:
        place = root / "videos" / path.name
        with disk_errors(place):
            (root / "labeled-data" / path.stem).mkdir(parents=True, exist_ok=True)
            place.parent.mkdir(exist_ok=True)
            if place.absolute() != path.absolute() and not place.exists():
                if not copy_videos:
                    copy_videos = not _link(path, place)
                if copy_videos:
                    _copy(path, place)
        found[str(place)] = crop
    return found


def _link(path: Path, place: Path) -> bool:
    try:
        place.unlink(missing_ok=True)  # a link that leads nowhere
        place.symlink_to(path.resolve())
    except OSError:  # a file system without links
        return False
    return True


def _copy(path: Path, place: Path) -> None:
    with path.open("rb") as source:
        write_atomically(place, lambda file: shutil.copyfileobj(source, file, 1 << 20))


def _template(facts: dict[str, Any], videos: str) -> str:
    """A config with all keys that DeepLabCut 2 and 3 read."""
    yaml = load_yaml()
    multi = bool(facts["individuals"])
    animals = {
        "multianimalproject": multi,
        "identity": False if multi else None,
    }
    parts: dict[str, Any] = {"bodyparts": facts["bodyparts"]}
    if multi:
        parts = {
            "individuals": facts["individuals"],
            "uniquebodyparts": [],
            "multianimalbodyparts": facts["bodyparts"],
            "bodyparts": "MULTI!",
        }

    def dump(values: dict[str, Any]) -> str:
        text: str = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1 << 20)
        return text.replace(": null\n", ":\n")

    track = {"default_track_method": "ellipse"} if multi else {}
    return "\n".join(
        [
            "# The project (do not edit)\n"
            + dump({k: facts[k] for k in ("Task", "scorer", "date")} | animals),
            "# Where it is (change when it is moved)\n" + dump({"project_path": facts["project_path"]}),
            "# Engine of new shuffles (pytorch or tensorflow)\n" + dump({"engine": "pytorch"}),
            f"# Videos, and the rectangle x1, x2, y1, y2 of each that is used\nvideo_sets:\n{videos}"
            + dump(parts),
            "# Share of the videos that frames are extracted from, and how many of each\n"
            + dump({"start": 0, "stop": 1, "numframes2pick": facts["numframes2pick"]}),
            "# Plots\n"
            + dump(
                {
                    "skeleton": facts["skeleton"],
                    "skeleton_color": "black",
                    "pcutoff": 0.6,
                    "dotsize": 12,
                    "alphavalue": 0.7,
                    "colormap": "rainbow",
                }
            ),
            "# Training, evaluation and analysis\n"
            + dump(
                {
                    "TrainingFraction": [0.95],
                    "iteration": 0,
                    "default_net_type": "resnet_50",
                    "default_augmenter": "albumentations" if multi else "default",
                    **track,
                    "snapshotindex": -1,
                    "detector_snapshotindex": -1,
                    "batch_size": 8,
                    "detector_batch_size": 1,
                }
            ),
            "# Rectangle of analysis and of outlier frames, where cropping is true\n"
            + dump({"cropping": False, "x1": 0, "x2": 640, "y1": 277, "y2": 624}),
            "# Refinement\n" + dump({"corner2move2": [50, 50], "move2corner": True}),
        ]
    )

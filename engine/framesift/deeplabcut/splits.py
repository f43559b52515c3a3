"""Which labelled pictures train a model and which test it, as lists that ``create_training_dataset`` takes."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framesift_kernels import I64

from ..errors import NothingUsableError, UsageError
from ..files import write_atomically, write_json
from ..predictions.labels import read_labels
from ..sources import SetAside
from .config import Project, read_project

_BY = ("frame", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Splits of the labelled pictures of a project, in the order in which DeepLabCut merges them."""

    files: tuple[str, ...]
    """``labeled-data/<video>/<picture>``; their places are the numbers below."""
    train: list[I64]
    """Of each shuffle, increasing numbers: ``trainIndices`` of ``deeplabcut.create_training_dataset``."""
    test: list[I64]
    """``testIndices``."""
    fraction: float
    """Of the pictures, for training: what was asked for."""
    by: str
    skipped: list[SetAside]
    """Videos without labels, or with those of somebody else."""
    written: list[Path]
    """``splits.json`` and ``splits.csv`` in the project's folder ``framesift``."""

    def to_json(self) -> dict[str, Any]:
        """What ``splits.json`` holds."""
        return {
            "fraction": self.fraction,
            "by": self.by,
            "files": list(self.files),
            "trainIndices": [each.tolist() for each in self.train],
            "testIndices": [each.tolist() for each in self.test],
            "skipped": [{"uri": item.uri, "reason": item.reason} for item in self.skipped],
        }


def split(
    config: str | os.PathLike[str],
    *,
    fraction: float | None = None,
    n_shuffles: int = 1,
    by: str = "frame",
    seed: int = 0,
) -> Splits:
    """Split the labelled pictures of a project for training and testing, and list both.

    Numbers count the rows as ``deeplabcut.create_training_dataset`` merges them: of the project's videos and scorer,
    sorted by path. So ``trainIndices`` and ``testIndices`` can be handed to it as they are.

    Parameters
    ----------
    config
        ``config.yaml``, or the project's folder.
    fraction
        Share that trains; the first ``TrainingFraction`` of the config by default. As in DeepLabCut two digits count,
        and the number of training pictures is rounded down.
    n_shuffles
        Splits, each of its own.
    by
        ``"frame"``: pictures at random, as DeepLabCut does. ``"video"``: all pictures of a video on one side, since
        what neighbours of a training picture tell about new videos is too good; as near to the fraction as whole
        videos allow without training on fewer.
    seed
        Of everything random.

    Raises
    ------
    UsageError
        An option makes no sense, or there are too few pictures or videos to have some on both sides.
    NothingUsableError
        Nothing is labelled.
    """
    project = read_project(config)
    share = _fraction(project, fraction)
    if by not in _BY:
        raise UsageError(f"by must be one of {', '.join(_BY)}, got {by!r}")
    if n_shuffles < 1:
        raise UsageError(f"n_shuffles must be at least 1, got {n_shuffles}")
    files, skipped = _labelled(project)
    n_train = int(len(files) * share + 1e-9)
    videos = np.unique([file.split("/")[-2] for file in files], return_inverse=True)[1]
    if not 0 < n_train < len(files) or (by == "video" and videos.max() == 0):
        what = f"{videos.max() + 1} labelled videos" if by == "video" else f"{len(files)} labelled pictures"
        raise UsageError(f"{what} cannot be split by {by} so that {share:g} train and some test")
    train, test = [], []
    for shuffle in range(n_shuffles):
        rng = np.random.Generator(np.random.Philox([seed, shuffle]))
        order = rng.permutation(len(files))
        is_test = np.zeros(len(files), bool)
        if by == "frame":
            is_test[order[n_train:]] = True
        else:
            is_test = np.isin(videos, _test_videos(videos, len(files) - n_train, rng))
        train.append(np.flatnonzero(~is_test))
        test.append(np.flatnonzero(is_test))
    folder = project.folder / "framesift"
    written = [folder / "splits.json", folder / "splits.csv"]
    found = Splits(
        files=tuple(files), train=train, test=test, fraction=share, by=by, skipped=skipped, written=written
    )
    write_json(written[0], found.to_json())
    write_atomically(written[1], lambda file: file.write(_table(found).encode()))
    return found


def _fraction(project: Project, given: float | None) -> float:
    listed = project.data.get("TrainingFraction")
    value = given if given is not None else (listed[0] if isinstance(listed, list) and listed else 0.95)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise UsageError(f"fraction must be between 0 and 1, got {value!r}")
    return round(float(value), 2)


def _labelled(project: Project) -> tuple[list[str], list[SetAside]]:
    files: list[tuple[str, ...]] = []
    skipped: list[SetAside] = []
    for name in dict.fromkeys(video.name for video in project.videos()):
        path = project.labels(name)
        if path is None:
            skipped.append(SetAside(f"labeled-data/{name}", "nobody has labelled it yet"))
            continue
        labels = read_labels(path)
        if labels.scorer != project.data["scorer"]:
            reason = f"labelled by {labels.scorer!r}, and the config's scorer is {project.data['scorer']!r}"
            skipped.append(SetAside(f"labeled-data/{name}", reason))
            continue
        files += [tuple(file.split("/")[-3:]) for file in labels.files]
    if not files:
        raise NothingUsableError(
            f"{project.config} has no labels yet: "
            + ("; ".join(f"{s.uri}: {s.reason}" for s in skipped[:3]) or "it has no videos")
        )
    return ["/".join(parts) for parts in sorted(files)], skipped


def _test_videos(videos: I64, n_test: int, rng: np.random.Generator) -> list[int]:
    """Videos that together have about *n_test* pictures and not more; at least one, the smallest, and never all."""
    sizes = np.bincount(videos)
    chosen: list[int] = []
    for video in rng.permutation(len(sizes)).tolist():
        if sum(sizes[chosen]) + sizes[video] <= n_test and len(chosen) < len(sizes) - 1:
            chosen.append(video)
    return chosen or [int(np.argmin(sizes))]


def _table(splits: Splits) -> str:
    """A row a picture: its number, its path, and on which side it is in each shuffle."""
    sides = np.full((len(splits.files), len(splits.train)), "train", dtype="<U5")
    for shuffle, rows in enumerate(splits.test):
        sides[rows, shuffle] = "test"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "file", *[f"shuffle{i + 1}" for i in range(sides.shape[1])]])
    writer.writerows([i, file, *sides[i].tolist()] for i, file in enumerate(splits.files))
    return text.getvalue()

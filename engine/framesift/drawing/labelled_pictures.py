"""Pictures with their labels drawn on, as DeepLabCut's ``check_labels``."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from framesift_kernels import F32, Kernels

from ..cores import count_threads
from ..errors import SourceError, UsageError
from ..files import write_atomically
from ..ingest.images import UNREADABLE, open_image
from ..machine import load_kernels
from ..predictions.labels import Labels, read_labels
from ..predictions.matching import as_places
from ..progress import Progress, ProgressCallback, silent
from ..sources import SetAside
from .colors import color, colormap
from .drawn import Drawn, each
from .overlay import Drawing
from .style import Style, make_style

PathLike = str | os.PathLike[str]


def check_labels(
    labels: PathLike | Iterable[PathLike],
    *,
    config: PathLike | None = None,
    skeleton: Sequence[Sequence[str]] | bool | None = None,
    skeleton_color: str | None = None,
    pcutoff: float | None = None,
    dot_size: float | None = None,
    alpha: float | None = None,
    colormap: str | None = None,
    color_by: str | None = None,
    scale: float = 1.0,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Drawn:
    """Draw labels on the pictures that they are of, to see that they are right.

    Labels of a person are crosses (+). Of a model's labels, likely ones are dots and others are crosses (x). Pictures
    come in ``<folder>_labeled`` beside the folder of the pictures, as ``<picture>_bodypart.png`` (or
    ``_individual``), as DeepLabCut 3 names them; those there are replaced.

    Parameters
    ----------
    labels
        DeepLabCut projects (the folder or its ``config.yaml``), of all whose videos the ``CollectedData`` is drawn; or
        files: ``CollectedData*.h5`` or ``.csv`` of DeepLabCut or Lightning Pose, or machine labels.
    config
        Of files: a DeepLabCut project, from which options are taken that are not given here.
    skeleton
        Pairs of keypoints to connect; True, and by default where there is one: that of the config.
    skeleton_color, pcutoff, alpha, colormap
        See `label_video`.
    dot_size
        Half the width of a cross, and the radius of a dot, in pixels; by default half of the config's dotsize, else a
        hundredth of the picture.
    color_by
        ``"keypoint"`` or ``"individual"``; by default individual where there are several.
    scale
        Of the pictures written.

    Returns
    -------
    Drawn
        Pictures made; videos that nobody has labelled; pictures that are not there.

    Raises
    ------
    UsageError
        An option makes no sense.
    SourceError, NothingUsableError
        Nothing can be drawn.
    """
    if not 0.01 <= scale <= 20:
        raise UsageError(f"scale must be from 0.01 to 20, got {scale}")
    given = {
        "skeleton_color": skeleton_color,
        "pcutoff": pcutoff,
        "dot_size": dot_size,
        "alpha": alpha,
        "colormap": colormap,
    }
    pool_size, kernels = count_threads(threads), load_kernels("cpu")

    def make(item: tuple[Path, Path | None], found: Drawn) -> None:
        path, project = item
        of = project or config
        wanted = skeleton if skeleton is not None else bool(of and _has_skeleton(of))
        style = make_style(of, skeleton=wanted, color_by=color_by or "keypoint", **given)  # type: ignore[arg-type]
        if dot_size is None and style.dot_size is not None:
            style = replace(style, dot_size=style.dot_size / 2)
        table = read_labels(path)
        several = len(table.individuals) > 1
        if color_by is None and several:
            style = replace(style, color_by="individual")
        marks = Marks(table, style)
        painter = _Painter(
            path, table, marks, kernels, scale, "individual" if style.color_by == "individual" else "bodypart"
        )
        with ThreadPoolExecutor(pool_size, "framesift-draw") as pool:
            for done, (place, problem) in enumerate(pool.map(painter.paint, range(len(table)))):
                if place is not None:
                    found.files.append(place)
                else:
                    found.set_aside.append(SetAside(table.files[done], problem))
                progress(Progress(stage="draw", done=done + 1, total=len(table), source=path.name))

    expanded, skipped = _expand(as_places(labels))
    if not expanded:
        raise SourceError(
            "; ".join(f"{item.uri}: {item.reason}" for item in skipped) or "there are no labels"
        )
    found = each(expanded, lambda item: str(item[0]), make)
    found.skipped += skipped
    return found


def _has_skeleton(config: PathLike) -> bool:
    from ..deeplabcut.config import read_project

    return bool(read_project(config).data.get("skeleton"))


def _expand(places: list[Path]) -> tuple[list[tuple[Path, Path | None]], list[SetAside]]:
    """Files of labels, each with the project that it is of; and folders of a project that have none."""
    found: list[tuple[Path, Path | None]] = []
    skipped: list[SetAside] = []
    for place in places:
        if not place.is_dir() and place.suffix.lower() not in (".yaml", ".yml"):
            found.append((place, None))
            continue
        from ..deeplabcut.config import read_project

        project = read_project(place)
        for video in project.videos():
            folder = project.folder / "labeled-data" / video.name
            path = project.labels(video.name)
            if path is None:
                skipped.append(SetAside(str(folder), "nobody has labelled it yet"))
            else:
                found.append((path, project.config))
    return found, skipped


class Marks:
    """What is drawn on the pictures of a table of labels."""

    def __init__(self, labels: Labels, style: Style) -> None:
        m, k = labels.present.shape
        unknown = sorted({name for pair in style.skeleton for name in pair} - set(labels.keypoints))
        if unknown:
            raise UsageError(
                f"keypoints of the skeleton must be some of {', '.join(labels.keypoints)}, got {unknown[0]!r}"
            )
        by_individual = style.color_by == "individual"
        levels = colormap(style.colormap, m if by_individual else k)
        self._colors = np.repeat(levels, k, axis=0) if by_individual else np.tile(levels, (m, 1))
        self._xy: F32 = labels.xy.reshape(len(labels), m * k, 2)
        likelihood = labels.likelihood.reshape(len(labels), m * k)
        self._is_human = np.isnan(likelihood)
        self._is_likely = likelihood > style.pcutoff
        at = {name: i for i, name in enumerate(labels.keypoints)}
        bones = [(i * k + at[a], i * k + at[b]) for i in range(m) for a, b in style.skeleton]
        self._bones = np.array(bones, np.int64).reshape(-1, 2)
        self._style = style

    def on(self, row: int, size: tuple[int, int], scale: float) -> Drawing:
        """Strokes and colours for the picture of a row, of *size* before it is scaled."""
        style = self._style
        reach = (max(2.0, min(size) / 100) if style.dot_size is None else style.dot_size) * scale
        # The centre of the first pixel is at 0, 0 also when there are more of them.
        here = ((self._xy[row] + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)).astype(np.float32)
        a, b = here[self._bones[:, 0]], here[self._bones[:, 1]]
        line = np.broadcast_to(color(style.skeleton_color), (len(a), 3))
        parts = [(a, b, line, max(0.5, reach / 10))]
        human, likely = self._is_human[row], self._is_likely[row]
        for mask, arms in ((human, ((1, 0), (0, 1))), (~human & ~likely, ((0.7, 0.7), (0.7, -0.7)))):
            for arm in arms:
                away = np.array(arm, np.float32) * np.float32(reach)
                parts.append((here[mask] - away, here[mask] + away, self._colors[mask], max(0.7, reach / 6)))
        parts.append((here[likely], here[likely], self._colors[likely], reach))
        strokes = np.concatenate([np.column_stack([p, q, np.full(len(p), r)]) for p, q, _, r in parts])
        colors = np.concatenate([np.column_stack([c, np.full(len(c), style.alpha)]) for _, _, c, _ in parts])
        keep = np.isfinite(strokes).all(axis=1)
        return strokes[keep].astype(np.float32), colors[keep].astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Painter:
    path: Path
    labels: Labels
    marks: Marks
    kernels: Kernels
    scale: float
    by: str

    def paint(self, row: int) -> tuple[Path | None, str]:
        """Write the picture of a row; its path, or None and why not."""
        file = PurePosixPath(self.labels.files[row])
        if file.is_absolute() or ".." in file.parts or not file.name:
            return None, "it is no path inside the project"
        source = self._find(file)
        if source is None:
            return None, "the picture is not there"
        try:
            with open_image(source.read_bytes()) as opened:
                picture = opened.convert("RGB")
        except UNREADABLE as e:
            return None, f"it cannot be read ({e})"
        size = picture.size
        if self.scale != 1:
            w, h = (max(1, round(side * self.scale)) for side in size)
            picture = picture.resize((w, h), Image.Resampling.BICUBIC)
        pixels = np.array(picture)
        self.kernels.draw(pixels, *self.marks.on(row, size, self.scale))
        place = source.parent.with_name(f"{source.parent.name}_labeled") / f"{source.stem}_{self.by}.png"
        out = Image.fromarray(pixels)
        write_atomically(place, lambda target: out.save(target, "PNG"))
        return place, ""

    def _find(self, file: PurePosixPath) -> Path | None:
        """The picture: by its path from a folder that the table is in, or beside the table."""
        for folder in list(self.path.absolute().parents)[:4]:
            if (folder / file).is_file():
                return folder / file
        beside = self.path.parent / file.name
        return beside if beside.is_file() else None

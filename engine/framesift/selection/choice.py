"""Index → selection: the frames worth labelling."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from ..errors import NotEnoughFramesError, UsageError
from ..features.pixels import Pixels
from ..index import Index, PathLike
from ..machine import load_kernels
from ..progress import Progress, ProgressCallback, silent
from ..sources import SetAside
from .candidates import Candidates, Chooser, Gap, gather, times_s
from .chunk import chunk
from .clusters import kmeans, motion_kmeans
from .coreset import coreset
from .coverage import check_order
from .covers import coverage
from .excluded import read_excluded
from .random import random
from .result import SelectedFrame, SelectedSource, Selection
from .strategy import Pick, Task
from .uniform import uniform

METHODS: dict[str, Callable[[Task], list[Pick]]] = {
    "coverage": coverage,
    "kmeans": kmeans,
    "coreset": coreset,
    "uniform": uniform,
    "random": random,
    "motion-kmeans": motion_kmeans,
    "chunk": chunk,
}


AUTO: Literal["auto"] = "auto"
_KEPT_APART = ("kmeans", "coverage")
"""Methods of which the automatic gap is part; what the others choose is fixed by their names."""
_EVEN_GAPS = 8
"""The automatic gap is an eighth of that between evenly spaced frames: several times one event is not chosen, and where
things happen often no choice suffers."""


@dataclass(frozen=True, slots=True)
class _Rules:
    n: int
    method: str
    seed: int
    gap: Gap | Literal["auto"] | None
    at_most: bool
    keep_duplicates: bool
    order: int
    device: str


def select(
    index: Index,
    n: int,
    *,
    method: str = "kmeans",
    per_source: bool = False,
    seed: int = 0,
    min_gap: str | int | None = None,
    exclude: PathLike | Iterable[PathLike] | None = None,
    at_most: bool = False,
    keep_duplicates: bool = False,
    order: int = 4,
    device: str = "cpu",
    progress: ProgressCallback = silent,
) -> Selection:
    """Choose exactly *n* distinct frames.

    Frames that could not be decoded, black frames and all but the first of exact duplicates are never chosen.
    The same index, options and seed give the same frames.

    Parameters
    ----------
    index
        From `index` or `open_index`.
    n
        Frames in all, or of each source with *per_source*.
    method
        ``"coverage"``: every frame is to look like a chosen one; the sum of the distances to the nearest, to the
        power of *order*, is made small. ``"kmeans"``: cluster the thumbnails, the frame nearest each centre. ``"coreset"``: greedy k-center,
        always the frame farthest from those chosen. ``"uniform"``: evenly spaced. ``"random"``.
        ``"motion-kmeans"``: Lightning Pose's, k-means over the frames that move. ``"chunk"``: the first *n*
        in a row (without exact duplicates, but with *keep_duplicates*), as SLEAP's frame chunk.
    per_source
        Choose *n* frames of every source on its own. A source that has not so many is set aside.
    seed
        Of everything random.
    min_gap
        Least distance of two chosen frames of one source: an int (frames, 0 for none) or ``"0.5s"``. By default, and
        with ``"auto"``, ``"kmeans"`` and ``"coverage"`` keep an eighth of what lies between evenly spaced frames, so that
        one event is not chosen again and again; none where *n* frames could not be had with it.
    exclude
        Frames extracted before: folders of pictures, ``selection.json`` files or SLEAP projects (``.slp``). They are
        not chosen again, and ``"coverage"``, ``"coreset"`` and *min_gap* take them as chosen.
    at_most
        Take all there are if there are fewer than *n*.
    keep_duplicates
        Exact duplicates may be chosen.
    order
        Of ``"coverage"``, from 1 to 16: the power of the distances. The higher it is, the more the least usual frames
        count, and the less the many usual ones.
    device
        ``"cpu"``, or ``"cuda"`` (the same result; never run on a GPU so far, see `kcenter_greedy`).
    progress
        Called once for each source or once in all.

    Raises
    ------
    NotEnoughFramesError
        Fewer than *n* frames can be had; says how many, and why.
    UsageError
        An option makes no sense.
    """
    began = time.perf_counter()
    check_choice(n, method, min_gap, seed, order)
    gap = _gap_of(min_gap, method)
    rules = _Rules(n, method, seed, gap, at_most, keep_duplicates, order, device)
    _check_gap(rules.gap, index)
    excluded = read_excluded(exclude, index)
    everything = list(range(len(index.records)))
    groups = [[source] for source in everything] if per_source else [everything]
    selection = _empty(index, rules, per_source, excluded)
    short: list[NotEnoughFramesError] = []
    for done, group in enumerate(groups):
        progress(Progress(stage="select", done=done, total=len(groups), source=index.records[group[0]].name))
        try:
            selection.frames += _choose(index, group, rules, excluded, selection.dropped)
        except NotEnoughFramesError as e:
            short.append(e)
            selection.set_aside.append(SetAside(index.records[group[0]].uri, str(e)))
    if short and len(short) == len(groups):
        raise short[0]
    progress(Progress(stage="select", done=len(groups), total=len(groups)))
    selection.stats["select_s"] = time.perf_counter() - began
    return selection


def check_choice(n: int, method: str, min_gap: str | int | None, seed: int, order: int = 4) -> None:
    """Refuse options of `select` that make no sense whatever the index.

    Raises
    ------
    UsageError
        Says which.
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, got {n}")
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    check_order(order)
    if min_gap != AUTO:
        parse_gap(min_gap)


def parse_gap(text: str | int | None) -> Gap | None:
    """Read a least distance: an int or digits (frames), or ``0.5s`` (seconds).

    Raises
    ------
    UsageError
        It is neither, or negative.
    """
    if text is None:
        return None
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", str(text)):
        return Gap(float(match[1]), "seconds")
    if str(text).isdecimal():
        return Gap(int(text), "frames")
    raise UsageError(f"min_gap must be frames (15) or seconds (0.5s), got {text!r}")


def _auto_gap(index: Index, sources: list[int], n: int) -> Gap:
    n_frames = sum(index.records[source].stop - index.records[source].start for source in sources)
    return Gap(n_frames // (_EVEN_GAPS * n), "frames")


def _gap_of(text: str | int | None, method: str) -> Gap | Literal["auto"] | None:
    if text == AUTO or (text is None and method in _KEPT_APART):
        return AUTO
    return parse_gap(text)


def _check_gap(gap: Gap | Literal["auto"] | None, index: Index) -> None:
    if isinstance(gap, Gap) and gap.unit == "seconds":
        for record in index.records:
            if record.kind != "video":
                raise UsageError(f"min_gap must be in frames for images, which have no times: {record.uri}")


def _empty(index: Index, rules: _Rules, per_source: bool, excluded: dict[int, set[int]]) -> Selection:
    options: dict[str, Any] = {
        "n": rules.n,
        "per_source": per_source,
        "min_gap": f"{rules.gap.value:g} {rules.gap.unit}" if isinstance(rules.gap, Gap) else rules.gap,
        "n_excluded": sum(map(len, excluded.values())),
        "at_most": rules.at_most,
        "keep_duplicates": rules.keep_duplicates,
        **({"order": rules.order} if rules.method == "coverage" else {}),
        "device": rules.device,
        "index": index.records[0].options,
    }
    return new_selection(index, rules.method, rules.seed, options)


def new_selection(index: Index, method: str, seed: int, options: dict[str, Any]) -> Selection:
    """A selection without frames yet."""
    names = [f.name for f in fields(SelectedSource)]
    return Selection(
        method=method,
        seed=seed,
        options=options,
        sources=[
            SelectedSource(**{name: getattr(record, name) for name in names}) for record in index.records
        ],
        frames=[],
        set_aside=list(index.set_aside),
        stats=dict(index.stats),
        index=index,
    )


def _choose(
    index: Index, sources: list[int], rules: _Rules, excluded: dict[int, set[int]], dropped: dict[str, int]
) -> list[SelectedFrame]:
    candidates = gather(index, sources, excluded, keep_duplicates=rules.keep_duplicates)
    for reason, count in candidates.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + count
    preselected = _rows_of(candidates, excluded)
    n = rules.n
    gap = rules.gap if rules.gap != AUTO else _auto_gap(index, sources, n)
    chooser = _chooser(index, candidates, excluded, gap)
    if rules.gap == AUTO and chooser.capacity < n:
        chooser = _chooser(index, candidates, excluded, None)
    if chooser.capacity < n:
        if not rules.at_most or chooser.capacity == 0:
            raise NotEnoughFramesError(_too_few(candidates, chooser.capacity, rules))
        n = chooser.capacity
    kernels = load_kernels(rules.device)
    task = Task(
        n=n,
        candidates=candidates,
        chooser=chooser,
        vectors=Pixels(index, sources, kernels),
        preselected=preselected,
        rng=np.random.Generator(np.random.Philox(rules.seed)),
        kernels=kernels,
        order=rules.order,
    )
    picks = METHODS[rules.method](task)
    assert len({pick.row for pick in picks}) == n, "a strategy must choose n distinct rows"
    return frames_of(candidates, picks)


def _chooser(index: Index, candidates: Candidates, excluded: dict[int, set[int]], gap: Gap | None) -> Chooser:
    chooser = Chooser(candidates, gap)
    for at, source in enumerate(candidates.sources):
        frames = np.array(sorted(excluded.get(source, ())), np.int64)
        chooser.block_around(at, frames, times_s(index, source, frames))
    return chooser


def _rows_of(candidates: Candidates, excluded: dict[int, set[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    hits = [
        np.flatnonzero((candidates.source == source) & np.isin(candidates.frame, sorted(excluded[source])))
        for source in candidates.sources
        if source in excluded
    ]
    return np.concatenate(hits) if hits else np.empty(0, np.int64)


def _too_few(candidates: Candidates, capacity: int, rules: _Rules) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in candidates.dropped.items() if count)
    gap = f", at least {rules.gap.value:g} {rules.gap.unit} apart" if isinstance(rules.gap, Gap) else ""
    return (
        f"{rules.n} frames were asked for, {capacity} distinct ones can be had{gap} "
        f"(of {len(candidates)} in the index{': ' + why if why else ''}); ask for fewer, or use at_most (--at-most)"
    )


def frames_of(candidates: Candidates, picks: list[Pick]) -> list[SelectedFrame]:
    """The frames that were picked, ranked in that order, sorted by source and index."""
    index = candidates.index
    readers = {source: index.reader(source) for source in candidates.sources}
    pts = {source: reader.read("pts") for source, reader in readers.items()}
    hashes = {source: reader.read("content_hash") for source, reader in readers.items()}
    frames = {source: reader.frames() for source, reader in readers.items()}
    found = []
    for rank, pick in enumerate(picks):
        source, frame = int(candidates.source[pick.row]), int(candidates.frame[pick.row])
        record = index.records[source]
        found.append(
            SelectedFrame(
                source=source,
                index=frame,
                pts=int(pts[source][frame]),
                time_s=round(float(candidates.time_s[pick.row]), 6) if record.kind == "video" else None,
                rank=rank,
                score=None if pick.score is None else round(pick.score, 6),
                cluster=pick.cluster,
                content_hash=f"{int(hashes[source][np.searchsorted(frames[source], frame)]):016x}",
            )
        )
    return sorted(found, key=lambda f: (f.source, f.index))

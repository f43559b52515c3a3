"""Synchronous cameras: moments that are chosen over all views together, the same in every view."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, Rows

from ..errors import UsageError
from ..features.vectors import Vectors
from ..index import Index, PathLike
from ..machine import load_kernels
from ..progress import ProgressCallback, silent
from .candidates import Candidates, gather, times_s
from .checks import check_choice, check_limits, check_shares
from .choice import frames_of, new_selection, solve, vectors_of
from .chooser import Chooser
from .excluded import read_excluded
from .gaps import parse_gap
from .result import SelectedFrame, Selection
from .rules import Rules, how_many
from .strategy import Pick, Task

ALIGNMENTS = ("check", "index", "times")
_METHODS = ("coverage", "kmeans", "coreset", "uniform", "random")
_BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Views of one recording."""

    name: str
    sources: tuple[int, ...]
    """Positions in ``index.records``, one for each view, in the order of the views."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Thumbnails of all views of a moment, side by side in one row."""

    views: Sequence[Vectors]
    rows: list[I64]
    """(n,) of each view, the row of each moment; they do not decrease."""

    @property
    def shape(self) -> tuple[int, int]:
        """Moments and dimensions."""
        return len(self.rows[0]), sum(view.shape[1] for view in self.views)

    @property
    def in_memory(self) -> Rows | None:
        """None: they are put together when they are asked for."""
        return None

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First moment and rows of each block, in order."""
        for start in range(0, self.shape[0], _BLOCK_ROWS):
            yield start, self.take(np.arange(start, min(start + _BLOCK_ROWS, self.shape[0])))

    def take(self, rows: I64) -> Rows:
        """Some moments; *rows* increase."""
        parts = [view.take(at[rows]) for view, at in zip(self.views, self.rows, strict=True)]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


def find_sessions(index: Index, views: Sequence[str]) -> list[Session]:
    """Sessions of an index: videos named ``<session>_<view>``.

    Raises
    ------
    UsageError
        A video is of no view, or a session lacks one.
    """
    if len(views) < 2 or len(set(views)) < len(views):
        raise UsageError(f"views must be two or more different names, got {', '.join(views) or 'none'}")
    found: dict[str, dict[str, int]] = {}
    for at, record in enumerate(index.records):
        view = next((v for v in sorted(views, key=len, reverse=True) if record.name.endswith(f"_{v}")), None)
        if view is None:
            raise UsageError(
                f"{record.uri} is of no view: expected a name that ends in {', '.join('_' + v for v in views)}"
            )
        session = found.setdefault(record.name.removesuffix(f"_{view}"), {})
        if view in session:
            raise UsageError(
                f"{record.uri} and {index.records[session[view]].uri} are one view of one session"
            )
        session[view] = at
    for name, session in found.items():
        missing = [view for view in views if view not in session]
        if missing:
            raise UsageError(f"session {name} has no view {missing[0]}: there is no {name}_{missing[0]}")
    return [Session(name=name, sources=tuple(s[view] for view in views)) for name, s in found.items()]


def select_views(
    index: Index,
    n: int,
    views: Sequence[str],
    *,
    method: str = "kmeans",
    align: str = "check",
    seed: int = 0,
    min_gap: str | int | None = None,
    exclude: PathLike | Iterable[PathLike] | None = None,
    at_most: bool = False,
    order: int = 4,
    min_per_session: int = 0,
    max_per_session: int | None = None,
    foreground: bool = False,
    prefer_sharp: float = 0.0,
    device: str = "cpu",
    progress: ProgressCallback = silent,
) -> Selection:
    """Choose exactly *n* moments of sessions of synchronous cameras by what all views show together.

    Every moment gives a frame of each view. One that cannot be used in a view (damaged, black, excluded) is not
    chosen. What is a duplicate in one view only may be.

    Parameters
    ----------
    index
        Of the videos of all views, named ``<session>_<view>``; without ``step``.
    n
        Moments in all.
    views
        Names of the views.
    method
        ``"coverage"``, ``"kmeans"``, ``"coreset"``, ``"uniform"`` or ``"random"``, see `select`.
    align
        ``"check"``: views must have as many frames, at the same times (to half a frame). ``"index"``: only as many
        frames. ``"times"``: of each frame of the first view, the frame of the others nearest in time; moments at
        which a view has none within half a frame are left out.
    min_per_session, max_per_session
        How many moments of every session at least and at most.
    prefer_sharp
        As in `select`; a moment is as sharp as its views together, each against its usual sharpness.
    seed, min_gap, exclude, at_most, order, foreground, device, progress
        See `select`. A moment was chosen before where any of its views was.

    Returns
    -------
    Selection
        Frames of all views, of one rank for each moment.

    Raises
    ------
    UsageError
        Videos and views do not go together, or an option makes no sense.
    NotEnoughFramesError
        There are fewer than *n* such moments.
    """
    began = time.perf_counter()
    check_choice(n, method, min_gap, seed, order)
    limits = check_limits(n, min_per_session, max_per_session, per_source=False)
    check_shares(prefer_sharp, 0.0)
    gap = parse_gap(min_gap)
    rules = Rules(n, method, seed, gap, at_most, True, order, device, limits, foreground, prefer_sharp)
    if method not in _METHODS:
        raise UsageError(f"method must be one of {', '.join(_METHODS)} for several views, got {method!r}")
    if align not in ALIGNMENTS:
        raise UsageError(f"align must be one of {', '.join(ALIGNMENTS)}, got {align!r}")
    sessions = find_sessions(index, views)
    excluded = read_excluded(exclude, index)
    moments = _gather(index, sessions, excluded, align)
    picks = _choose(index, moments, rules, excluded)
    options: dict[str, Any] = {
        "n": rules.n,
        "views": list(views),
        "align": align,
        "min_gap": None if min_gap is None else str(min_gap),
        "n_excluded": sum(map(len, excluded.values())),
        "at_most": at_most,
        "min_per_session": limits.least,
        "max_per_session": limits.most,
        "foreground": foreground,
        "prefer_sharp": rules.prefer_sharp,
    }
    selection = new_selection(index, method, rules.seed, options)
    for view in range(len(views)):
        selection.frames += moments.frames(view, picks)
    selection.frames.sort(key=lambda frame: (frame.source, frame.index))
    selection.stats["select_s"] = time.perf_counter() - began
    return selection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moments:
    """Moments, which are frames of the first view, and what the others show then."""

    each: list[Candidates]
    """Of each view, its frames; of the first, those may be chosen that can be in all views."""
    rows: list[I64]
    """(n,) of each view, the row of each moment; -1 where it has none."""
    labelled: I64
    """Moments of which any view was chosen before."""

    @property
    def there(self) -> list[I64]:
        """`rows`, 0 where there is none: those moments are not chosen."""
        return [np.maximum(at, 0) for at in self.rows]

    def frames(self, view: int, picks: list[Pick]) -> list[SelectedFrame]:
        """The frames of a view at the moments picked."""
        at = self.rows[view]
        own = [
            pick._replace(
                row=int(at[pick.row]),
                instead_of=None if pick.instead_of is None else int(at[pick.instead_of]),
            )
            for pick in picks
        ]
        return frames_of(self.each[view], own)


def _gather(index: Index, sessions: list[Session], excluded: dict[int, set[int]], align: str) -> _Moments:
    n_views = len(sessions[0].sources)
    columns = [[session.sources[v] for session in sessions] for v in range(n_views)]
    each = [gather(index, sources, excluded, keep_duplicates=True) for sources in columns]
    rows = _aligned(index, sessions, each, align)
    labelled, complete = np.zeros(len(each[0]), bool), np.ones(len(each[0]), bool)
    for candidates, at in zip(each, rows, strict=True):
        before = np.zeros(len(candidates), bool)
        for source in candidates.sources:
            chosen = np.isin(candidates.frame, sorted(excluded.get(source, ())))
            before |= chosen & (candidates.source == source)
        each[0].usable &= (at >= 0) & candidates.usable[at]
        labelled |= before[at] & (at >= 0)
        complete &= at >= 0
    return _Moments(each=each, rows=rows, labelled=np.flatnonzero(labelled & complete))


def _choose(index: Index, moments: _Moments, rules: Rules, excluded: dict[int, set[int]]) -> list[Pick]:
    first, kernels = moments.each[0], load_kernels(rules.device)
    assert rules.gap != "auto"
    chooser = Chooser(first, rules.gap, rules.limits)
    for place, source in enumerate(first.sources):
        known = moments.labelled[first.source[moments.labelled] == source]
        before = np.array(sorted(excluded.get(source, set()) | set(first.frame[known].tolist())), np.int64)
        chooser.block_around(place, before, times_s(index, source, before))
    columns = [candidates.sources for candidates in moments.each]
    task = Task(
        n=how_many(first, chooser, rules, 0),
        candidates=first,
        chooser=chooser,
        vectors=Joined(
            [vectors_of(index, s, kernels, foreground=rules.foreground) for s in columns], moments.there
        ),
        preselected=moments.labelled,
        rng=np.random.Generator(np.random.Philox(rules.seed)),
        kernels=kernels,
        order=rules.order,
    )
    return solve(task, rules.method, _sharpness(index, columns, moments.there), rules.prefer_sharp)


def _sharpness(index: Index, columns: list[list[int]], there: list[I64]) -> npt.NDArray[np.float64]:
    """(n,) how sharp each moment is: of its views together, each in units of its mean."""
    total = np.zeros(len(there[0]))
    for sources, at in zip(columns, there, strict=True):
        sharp = np.concatenate([index.reader(source).statistic("sharpness") for source in sources])
        total += sharp[at] / max(1e-9, float(sharp.mean(dtype=np.float64)))
    return total


def _aligned(index: Index, sessions: list[Session], each: list[Candidates], align: str) -> list[I64]:
    """Of each view, the row of each row of the first; -1 where it has none."""
    found: list[I64] = [np.arange(len(each[0]))]
    for view in range(1, len(each)):
        parts = []
        for session in sessions:
            first, other = session.sources[0], session.sources[view]
            mine = np.flatnonzero(each[0].source == first)
            theirs = np.flatnonzero(each[view].source == other)
            half = 0.5 / (index.records[first].frame_rate or 1.0)
            if align == "times":
                near = _nearest(each[0].time_s[mine], each[view].time_s[theirs], half)
                parts.append(np.where(near < 0, -1, theirs[np.maximum(near, 0)]))
                continue
            _check(index, session, view, each, mine, theirs, half if align == "check" else np.inf)
            parts.append(theirs)
        found.append(np.concatenate(parts))
    return found


def _check(
    index: Index, session: Session, view: int, each: list[Candidates], mine: I64, theirs: I64, half: float
) -> None:
    """Refuse views of unequal length, or whose times run apart."""
    one, other = index.records[session.sources[0]], index.records[session.sources[view]]
    if one.n_frames != other.n_frames:
        raise UsageError(
            f"{os.path.basename(one.uri)} has {one.n_frames} frames and {os.path.basename(other.uri)} has "
            f"{other.n_frames}: they are not synchronous by index; use align='times' (--align times)"
        )
    if not np.array_equal(each[0].frame[mine], each[view].frame[theirs]):
        raise UsageError(
            f"{one.uri} and {other.uri} were indexed by other frames; index them with the same options"
        )
    apart = np.abs(each[0].time_s[mine] - each[view].time_s[theirs])
    if len(apart) and apart.max() > half:
        at = int(np.argmax(apart > half))  # the first
        raise UsageError(
            f"frame {each[0].frame[mine[at]]} is at {each[0].time_s[mine[at]]:.3f} s in {os.path.basename(one.uri)} and at "
            f"{each[view].time_s[theirs[at]]:.3f} s in {os.path.basename(other.uri)}; use align='times', or 'index' where "
            "the cameras were triggered together"
        )


def _nearest(times: npt.NDArray[np.float64], others: npt.NDArray[np.float64], within: float) -> I64:
    """Position among *others* (increasing) of the one nearest to each of *times*; -1 where none is near enough."""
    if not len(others):
        return np.full(len(times), -1, np.int64)
    after = np.clip(np.searchsorted(others, times), 1, max(1, len(others) - 1))
    before = after - 1
    after = np.minimum(after, len(others) - 1)
    nearer = np.where(np.abs(others[after] - times) < np.abs(others[before] - times), after, before)
    return np.where(np.abs(others[nearer] - times) <= within + 1e-9, nearer, -1).astype(np.int64)

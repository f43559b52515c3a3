"""Index → selection: the frames worth labelling."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from framesift_kernels import Kernels

from ..errors import NotEnoughFramesError
from ..features.framewise import frame_vectors
from ..features.given import THUMBNAILS
from ..features.pixels import Pixels
from ..features.vectors import ArrayVectors, Subset, Table, Vectors
from ..index import Index, PathLike
from ..machine import load_kernels
from ..progress import Progress, ProgressCallback, silent
from ..sources import SetAside
from .candidates import Candidates, gather, times_s
from .checks import METHODS, check_choice, check_foreground, check_limits, check_shares
from .chooser import Chooser
from .chunk import chunk
from .clusters import kmeans, motion_kmeans
from .coreset import coreset
from .coverage import coverage as cover
from .covers import coverage
from .excluded import read_excluded
from .gaps import AUTO, Gap, auto_gap, check_gap, gap_of
from .kcenter import kcenter_greedy
from .kmeans import cluster
from .random import random
from .result import SelectedFrame, SelectedSource, Selection
from .rules import Rules, how_many
from .sharpening import sharpen, to_nearest
from .strategy import Pick, Task
from .uniform import uniform

if TYPE_CHECKING:
    from ..outliers.judging import Predictions

_STRATEGIES: dict[str, Callable[[Task], list[Pick]]] = dict(
    zip(METHODS, (coverage, kmeans, coreset, uniform, random, motion_kmeans, chunk), strict=True)
)


@dataclass(frozen=True, slots=True)
class _Features:
    """Vectors of all rows of the index."""

    vectors: Vectors
    said: Any
    kernels: Kernels

    def of(self, index: Index, sources: list[int], *, foreground: bool) -> Vectors:
        """Those of some sources, which follow one another."""
        if self.said == THUMBNAILS:
            return vectors_of(index, sources, self.kernels, foreground=foreground)
        first, last = int(index.offsets[sources[0]]), int(index.offsets[sources[-1] + 1])
        if last - first == index.n_rows:
            return self.vectors
        return Subset(self.vectors, np.arange(first, last))


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
    min_per_source: int = 0,
    max_per_source: int | None = None,
    foreground: bool = False,
    prefer_sharp: float = 0.0,
    predictions: "Predictions | None" = None,
    hard: float = 0.5,
    vectors: Any = THUMBNAILS,
    normalize: bool = True,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Selection:
    """Choose exactly *n* distinct frames.

    Frames that could not be decoded, black frames, all but the first of exact duplicates and, where several sources
    show the same (encoded anew, scaled or cut), those of all but one are never chosen. Each frame says why it was.
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
        not chosen again, and *min_gap* and all methods but ``"uniform"`` and ``"random"`` take them as chosen.
    at_most
        Take all there are if there are fewer than *n*.
    keep_duplicates
        Exact duplicates, and what several sources show, may be chosen.
    order
        Of ``"coverage"``, from 1 to 16: the power of the distances. The higher it is, the more the least usual frames
        count, and the less the many usual ones.
    min_per_source, max_per_source
        Of *n* frames in all, how many of every source at least and at most. Within that the method says how many.
    foreground
        Compare frames by what stands out from the background of their source, which stays where it is, instead of by
        the whole picture: for small animals on a still field. See `features.foreground`.
    prefer_sharp
        From 0 to below 0.5: among frames no farther from a chosen one than this share of its distance to the nearest
        other, the sharpest takes its place.
    predictions
        Of a model: files and folders, or `Poses` by name of the video, as for `outliers`. A share of the frames is then
        chosen among those on which they look wrong, the rest given those, by *method* from all frames.
    hard
        That share, from 0 to 1.
    vectors
        What frames are compared by. ``"thumbnails"``: their pixels. ``"pca"``: 128 principal components of them. A
        model: the path of an ``.onnx`` file or `OnnxModel`, see `embed`. Vectors brought along: an `Embedding`, an array
        or the path of a file (``.npy``, ``.npz``, ``.parquet``, LightlyOne's ``.csv``, a folder of zarr's), a row for each
        frame; names in it (``filenames``) are those of LightlyOne, ``<video>-<index>-<extension>.png``.
    normalize
        Bring vectors other than the pixels to unit length, so that distances lie between 0 and 2.
    device
        ``"cpu"``, or ``"cuda"`` (the same result; never run on a GPU so far, see `kcenter_greedy`).
    threads
        Of a model, and of decoding for it; all cores by default.
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
    check_foreground(foreground, vectors)
    limits = check_limits(n, min_per_source, max_per_source, per_source=per_source)
    check_shares(prefer_sharp, hard)
    gap = gap_of(min_gap, method)
    rules = Rules(
        n, method, seed, gap, at_most, keep_duplicates, order, device, limits, foreground, prefer_sharp
    )
    check_gap(rules.gap, index)
    excluded = read_excluded(exclude, index)
    kernels = load_kernels(device)
    features = _Features(
        *frame_vectors(
            index,
            vectors,
            kernels,
            normalize=normalize,
            seed=seed,
            device=device,
            threads=threads,
            progress=progress,
        ),
        kernels,
    )
    everything = list(range(len(index.records)))
    groups = [[source] for source in everything] if per_source else [everything]
    selection = _empty(index, rules, per_source, excluded)
    if exclude and not excluded:
        selection.notes.append("exclude names no frame of these sources: nothing is excluded")
    if predictions is not None:
        _add_hard(
            selection, predictions, hard, rules, min_gap=min_gap, exclude=exclude, per_source=per_source
        )
    if features.said != THUMBNAILS:
        selection.options |= {"vectors": features.said, "normalize": normalize}
    short: list[NotEnoughFramesError] = []
    for done, group in enumerate(groups):
        progress(Progress(stage="select", done=done, total=len(groups), source=index.records[group[0]].name))
        try:
            _choose(selection, index, group, rules, excluded, features)
        except NotEnoughFramesError as e:
            short.append(e)
            selection.set_aside.append(SetAside(index.records[group[0]].uri, str(e)))
    if short and len(short) == len(groups):
        raise short[0]
    selection.frames.sort(key=lambda f: (f.source, f.index))
    progress(Progress(stage="select", done=len(groups), total=len(groups)))
    selection.stats["select_s"] = time.perf_counter() - began
    return selection


def rehearse(method: str) -> None:
    """Choose among a few rows as *method* does, so that the code that it takes is in memory, or is compiled."""
    rows = np.random.Generator(np.random.Philox(0)).integers(0, 256, (64, 16), np.uint8)
    if method == "kmeans":
        cluster(ArrayVectors(rows), 4, np.random.Generator(np.random.Philox(0)), load_kernels("cpu"))
    elif method == "coverage":
        cover(rows, 4)
    elif method == "coreset":
        kcenter_greedy(rows, 4)


def _empty(index: Index, rules: Rules, per_source: bool, excluded: dict[int, set[int]]) -> Selection:
    options: dict[str, Any] = {
        "n": rules.n,
        "per_source": per_source,
        "min_gap": f"{rules.gap.value:g} {rules.gap.unit}" if isinstance(rules.gap, Gap) else rules.gap,
        "n_excluded": sum(map(len, excluded.values())),
        "at_most": rules.at_most,
        "keep_duplicates": rules.keep_duplicates,
        **({"order": rules.order} if rules.method == "coverage" else {}),
        "min_per_source": rules.limits.least,
        "max_per_source": rules.limits.most,
        "foreground": rules.foreground,
        "prefer_sharp": rules.prefer_sharp,
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


def _add_hard(
    selection: Selection, predictions: "Predictions", share: float, rules: Rules, **options: Any
) -> None:
    """Choose a share of the frames among those on which predictions look wrong."""
    from ..outliers.choosing import outliers  # late: it builds on this module

    assert selection.index is not None
    selection.options["hard"] = share
    n = int(rules.n * share + 0.5)
    if n == 0:
        return
    found = outliers(
        selection.index,
        predictions,
        n,
        max_per_source=rules.limits.most,
        keep_duplicates=rules.keep_duplicates,
        **{name: value for name, value in options.items() if value is not None},
    ).selection
    for frame in found.frames:
        frame.hard = True
    selection.frames += found.frames
    selection.notes += [
        f"{s.uri}: no hard frames: {s.reason}" for s in found.set_aside[len(selection.set_aside) :]
    ]


def _choose(
    selection: Selection,
    index: Index,
    sources: list[int],
    rules: Rules,
    excluded: dict[int, set[int]],
    features: _Features,
) -> None:
    """Add what is still missing of *n* frames of *sources*."""
    there = [frame for frame in selection.frames if frame.source in sources]
    before = {s: excluded.get(s, set()) | {f.index for f in there if f.source == s} for s in sources}
    candidates = gather(index, sources, before, keep_duplicates=rules.keep_duplicates)
    if len(sources) > 1 and not rules.keep_duplicates:
        from .copies import drop_copies  # late, as most selections are of one source

        selection.notes += drop_copies(candidates)
    if there:  # which are chosen, not excluded
        candidates.dropped["excluded"] -= len(there)
    for reason, count in candidates.dropped.items():
        selection.dropped[reason] = selection.dropped.get(reason, 0) + count
    chooser = _chooser(candidates, rules, before, there)
    n = how_many(candidates, chooser, rules, len(there))
    if n:
        task = Task(
            n=n,
            candidates=candidates,
            chooser=chooser,
            vectors=features.of(index, sources, foreground=rules.foreground),
            preselected=_rows_of(candidates, before),
            rng=np.random.Generator(np.random.Philox(rules.seed)),
            kernels=features.kernels,
            order=rules.order,
            are_pixels=features.said == THUMBNAILS,
        )
        sharpness = [index.reader(source).statistic("sharpness") for source in sources]
        picks = solve(task, rules.method, np.concatenate(sharpness), rules.prefer_sharp)
        easy = frames_of(candidates, picks, first_rank=len(there))
        if "hard" in selection.options:
            for frame in easy:
                frame.hard = False
        selection.frames += easy


def vectors_of(index: Index, sources: list[int], kernels: Kernels, *, foreground: bool) -> Vectors:
    """What frames are compared by."""
    pixels = Pixels(index, sources, kernels)
    if not foreground:
        return pixels
    from ..features.foreground import Foreground  # late, as most selections need none

    return Foreground(pixels)


def solve(task: Task, method: str, sharpness: Any, prefer_sharp: float) -> list[Pick]:
    """The picks of a method, the sharper of equals in their places, and how far apart they are."""
    usable = task.chooser.open.copy()
    picks = _STRATEGIES[method](task)
    if prefer_sharp:
        picks = sharpen(task, picks, usable, sharpness, prefer_sharp)
    assert len({pick.row for pick in picks}) == task.n, "a strategy must choose n distinct rows"
    rows = np.array([pick.row for pick in picks])
    looks = Table(task.vectors).take(rows).astype(np.float32)
    apart = to_nearest(looks, task.earlier) / (np.sqrt(looks.shape[1]) if task.are_pixels else 1)
    return [
        pick._replace(distance=float(distance) if np.isfinite(distance) else None)
        for pick, distance in zip(picks, apart, strict=True)
    ]


def _chooser(
    candidates: Candidates, rules: Rules, before: dict[int, set[int]], there: list[SelectedFrame]
) -> Chooser:
    """What chooses so far apart as is asked for; where the gap is automatic and that cannot be, however near."""
    index, sources = candidates.index, candidates.sources
    spent = np.array([sum(frame.source == source for frame in there) for source in sources])

    def keeping(gap: Gap | None) -> Chooser:
        chooser = Chooser(candidates, gap, rules.limits)
        for at, source in enumerate(sources):
            frames = np.array(sorted(before.get(source, ())), np.int64)
            chooser.block_around(at, frames, times_s(index, source, frames))
        chooser.spend(spent)
        return chooser

    if rules.gap != AUTO:
        return keeping(rules.gap)
    chooser = keeping(auto_gap(index, sources, rules.n))
    is_enough = chooser.capacity >= rules.n - len(there) and (chooser.reach >= chooser.least).all()
    return chooser if is_enough else keeping(None)


def _rows_of(candidates: Candidates, excluded: dict[int, set[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    hits = [
        np.flatnonzero((candidates.source == source) & np.isin(candidates.frame, sorted(excluded[source])))
        for source in candidates.sources
        if source in excluded
    ]
    return np.concatenate(hits) if hits else np.empty(0, np.int64)


def frames_of(candidates: Candidates, picks: list[Pick], first_rank: int = 0) -> list[SelectedFrame]:
    """The frames that were picked, ranked in that order, sorted by source and index."""
    index = candidates.index
    readers = {source: index.reader(source) for source in candidates.sources}
    pts = {source: reader.read("pts") for source, reader in readers.items()}
    hashes = {source: reader.read("content_hash") for source, reader in readers.items()}
    frames = {source: reader.frames() for source, reader in readers.items()}
    found = []
    for rank, pick in enumerate(picks, first_rank):
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
                why=_why(candidates, pick),
                distance=None if pick.distance is None else round(pick.distance, 6),
                instead_of=None if pick.instead_of is None else int(candidates.frame[pick.instead_of]),
            )
        )
    return sorted(found, key=lambda f: (f.source, f.index))


def _why(candidates: Candidates, pick: Pick) -> str | None:
    if pick.why is None:
        return None
    distance = "" if pick.distance is None else f"; {pick.distance:.3g} from the nearest chosen"
    sharper = "" if pick.instead_of is None else f"; sharper than frame {candidates.frame[pick.instead_of]}"
    return f"{pick.why}{sharper}{distance}"

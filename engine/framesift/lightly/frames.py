"""Index → selection, by LightlyOne's selection configuration."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotEnoughFramesError, UsageError
from ..features.given import PCA, are_thumbnails, check_given
from ..index import Index, PathLike
from ..progress import Progress, ProgressCallback, silent
from ..selection.choice import frames_of, new_selection
from ..selection.excluded import read_excluded
from ..selection.result import Selection
from ..selection.strategy import Pick
from ..sources import SetAside
from .brought import Brought
from .config import parse
from .datapool import check_pools
from .inputs import Data
from .names import input_root
from .preparing import Prepared, prepare
from .relevant import locate, read_relevant, relevant_inputs
from .selecting import choose
from .sequences import cut, pooled

_MAX_JSON_BYTES = 16 << 20
_TOLD = 20
"""Files that could not be used, of which each is told."""


def select_frames(
    index: Index,
    config: Mapping[str, Any] | PathLike,
    *,
    skip_near: bool = False,
    exclude: PathLike | Iterable[PathLike] | None = None,
    keep_duplicates: bool = False,
    predictions: PathLike | None = None,
    metadata: PathLike | None = None,
    scores: PathLike | None = None,
    queries: Any = None,
    preselected: PathLike | Iterable[PathLike] | None = None,
    relevant_filenames: PathLike | None = None,
    near_duplicates: float | None = None,
    root: PathLike | None = None,
    vectors: Any = PCA,
    normalize: bool = True,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Selection:
    """Choose frames of all sources of an index by a selection configuration, as LightlyOne's worker does.

    Embeddings are by default the first 128 principal components of the thumbnails, of unit length, so that distances
    lie between 0 and 2. Those of a task are of its objects: of what the predicted boxes hold, or of the tiles of an
    auto task. Frames that could not be decoded, black frames and all but the first of exact duplicates are
    never chosen.

    Parameters
    ----------
    index
        From `index` or `open_index`.
    config
        A dict, or the path of a JSON file: a selection configuration (V4), what the client is given for a run
        (``selection_config`` and ``worker_config``), or the options that the worker had before there were strategies.
    skip_near
        As for `lightly.select`.
    exclude
        Frames extracted before, as for `framesift.select`. They are taken as chosen and not chosen again;
        ``nSamples`` are to come on top of them.
    keep_duplicates
        Exact duplicates may be chosen, as where the configuration has ``remove_exact_duplicates: false``.
    predictions
        Folder of LightlyOne's predictions, for scores, classes and counts; ``.lightly/predictions`` in the folder of
        the input or above it by default. Frames without any have no objects.
    metadata
        Folder of LightlyOne's metadata (``.lightly/metadata`` by default), or a CSV with a column ``filenames``.
        Known without are ``luminance``, ``contrast``, ``sharpness``, ``motion``, the name of the ``source``, and
        `quality.QUALITY`: ``lightly.luminance`` (0 to 100), ``lightly.sharpness``, ``lightly.snr``,
        ``lightly.uniformRowRatio``. The named groups of ``lightly_path_regex`` are metadata too.
    scores
        CSV with a column ``filenames`` and one for each score, ``score`` or ``task/score``.
    queries
        What SIMILARITY compares with: paths of pictures, folders, videos or a ``selection.json``, or an array of
        embeddings; or a dict of them by ``tag_name``.
    preselected
        The datapool: paths of ``selection.json`` files, lists of file names, or stores. Their frames count as
        chosen, as those of *exclude* do, whether they are of this index or not: of other inputs the pictures are read.
    relevant_filenames
        File of the names that may be chosen, one a line, or prefixes with patterns, as the worker takes it.
    near_duplicates
        Leave out frames whose embedding is as near as this, from 0 to 2, to that of an earlier frame.
    root
        Folder that names are relative to; by default the one that all sources have in common.
    vectors, normalize
        As for `framesift.select`, but that ``"thumbnails"`` are their principal components. With frames of other inputs
        (*preselected*, pictures as *queries*) only these.
    seed
        Of the principal components.
    threads
        Of models and of decoding for them.

    Raises
    ------
    NotEnoughFramesError
        Nothing is left to choose.
    UsageError
        The configuration is wrong, or names scores, predictions or metadata that there are not.

    Notes
    -----
    With ``selected_sequence_length`` L, videos are cut into sequences of L frames, which are chosen as a whole by their
    mean embeddings and scores; duplicates and uniform rows are not looked for then, as the worker does.
    """
    began = time.perf_counter()
    written = read_config(config)
    rules = parse(written)
    if rules.sequence_length > 1 and near_duplicates is not None:
        raise UsageError(
            "near_duplicates is of frames, and selected_sequence_length of sequences: leave one out"
        )
    brought = Brought(
        predictions=predictions,
        metadata=metadata,
        scores=scores,
        queries=as_queries(queries),
        preselected=tuple(check_pools(preselected)),
        relevant=relevant_filenames,
        near_distance=check_near(near_duplicates),
        root=None if root is None else os.path.abspath(root),
        vectors=check_given(PCA if are_thumbnails(vectors) else vectors),
        normalize=normalize,
        threads=threads,
    )
    progress(Progress(stage="select", done=0, total=1, source=index.records[0].name))
    excluded = read_excluded(exclude, index)
    keeps = keep_duplicates or rules.remove_exact_duplicates is False or rules.sequence_length > 1
    with ExitStack() as stack:
        ready = prepare(
            index,
            rules,
            brought,
            excluded,
            stack,
            keep_duplicates=keeps,
            seed=seed,
            device=device,
        )
        data = ready.data(progress)
        picks = _choose(ready, data, skip_near)
        if not picks:
            raise NotEnoughFramesError(_nothing(ready))
        frames = frames_of(ready.candidates, picks)
        before = _before(ready)
    progress(Progress(stage="select", done=1, total=1))
    options = {
        "config": written,
        "skip_near": skip_near,
        "n_excluded": len(ready.before),
        "keep_duplicates": keep_duplicates,
        **({"preselected_frames": before} if before else {}),
        **_recorded(brought),
        **({} if ready.said in (None, PCA) else {"vectors": ready.said, "normalize": normalize}),
        **({"ignored": list(rules.ignored)} if rules.ignored else {}),
        "device": device,
        "index": index.records[0].options,
    }
    selection = new_selection(index, "lightly", seed, options)
    selection.frames = frames
    selection.set_aside += _set_aside(ready.faults)
    selection.dropped = dict(ready.candidates.dropped)
    selection.stats["select_s"] = time.perf_counter() - began
    return selection


def _choose(ready: Prepared, data: Data, skip_near: bool) -> list[Pick]:
    """Rows in the order of picking; sequences, each of which is a cluster, frame by frame."""
    rules, usable, length = ready.rules, ready.candidates.usable, ready.rules.sequence_length
    n_usable = int(np.count_nonzero(usable))
    if length == 1:
        rows = choose(
            rules, data, ready.before, usable, rules.count(n_usable), skip_near=skip_near, device=ready.device
        )
        return [Pick(int(row)) for row in rows]
    if rules.n_samples is not None and rules.n_samples % length:
        raise UsageError(
            f"n_samples must be a multiple of selected_sequence_length, got {rules.n_samples} and {length}"
        )
    sequences = cut(ready.candidates, ready.made, length)
    taken = np.zeros(len(usable), np.bool_)
    taken[ready.before] = True
    whole = np.asarray(usable[sequences].all(axis=1), np.bool_)
    picks = choose(
        rules,
        pooled(data, sequences, unit=rules.normalize),
        np.flatnonzero(taken[sequences].any(axis=1)),
        whole,
        rules.count(n_usable) // length,
        skip_near=skip_near,
        device=ready.device,
    )
    return [Pick(int(row), cluster=rank) for rank, at in enumerate(picks) for row in sequences[at]]


def _before(ready: Prepared) -> dict[str, list[int]]:
    """Frames of the index that were selected before, by the position of their source."""
    found: dict[str, list[int]] = {}
    rows = ready.before[ready.before < ready.n]
    for source, frame in zip(ready.candidates.source[rows], ready.candidates.frame[rows], strict=True):
        found.setdefault(str(source), []).append(int(frame))
    return found


def _nothing(ready: Prepared) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in ready.candidates.dropped.items() if count)
    return (
        f"the configuration leaves nothing to choose of {ready.n} frames{f' ({why})' if why else ''}; "
        "loosen its thresholds"
    )


def _recorded(brought: Brought) -> dict[str, Any]:
    """What was brought along, as ``selection.json`` says it."""
    found: dict[str, Any] = {}
    for name in ("predictions", "metadata", "scores", "relevant", "near_distance", "root"):
        value = getattr(brought, name)
        if value is not None:
            found[name] = os.path.abspath(value) if isinstance(value, os.PathLike | str) else value
    if brought.preselected:
        found["preselected"] = [os.path.abspath(path) for path in brought.preselected]
    if brought.queries:
        found["queries"] = {
            tag: [os.path.abspath(path) for path in given] if isinstance(given, list) else "given as an array"
            for tag, given in brought.queries.items()
        }
    return found


def _set_aside(faults: list[str]) -> list[SetAside]:
    """Files of predictions or metadata that could not be used, the first of them each by itself."""
    reasons: dict[str, list[str]] = {}
    for fault in faults:
        path, reason = fault.split("\0", 1)
        reasons.setdefault(path, []).append(reason)
    found = [SetAside(path, "; ".join(some)) for path, some in list(reasons.items())[:_TOLD]]
    if len(reasons) > _TOLD:
        found.append(SetAside(list(reasons)[_TOLD], f"and {len(reasons) - _TOLD} more files"))
    return found


def brought_before(options: Mapping[str, Any]) -> Brought:
    """What was brought along for a selection with these options, but arrays."""
    queries = options.get("queries") or {}
    return Brought(
        predictions=options.get("predictions"),
        metadata=options.get("metadata"),
        scores=options.get("scores"),
        queries={tag: as_queries(given)[""] for tag, given in queries.items() if isinstance(given, list)},  # type: ignore[index]
        preselected=tuple(check_pools(options.get("preselected"))),
        relevant=options.get("relevant"),
        near_distance=options.get("near_distance"),
        root=options.get("root"),
    )


def check_brought(
    inputs: Any, config: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Check what is brought along before anything is decoded.

    Returns
    -------
    The inputs, without videos that are not relevant; and what was given, with the root that names are relative to.

    Raises
    ------
    UsageError
        Something is not there, or makes no sense.
    """
    given = {**given, "predictions": _only(given["predictions"])}
    for name in ("predictions", "metadata", "scores"):
        if given[name] is not None and not os.path.exists(given[name]):
            raise UsageError(f"{name}: {given[name]} does not exist")
    check_pools(given["preselected"])
    check_near(given["near_duplicates"])
    as_queries(given["queries"])
    root = input_root(inputs) if given["root"] is None else os.path.abspath(given["root"])
    if named := given["relevant_filenames"] or parse(config).relevant_filenames:
        inputs, root = relevant_inputs(inputs, read_relevant(locate(named, root)), root)
    return inputs, {**given, "root": root}


def _only(predictions: Any) -> PathLike | None:
    """The one folder of predictions, by itself or in a list."""
    found = [predictions] if isinstance(predictions, str | os.PathLike) else list(predictions or ())
    if len(found) > 1 or not all(isinstance(item, str | os.PathLike) for item in found):
        raise UsageError(f"predictions: config takes one folder, got {predictions!r}")
    return found[0] if found else None


def check_near(distance: float | None) -> float | None:
    """The distance of near duplicates, if it can be one."""
    if distance is not None and not 0 <= distance <= 2:
        raise UsageError(f"near_duplicates must be a distance from 0 to 2, got {distance}")
    return distance


def as_queries(given: Any) -> dict[str, Any] | None:
    """Queries by tag: lists of paths, or arrays."""
    if given is None:
        return None
    by_tag = given if isinstance(given, Mapping) else {"": given}
    return {str(tag): _paths(item) for tag, item in by_tag.items()}


def _paths(given: Any) -> Any:
    items = [given] if isinstance(given, str | os.PathLike) else given
    if isinstance(items, list | tuple) and items and all(isinstance(p, str | os.PathLike) for p in items):
        for path in items:
            if not os.path.exists(path):
                raise UsageError(f"queries: {path} does not exist")
        return [Path(path) for path in items]
    return given


def read_config(config: Mapping[str, Any] | PathLike) -> dict[str, Any]:
    """A selection configuration, checked, of a dict or a JSON file.

    Raises
    ------
    UsageError
        It cannot be read, is no JSON object, or is wrong.
    """
    if not isinstance(config, str | os.PathLike):
        parse(config)
        return dict(config)
    path = Path(config)
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise UsageError(f"{path} is too large to be a selection config")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{path} is not JSON ({e})") from None
    try:
        parse(found)
    except UsageError as e:
        raise UsageError(f"{path}: {e}") from None
    return dict(found)

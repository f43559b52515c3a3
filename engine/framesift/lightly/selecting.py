"""A selection configuration and data in, indices out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..errors import UsageError
from ..selection.duplicates import near_duplicates
from ..selection.neighbours import similarity, typicality
from ..selection.objectives import Balance, Diversity, Objective, Weights
from ..selection.product import product_greedy
from .config import Config, Entry, parse
from .inputs import Data

_NEIGHBOURS = 20
"""Of TYPICALITY, where the configuration does not say."""
_WHOLE = 1 - 1e-6
"""Shares that add up to this are all there is."""
_OPERATIONS = {
    "SMALLER": np.less,
    "SMALLER_EQUAL": np.less_equal,
    "BIGGER": np.greater,
    "BIGGER_EQUAL": np.greater_equal,
}


def select(
    config: Mapping[str, Any],
    *,
    embeddings: Any = None,
    scores: Mapping[str, Any] | None = None,
    metadata: Any = None,
    predictions: Mapping[str, Any] | None = None,
    preselected: npt.ArrayLike | None = None,
    queries: Any = None,
    skip_near: bool = False,
    device: str = "cpu",
) -> I64:
    """Select samples as LightlyOne's worker does, from its selection configuration (V4) unchanged.

    First all THRESHOLD strategies leave out what does not meet them. Then samples are picked one by one, each the
    one that makes the product of all other strategies' objectives, to their strengths, largest: see
    `framesift.product_greedy`, whose picks are lightly-mundig's.

    Parameters
    ----------
    config
        In snake or camel case. Also the options that the worker had before there were strategies (``method``,
        ``stopping_condition``, ``remove_exact_duplicates``).
    embeddings : (n, d) array, or {task: (n, d) array}
        As they are: normalise them to unit length where the configuration's distances are meant so, as the worker
        does. By task where inputs name one; ``""`` are those of whole pictures.
    scores : {name: (n,)} or {task: {name: (n,)}}
        A name may be ``"task/name"``.
    metadata : {key: (n,)}
        Columns; a data frame will do. Categories are compared as texts, bools as ``true`` and ``false``.
    predictions : {task: {"categories": [names], "class_distribution": (n, classes), "category_count": (n, classes)}}
        What the strategies do not use may be missing.
    preselected : (p,) integers
        Samples selected before, in order. They come first in the result and count towards the number of samples.
    queries : (q, d) array, or {tag name: (q, d) array}
        What SIMILARITY compares with. Embeddings given by task may hold it too, under the name of the tag.
    skip_near
        With ``stopping_condition_minimum_distance``: pass over samples nearer than that and go on, where the worker
        stops at the first.
    device
        ``"cpu"``.

    Returns
    -------
    (at most the number of samples asked for,) int64
        Fewer where a condition stops the selection or fewer samples are left.

    Raises
    ------
    UsageError
        The configuration is wrong (with the option that may be meant), or what it names was not given.

    Notes
    -----
    WEIGHTS end before ``stopping_condition_max_sum`` is passed. With ``target_range`` they pass over samples that
    would take their sum above ``max_sum``, and end at ``min_sum``. BALANCE: classes that a target does not name share
    what it leaves of 1; if several leave nothing, the others do not matter.
    """
    rules = parse(config)
    if rules.sequence_length > 1:
        raise UsageError(
            "selected_sequence_length is of frames of videos: use lightly.select_frames, or the command"
        )
    if queries is None and isinstance(embeddings, Mapping):
        tags = {e.input.tag_name for e in rules.strategies if e.strategy.type == "SIMILARITY"}
        queries = {name: x for name, x in embeddings.items() if name in tags} or None
        embeddings = {name: x for name, x in embeddings.items() if name not in tags}
    data = Data(
        embeddings=embeddings,
        queries=queries,
        scores=scores or {},
        metadata=metadata,
        predictions=predictions or {},
    )
    n = data.count()
    before = _preselected(preselected, n)
    wanted = rules.count(n) - len(before)
    picks = choose(rules, data, before, np.ones(n, np.bool_), wanted, skip_near=skip_near, device=device)
    return np.concatenate([before, picks])


def choose(
    rules: Config,
    data: Data,
    before: I64,
    allowed: npt.NDArray[np.bool_],
    wanted: int,
    *,
    skip_near: bool = False,
    device: str = "cpu",
) -> I64:
    """At most *wanted* of the samples that are *allowed*, in the order of picking; *before* are picked already."""
    n = len(allowed)
    allowed = allowed & _allowed(rules, data, n)
    allowed[before] = False
    wanted = min(wanted, int(np.count_nonzero(allowed)))
    if wanted <= 0:
        return np.empty(0, np.int64)
    objectives = [
        _objective(entry, data, n, skip_near=skip_near, device=device)
        for entry in rules.strategies
        if entry.strategy.type != "THRESHOLD"
    ] or [Weights(values=np.zeros(n, np.float32))]
    return product_greedy(objectives, wanted, preselected=before, allowed=allowed, device=device)


def _preselected(given: npt.ArrayLike | None, n: int) -> I64:
    rows = np.asarray([] if given is None else given)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise UsageError(
            f"preselected must be a list of sample numbers, got {rows.dtype = }, {rows.shape = }"
        )
    if rows.size and not (rows.min() >= 0 and rows.max() < n):
        raise UsageError(f"preselected must be samples, from 0 to {n - 1}, got {rows}")
    if len(np.unique(rows)) < len(rows):
        raise UsageError("preselected must name each sample once, it names some twice")
    return rows.astype(np.int64)


def _allowed(rules: Config, data: Data, n: int) -> npt.NDArray[np.bool_]:
    """Which samples meet all thresholds and are no copies of earlier ones."""
    allowed = np.ones(n, np.bool_)
    for entry in rules.strategies:
        if entry.strategy.type == "THRESHOLD":
            assert entry.strategy.operation is not None
            assert entry.strategy.threshold is not None
            meets = _OPERATIONS[entry.strategy.operation]
            allowed &= meets(data.numbers(entry), entry.strategy.threshold)
    if rules.remove_exact_duplicates and data.embeddings is not None and n:
        groups = near_duplicates(data.pictures, 0.0)
        allowed &= groups.leaders[groups.labels] == np.arange(n)
    return allowed


def _objective(entry: Entry, data: Data, n: int, *, skip_near: bool, device: str) -> Objective:
    strategy = entry.strategy
    try:
        if strategy.type == "DIVERSITY":
            least = strategy.stopping_condition_minimum_distance
            found = Diversity(
                x=data.embedding(entry),
                strength=strategy.strength,
                min_distance=None if least is None else max(least, 0.0),
                stop_at_min_distance=not skip_near,
            )
            found.rows()
            return found
        if strategy.type == "BALANCE":
            rows, target = _shares(entry, data)
            balance = Balance(rows=rows, target=target, strength=strategy.strength)
            balance.classes()
            return balance
        weights = Weights(
            values=_weights(entry, data, n, device),
            strength=strategy.strength,
            min_value=strategy.stopping_condition_minimum_typicality,
            max_sum=strategy.stopping_condition_max_sum,
            target_range=strategy.target_range,
        )
        weights.numbers()
        return weights
    except UsageError as e:
        text = str(e)
        raise UsageError(text if text.startswith("config") else f"{entry.where}: {text}") from None


def _weights(entry: Entry, data: Data, n: int, device: str) -> npt.NDArray[Any]:
    """A weight a sample, of TYPICALITY, SIMILARITY or WEIGHTS."""
    if entry.strategy.type == "TYPICALITY":
        neighbours = entry.strategy.num_nearest_neighbors or _NEIGHBOURS
        return typicality(data.embedding(entry), neighbours, device=device)
    if entry.strategy.type == "SIMILARITY":
        return similarity(data.embedding(entry), data.query(entry), device=device)
    if entry.input.type == "RANDOM":
        seed = (entry.input.random_seed or 0) % 2**64
        return np.random.Generator(np.random.Philox(seed)).random(n)
    return data.numbers(entry)


def _shares(entry: Entry, data: Data) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """(n, classes) and the target of a BALANCE, the classes that the target does not name together."""
    names, rows = data.classes(entry)
    strategy = entry.strategy
    distribution = strategy.distribution or "TARGET"
    if distribution == "UNIFORM":
        return rows, np.full(len(names), 1 / max(1, len(names)))
    if distribution == "INPUT":
        total = rows.sum(axis=0, dtype=np.float64)
        return rows, total if total.sum() > 0 else np.ones(len(names))
    assert strategy.target is not None
    if unknown := [name for name in strategy.target if name not in names]:
        if entry.input.type == "PREDICTIONS":
            raise UsageError(f"target: no class {unknown[0]!r}, there are {', '.join(map(repr, names))}")
        names, rows = names + unknown, np.pad(rows, [(0, 0), (0, len(unknown))])  # no sample has them
    columns = [names.index(name) for name in strategy.target]
    target = np.array(list(strategy.target.values()))
    others = np.delete(rows, columns, axis=1)
    # One class alone has all of itself, so others count also where it is to have everything.
    if not others.shape[1] or (target.sum() >= _WHOLE and len(columns) > 1):
        return rows[:, columns], target
    rest = others.sum(axis=1, keepdims=True)
    return np.concatenate([rows[:, columns], rest], axis=1), np.append(target, max(0.0, 1 - target.sum()))

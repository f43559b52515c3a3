"""LightlyOne's selection configuration, version 4, checked: names in snake or camel case, every option it has.

Source: the models of the client's OpenAPI package (lightly 1.5, ``selection_config_v4_*``), and for what
came before it the documentation of the worker up to version 2.5.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError

STRATEGIES: dict[str, tuple[str, ...]] = {
    "DIVERSITY": ("EMBEDDINGS",),
    "TYPICALITY": ("EMBEDDINGS",),
    "SIMILARITY": ("EMBEDDINGS",),
    "WEIGHTS": ("SCORES", "METADATA", "PREDICTIONS", "RANDOM"),
    "THRESHOLD": ("SCORES", "METADATA", "PREDICTIONS"),
    "BALANCE": ("PREDICTIONS", "METADATA"),
}
"""What each strategy takes as input."""
INPUTS = ("EMBEDDINGS", "SCORES", "METADATA", "PREDICTIONS", "RANDOM")
OPERATIONS = ("SMALLER", "SMALLER_EQUAL", "BIGGER", "BIGGER_EQUAL")
DISTRIBUTIONS = ("TARGET", "UNIFORM", "INPUT")
NAMES = ("CLASS_DISTRIBUTION", "CATEGORY_COUNT")
_MAX_STRENGTH = 1e9
_TASK = r"[a-zA-Z0-9_+=,.@:/\-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What a strategy works on."""

    type: str
    task: str | None = None
    score: str | None = None
    key: str | None = None
    name: str | None = None
    dataset_id: str | None = None
    tag_name: str | None = None
    random_seed: int | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What is to be reached with an input."""

    type: str
    strength: float = 1.0
    stopping_condition_minimum_distance: float | None = None
    threshold: float | None = None
    operation: str | None = None
    target: dict[str, float] | None = None
    distribution: str | None = None
    num_nearest_neighbors: int | None = None
    stopping_condition_minimum_typicality: float | None = None
    stopping_condition_max_sum: float | None = None
    target_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of a configuration's strategies."""

    where: str
    """What an error calls it."""
    input: Input
    strategy: Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A selection configuration."""

    n_samples: int | None
    """Samples in all, preselected ones among them; None: as many as *proportion_samples* says, or all."""
    proportion_samples: float | None
    strategies: tuple[Entry, ...]
    path_regex: str | None = None
    """Its named groups, found in the name of a sample, are metadata."""
    remove_exact_duplicates: bool | None = None
    """None: it is not said."""
    corruption_threshold: float | None = None
    """Samples with a larger share of uniform rows are corrupt; None: it is not looked at."""
    sequence_length: int = 1
    """Frames that follow one another and are selected together."""
    relevant_filenames: str | None = None
    """File of the names of what may be selected."""
    normalize: bool = True
    """Embeddings are brought to unit length."""
    ignored: tuple[str, ...] = ()
    """Options that are known, but mean nothing here."""

    def count(self, n: int) -> int:
        """How many of n samples are wanted, at most."""
        if self.proportion_samples is not None:
            return round(self.proportion_samples * n)
        return n if self.n_samples is None else min(self.n_samples, n)


def parse(config: Mapping[str, Any]) -> Config:
    """Check a configuration.

    Raises
    ------
    UsageError
        An option does not exist (with the one that may be meant), has a value that it cannot have, is missing, or
        does not go with the others.
    """
    if not isinstance(config, Mapping):
        raise UsageError(f"a selection config must be a dict, got {type(config).__name__}")
    from . import worker

    if worker.is_for_worker({snake(name) for name in config}):
        return worker.parse(config)
    return parse_selection(config, "config")


def parse_selection(config: Any, where: str) -> Config:
    """Check the strategies and how many samples are wanted; *where* is what errors call them."""
    from . import worker

    found = options(config, where, _CONFIG | worker.SHAPING)
    if "strategies" not in found:
        raise UsageError(f"{where}: option 'strategies' is missing; expected a list of at least one")
    given = [name for name in ("n_samples", "proportion_samples") if found.get(name) is not None]
    if len(given) == 2:
        raise UsageError(f"{where}: 'n_samples' and 'proportion_samples' exclude each other, got both")
    if not given:
        raise UsageError(f"{where}: one of 'n_samples' and 'proportion_samples' is missing")
    n_samples = found.get("n_samples")
    return Config(
        n_samples=None if n_samples == -1 else n_samples,
        proportion_samples=found.get("proportion_samples"),
        strategies=found["strategies"],
        path_regex=found.get("lightly_path_regex"),
        **worker.shape_of(found),
    )


# Values -----------------------------------------------------------------------------------------------------------

Check = Callable[[Any, str], Any]


def snake(name: Any) -> str:
    """``nSamples`` → ``n_samples``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(name)).lower()


def options(given: Any, where: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Check every option of an object; null is as good as missing."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{where}: expected an object, got {given!r}")
    found: dict[str, Any] = {}
    for written, value in given.items():
        name = snake(written)
        if name not in checks:
            raise UsageError(f"{where}: Option '{written}' does not exist!{_meant(name, checks)}")
        if name in found:
            raise UsageError(f"{where}: option '{name}' is given twice")
        if value is not None:
            found[name] = checks[name](value, f"{where}.{written}")
    return found


def _meant(name: str, known: Iterable[str]) -> str:
    by_lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else f" Expected one of {', '.join(known)}."


def one_of(known: Iterable[str]) -> Check:
    def check(value: Any, where: str) -> str:
        if value not in known:
            raise UsageError(f"{where}: {value!r} does not exist!{_meant(str(value), known)}")
        return str(value)

    return check


def number(least: float = -float("inf"), most: float = float("inf"), *, above: bool = False) -> Check:
    def check(value: Any, where: str) -> float:
        allowed = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        if not allowed or (above and value == least):
            bounds = f"{'above' if above else 'from'} {least:g}" + (
                f" to {most:g}" if most < float("inf") else ""
            )
            raise UsageError(
                f"{where}: expected a number{f' {bounds}' if least > -float('inf') else ''}, got {value!r}"
            )
        return float(value)

    return check


def integer(least: int | None = None) -> Check:
    def check(value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
            raise UsageError(
                f"{where}: expected an integer{'' if least is None else f', at least {least}'}, got {value!r}"
            )
        return value

    return check


def text(pattern: str, expected: str) -> Check:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise UsageError(f"{where}: expected {expected}, got {value!r}")
        return value

    return check


def truth(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where}: expected true or false, got {value!r}")
    return value


def _target(value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise UsageError(f"{where}: expected shares of classes, such as {{'car': 0.3}}, got {value!r}")
    shares = {str(name): number(0.0)(share, f"{where}.{name}") for name, share in value.items()}
    if not sum(shares.values()) > 0:
        raise UsageError(f"{where}: expected a share above 0, got {value!r}")
    return shares


def _range(value: Any, where: str) -> tuple[float, float]:
    found = options(value, where, {"min_sum": number(0.0), "max_sum": number(0.0)})
    low, high = found.get("min_sum", 0.0), found.get("max_sum", float("inf"))
    if low > high:
        raise UsageError(f"{where}: max_sum must be at least min_sum, got {value!r}")
    return low, high


def _list(check: Check) -> Check:
    def each(value: Any, where: str) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        items = tuple(check(item, f"{where}[{i}]") for i, item in enumerate(value))
        if not items:
            raise UsageError(f"{where}: expected at least one, got none")
        return items

    return each


def _distinct(value: Any, where: str) -> tuple[str, ...]:
    names: tuple[str, ...] = _list(text(r"[\s\S]+", "a name"))(value, where)
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: each must be named once, got {value!r}")
    return names


def _entry(value: Any, where: str) -> Entry:
    found = options(value, where, {"input": _input, "strategy": _strategy})
    for name in ("input", "strategy"):
        if name not in found:
            raise UsageError(f"{where}: option '{name}' is missing")
    entry = Entry(where=where, input=found["input"], strategy=found["strategy"])
    allowed = STRATEGIES[entry.strategy.type]
    if entry.input.type not in allowed:
        raise UsageError(
            f"{where}: strategy {entry.strategy.type} takes {' or '.join(allowed)} as input, got {entry.input.type}"
        )
    return entry


def _input(value: Any, where: str) -> Input:
    return Input(**_with_type(value, where, _INPUT))


def _strategy(value: Any, where: str) -> Strategy:
    found = Strategy(**_with_type(value, where, _STRATEGY))
    if found.type == "THRESHOLD" and (found.threshold is None or found.operation is None):
        raise UsageError(f"{where}: strategy THRESHOLD needs 'threshold' and 'operation'")
    if found.type == "BALANCE" and found.target is None and found.distribution in (None, "TARGET"):
        raise UsageError(f"{where}: strategy BALANCE needs 'target', or 'distribution' UNIFORM or INPUT")
    return found


def _with_type(value: Any, where: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    found = options(value, where, checks)
    if "type" not in found:
        raise UsageError(f"{where}: option 'type' is missing")
    return found


def _auto_task(value: Any, where: str) -> dict[str, Any]:
    """Tasks that the worker makes boxes of; their embeddings are to be given under their names."""
    checks = {
        "type": one_of(("CROP", "TILING")),
        "name": text(_TASK, "the name of a task"),
        "num_rows": integer(1),
        "num_cols": integer(1),
        "overlap": number(0.0),
    }
    return _with_type(value, where, checks)


def _regex(value: Any, where: str) -> str:
    try:
        return str(re.compile(text(r"[\s\S]+", "a regular expression")(value, where)).pattern)
    except re.error as e:
        raise UsageError(f"{where}: {value!r} is no regular expression ({e})") from None


_INPUT: dict[str, Check] = {
    "type": one_of(INPUTS),
    "task": text(_TASK, "the name of a task"),
    "score": text(_TASK[:-1] + "+", "the name of a score"),
    "key": text(r"[\s\S]+", "the name of metadata"),
    "name": one_of(NAMES),
    "dataset_id": text(r"[a-f0-9]{24}", "24 hex digits"),
    "tag_name": text(r"[a-zA-Z0-9][a-zA-Z0-9 .:;=@_\-]{2,}", "the name of a tag"),
    "random_seed": integer(),
    "categories": _distinct,
}
_STRATEGY: dict[str, Check] = {
    "type": one_of(STRATEGIES),
    "strength": number(-_MAX_STRENGTH, _MAX_STRENGTH),
    "stopping_condition_minimum_distance": number(),
    "threshold": number(),
    "operation": one_of(OPERATIONS),
    "target": _target,
    "distribution": one_of(DISTRIBUTIONS),
    "num_nearest_neighbors": integer(2),
    "stopping_condition_minimum_typicality": number(0.0, above=True),
    "stopping_condition_max_sum": number(0.0),
    "target_range": _range,
}
_CONFIG: dict[str, Check] = {
    "n_samples": integer(-1),
    "proportion_samples": number(0.0, 1.0),
    "strategies": _list(_entry),
    "lightly_path_regex": _regex,
    "auto_tasks": _list(_auto_task),
}

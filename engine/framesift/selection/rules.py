"""What may be chosen, how many in all and of each source, and what is said where that cannot be."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import NotEnoughFramesError
from .candidates import Candidates
from .checks import Limits
from .chooser import Chooser
from .gaps import Gap


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of `select`, checked."""

    n: int
    method: str
    seed: int
    gap: Gap | Literal["auto"] | None
    at_most: bool
    keep_duplicates: bool
    order: int
    device: str
    limits: Limits
    foreground: bool
    prefer_sharp: float

    def __post_init__(self) -> None:
        """Numbers of NumPy's become Python's, as JSON wants them."""
        for name in ("n", "seed", "order"):
            object.__setattr__(self, name, int(getattr(self, name)))
        object.__setattr__(self, "prefer_sharp", float(self.prefer_sharp))


def how_many(candidates: Candidates, chooser: Chooser, rules: Rules, n_before: int) -> int:
    """How many frames are still to be chosen.

    Raises
    ------
    NotEnoughFramesError
        There are not so many.
    """
    n = rules.n - n_before
    if rules.at_most:
        chooser.least = np.minimum(chooser.least, chooser.reach)
    if chooser.limited and chooser.least.sum() > n:
        raise NotEnoughFramesError(
            f"{rules.n} frames are too few for at least {rules.limits.least} of each of {len(candidates.sources)} "
            f"sources, which makes {chooser.least.sum() + n_before}; ask for more, or lower min_per_source "
            "(--min-per-source)"
        )
    lacking = np.flatnonzero(chooser.reach < chooser.least)
    if len(lacking):
        record = candidates.index.records[candidates.sources[lacking[0]]]
        raise NotEnoughFramesError(
            f"at least {rules.limits.least} frames of every source were asked for, {chooser.reach[lacking[0]]} "
            f"can be had of {record.uri}{_apart(rules)} ({_reasons(candidates)}); "
            "lower min_per_source (--min-per-source), or use at_most (--at-most)"
        )
    if chooser.capacity < n:
        if not rules.at_most or chooser.capacity + n_before == 0:
            raise NotEnoughFramesError(_too_few(candidates, chooser.capacity + n_before, rules))
        n = chooser.capacity
    chooser.settle(n)
    return n


def _too_few(candidates: Candidates, capacity: int, rules: Rules) -> str:
    most = "" if rules.limits.most is None else f", at most {rules.limits.most} of each source"
    return (
        f"{rules.n} frames were asked for, {capacity} distinct ones can be had{_apart(rules)}{most} "
        f"({_reasons(candidates)}); ask for fewer, or use at_most (--at-most)"
    )


def _apart(rules: Rules) -> str:
    return f", at least {rules.gap.value:g} {rules.gap.unit} apart" if isinstance(rules.gap, Gap) else ""


def _reasons(candidates: Candidates) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in candidates.dropped.items() if count)
    aside = candidates.index.set_aside
    more = (
        f"; of what was given, {len(aside)} could not be used: {aside[0].uri}: {aside[0].reason}"
        if aside
        else ""
    )
    return f"of {len(candidates)} in the index{': ' + why if why else ''}{more}"

"""Facility location of submodlib and apricot, by lazy greedy, as their documentation shows it."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

Select = Callable[[Any, int], Any]


def submodlib() -> Select | None:
    """Dense Euclidean similarities; None where it is not installed."""
    if find_spec("submodlib") is None:
        return None

    def select(x: Any, n: int) -> Any:
        from submodlib import FacilityLocationFunction

        function = FacilityLocationFunction(
            n=len(x), mode="dense", data=x, separate_rep=False, metric="euclidean"
        )
        found = function.maximize(
            budget=n,
            optimizer="LazyGreedy",
            stopIfZeroGain=False,
            stopIfNegativeGain=False,
            verbose=False,
            show_progress=False,
        )
        return [index for index, _ in found]

    return select


def apricot() -> Select | None:
    """Euclidean similarities, lazy; None where it is not installed."""
    if find_spec("apricot") is None:
        return None

    def select(x: Any, n: int) -> Any:
        from apricot import FacilityLocationSelection

        return FacilityLocationSelection(n, metric="euclidean", optimizer="lazy").fit(x).ranking

    return select

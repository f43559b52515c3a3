"""lightly-mundig: LightlyStudio's selection engine."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def kcenter() -> Callable[[Any, int], Any] | None:
    """Diversity alone, from row 0 on; None where it is not installed."""
    if find_spec("lightly_mundig") is None:
        return None

    def select(x: Any, n: int) -> Any:
        import lightly_mundig

        selection = lightly_mundig.Selection()
        selection.add_diversifying_strategy(x, 1.0)
        return selection.run_selection([], len(x), n)

    return select


def product() -> Callable[[Any, Any, Any, Any, int], Any] | None:
    """Diversity, weights and balance, each of strength 1; None where it is not installed."""
    if find_spec("lightly_mundig") is None:
        return None

    def select(x: Any, weights: Any, classes: Any, target: Any, n: int) -> Any:
        import lightly_mundig

        selection = lightly_mundig.Selection()
        selection.add_diversifying_strategy(x, 1.0)
        selection.add_weighting_strategy(weights, 1.0)
        selection.add_balancing_strategy(classes, [float(share) for share in target], 1.0)
        return selection.run_selection([], len(x), n)

    return select

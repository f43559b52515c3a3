"""The suites by name.

A suite is a module with ``measure(settings) -> measurements`` and ``rows(measurements) -> rows of its table``: the first
runs programs and writes down what they took and answered, the second computes every figure, afterwards, in one way
for all. One that has only ``run(size) -> (measurements, rows)`` is taken too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .results import Settings

Row = dict[str, Any]

BUDGET_S = {
    "start": 20,
    "compile": 20,
    "decode": 160,
    "modes": 100,
    "export": 60,
    "memory": 50,
    "kernels": 180,
    "select": 140,
    "storage": 40,
    "quality": 50,
    "scale": 80,
}
"""Seconds after which a suite of size ``small`` measures the rest only once; together under 15 minutes."""
_ON_DEVICES = ("kernels", "scale", "quality")
"""Suites of which ``--device`` changes anything."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite."""

    name: str
    measure: Callable[[Settings], list[Row]]
    rows: Callable[[list[Row]], list[Row]]
    budget_s: float


def names() -> list[str]:
    """Of all suites that are there."""
    return [name for name in BUDGET_S if find_spec(f"{__package__}.{name}")]


def load(name: str) -> Suite:
    """The suite of a name."""
    module = import_module(f".{name}", __package__)
    if hasattr(module, "measure"):
        return Suite(name, module.measure, module.rows, BUDGET_S[name])

    def measure(settings: Settings) -> list[Row]:
        measurements, rows = module.run(settings.size)
        return [*measurements, {"table": rows}]

    return Suite(name, measure, _kept_table, BUDGET_S[name])


def _kept_table(measurements: list[Row]) -> list[Row]:
    return next((row["table"] for row in measurements if "table" in row), [])


def without_device(name: str, device: str) -> str:
    """Why a suite does not run on *device*; empty where it does."""
    if device == "cpu" or name in _ON_DEVICES:
        return ""
    return f"suite {name} has nothing that runs on {device}: videos are decoded by the processor. Left out."

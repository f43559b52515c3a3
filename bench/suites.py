"""The suites by name.

A suite is a module with ``measure(settings) -> measurements`` and ``rows(measurements) -> rows of its table``: the first
runs programs and writes down what they took and answered, the second computes every figure, afterwards, in one way
for all. One that has only ``run(size) -> (measurements, rows)`` is taken too.
"""

import inspect
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .record import within
from .results import Settings, plain

Row = dict[str, Any]

BUDGET_S = {
    "start": 20,
    "compile": 20,
    "decode": 130,
    "modes": 90,
    "export": 50,
    "isolation": 30,
    "shortcuts": 30,
    "memory": 50,
    "kernels": 160,
    "select": 130,
    "storage": 40,
    "quality": 40,
    "places": 10,
    "pose": 20,
    "predictions": 10,
    "scale": 70,
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
    doc: str
    """What it is, and after a line what its columns say."""


def names() -> list[str]:
    """Of all suites that are there."""
    return [name for name in BUDGET_S if find_spec(f"{__package__}.{name}")]


def load(name: str) -> Suite:
    """The suite of a name."""
    module = import_module(f".{name}", __package__)
    if hasattr(module, "rows"):
        return Suite(name, module.measure, module.rows, BUDGET_S[name], _doc(module, module.rows))

    def measure(settings: Settings) -> list[Row]:
        measurements, rows = module.run(settings.size)
        return [*measurements, {"table": rows}]

    return Suite(name, measure, _kept_table, BUDGET_S[name], _doc(module, module.run))


def _doc(module: Any, rows: Any) -> str:
    return "\n\n".join(inspect.getdoc(given) or "" for given in (module, rows))


def _kept_table(measurements: list[Row]) -> list[Row]:
    return next((row["table"] for row in measurements if "table" in row), [])


def measure_apart(name: str, settings: Settings) -> list[Row]:
    """Measure a suite in a process of its own: what one has loaded and started is not there for the next.

    Threads above all: OpenMP's of a process that has used it do not live on in its forks, which wait for them (see
    `workers`).

    Raises
    ------
    SystemExit
        It failed; it has said why on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        path = Path(folder, "measurements.json")
        command = [
            sys.executable,
            "-m",
            f"{__package__}.suites",
            name,
            settings.size,
            settings.device,
            str(path),
        ]
        code = subprocess.run(command, check=False, stdout=2).returncode  # what peers print is no result
        if code:
            raise SystemExit(f"suite {name} failed with {code}")
        measurements: list[Row] = json.loads(path.read_text())
        return measurements


def _main(name: str, size: str, device: str, path: str) -> None:
    suite = load(name)
    with within(suite.budget_s if size != "full" else math.inf):
        measurements = suite.measure(Settings(size=size, device=device))
    Path(path).write_text(json.dumps(measurements, default=plain))


def without_device(name: str, device: str) -> str:
    """Why a suite does not run on *device*; empty where it does."""
    if device == "cpu" or name in _ON_DEVICES:
        return ""
    return f"suite {name} has nothing that runs on {device}: videos are decoded by the processor. Left out."


if __name__ == "__main__":
    _main(*sys.argv[1:])

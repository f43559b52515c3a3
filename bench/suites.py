"""The suites by name.

A suite is a module with ``measure(settings) -> measurements`` and ``rows(measurements) -> rows of its table``: the first
runs programs and writes down what they took and answered, the second computes every figure, afterwards, in one way
for all. One that has only ``run(size) -> (measurements, rows)`` is taken too.
"""

import inspect
import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .record import keep_in, plain, within
from .results import Settings

Row = dict[str, Any]

BUDGET_S = {
    "start": 12,
    "compile": 16,
    "decode": 115,
    "modes": 30,
    "export": 26,
    "isolation": 28,
    "shortcuts": 9,
    "memory": 25,
    "kernels": 110,
    "select": 120,
    "storage": 48,
    "quality": 42,
    "places": 11,
    "pose": 5,
    "predictions": 7,
    "scale": 55,
}
"""Seconds after which a suite begins no case, but for size ``full``; a case near their end is not repeated."""
TOTAL_S = 800
"""That all of them are to end in, the making of their clips included: 15 minutes, less what a last case takes."""
_STRETCH = 1.5
"""Times its seconds that a suite may have, where others took less or it is run alone."""
_GRACE = 2
"""A suite that has not ended after so many times its seconds is stopped; what it has measured is kept."""
_ON_DEVICES = ("kernels", "scale", "select")
"""Suites of which ``--device`` changes anything."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite."""

    name: str
    measure: Callable[[Settings], list[Row]]
    rows: Callable[[list[Row]], list[Row]]
    doc: str
    """What it is, and after a line what its columns say."""


def names() -> list[str]:
    """Of all suites that are there."""
    return [name for name in BUDGET_S if find_spec(f"{__package__}.{name}")]


def budget_s(name: str, left: Sequence[str], left_s: float) -> float:
    """Seconds of a suite, where *left*, itself included, are to end in *left_s* more: its share of them."""
    return BUDGET_S[name] * min(_STRETCH, max(0.0, left_s) / sum(BUDGET_S[other] for other in left))


def load(name: str) -> Suite:
    """The suite of a name."""
    module = import_module(f".{name}", __package__)
    if hasattr(module, "rows"):
        return Suite(name, module.measure, module.rows, _doc(module, module.rows))

    def measure(settings: Settings) -> list[Row]:
        measurements, rows = module.run(settings.size)
        return [*measurements, {"table": rows}]

    return Suite(name, measure, _kept_table, _doc(module, module.run))


def _doc(module: Any, rows: Any) -> str:
    said = [inspect.getdoc(given) or "" for given in (module, rows)]
    said[1] = re.sub(r"^Raw \w+, and a row", "A row", said[1])
    return "\n\n".join(said)


def _kept_table(measurements: list[Row]) -> list[Row]:
    return next((row["table"] for row in measurements if "table" in row), [])


@dataclass(frozen=True, slots=True)
class Measured:
    """What a suite has measured, and what it has not."""

    measurements: list[Row]
    left_out: list[str]
    """Cases that there was no time for; and what went wrong, if anything did."""
    failed: bool = False


def measure_apart(name: str, settings: Settings, seconds: float = math.inf) -> Measured:
    """Measure a suite in a process of its own: what one has loaded and started is not there for the next.

    Threads above all: OpenMP's of a process that has used it do not live on in its forks, which wait for them (see
    `workers`). A suite that fails has said why on stderr; one that does not end is stopped. What it had measured until
    then, as far as it kept a `record.journal`, is what it has measured. After *seconds* it begins no case.
    """
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        module = f"{__package__}.suites"
        command = [sys.executable, "-m", module, name, settings.size, settings.device, str(seconds), folder]
        process = subprocess.Popen(command, stdout=2)  # what peers print is no result
        try:
            code = process.wait(_GRACE * seconds + _LEAST_S if seconds < math.inf else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            said = f"what came after {_GRACE * seconds + _LEAST_S:.0f} s, when it was stopped"
        except BaseException:
            process.kill()
            raise
        else:
            if not code:
                return Measured(**json.loads(Path(folder, _FOUND).read_text()))
            said = f"what came after it failed with {code}"
        journal = Path(folder, _JOURNAL)
        lines = journal.read_text().splitlines() if journal.exists() else []
        print(f"suite {name} did not end: {said} is left out", file=sys.stderr)
        return Measured([json.loads(line) for line in lines], [said], failed=True)


_FOUND, _JOURNAL = "measured.json", "journal.jsonl"
_LEAST_S = 30


def _main(name: str, size: str, device: str, seconds: str, folder: str) -> None:
    suite = load(name)
    keep_in(Path(folder, _JOURNAL))
    with within(float(seconds)) as left_out:
        measurements = suite.measure(Settings(size=size, device=device))
    found = {"measurements": measurements, "left_out": left_out}
    Path(folder, _FOUND).write_text(json.dumps(found, default=plain))


def without_device(name: str, device: str) -> str:
    """Why a suite does not run on *device*; empty where it does."""
    if device == "cpu" or name in _ON_DEVICES:
        return ""
    why = "frames are decoded by the processor, and picks are the same"
    return f"suite {name} measures nothing that {device} changes: {why}. Left out."


if __name__ == "__main__":
    _main(*sys.argv[1:])

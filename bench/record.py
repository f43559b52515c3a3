"""Measuring a program in a fresh process, and writing down what was measured where."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

_PEERS = ("decord", "scikit-learn", "faiss-cpu", "lightly-mundig", "pycocotools", "labelformat")


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


# A process inherits the peak memory of the one that starts it, so a small one starts what is measured.
_LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
wall_s = time.perf_counter() - began
with open(int(sys.argv[1]), "w") as file:
    code = os.waitstatus_to_exitcode(status)
    json.dump([code, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss], file)
"""


def measure(command: Sequence[str], env: dict[str, str] | None = None) -> Run:
    """Run *command* to its end; its output is kept from the terminal.

    Raises
    ------
    RuntimeError
        It failed; with the end of what it printed.
    """
    readable, writable = os.pipe()
    with open(readable) as told:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(writable), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[writable],
            env={**{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}, **(env or {})},
            check=False,
        )
        os.close(writable)
        text = told.read()
    code, wall_s, cpu_s, peak = json.loads(text) if text else (done.returncode, 0.0, 0.0, 0)
    if code or not text:
        raise RuntimeError(f"{' '.join(command)} failed with {code}:\n{done.stdout.decode()[-2000:]}")
    return Run(wall_s, cpu_s, peak * (1 if sys.platform == "darwin" else 1024))


def alternate(commands: dict[str, Sequence[str]], repeats: int) -> dict[str, list[Run]]:
    """Run the commands in turn, *repeats* rounds after one that does not count."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            run = measure(command)
            if turn:
                runs[name].append(run)
    return runs


def middle(runs: list[Run], what: str) -> float:
    """Median of one figure."""
    return float(median(getattr(run, what) for run in runs))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a figure was measured."""

    cpu: str
    cores: int
    system: str
    versions: dict[str, str]
    commit: str

    @staticmethod
    @cache
    def here() -> "Machine":
        """This machine."""
        return Machine(_cpu(), os.cpu_count() or 1, platform.platform(), _versions(), _commit())

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.cores} cores of {self.cpu}, {packages}"

    def to_json(self) -> dict[str, Any]:
        """As it is written beside every measurement."""
        return {"machine": asdict(self)}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("framesift", "av", "numpy", "numba", "zarr", "opencv-python-headless", *_PEERS):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    here = Path(__file__).parent
    found = subprocess.run(
        ["git", "-C", here, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as aligned text."""
    if not rows:
        return "(nothing)"
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)

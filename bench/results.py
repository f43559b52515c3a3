"""``results.jsonl``: what was measured, where, on which commit and with which settings; and series out of it.

A line that has ``settings`` begins the run of one suite; the lines with its ``run`` are its measurements, as they were
made, one for each repeat. Everything else (tables, plots, comparisons) is computed from them afterwards.
"""

import json
import math
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from .record import OURS, Machine, plain

Row = dict[str, Any]
Key = tuple[tuple[str, Any], ...]

KINDS = {"_s": "time", "rss_bytes": "memory", "_bytes": "size"}
"""What a field counts, by how its name ends; less is better in all of them."""
_REFERENCES = ("python", "import av, numpy")
"""Commands of suite ``start`` that say what the machine does."""
_QUALITY = ("radius", "mean_distance", "inertia", "sum_left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked for."""

    size: str = "small"
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One suite, run once."""

    suite: str
    header: Row
    measurements: list[Row]

    @property
    def commit(self) -> str:
        """Short name of the commit; with ``-dirty`` where files were changed."""
        return str(self.header["machine"]["commit"])

    @property
    def title(self) -> str:
        """The command that gives the figures, and where it gave these."""
        settings, machine = self.header["settings"], self.header["machine"]
        device = "" if settings["device"] == "cpu" else f" --device {settings['device']}"
        packages = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
        where = f"{machine['cores']} cores of {machine['cpu']}, {packages}"
        return f"`python -m bench {self.suite} --size {settings['size']}{device}` on {where}:"

    @property
    def cut(self) -> str:
        """A sentence on what it did not measure; empty if there is nothing."""
        left_out = self.header.get("left_out")
        return f"Left out after {self.header['took_s']:.0f} s: {'; '.join(left_out)}." if left_out else ""


def result(
    suite: str, settings: Settings, measurements: list[Row], seconds: float, left_out: Iterable[str] = ()
) -> Result:
    """What was just measured here; *left_out* says what was not."""
    header = {
        "run": uuid.uuid4().hex[:12],
        "suite": suite,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "took_s": round(seconds, 1),
        "settings": asdict(settings),
        "left_out": list(left_out),
        **Machine.here().to_json(),
    }
    return Result(suite=suite, header=header, measurements=measurements)


def append(path: Path, found: Result) -> None:
    """Add a run to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run = found.header["run"]
    with path.open("a") as file:
        file.write(json.dumps(found.header) + "\n")
        for measurement in found.measurements:
            file.write(json.dumps({"run": run, **measurement}, default=plain) + "\n")


def read(path: Path) -> list[Result]:
    """All runs of a file, in the order in which they were made.

    Raises
    ------
    SystemExit
        It cannot be read; with a sentence.
    """
    runs: dict[str, Result] = {}
    try:
        for line in path.read_text().splitlines():
            data = json.loads(line)
            if "settings" in data:
                runs[data["run"]] = Result(suite=data["suite"], header=data, measurements=[])
            else:
                runs[data.pop("run")].measurements.append(data)
    except (OSError, ValueError, KeyError) as e:
        raise SystemExit(f"{path} is not a results.jsonl of python -m bench ({e!r})") from None
    return list(runs.values())


def latest(runs: Iterable[Result]) -> dict[str, Result]:
    """The last run of each suite."""
    return {run.suite: run for run in runs}


def read_latest(name: str) -> dict[str, Result]:
    """The last run of each suite in ``FILE`` or ``FILE@COMMIT``."""
    path, _, commit = name.partition("@")
    runs = [run for run in read(Path(path)) if run.commit.startswith(commit)]
    if not runs:
        raise SystemExit(f"{path} holds no run{f' of commit {commit}' * bool(commit)}")
    return latest(runs)


def kind(name: str) -> str:
    """``time``, ``memory``, ``size`` or ``quality``, where less is better; empty for what is not a result."""
    if name in _QUALITY:
        return "quality"
    if name == "floor_s":  # what the machine allows
        return ""
    return next((what for end, what in KINDS.items() if name.endswith(end)), "")


def series(measurements: Iterable[Row]) -> dict[tuple[Key, str], list[float]]:
    """Values above 0 by what was measured (its texts, and ``x``) and by the name of the result."""
    found: dict[tuple[Key, str], list[float]] = defaultdict(list)
    for row in measurements:
        key = tuple((name, value) for name, value in row.items() if isinstance(value, str) or name == "x")
        for name, value in row.items():
            if kind(name) and isinstance(value, int | float) and 0 < value < math.inf:
                found[key, name].append(float(value))
    return dict(found)


def is_peer(key: Key) -> bool:
    """Whether it is of a program that is not ours, or of a command that has nothing of ours in it."""
    given = dict(key)
    program = given.get("program")
    if program is None:
        return given.get("command") in _REFERENCES
    return not program.startswith(OURS)


def by(measurements: Iterable[Row], *fields: str) -> dict[tuple[Any, ...], list[Row]]:
    """Measurements in groups of equal *fields*, in order; those without one of them are left out."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in measurements:
        if all(field in row for field in fields):
            groups[tuple(row[field] for field in fields)].append(row)
    return dict(groups)


def middle_of(rows: Iterable[Row], name: str) -> float:
    """Median of one result; NaN where there is none."""
    values = [row[name] for row in rows if isinstance(row.get(name), int | float)]
    return float(median(values)) if values else math.nan


def spread_of(rows: Iterable[Row], name: str) -> float:
    """Half of the range of one result over its median: 0.05 is plus or minus 5 %. NaN for fewer than two."""
    return spread([row[name] for row in rows if isinstance(row.get(name), int | float)])


def spread(values: list[float]) -> float:
    """Half of the range over the median; NaN for fewer than two."""
    if len(values) < 2 or not median(values):
        return math.nan
    return (max(values) - min(values)) / 2 / abs(median(values))


def geometric_mean(values: Iterable[float]) -> float:
    """Of those that are above 0; NaN for none."""
    logs = [math.log(value) for value in values if value > 0]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan

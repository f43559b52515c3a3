"""What got slower or bigger from one result to another, and what is within the noise."""

import math
from statistics import median, pstdev
from typing import Any

from .results import Key, Result, geometric_mean, is_peer, kind, series, spread

Row = dict[str, Any]
_LEAST = {"time": 0.03, "memory": 0.02, "quality": 0.01, "size": 0.0}
"""Below this nothing is called a change, however small the spread of a few runs happens to be."""
_LITTLE_BYTES = 4 << 20
"""Memory below this is taken to be this: pages that malloc happens to keep are no change."""
_UNKNOWN = 0.15
"""Noise of a time that was measured once."""
_WORSE = {"time": "slower", "memory": "bigger", "size": "bigger", "quality": "worse"}
_BETTER = {"time": "faster", "memory": "smaller", "size": "smaller", "quality": "better"}


def compare(a: dict[str, Result], b: dict[str, Result]) -> list[Row]:
    """A row for each figure of ours in both: medians, B over A, noise and verdict; of suites with the same settings.

    Times are divided by what the peers' took in B over A, wall clock by wall clock and processor time by processor time:
    they did not change, so that is the machine (its load, its clock). The noise is the largest of the spread within A,
    that within B and, for times, how far the peers are apart in this.
    """
    rows = []
    for suite in a:
        if suite in b and a[suite].header["settings"] == b[suite].header["settings"]:
            rows += _suite(suite, a[suite], b[suite])
    order = {"slower": 0, "bigger": 0, "worse": 0, "faster": 1, "smaller": 1, "better": 1}
    return sorted(rows, key=lambda row: (order.get(row["verdict"], 2), -abs(math.log(row["B / A"]))))


def _suite(suite: str, a: Result, b: Result) -> list[Row]:
    before, after = series(a.measurements), series(b.measurements)
    rows = []
    for (key, name), values in before.items():
        others = after.get((key, name))
        if is_peer(key) or others is None or not median(values) or not median(others):
            continue
        what = kind(name)
        drift, apart = machine_drift(before, after, name) if what == "time" else (1.0, 0.0)
        ratio = _ratio(what, values, others) / drift
        noise = _noise(what, values, others, apart)
        rows.append(
            {
                "suite": suite,
                "what": label(key),
                "figure": name,
                "A": median(values),
                "B": median(others),
                "B / A": ratio,
                "noise": f"±{100 * noise:.0f} %",
                "verdict": _verdict(what, ratio, noise),
            }
        )
    return rows


def _ratio(what: str, a: list[float], b: list[float]) -> float:
    least = _LITTLE_BYTES if what == "memory" else 0
    return max(median(b), least) / max(median(a), least)


def _noise(what: str, a: list[float], b: list[float], apart: float) -> float:
    spreads = [found for found in (spread(a), spread(b)) if not math.isnan(found)]
    least = _LEAST[what]
    if what == "time":
        least = max(least, apart, 0 if len(spreads) == 2 else _UNKNOWN)
    # Half a range of two runs hides about as much as it shows.
    return max([least, *(2 * found if what in ("time", "quality") else found for found in spreads)])


def _verdict(what: str, ratio: float, noise: float) -> str:
    if abs(math.log(ratio)) <= math.log1p(noise):
        return "within the noise" if ratio != 1 else "same"
    return _WORSE[what] if ratio > 1 else _BETTER[what]


def machine_drift(
    before: dict[Any, list[float]], after: dict[Any, list[float]], name: str = "wall_s"
) -> tuple[float, float]:
    """How much longer the peers took by one figure, and how far apart they are in that (standard deviation of the
    logarithm; one alone does not tell)."""
    logs = [
        math.log(median(after[at]) / median(values))
        for at, values in before.items()
        if is_peer(at[0]) and at[1] == name and at in after and median(values) and median(after[at])
    ]
    if not logs:
        return 1.0, 0.0
    return math.exp(median(logs)), pstdev(logs) if len(logs) > 1 else _UNKNOWN


def notes(a: dict[str, Result], b: dict[str, Result]) -> list[str]:
    """What has to be known beside the rows: other machines, sizes, and how the machine drifted."""
    said = []
    for suite in [name for name in a if name in b]:
        first, second = a[suite].header, b[suite].header
        if first["settings"] != second["settings"]:
            said.append(
                f"{suite}: not compared, the settings differ: {first['settings']} and {second['settings']}."
            )
            continue
        said += [
            f"{suite}: {name} {run.cut[:1].lower()}{run.cut[1:]}"
            for name, run in (("A", a[suite]), ("B", b[suite]))
            if run.cut
        ]
        if any(first["machine"][name] != second["machine"][name] for name in ("cpu", "cores")):
            said.append(f"{suite}: measured on different machines; only ratios to peers mean something.")
        before, after = series(a[suite].measurements), series(b[suite].measurements)
        for name, what in (("wall_s", "as long"), ("cpu_s", "the processor time")):
            drift, apart = machine_drift(before, after, name)
            if drift != 1:
                said.append(
                    f"{suite}: the peers took {drift:.2f}x {what} (±{100 * apart:.0f} %); taken out of B / A."
                )
        said += [f"{suite}: {MEMORY_CHANGED}"] * (_is_of_all(a[suite]) != _is_of_all(b[suite]))
    missing = sorted(set(a) ^ set(b))
    return [*said, *([f"only in one of the two: {', '.join(missing)}."] if missing else [])]


MEMORY_CHANGED = (
    "memory is that of the largest process in some results, and in others that of all processes of a program."
)


def _is_of_all(run: Result) -> bool:
    """Whether peaks are sums over the processes of a program, as they are since these are counted; or there are none."""
    return all("n_processes" in row for row in run.measurements if "peak_rss_bytes" in row)


def is_memory_changed(runs: list[Result]) -> bool:
    """Whether peaks of memory are of the largest process in some of the runs, and of all processes in others."""
    given = [run for run in runs if any("peak_rss_bytes" in row for row in run.measurements)]
    return len({_is_of_all(run) for run in given}) > 1


def history(runs: list[Result]) -> dict[str, list[tuple[str, float]]]:
    """Of each suite and kind of figure: (commit, geometric mean of the figures over those of the first commit).

    Of each commit the last run of a suite, of those with the settings of the very last one.
    """
    found: dict[str, list[tuple[str, float]]] = {}
    ordered = sorted(runs, key=_when)
    for suite in dict.fromkeys(run.suite for run in ordered):
        mine = [run for run in ordered if run.suite == suite]
        mine = list({(run.commit, run.header["settings"]["size"]): run for run in mine}.values())
        same = [run for run in mine if run.header["settings"] == mine[-1].header["settings"]]
        base = series(same[0].measurements)
        for run in same:
            for what, value in _against(base, series(run.measurements)).items():
                found.setdefault(f"{suite}, {what}", []).append((run.commit, value))
    return found


def commits(runs: list[Result]) -> list[str]:
    """All of them, in the order of time."""
    return list(dict.fromkeys(run.commit for run in sorted(runs, key=_when)))


def _when(run: Result) -> tuple[str, str]:
    return run.header["machine"].get("commit_time", ""), run.header["at"]


def _against(base: dict[Any, list[float]], now: dict[Any, list[float]]) -> dict[str, float]:
    ratios: dict[str, list[float]] = {}
    for (key, name), values in base.items():
        if not is_peer(key) and (key, name) in now and median(values):
            ratio = _ratio(kind(name), values, now[key, name])
            drift = machine_drift(base, now, name)[0] if kind(name) == "time" else 1.0
            what = "processor time" if name == "cpu_s" else kind(name)
            ratios.setdefault(what, []).append(ratio / drift)
    return {what: geometric_mean(values) for what, values in ratios.items()}


def label(key: Key) -> str:
    """What was measured, in a few words."""
    return ", ".join(str(value) for _, value in key)


def readable(row: Row) -> Row:
    """A row of `compare` with its figure in units: MB, bytes, ms or s."""
    unit, divisor = _UNITS.get(kind(row["figure"]), ("", 1.0))
    if unit == "s" and max(row["A"], row["B"]) < 1:
        unit, divisor = "ms", 1e-3
    figure = row["figure"].removesuffix("_bytes").removesuffix("_s")
    shown = {name: f"{row[name] / divisor:,.{_digits(unit)}f}" for name in ("A", "B")}
    return {**row, "figure": f"{_FIGURES.get(figure, figure)}, {unit}" if unit else figure, **shown}


_UNITS = {"time": ("s", 1.0), "memory": ("MB", 2.0**20), "size": ("bytes", 1.0)}
_FIGURES = {
    "wall": "wall clock",
    "cpu": "processor time",
    "peak_rss": "peak memory",
    "extra_rss": "extra memory",
}


def _digits(unit: str) -> int:
    return {"bytes": 0, "MB": 1, "ms": 1}.get(unit, 2)

"""What the rows of suite ``kernels`` are made of: a case, what it takes at least, and the programs that do it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from framesift_kernels import load

from . import rooflines
from .record import OURS, is_over, journal
from .results import by, middle_of, spread_of
from .workers import Given, Judge, Took, Work, apart, series

Row = dict[str, Any]
ITERATIONS = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison."""

    name: str
    floor_s: float
    """What the roofline allows."""
    programs: Mapping[str, Work | None]
    """``framesift`` is ours; None is not installed. One that returns `workers.Took` says itself what of its time counts."""
    judge: Judge | None = None
    """Turns what a program returned into figures, the same for all; asked once a program, in the program's process."""


class Bench:
    """Runs ours and peers in turn and keeps what they took.

    Each row: the middle of some runs of ours and of a peer's, how many times faster ours is, and what share of the
    machine's roofline it reaches (`rows`).

    Parameters
    ----------
    repeats
        Calls that count, after one that does not.
    device
        Where ours runs; the rooflines are the processor's.
    enough_s
        Seconds of calls after which a program is called no more.
    """

    def __init__(self, repeats: int, device: str = "cpu", *, enough_s: float = math.inf) -> None:
        self.repeats = repeats
        self.enough_s = enough_s
        self.device = device
        self.flops, self.bandwidth = apart(lambda: (rooflines.flops(), rooflines.bandwidth()))
        self.measurements: list[Row] = journal()
        self.measurements.append(
            {"case": "roofline", "gflops": self.flops / 1e9, "gb_per_s": self.bandwidth / 1e9}
        )

    def compare(
        self,
        case: str,
        floor_s: float,
        programs: dict[str, Work | None],
        judge: Judge | None = None,
    ) -> None:
        """Time the programs of a `Case` in turn, each in a process of its own."""
        self.compare_all([Case(case, floor_s, programs, judge)])

    def compare_all(self, cases: Sequence[Case]) -> None:
        """The same for some cases, one after the other: each program has one process for all, and is imported once."""
        found = series(
            {case.name: with_device_time(case.programs, self.device) for case in cases},
            self.repeats,
            enough_s=self.enough_s,
            judges={case.name: case.judge for case in cases},
            is_left_out=is_over,
        )
        floors = {case.name: self._floor(case.floor_s) for case in cases}
        for name, programs in found:
            for program, made in programs.items():
                for call in made:
                    row = {
                        "case": name,
                        "program": program,
                        "wall_s": call.wall_s,
                        "cpu_s": call.cpu_s,
                        "extra_rss_bytes": call.extra_rss_bytes,
                        **call.figures,
                        **floors[name],
                    }
                    self.measurements.append(row | (call.judged or {}))

    def note(self, case: str, mine: float, peer: str, theirs: float, floor_s: float) -> None:
        """Write down seconds of ours and of a peer that were measured otherwise."""
        for program, seconds in ((OURS, mine), (peer, theirs)):
            self.measurements.append(
                {"case": case, "program": program, "wall_s": seconds, **self._floor(floor_s)}
            )

    def on_device(self, work: Callable[..., Any], *arrays: Any) -> Work | None:
        """*work* on arrays that are on the device already: its time without the way there; None on the processor."""
        if self.device == "cpu":
            return None
        there: list[Any] = []

        def timed() -> Took:
            if not there:
                there.extend(load(self.device).put(array) for array in arrays)
            began = time.perf_counter()
            answer = work(*there)  # comes back to the host, so it is done
            return Took(time.perf_counter() - began, answer)

        return timed

    def _floor(self, floor_s: float) -> Row:
        return {"floor_s": floor_s} if self.device == "cpu" else {}


def with_device_time(programs: Mapping[str, Work | None], device: str) -> dict[str, Work | None]:
    """The programs; ours say how long the device worked and copies took, where it is not the processor."""
    return {
        name: work if work is None or device == "cpu" or not name.startswith(OURS) else _timed(work)
        for name, work in programs.items()
    }


def _timed(work: Work) -> Work:
    if isinstance(work, Given):
        return Given(lambda *given: _timed(partial(work.work, *given))(), work.given, work.little)

    def timed() -> Took:
        from framesift_kernels.cuda._timing import measured

        with measured() as device:
            began = time.perf_counter()
            answer = work()
            wall_s = time.perf_counter() - began
        took = answer if isinstance(answer, Took) else Took(wall_s, answer)
        share = took.wall_s / wall_s  # of an iteration, say
        figures = {"device_s": share * device.kernels_s, "copies_s": share * device.copies_s}
        return Took(took.wall_s, took.answer, figures)

    return timed


def rows(measurements: list[Row]) -> list[Row]:
    """A row a case and peer; ``±`` is half of the range of ours over its median, quality is ours over the peer's.

    ``calls`` is how often ours and the peer was called: less often what takes long, and once what takes longest. On a
    GPU ``device ms`` is what its kernels took of ours, each from its launch on, ``copies ms`` what copies to it and
    back took, and ``host ms`` the rest.
    """
    cases: dict[str, dict[str, list[Row]]] = {}
    for (case, program), found in by(measurements, "case", "program").items():
        cases.setdefault(case, {})[program] = found
    shown = []
    for case, programs in cases.items():
        own = programs[OURS]
        for peer, theirs in {name: made for name, made in programs.items() if name != OURS}.items():
            shown.append(_row(case, own, peer, theirs))
        if len(programs) == 1:
            shown.append(_row(case, own, "(none)", []))
    return shown


def _row(case: str, own: list[Row], peer: str, theirs: list[Row]) -> Row:
    mine, other = middle_of(own, "wall_s"), middle_of(theirs, "wall_s")
    noise = spread_of(own, "wall_s")
    row = {
        "case": case,
        "framesift ms": 1e3 * mine,
        "±": "" if math.isnan(noise) else f"{100 * noise:.0f} %",
        "calls": f"{len(own)}:{len(theirs)}",
        "peer": peer,
        "peer ms": 1e3 * other,
        "times faster": other / mine,
        "roofline": own[0].get("floor_s", math.nan) / mine,
    }
    if "device_s" in own[0]:
        device, copies = middle_of(own, "device_s"), middle_of(own, "copies_s")
        row |= {
            "device ms": 1e3 * device,
            "copies ms": 1e3 * copies,
            "host ms": 1e3 * (mine - device - copies),
        }
    extra = middle_of(own, "extra_rss_bytes")
    if "passes" in own[0]:
        row["passes"] = own[0]["passes"]
    for name in ("inertia", "radius", "mean_distance", "sum_left"):
        if name in own[0] and theirs and name in theirs[0]:
            row[name] = own[0][name] / theirs[0][name]
    if not math.isnan(extra):
        row["extra MB"] = extra / 2**20
        row["peer MB"] = middle_of(theirs, "extra_rss_bytes") / 2**20
    return {
        name: "" if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()
    }


def iteration(fit: Callable[[Any, Any, int], Any], x: Any, init: Any) -> Took:
    """Seconds an iteration: the longer fit less the shorter; and the centres of the longer.

    Where that drowns in what else the machine does, the longer fit over its iterations: an upper bound.
    """

    took = []
    for n in (1, 1 + ITERATIONS):
        began = time.perf_counter()
        centers = fit(x, init, n)
        took.append(time.perf_counter() - began)
    more = (took[1] - took[0]) / ITERATIONS
    return Took(more if more > 0 else took[1] / (1 + ITERATIONS), np.asarray(centers))

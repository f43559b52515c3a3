"""Suite ``kernels``: selection on vectors and run-length masks, beside peers, in turn, in this process.

Each row: the middle of some runs of ours and of a peer's, how many times faster ours is, and what share of the
machine's roofline it reaches. Where the plain procedure has a floor (its reads at the machine's bandwidth, its
distances at the machine's FMAs), ``roofline`` is that floor over our time: above 1, less was done than that.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr

import framesift as fs
from framesift.features.matrix import Matrix

from . import rooflines
from .kernels_coverage import coverage_rows
from .kernels_masks import mask_rows
from .kernels_means import means_rows, vectors
from .kernels_neighbours import neighbour_rows
from .peers import mundig, plain

Row = dict[str, Any]
_PICKS = {"tiny": (2000, 16, 50), "small": (100_000, 128, 1000), "full": (100_000, 128, 1000)}
_BLOCKS = {"tiny": (4000, 16, 40), "small": (300_000, 256, 400), "full": (1_000_000, 256, 400)}
_REPEATS = {"tiny": 1, "small": 3, "full": 7}


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a case and peer."""
    bench = Bench(_REPEATS[size])
    _kcenter(bench, *_PICKS[size])
    _kcenter_in_blocks(bench, *_BLOCKS[size])
    means_rows(bench, size)
    coverage_rows(bench, size, vectors)
    neighbour_rows(bench, size, vectors)
    mask_rows(bench, size)
    return bench.measurements, bench.rows


class Bench:
    """Runs ours and peers in turn and keeps what they took."""

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats
        self.flops, self.bandwidth = rooflines.flops(), rooflines.bandwidth()
        self.measurements: list[Row] = [
            {"case": "roofline", "gflops": self.flops / 1e9, "gb_s": self.bandwidth / 1e9}
        ]
        self.rows: list[Row] = []

    def compare(self, case: str, floor_s: float, programs: dict[str, Callable[[], Any] | None]) -> None:
        """Time the programs in turn; ``framesift`` is ours. *floor_s* is what the roofline allows."""
        took: dict[str, list[float]] = {name: [] for name, work in programs.items() if work}
        for turn in range(self.repeats + 1):
            for name in took:
                work = programs[name]
                assert work is not None
                began = time.perf_counter()
                work()
                if turn:
                    took[name].append(time.perf_counter() - began)
        self.measurements += [{"case": case, "program": name, "seconds": s} for name, s in took.items()]
        mine = median(took.pop("framesift"))
        for name, seconds in (took or {"(none)": []}).items():
            theirs = median(seconds) if seconds else float("nan")
            self.note(case, mine, name, theirs, floor_s)

    def note(self, case: str, mine: float, peer: str, theirs: float, floor_s: float) -> None:
        """Add a row."""
        self.rows.append(
            {
                "case": case,
                "framesift ms": 1e3 * mine,
                "peer": peer,
                "peer ms": 1e3 * theirs,
                "times faster": theirs / mine,
                "roofline": floor_s / mine,
            }
        )


def _kcenter(bench: Bench, n: int, d: int, k: int) -> None:
    theirs = mundig.kcenter()
    for kind in ("uniform", "clustered", "drift"):
        x = vectors(kind, n, d)
        bench.compare(
            f"k-center {n}x{d}, {k} picks, {kind}",
            k * x.nbytes / bench.bandwidth,
            {
                "framesift": lambda x=x: fs.kcenter_greedy(x, k),
                "plain sweep": lambda x=x: plain.kcenter(x, k),
                "lightly-mundig": (lambda x=x: theirs(x, k)) if theirs else None,
            },
        )


def _kcenter_in_blocks(bench: Bench, n: int, d: int, k: int) -> None:
    """Passes over a float16 zarr array eight times the budget; the peer is reading it once a pick, and nothing else."""
    for kind in ("uniform", "clustered", "drift"):
        x = vectors(kind, n, d).astype(np.float16)
        with tempfile.TemporaryDirectory() as folder:
            chunk = min(2048, n // 4)
            array = zarr.create_array(
                Path(folder, "x.zarr"), shape=x.shape, chunks=(chunk, d), dtype="f2", compressors=None
            )
            array[:] = x
            reading = time.perf_counter()
            for start in range(0, n, chunk):
                array[start : start + chunk]
            reading = time.perf_counter() - reading
            passes, seconds = _count_passes(array, k, x.nbytes // 8)
        case = f"k-center {n}x{d} float16 from disk, {k} picks, {kind}: {passes:.1f} passes"
        bench.measurements.append({"case": case, "seconds": seconds, "passes": passes, "one_read_s": reading})
        bench.note(case, seconds, f"reading {k} times", k * reading, 2 * n * d * k / bench.flops)


def _count_passes(array: Any, k: int, max_bytes: int) -> tuple[float, float]:
    rows, original = [], Matrix.read

    def read(self: Matrix, part: slice) -> Any:
        rows.append(part.stop - part.start)
        return original(self, part)

    Matrix.read = read  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        fs.kcenter_greedy(array, k, max_bytes=max_bytes)
        return sum(rows) / array.shape[0], time.perf_counter() - began
    finally:
        Matrix.read = original  # type: ignore[method-assign]

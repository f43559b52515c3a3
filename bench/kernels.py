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
from framesift.selection import kmeans as our_kmeans
from framesift_kernels import load

from . import rooflines
from .kernels_masks import mask_rows
from .kernels_neighbours import neighbour_rows
from .peers import clustering, mundig, plain

Row = dict[str, Any]
_PICKS = {"tiny": (2000, 16, 50), "small": (100_000, 128, 1000), "full": (100_000, 128, 1000)}
_BLOCKS = {"tiny": (4000, 16, 40), "small": (300_000, 256, 400), "full": (1_000_000, 256, 400)}
_CLUSTERS = {"tiny": (3000, 16, 10), "small": (200_000, 128, 100), "full": (200_000, 128, 100)}
_REPEATS = {"tiny": 1, "small": 3, "full": 7}
_ITERATIONS = 10
_BATCH = 1024


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a case and peer."""
    bench = Bench(_REPEATS[size])
    _kcenter(bench, *_PICKS[size])
    _kcenter_in_blocks(bench, *_BLOCKS[size])
    _lloyd(bench, *_CLUSTERS[size])
    _mini_batches(bench, *_CLUSTERS[size])
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


def vectors(kind: str, n: int, d: int) -> Any:
    """float32 rows: uniform; 300 clusters of very different sizes; a slow drift in few dimensions, like video."""
    rng = np.random.default_rng(1)
    if kind == "uniform":
        return rng.random((n, d), np.float32)
    noise = rng.normal(size=(n, d)).astype(np.float32)
    if kind == "clustered":
        share = 1 / np.arange(1, 301)
        centers = 2 * rng.normal(size=(300, d)).astype(np.float32)
        return centers[rng.choice(300, n, p=share / share.sum())] + np.float32(0.3) * noise
    walk = rng.normal(size=(n, 8)).astype(np.float32).cumsum(axis=0) / 30
    return (walk @ rng.normal(size=(8, d)) + 0.05 * noise).astype(np.float32)


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


def _lloyd(bench: Bench, n: int, d: int, k: int) -> None:
    for kind in ("uniform", "clustered"):
        x = vectors(kind, n, d)
        init = x[np.random.default_rng(2).choice(n, k, replace=False)].copy()
        faiss = clustering.faiss()
        fits = {
            "framesift": lambda x, init, n: fs.kmeans(x, k, init=init, tol=0, max_iter=n),
            "scikit-learn lloyd": clustering.scikit_learn("lloyd"),
            "scikit-learn elkan": clustering.scikit_learn("elkan"),
            "faiss": faiss,
        }
        # What is not an iteration (checks, the last assignment) is in both, and taken off.
        spans = {name: _span(fit, x, init, bench.repeats) for name, fit in fits.items() if fit}
        floor = 2 * n * d * k / bench.flops
        for name, seconds in spans.items():
            bench.measurements.append(
                {"case": f"k-means iteration, {kind}", "program": name, "seconds": seconds}
            )
            if name != "framesift":
                bench.note(
                    f"k-means iteration {n}x{d}, k={k}, {kind}", spans["framesift"], name, seconds, floor
                )


def _span(fit: Any, x: Any, init: Any, repeats: int) -> float:
    """Seconds an iteration: the longer fit less the shorter."""
    found = []
    for _ in range(repeats + 1):
        took = []
        for n in (1, 1 + _ITERATIONS):
            began = time.perf_counter()
            fit(x, init, n)
            took.append(time.perf_counter() - began)
        found.append((took[1] - took[0]) / _ITERATIONS)
    return median(found[1:])


def _mini_batches(bench: Bench, n: int, d: int, k: int) -> None:
    x, kernels = vectors("clustered", n, d), load("cpu")
    init = x[np.random.default_rng(2).choice(n, k, replace=False)].copy()
    rows = min(_BATCH, n)
    labels, sqdist = np.empty(rows, np.int32), np.empty(rows, np.float32)

    def ours() -> None:
        centers = init
        for start in range(0, n - rows + 1, rows):
            centers = our_kmeans._step(x[start : start + rows], centers, kernels, labels, sqdist)

    steps = n // rows
    took: list[float] = []
    theirs: list[float] = []
    for _ in range(bench.repeats + 1):
        began = time.perf_counter()
        ours()
        took.append((time.perf_counter() - began) / steps)
        began = time.perf_counter()
        fitted = clustering.mini_batch(x, init, rows, 1)
        theirs.append((time.perf_counter() - began) / fitted.n_steps_)
    floor = 2 * rows * d * k / bench.flops
    bench.note(
        f"k-means mini-batch {rows}x{d}, k={k}",
        median(took[1:]),
        "MiniBatchKMeans",
        median(theirs[1:]),
        floor,
    )
    whole = fs.kmeans(x, k, init=init, max_iter=50).inertia
    nested = our_kmeans.cluster(
        Matrix(x, "x", 4096), k, np.random.Generator(np.random.Philox(0)), kernels
    ).inertia
    bench.measurements.append({"case": "inertia of nested batches over Lloyd's", "ratio": nested / whole})

"""Suite ``kernels``: selection on vectors and run-length masks, beside peers, in turn, a process each.

Each row: the middle of some runs of ours and of a peer's, how many times faster ours is, and what share of the
machine's roofline it reaches. Where the plain procedure has a floor (its reads at the machine's bandwidth, its
distances at the machine's FMAs), ``roofline`` is that floor over our time: above 1, less was done than that.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr

import framesift as fs
from framesift.features.matrix import Matrix
from framesift.selection import kmeans as our_kmeans
from framesift_kernels import load

from . import metrics
from .cases import Bench, rows
from .inputs import vectors
from .kernels_masks import mask_rows
from .peers import clustering, mundig, plain, submodular
from .results import Settings
from .workers import Took

__all__ = ["measure", "rows", "vectors"]

Row = dict[str, Any]
_PICKS = {"tiny": (2000, 16, 50), "small": (100_000, 128, 1000), "full": (100_000, 128, 1000)}
_BLOCKS = {"tiny": (4000, 16, 40), "small": (300_000, 256, 400), "full": (1_000_000, 256, 400)}
_CLUSTERS = {"tiny": (3000, 16, 10), "small": (200_000, 128, 100), "full": (200_000, 128, 100)}
_FACILITIES = {"tiny": (300, 16, 10), "small": (3000, 128, 50), "full": (20_000, 128, 200)}
_REPEATS = {"tiny": 1, "small": 3, "full": 7}
_ITERATIONS = 10
_BATCH = 1024


def measure(settings: Settings) -> list[Row]:
    """Every case, ours and the peers in turn."""
    size = settings.size
    bench = Bench(_REPEATS[size], settings.device)
    _kcenter(bench, *_PICKS[size])
    _lloyd(bench, *_CLUSTERS[size])
    if hasattr(fs, "coverage"):
        _facility_location(bench, *_FACILITIES[size])
    if bench.device != "cpu":
        said = "rows from disk, mini-batches and masks have no case here that runs on"
        print(f"suite kernels: {said} {bench.device}. Left out.", file=sys.stderr)
        return bench.measurements
    _kcenter_in_blocks(bench, *_BLOCKS[size])
    _mini_batches(bench, *_CLUSTERS[size])
    mask_rows(bench, size)
    return bench.measurements


def _kcenter(bench: Bench, n: int, d: int, k: int) -> None:
    theirs = mundig.kcenter()
    for kind in ("uniform", "clustered", "drift"):
        x = vectors(kind, n, d)
        bench.compare(
            f"k-center {n}x{d}, {k} picks, {kind}",
            k * x.nbytes / bench.bandwidth,
            {
                "framesift": lambda x=x: fs.kcenter_greedy(x, k, device=bench.device)[0],
                "framesift, rows on the device": bench.on_device(
                    lambda x: fs.kcenter_greedy(x, k, device=bench.device)[0], x
                ),
                "plain sweep": lambda x=x: plain.kcenter(x, k),
                "lightly-mundig": (lambda x=x: theirs(x, k)) if theirs else None,
            },
            lambda picks, x=x: {"picks": [int(at) for at in picks], "radius": metrics.radius(x, picks)},
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
            bench.compare(
                f"k-center {n}x{d} float16 from disk, {k} picks, {kind}",
                2 * n * d * k / bench.flops,
                {
                    "framesift": lambda array=array: _count_passes(array, k, array.nbytes // 8),
                    f"reading {k} times": lambda array=array: _read(array, k),
                },
                lambda passes: {"passes": passes},
            )


def _count_passes(array: Any, k: int, max_bytes: int) -> float:
    rows, original = [], Matrix.read

    def read(self: Matrix, part: slice) -> Any:
        rows.append(part.stop - part.start)
        return original(self, part)

    Matrix.read = read  # type: ignore[method-assign]
    try:
        fs.kcenter_greedy(array, k, max_bytes=max_bytes)
        return float(sum(rows) / array.shape[0])
    finally:
        Matrix.read = original  # type: ignore[method-assign]


def _read(array: Any, times: int) -> Took:
    """What reading it *times* takes, as one pass says."""
    began = time.perf_counter()
    for start in range(0, array.shape[0], array.chunks[0]):
        array[start : start + array.chunks[0]]
    return Took(times * (time.perf_counter() - began), float(times))


def _lloyd(bench: Bench, n: int, d: int, k: int) -> None:
    for kind in ("uniform", "clustered"):
        x = vectors(kind, n, d)
        init = x[np.random.default_rng(2).choice(n, k, replace=False)].copy()
        fits = {
            "framesift": lambda x, init, n: (
                fs.kmeans(x, k, init=init, tol=0, max_iter=n, device=bench.device).centers
            ),
            "scikit-learn lloyd": clustering.scikit_learn("lloyd"),
            "scikit-learn elkan": clustering.scikit_learn("elkan"),
            "faiss": clustering.faiss(),
        }
        # What is not an iteration (checks, the last assignment) is in both, and taken off.
        bench.compare(
            f"k-means iteration {n}x{d}, k={k}, {kind}",
            2 * n * d * k / bench.flops,
            {name: iteration(fit, x, init) if fit else None for name, fit in fits.items()},
            lambda centers, x=x: {"inertia": metrics.inertia(x, centers)},
        )


def iteration(fit: clustering.Lloyd, x: Any, init: Any) -> Callable[[], Took]:
    """Seconds an iteration: the longer fit less the shorter; and the centres of the longer.

    Where that drowns in what else the machine does, the longer fit over its iterations: an upper bound.
    """

    def timed() -> Took:
        took = []
        for n in (1, 1 + _ITERATIONS):
            began = time.perf_counter()
            centers = fit(x, init, n)
            took.append(time.perf_counter() - began)
        more = (took[1] - took[0]) / _ITERATIONS
        return Took(more if more > 0 else took[1] / (1 + _ITERATIONS), np.asarray(centers))

    return timed


def _mini_batches(bench: Bench, n: int, d: int, k: int) -> None:
    x, kernels = vectors("clustered", n, d), load("cpu")
    init = x[np.random.default_rng(2).choice(n, k, replace=False)].copy()
    rows = min(_BATCH, n)
    labels, sqdist = np.empty(rows, np.int32), np.empty(rows, np.float32)

    def ours() -> Took:
        began = time.perf_counter()
        centers = init
        for start in range(0, n - rows + 1, rows):
            centers = our_kmeans._step(x[start : start + rows], centers, kernels, labels, sqdist)
        return Took((time.perf_counter() - began) / (n // rows), centers)

    def theirs() -> Took:
        began = time.perf_counter()
        fitted = clustering.mini_batch(x, init, rows, 1)
        return Took((time.perf_counter() - began) / fitted.n_steps_, fitted.cluster_centers_)

    bench.compare(
        f"k-means mini-batch {rows}x{d}, k={k}",
        2 * rows * d * k / bench.flops,
        {"framesift": ours, "MiniBatchKMeans": theirs},
        lambda centers: {"inertia": metrics.inertia(x, centers)},
    )
    whole = fs.kmeans(x, k, init=init, max_iter=50).inertia
    nested = our_kmeans.cluster(
        Matrix(x, "x", 4096), k, np.random.Generator(np.random.Philox(0)), kernels
    ).inertia
    bench.measurements.append({"case": "inertia of nested batches over Lloyd's", "ratio": nested / whole})


def _facility_location(bench: Bench, n: int, d: int, k: int) -> None:
    """Coverage of order 1 without swaps; what every program leaves is measured as distances, whatever it counts by."""
    coverage: Any = fs.coverage  # type: ignore[attr-defined, unused-ignore]
    x = vectors("clustered", n, d)
    peers = {"submodlib": submodular.submodlib(), "apricot": submodular.apricot()}
    bench.compare(
        f"facility location {n}x{d}, {k} picks",
        2 * n * n * d / bench.flops,
        {
            "framesift": lambda: coverage(x, k, order=1, max_swaps=0, device=bench.device)[0],
            **{name: partial(select, x, k) if select else None for name, select in peers.items()},
        },
        lambda picks: {"picks": [int(at) for at in picks], "mean_distance": metrics.mean_distance(x, picks)},
    )

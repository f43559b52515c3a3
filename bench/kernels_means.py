"""Rows of the suite ``kernels`` for k-means: whole runs as users run them, steps of a stream, and how good these are."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import framesift as fs
from framesift.features.matrix import Matrix
from framesift.selection import kmeans as our_kmeans
from framesift_kernels import load

from . import metrics
from .cases import Case
from .inputs import kinds, vectors
from .peers import clustering
from .workers import Given, Took, apart

if TYPE_CHECKING:
    from .cases import Bench

_SIZES = {"tiny": (3000, 16, 40), "small": (200_000, 128, 100), "full": (200_000, 128, 100)}
_ITERATIONS = {"tiny": 2, "small": 10, "full": 25}
"""Of a run; 25 is faiss's own number."""
_LITTLE = 5000
"""Rows on which all are warmed up."""
_BATCH = 1024


def means_rows(bench: "Bench", size: str) -> None:
    """All of them."""
    n, d, k = _SIZES[size]
    bench.compare_all([_lloyd(bench, kind, n, d, k, _ITERATIONS[size]) for kind in kinds(size)])
    _mini_batches(bench, n, d, k)
    for kind in kinds(size) if size != "small" else kinds(size)[1:]:
        _nested(bench, kind, n, d, k)


def _start(x: Any, k: int) -> Any:
    return x[np.random.default_rng(2).choice(len(x), k, replace=False)].copy()


def _lloyd(bench: "Bench", kind: str, n: int, d: int, k: int, iterations: int) -> Case:
    """A whole run from given centres, checks and the last assignment included, divided by its iterations.

    Set OPENBLAS_CORETYPE for peers at their best, where their BLAS does not know the processor; each says what its
    BLAS has taken it for.
    """
    x = vectors(kind, n, d)
    init = _start(x, k)
    faiss = clustering.faiss()
    fits = {
        "framesift": lambda x, init, n: (
            fs.kmeans(x, k, init=init, tol=0, max_iter=n, device=bench.device).centers
        ),
        f"scikit-learn lloyd ({clustering.blas('scipy')})": clustering.scikit_learn("lloyd"),
        "scikit-learn elkan": clustering.scikit_learn("elkan"),
        f"faiss ({clustering.blas('faiss')})": faiss,
    }
    return Case(
        f"k-means iteration, of {iterations}, {n}x{d}, k={k}, {kind}",
        2 * n * d * k / bench.flops,
        {
            name: Given(_run(fit), (x, init, iterations), (x[:_LITTLE], init, 2)) if fit else None
            for name, fit in fits.items()
        },
        lambda centers: {"inertia": metrics.inertia(x, centers)},
    )


def _run(fit: clustering.Lloyd) -> Callable[[Any, Any, int], Took]:
    def timed(x: Any, init: Any, n: int) -> Took:
        began = time.perf_counter()
        centers = fit(x, init, n)
        return Took((time.perf_counter() - began) / n, np.asarray(centers))

    return timed


def _mini_batches(bench: "Bench", n: int, d: int, k: int) -> None:
    x = vectors("clustered", n, d)
    init = _start(x, k)
    rows = min(_BATCH, n)
    labels, sqdist = np.empty(rows, np.int32), np.empty(rows, np.float32)

    def ours() -> Took:
        kernels = load(bench.device)
        began = time.perf_counter()
        centers = init
        for start in range(0, n - rows + 1, rows):
            centers = our_kmeans._step(x[start : start + rows], centers, kernels, labels, sqdist)
        return Took((time.perf_counter() - began) / (n // rows), centers)

    def theirs(x: Any) -> Took:
        began = time.perf_counter()
        fitted = clustering.mini_batch(x, init, rows, 1)
        return Took((time.perf_counter() - began) / fitted.n_steps_, fitted.cluster_centers_)

    bench.compare(
        f"k-means mini-batch {rows}x{d}, k={k}",
        2 * rows * d * k / bench.flops,
        {"framesift": ours, "MiniBatchKMeans": Given(theirs, (x,), (x[:_LITTLE],))},
        lambda centers: {"inertia": metrics.inertia(x, centers)},
    )


def _nested(bench: "Bench", kind: str, n: int, d: int, k: int) -> None:
    """What a stream gets, nested batches of a sample, beside Lloyd's iterations over all rows from the same seeds."""
    x = vectors(kind, n, d)

    def both() -> tuple[float, float, float]:
        rng, kernels = np.random.Generator(np.random.Philox(0)), load(bench.device)
        began = time.perf_counter()
        nested = our_kmeans.cluster(Matrix(x, "x", 4096), k, rng, kernels)
        middle = time.perf_counter()
        whole = fs.kmeans(x, k, device=bench.device)
        return middle - began, time.perf_counter() - middle, nested.inertia / whole.inertia

    nested_s, whole_s, ratio = apart(both)
    bench.measurements.append(
        {"case": "inertia of nested batches over Lloyd's", "kind": kind, "ratio": ratio}
    )
    case = f"k-means nested batches {n}x{d}, k={k}, {kind}: inertia {ratio:.4f} of Lloyd's"
    floor = 2 * n * d * k / bench.flops
    bench.note(case, nested_s, "then Lloyd's over all rows", whole_s, floor)

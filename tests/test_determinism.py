"""The same bits whatever the threads, the chunks and the memory: one matrix for all that works on rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import zarr

import framesift.features.matrix
import framesift.features.vectors
from framesift import kcenter_greedy, kmeans
from framesift.selection import kcenter_blocks
from framesift_kernels import load

N, D, K = 1500, 20, 40


def make(dtype: Any) -> np.ndarray:
    """Overlapping clusters, copies among them, so that ties occur."""
    rng = np.random.default_rng(5)
    x = rng.integers(60, 196, (30, D))[rng.integers(30, size=N)] + rng.normal(0, 15, (N, D))
    x[::17] = x[3]
    return x.clip(0, 255).astype(dtype)


@pytest.fixture(params=[1, 2, 4])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with ThreadPoolExecutor(request.param) as pool:
        monkeypatch.setattr(framesift.features.vectors, "_threads", lambda: pool)
        monkeypatch.setattr(kcenter_blocks, "count_threads", lambda _: request.param)
        monkeypatch.setattr(framesift.features.matrix, "_BLOCK_BYTES", 1)  # so that blocks are chunks
        yield request.param


def stored(x: np.ndarray, chunk: int) -> zarr.Array:
    array = zarr.create_array({}, shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype)
    array[:] = x
    return array


def forms(x: np.ndarray) -> Iterator[tuple[str, Any, int]]:
    """In memory, a zarr array that fits the budget, and some that do not: name, array, budget."""
    yield "in memory", x, 2**30
    yield "zarr, in memory", stored(x, 311), 2**30
    for chunk in (211, 1000):
        yield f"out of core, chunks of {chunk}", stored(x, chunk), 0


EXPECTED: dict[Any, Any] = {}
"""Of each function and type, what came out first."""


def compare(key: Any, form: str, found: tuple[Any, ...]) -> None:
    for a, b in zip(found, EXPECTED.setdefault(key, found), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{key}, {form}")


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
class TestTheSameBits:
    def test_kcenter_greedy(self, dtype: Any) -> None:
        for form, x, budget in forms(make(dtype)):
            compare(("kcenter", dtype), form, kcenter_greedy(x, 90, preselected=[7, 9], max_bytes=budget))

    def test_kmeans(self, dtype: Any) -> None:
        for form, x, budget in forms(make(dtype)):
            found = kmeans(x, K, seed=3, max_bytes=budget)
            compare(("kmeans", dtype), form, (found.centers, found.labels, found.sqdist, found.inertia))

    def test_lloyd(self, dtype: Any) -> None:
        x = make(dtype)
        found = kmeans(x, K, init=x[: 3 * K : 3], tol=0, max_iter=25)
        compare(("lloyd", dtype), "in memory", (found.centers, found.labels, found.sqdist, found.inertia))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("threads", [1, 2, 4], indirect=False)
@pytest.mark.parametrize("rows", [1, 63, 64, 191, 192, 193, N])
def test_assign(dtype: Any, threads: int, rows: int) -> None:
    """Few rows are compared in float32, many first on eight bits."""
    x, kernels = make(dtype), load("cpu")
    centers = x[: 3 * K : 3].astype(np.float32)
    starts = range(0, N if rows > 1 else 50, rows)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda start: kernels.assign(x[start : start + rows], centers), starts))
    found = [np.concatenate(part) for part in zip(*parts, strict=True)]
    expected = kernels.assign(x, centers)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b[: len(a)])

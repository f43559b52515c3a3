"""Greedy k-center: the picks of the plain procedure, whatever the data, the threads, the blocks and the memory."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import framesift.features.matrix
import framesift.features.vectors
import naive
from framesift import kcenter_greedy
from framesift.cores import count_threads
from framesift.errors import UsageError
from framesift.selection import kcenter, kcenter_blocks
from framesift_kernels import load


def make(kind: str, n: int, d: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        x = rng.random((n, d))
    elif kind == "clustered":
        x = rng.normal(size=(20, d))[rng.integers(20, size=n)] + rng.normal(0, 0.1, (n, d))
    elif kind == "drift":
        x = rng.normal(size=(n, 3)).cumsum(axis=0) @ rng.normal(size=(3, d)) / 10
    elif kind == "grid":  # mass ties
        x = rng.integers(0, 2, (n, d))
    else:
        x = np.repeat(rng.random((-(-n // 40), d)), 40, axis=0)[:n]  # copies
    if np.dtype(dtype) == np.uint8:
        return ((x - x.min()) / max(np.ptp(x), 1e-9) * 255).astype(np.uint8)
    return x.astype(dtype)


KINDS = ("uniform", "clustered", "drift", "grid", "copies")


def plain(x: np.ndarray, n: int, first: int = 0, preselected: Any = ()) -> tuple[list[int], list[float]]:
    """The plain procedure: a sweep over all rows a pick."""
    rows = x.astype(np.float32)
    near = np.full(len(x), np.inf, np.float32)
    picks: list[int] = []
    reached = []
    if len(preselected):
        for row in preselected:
            near = np.minimum(near, load("cpu").assign(rows, rows[[row]])[1])
        near[preselected] = -1
    while len(picks) < n:
        pick = int(near.argmax()) if picks or len(preselected) else first
        picks.append(pick)
        reached.append(float(np.sqrt(near[pick])))
        near = np.minimum(near, load("cpu").assign(rows, rows[[pick]])[1])
        near[picks] = -1
    return picks, reached


@pytest.fixture(params=["small buffers", "as shipped"])
def buffers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "small buffers":
        for name, value in {
            "_MIN_BUFFER": 8,
            "_SAMPLE": 128,
            "_SLICE": 16,
            "_SLICE_ELEMENTS": 1,
        }.items():
            monkeypatch.setattr(kcenter, name, value)
        monkeypatch.setattr(kcenter_blocks, "_MIN_CANDIDATES", 16)
        monkeypatch.setattr(load("cpu"), "CACHED_ELEMENTS", 64)


def stored(x: np.ndarray, chunk: int) -> zarr.Array:
    array = zarr.create_array({}, shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype)
    array[:] = x
    return array


# The plain procedure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preselected", [(), (3,), (19, 0, 5)])
def test_small_inputs_match_naive(kind: str, dtype: Any, preselected: tuple[int, ...]) -> None:
    x = make(kind, 20, 3, dtype)
    n = 20 - len(preselected)
    indices, distances = kcenter_greedy(x, n, first=7, preselected=preselected or None)
    expected = naive.kcenter_greedy(x, n, 7, preselected)
    assert indices.tolist() == expected[0]
    np.testing.assert_array_equal(distances, np.array(expected[1], np.float32))
    assert (indices.dtype, distances.dtype) == (np.int64, np.float32)


@pytest.mark.usefixtures("buffers")
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d", "k"), [(3000, 16, 200), (700, 1, 700), (2**16 + 1, 2, 40)])
def test_picks_are_those_of_the_plain_procedure(kind: str, dtype: Any, n: int, d: int, k: int) -> None:
    x = make(kind, n, d, dtype)
    indices, distances = kcenter_greedy(x, k)
    expected = plain(x, k)
    assert indices.tolist() == expected[0]
    np.testing.assert_array_equal(distances, np.array(expected[1], np.float32))


@pytest.mark.usefixtures("buffers")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 60, 400])
def test_picks_keep_away_from_preselected_rows(kind: str, k: int) -> None:
    x = make(kind, 2000, 8)
    before = np.random.default_rng(1).choice(2000, 150, replace=False)
    indices, distances = kcenter_greedy(x, k, preselected=before)
    expected = plain(x, k, preselected=before)
    assert indices.tolist() == expected[0]
    np.testing.assert_array_equal(distances, np.array(expected[1], np.float32))
    again = kcenter_greedy(x, k, preselected=[*before, *before])
    np.testing.assert_array_equal(again[0], indices)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(0, 4), st.integers(1, 6), st.data())
def test_any_lattice_matches_the_plain_procedure(n: int, d: int, levels: int, data: Any) -> None:
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    x = rng.integers(0, levels, (n, d)).astype(np.float32)
    k = data.draw(st.integers(1, n))
    first = data.draw(st.integers(0, n - 1))
    assert kcenter_greedy(x, k, first=first)[0].tolist() == plain(x, k, first)[0]
    if n > 1:
        assert (
            kcenter_greedy(stored(x, 7) if d else x, k, first=first, max_bytes=0)[0].tolist()
            == (plain(x, k, first)[0])
        )


@pytest.mark.skipif(importlib.util.find_spec("lightly_mundig") is None, reason="lightly-mundig is missing")
@pytest.mark.parametrize("preselected", [[], [17, 3, 250]])
def test_picks_are_those_of_lightly_mundig(preselected: list[int]) -> None:
    """On integers: its score is a sum over all picks in float32, which rounds the distances of others away."""
    import lightly_mundig

    x = np.random.default_rng(0).integers(0, 9, (2000, 12)).astype(np.float32)
    theirs = lightly_mundig.Selection()
    theirs.add_diversifying_strategy(x, 1.0)
    picks = theirs.run_selection(preselected, len(x), 150)
    ours = kcenter_greedy(x, 150 - len(preselected), preselected=preselected or None)[0]
    assert [*preselected, *ours] == picks


# What does not matter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, kind: str, dtype: Any, threads: int) -> None:
    x = make(kind, 4000, 24, dtype)
    expected = kcenter_greedy(x, 120)
    with framesift.features.vectors.ThreadPoolExecutor(threads) as pool:
        monkeypatch.setattr(framesift.features.vectors, "_threads", lambda: pool)
        monkeypatch.setattr(kcenter_blocks, "count_threads", lambda _: threads)
        for either, max_bytes in ((x, 0), (stored(x, 500), 0), (stored(x, 500), 2**30)):
            found = kcenter_greedy(either, 120, max_bytes=max_bytes)
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.usefixtures("buffers")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize(("chunk", "block_bytes"), [(1, 1), (97, 1), (97, 5000), (1000, 1), (5000, 1)])
@pytest.mark.parametrize("preselected", [None, [5, 2999]])
def test_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    dtype: Any,
    chunk: int,
    block_bytes: int,
    preselected: list[int] | None,
) -> None:
    if chunk == 1 and dtype != np.float32:
        pytest.skip("many small reads")
    n = 300 if chunk == 1 else 3000
    x = make(kind, n, 6, dtype)
    before = None if preselected is None else [row % n for row in preselected]
    monkeypatch.setattr(framesift.features.matrix, "_BLOCK_BYTES", block_bytes)
    expected = kcenter_greedy(x, 70, preselected=before, first=11)
    found = kcenter_greedy(stored(x, chunk), 70, preselected=before, first=11, max_bytes=0)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_a_handful_of_passes_over_what_exceeds_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    x = make("clustered", 20_000, 16)
    reads = []
    original = framesift.features.matrix.Matrix.read
    monkeypatch.setattr(
        framesift.features.matrix.Matrix,
        "read",
        lambda self, rows: (reads.append(rows.stop - rows.start), original(self, rows))[1],
    )
    monkeypatch.setattr(framesift.features.matrix, "_BLOCK_BYTES", 1)
    kcenter_greedy(stored(x, 500), 200, max_bytes=x.nbytes // 2)
    assert sum(reads) <= 15 * len(x)


_PEAK = """
import sys, tracemalloc, zarr
import framesift as fs
from framesift.features import matrix
matrix._BLOCK_BYTES = 2**19
array = zarr.open_array(sys.argv[1], mode="r")
fs.kcenter_greedy(array[:200], 9)  # imports and compiles
tracemalloc.start()
fs.kcenter_greedy(array, 30, max_bytes=int(sys.argv[2]))
print(tracemalloc.get_traced_memory()[1])  # in bytes
"""


@pytest.mark.parametrize("n", [20_000, 200_000])
def test_memory_is_the_budget_and_some_bytes_a_row(tmp_path: Path, n: int) -> None:
    """Measured <= allowed, on a small and on a tenfold input: NumPy tells tracemalloc of its arrays."""
    d, budget = 64, 4 * 2**20
    array = zarr.create_array(tmp_path / "x.zarr", shape=(n, d), chunks=(2000, d), dtype="float32")
    rng = np.random.default_rng(0)
    for start in range(0, n, 2000):
        array[start : start + 2000] = rng.random((2000, d), np.float32)
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "x.zarr"), str(budget)]
    peak = int(subprocess.check_output(command, text=True))
    assert peak <= 2 * budget + 2 * count_threads(None) * 3 * 2**19 + 40 * n


@pytest.mark.parametrize("pruning", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_pruning_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: str, pruning: bool) -> None:
    x = make(kind, 5000, 12)
    monkeypatch.setattr(load("cpu"), "CACHED_ELEMENTS", 12 * 512)
    monkeypatch.setattr(kcenter._Pruning, "learn", lambda self, *_: None)
    original = kcenter._Pruning.__init__

    def start(self: Any) -> None:
        original(self)
        self.pays = pruning

    monkeypatch.setattr(kcenter._Pruning, "__init__", start)
    monkeypatch.setattr(kcenter, "_PROBE_FROM", 10**9)
    assert kcenter_greedy(x, 300)[0].tolist() == plain(x, 300)[0]


# Distances --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_blocks", [False, True])
def test_nothing_nearer_than_the_minimum_distance_is_picked(kind: str, in_blocks: bool) -> None:
    x = make(kind, 1500, 5)
    indices, distances = kcenter_greedy(x, 300)
    either = stored(x, 100) if in_blocks else x
    for at in (1, 7, 150, 299):
        limit = float(distances[at])
        found = kcenter_greedy(either, 300, min_distance=limit, max_bytes=0)
        n = int((distances >= limit).sum())
        np.testing.assert_array_equal(found[0], indices[:n])
        np.testing.assert_array_equal(found[1], distances[:n])
    assert len(kcenter_greedy(either, 300, min_distance=1e30, max_bytes=0)[0]) == 1
    assert len(kcenter_greedy(either, 300, min_distance=0, max_bytes=0)[0]) == 300


def test_all_rows_equal_are_picked_in_order() -> None:
    for x in (np.ones((5000, 3), np.float32), np.zeros((5000, 0), np.float32)):
        indices, distances = kcenter_greedy(x, 5000, first=3)
        assert indices.tolist() == [3, 0, 1, 2, *range(4, 5000)]
        assert not distances[1:].any()
        assert np.isinf(distances[0])


def test_distances_too_large_for_float32_are_ties() -> None:
    x = np.array([[3e38], [-3e38], [3e38], [0]], np.float32)
    assert kcenter_greedy(x, 4)[0].tolist() == [0, 1, 3, 2]


def test_other_types_and_layouts_are_converted() -> None:
    x = np.random.default_rng(0).integers(-50, 50, (60, 4))
    expected = kcenter_greedy(x.astype(np.float32), 30)[0]
    for other in (x, x.tolist(), x.astype(np.float64), np.asfortranarray(x, np.float32), x.astype(np.int16)):
        np.testing.assert_array_equal(kcenter_greedy(other, 30)[0], expected)
    np.testing.assert_array_equal(kcenter_greedy(stored(x, 9), 30, max_bytes=0)[0], expected)
    twice = np.repeat(x, 2, axis=0).astype(np.float32)
    np.testing.assert_array_equal(kcenter_greedy(twice[::2], 30)[0], expected)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros((3, 2)), {"n": 0}, "n = 0, 3 rows and 0 preselected"),
        (np.zeros((3, 2)), {"n": 4}, "n = 4"),
        (np.zeros((3, 2)), {"n": 3, "preselected": [1]}, "n = 3, 3 rows and 1 preselected"),
        (np.zeros((3, 2)), {"first": 3}, "from 0 to 2, got 3"),
        (np.zeros((3, 2)), {"first": -1}, "got -1"),
        (np.zeros((3, 2)), {"preselected": [3]}, "preselected must be rows"),
        (np.zeros((3, 2)), {"preselected": [-1]}, "preselected must be rows"),
        (np.zeros((3, 2)), {"preselected": [0.5]}, "preselected must be a list"),
        (np.zeros((3, 2)), {"preselected": [[1]]}, "preselected must be a list"),
        (np.zeros((3, 2)), {"min_distance": -1}, "min_distance"),
        (np.zeros((3, 2)), {"min_distance": np.nan}, "min_distance"),
        (np.zeros((0, 2)), {}, "n = 1, 0 rows"),
        (np.zeros(3), {}, "two dimensions"),
        (np.array([["a"]]), {}, "must hold numbers"),
        (np.array([[1e300]]), {}, "too large for float32"),
        (np.zeros((3, 2)), {"device": "tpu"}, "'tpu'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(x: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kcenter_greedy(x, **{"n": 1, **options})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("row", [0, 150, 299])
def test_what_is_not_finite_is_refused(bad: float, dtype: Any, row: int) -> None:
    x = np.zeros((300, 2), dtype)
    x[row, 1] = bad
    for either in (x, stored(x, 100)):
        with pytest.raises(UsageError, match="x must be finite"):
            kcenter_greedy(either, 3, max_bytes=0)

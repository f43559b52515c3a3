"""Coverage: the picks of the plain procedure, whatever the data, the threads, the blocks and the memory."""

import itertools
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import framesift.features.vectors
import naive
import naive_coverage
from framesift import coverage, facility_location
from framesift.errors import UsageError
from framesift.selection import costs as costs_of
from framesift.selection import picking as module


def make(kind: str, n: int, d: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        x = rng.random((n, d))
    elif kind == "drift":
        x = rng.normal(size=(n, 3)).cumsum(axis=0) @ rng.normal(size=(3, d)) / 10
    elif kind == "grid":  # mass ties
        x = rng.integers(0, 3, (n, d))
    else:
        x = np.repeat(rng.random((-(-n // 7), d)), 7, axis=0)[:n]  # copies
    if np.dtype(dtype) == np.uint8:
        return ((x - x.min()) / max(np.ptp(x), 1e-9) * 255).astype(np.uint8)
    return x.astype(dtype)


KINDS = ("uniform", "drift", "grid", "copies")


def costs(x: np.ndarray, order: int) -> np.ndarray:
    largest = max(naive.sqdist(row, x[0]) for row in x)
    scale = 1.0 if largest == 0 else 2.0 ** -(np.frexp(largest)[1] + 3)
    return naive_coverage.pair_costs(x, x, scale, order)


def plain(
    x: np.ndarray, n: int, order: int, before: Any = (), weights: Any = None, block: int = 256, **options: Any
) -> list[int]:
    """Greedy, then swaps, then the order of greedy."""
    table = costs(x, order)
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, np.float32)
    base = np.min([np.ones(len(x)), *table[list(before)]], axis=0)
    usable = [j for j in options.pop("usable", range(len(x))) if j not in before]
    gap = options.pop("gap", 1)
    usable = [j for j in usable if naive_coverage.far_enough(j, before, gap)]
    picks = naive_coverage.greedy(table, n, base, weights, usable, gap)
    if options.get("max_swaps") != 0:
        picks = naive_coverage.refine(table, picks, base, weights, block, usable, gap, **options)
        picks = naive_coverage.in_order(table, picks, base, weights)
    return picks


def stored(x: np.ndarray, chunk: int) -> zarr.Array:
    array = zarr.create_array({}, shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype)
    array[:] = x
    return array


# The plain procedure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1, 4, 7])
def test_small_inputs_match_naive(kind: str, dtype: Any, order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 8)
    monkeypatch.setattr(module, "_FIRST_BATCH", 2)
    x = make(kind, 20, 2, dtype)
    indices, distances = coverage(x, 4, order=order)
    assert indices.tolist() == plain(x, 4, order, block=8)
    nearest = np.sqrt([min(naive.sqdist(row, x[pick]) for pick in indices) for row in x])
    np.testing.assert_array_equal(distances, nearest.astype(np.float32))
    assert (indices.dtype, distances.dtype) == (np.int64, np.float32)
    assert coverage(x, 6, order=order, max_swaps=0)[0].tolist() == plain(x, 6, order, max_swaps=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 22), st.integers(0, 3), st.integers(1, 4), st.sampled_from([2, 4]), st.data())
def test_any_lattice_matches_naive(n: int, d: int, levels: int, order: int, data: Any) -> None:
    """On a lattice costs and their sums are exact, so that ties are ties: they go to the lowest index."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    x = rng.integers(0, levels, (n, d)).astype(np.float32)
    before = data.draw(st.lists(st.integers(0, n - 1), max_size=2, unique=True)) if n > 4 else []
    weights = rng.integers(0, 4, n)
    k = data.draw(st.integers(1, min(n - len(before), 5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FIRST_BATCH", data.draw(st.sampled_from([1, 3, 64])))
        found = coverage(x, k, order=order, preselected=before, weights=weights)[0]
    assert found.tolist() == plain(x, k, order, before, weights)


@pytest.mark.parametrize("gap", [2, 3, 7])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_gap_is_kept_and_n_still_reached(gap: int, n: int) -> None:
    for kind in KINDS:
        x = make(kind, 25, 2)
        found = coverage(x, n, min_gap=gap, order=2)[0]
        assert found.tolist() == plain(x, n, 2, gap=gap)
        assert np.diff(np.sort(found)).min() >= gap
        after = coverage(x, 2, min_gap=gap, preselected=[12], order=2)[0]
        assert after.tolist() == plain(x, 2, 2, [12], gap=gap)


def test_as_many_as_a_gap_allows_can_be_had() -> None:
    x = make("uniform", 31, 3)
    assert sorted(coverage(x, 4, min_gap=10)[0]) == [0, 10, 20, 30]
    with pytest.raises(UsageError, match=r"got n = 5, 31 rows.* 4 that can be picked, 10 rows apart"):
        coverage(x, 5, min_gap=10)


def test_only_candidates_are_picked_and_all_rows_are_served() -> None:
    x = make("drift", 40, 3)
    usable = [30, 3, 9, 25, 26, 14, 3]
    found = coverage(x, 3, order=2, candidates=usable)[0]
    assert found.tolist() == plain(x, 3, 2, usable=sorted(set(usable)))


def test_the_result_cannot_be_improved_by_a_swap() -> None:
    x = make("drift", 40, 2)
    for order, n in itertools.product((1, 4), (1, 5)):
        picks = coverage(x, n, order=order)[0].tolist()
        table, one = costs(x, order), np.ones(40)
        total = naive_coverage.total(table, picks, one, one)
        for t, j in itertools.product(range(n), range(40)):
            swapped = [*picks[:t], j, *picks[t + 1 :]]
            assert naive_coverage.total(table, swapped, one, one) >= total * (1 - 1e-8)


def test_greedy_is_1_minus_1_over_e_of_the_best() -> None:
    for seed in range(5):
        x = make("uniform", 14, 2, seed=seed)
        table, one = costs(x, 2), np.ones(14)
        base = np.full(14, table.max())
        saved = [
            naive_coverage.total(table, [], base, one) - naive_coverage.total(table, picks, base, one)
            for picks in (coverage(x, 3, order=2, max_swaps=0)[0], *itertools.combinations(range(14), 3))
        ]
        assert saved[0] >= (1 - 1 / np.e) * max(saved)


def test_a_high_order_keeps_the_radius_and_a_low_one_the_mean() -> None:
    x = make("uniform", 800, 2)
    low, high = coverage(x, 10, order=1)[1], coverage(x, 10, order=16)[1]
    assert high.max() < low.max()
    assert low.mean() < high.mean()


def test_swaps_are_counted() -> None:
    x = make("uniform", 300, 2)
    greedy, one, all_of_them = (set(coverage(x, 20, max_swaps=n)[0].tolist()) for n in (0, 1, None))
    assert len(greedy - one) == 1
    assert len(greedy - all_of_them) > 1


def test_copies_and_equal_rows_give_n_distinct_picks() -> None:
    assert coverage(np.ones((9, 3)), 9)[0].tolist() == list(range(9))
    assert coverage(np.zeros((5, 0)), 3)[0].tolist() == [0, 1, 2]
    x = np.repeat(np.eye(3), 4, axis=0)
    picks, distances = coverage(x, 7)
    assert set(picks[:3] // 4) == {0, 1, 2}
    assert len(set(picks.tolist())) == 7
    assert not distances.any()
    assert coverage([[1.0, 2.0]], 1)[0].tolist() == [0]


# Sizes, threads, blocks, memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [15, 16, 17, 255, 256, 257, 2**16 + 1])
def test_all_sizes_are_covered(n: int) -> None:
    """Of one dimension, against the sums of differences."""
    x = np.random.default_rng(n).permutation(n)[:, None].astype(np.float32)
    indices, distances = coverage(x, 3, order=2, candidates=300)
    assert len(set(indices.tolist())) == 3
    np.testing.assert_array_equal(distances, np.abs(x - x[indices, 0]).min(axis=1))
    third = np.sort(x[indices, 0]) / n  # the best are at 1/6, 3/6, 5/6
    np.testing.assert_allclose(third, [1 / 6, 1 / 2, 5 / 6], atol=0.04 if n > 250 else 0.15)


@pytest.mark.parametrize("order", [1, 4])
@pytest.mark.parametrize("kind", ["drift", "copies"])
def test_memory_blocks_and_threads_change_nothing(
    kind: str, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = make(kind, 300, 5, np.float16)
    options: dict[str, Any] = {"order": order, "preselected": [3, 250], "weights": np.arange(300) % 5}
    expected = coverage(x, 12, **options)
    assert coverage(x, 12, **options)[0].tolist() == expected[0].tolist()
    for name, value in [("_CLIENTS", 48), ("_ELEMENTS_A_THREAD", 4000), ("_LEAST_ROWS", 40)]:
        monkeypatch.setattr(costs_of, name, value)
    monkeypatch.setattr(module, "_FIRST_BATCH", 5)
    monkeypatch.setattr(framesift.features.matrix, "_BLOCK_BYTES", 1000)
    for array, max_bytes in [(x, 2**30), (x, 0), (x, 200_000), (stored(x, 33), 0), (stored(x, 128), 150_000)]:
        found = coverage(array, 12, max_bytes=max_bytes, **options)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_threads_change_nothing_in_processes_of_their_own(tmp_path: Path) -> None:
    script = """
import sys, os
os.sched_setaffinity(0, {0})
sys.path.insert(0, sys.argv[1])
import numpy as np
from framesift import coverage
print(coverage(np.load(sys.argv[2]), 9)[0].tolist())
"""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot keep a process to a core")
    x = make("drift", 900, 20)
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path / "x.npy")]
    alone = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert alone.strip() == str(coverage(x, 9)[0].tolist())


def test_what_is_held_stays_within_its_budget() -> None:
    x = make("uniform", 400, 3)
    matrix = framesift.features.matrix.as_matrix(x, 2**30)
    kernels = framesift.machine.load_kernels("cpu")

    def make_costs(budget: int) -> costs_of.Costs:
        return costs_of.Costs(matrix, np.arange(400), 2, np.ones(400, np.float32), kernels, budget)

    whole = make_costs(2**30)
    expected = whole._costs[whole.hold(np.arange(400))]
    for budget in (400 * 4 * 100, 400 * 4 * 400):
        held = make_costs(budget)
        assert held._costs.nbytes <= budget
        together = np.random.default_rng(0).permutation(400)[: held.at_once]
        for turn in range(40):
            which = (together + 29 * turn) % 400
            np.testing.assert_array_equal(held._costs[held.hold(which)], expected[which])
            np.testing.assert_array_equal(held.row(turn), expected[turn])


def test_memory_is_what_is_said_of_it() -> None:
    """max_bytes, 4 bytes a row and pick, 80 a row: of NumPy's arrays, on small input and tenfold."""
    n, max_bytes = 10, 2**24
    for rows in (2000, 20_000):
        x = make("uniform", rows, 4)
        coverage(x, n, candidates=300, max_bytes=max_bytes)
        tracemalloc.start()
        coverage(x, n, candidates=300, max_bytes=max_bytes)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        costs = min(max_bytes, 4 * 300 * rows)
        assert costs < peak < costs + (4 * n + 80) * rows + 2**18


# Many candidates --------------------------------------------------------------------------------------------------


def test_of_more_rows_one_candidate_is_drawn_of_each_part() -> None:
    x = make("drift", 1000, 3)
    some = coverage(x, 5, candidates=50, seed=1)
    assert some[0].tolist() == coverage(x, 5, candidates=50, seed=1)[0].tolist()
    assert some[0].tolist() != coverage(x, 5, candidates=50, seed=2)[0].tolist()
    drawn = coverage(x, 50, candidates=50, seed=1)[0]
    assert sorted(drawn // 20) == list(range(50))
    assert set(some[0].tolist()) <= set(drawn.tolist())
    assert np.diff(np.sort(coverage(x, 91, candidates=60, min_gap=11)[0])).min() == 11
    everything = coverage(x, 5)
    assert (some[1] ** 4).sum() < 2 * (everything[1] ** 4).sum()


# Facility location ------------------------------------------------------------------------------------------------


def test_facility_location_is_greedy_coverage_of_order_1() -> None:
    x = make("uniform", 200, 4)
    expected = coverage(x, 15, order=1, max_swaps=0)
    found = facility_location(x, 15)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    nested = facility_location(x.tolist(), 7, weights=np.ones(200))[0]
    np.testing.assert_array_equal(nested, expected[0][:7])


def test_stochastic_greedy_is_nearly_as_good() -> None:
    x = make("uniform", 500, 4)
    best = facility_location(x, 20)[1].sum()
    found, distances = facility_location(x, 20, exact_to=499, seed=3)
    assert len(set(found.tolist())) == 20
    assert distances.sum() < 1.1 * best
    assert facility_location(x, 20, exact_to=499, seed=3)[0].tolist() == found.tolist()
    assert len(set(facility_location(x, 500, exact_to=1)[0].tolist())) == 500


# Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be from 1 .* got n = 0"),
        ({"n": 11}, "n must be from 1 .* got n = 11, 10 rows, 0 preselected and 10 that can be picked"),
        ({"order": 0}, "order must be a whole number from 1 to 16, got 0"),
        ({"order": 17}, "order must be"),
        ({"order": 2.5}, "order must be"),
        ({"preselected": [10]}, "preselected must be rows of x, from 0 to 9"),
        ({"candidates": [-1]}, "candidates must be rows of x"),
        ({"candidates": 0}, "candidates must be rows, or how many at most, got 0"),
        ({"weights": [1, 2]}, r"weights must be 10 numbers, one a row, got .*\(2,\)"),
        ({"weights": [-1.0] * 10}, "weights must be finite and not negative"),
        ({"weights": [np.nan] * 10}, "weights must be finite and not negative"),
        ({"min_gap": -1}, "min_gap must not be negative"),
        ({"max_swaps": -1}, "max_swaps must not be negative"),
        ({"seed": -1}, "seed must not be negative"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_arguments_without_sense_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        coverage(np.arange(20.0).reshape(10, 2), **{"n": 2, **options})


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39, 1e25])
def test_rows_must_be_finite_and_so_their_distances(bad: float) -> None:
    x = np.zeros((5, 2))
    x[3, 1] = bad
    with pytest.raises(UsageError, match=r"finite|exceed float32"):
        coverage(x, 2)
    with pytest.raises(UsageError):
        coverage(np.zeros(3), 1)
    with pytest.raises(UsageError):
        facility_location(5, 1)

"""Bounds on what candidates of coverage save: never wrong, near, and without effect on the picks."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import framesift.features.matrix
import framesift.machine
from framesift import coverage
from framesift.selection.costs import Costs
from framesift.selection.savings import Least, Most

N = 150


def make(kind: str, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    if kind == "drift":
        x = rng.normal(size=(n, 3)).cumsum(axis=0) @ rng.normal(size=(3, d)) / 10
    elif kind == "copies":
        x = rng.integers(0, 3, (n, d)).astype(float)
    else:
        x = rng.random((n, d))
    return x.astype(np.float32)


WEIGHTS = {
    "equal": np.ones(N),
    "some": np.arange(N) % 4,
    "far apart": 10.0 ** np.linspace(-40, 38, N),
    "tiny": np.full(N, 1e-44),
    "none": np.zeros(N),
}


def costs_of(x: np.ndarray, order: int, weights: Any) -> Costs:
    matrix = framesift.features.matrix.as_matrix(x, 2**30)
    kernels = framesift.machine.load_kernels("cpu")
    return Costs(matrix, np.arange(len(x)), order, np.float32(weights), kernels, 2**30)


@pytest.mark.parametrize("order", [1, 4, 16])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kind", ["uniform", "drift", "copies"])
def test_no_candidate_saves_more_than_the_most(kind: str, weights: str, order: int) -> None:
    costs = costs_of(make(kind, N, 4), order, WEIGHTS[weights])
    most, near = Most(costs), costs.padded(np.ones(N, np.float32))
    first = costs.gains(np.arange(N), near).max()
    for pick in [0, 0, *np.random.default_rng(1).integers(0, N, 25)]:
        bounds, gains = most(near), costs.gains(np.arange(N), near)
        assert (bounds >= gains).all()
        assert (bounds <= gains + 1e-5 * first + 1e-37 * costs.weights.max()).all()
        near = np.minimum(near, costs.row(int(pick)))


@pytest.mark.parametrize("order", [1, 4, 16])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kind", ["uniform", "drift", "copies"])
def test_no_swap_changes_less_than_the_least(kind: str, weights: str, order: int) -> None:
    costs, k, rng = costs_of(make(kind, N, 4), order, WEIGHTS[weights]), 6, np.random.default_rng(2)
    kernels = framesift.machine.load_kernels("cpu")
    base, picks = costs.padded(np.full(N, 0.01, np.float32)), rng.integers(0, N, k)
    near, second = np.empty((2, costs.n_columns), np.float32)
    slot, other = np.empty((2, costs.n_columns), np.int32)
    picked, least, replaced, total = costs.rows(picks), Least(costs, k), -1, 0.0
    for due in (0.0, np.array([0, 1e300, 0, 1e300, 0, 0]), 0.0, 0.0, 0.0):
        kernels.nearest_two(picked, replaced, base, near, second, slot, other)
        removal = np.bincount(slot, costs.weights * (second.astype(float) - near), k + 1)[:k]
        least.follow(near, second, slot, removal)
        only = rng.integers(-2, k, N).astype(np.int32)
        only[: N // 2] = -1
        which = np.arange(3, N - 2)
        bounds = least(which, due, only[which])
        change, swapped = costs.changes(which, near, second, slot, removal + due, only[which])
        can = swapped >= 0
        np.testing.assert_array_equal(can, ~np.isinf(bounds))
        assert (bounds[can] <= change[can]).all()
        assert (change[can] <= bounds[can] + least.reach).all()
        total += (costs.weights * second.astype(float)).sum()
        assert least.reach <= 1e-5 * total + 1e-37 * costs.weights.max()
        replaced = int(rng.integers(0, k))
        picked[replaced] = costs.row(int(rng.integers(0, N)))


@pytest.mark.parametrize("kind", ["uniform", "drift", "copies"])
@pytest.mark.parametrize("weights", ["equal", "some", "far apart"])
def test_the_picks_are_those_without_bounds(kind: str, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = make(kind, N, 3)
    options: list[dict[str, Any]] = [{}, {"order": 1}, {"min_gap": 4}, {"max_swaps": 3}]
    found = [coverage(x, 11, weights=WEIGHTS[weights], **o)[0].tolist() for o in options]
    monkeypatch.setattr(Costs, "is_square", False)
    assert found == [coverage(x, 11, weights=WEIGHTS[weights], **o)[0].tolist() for o in options]


def test_memory_is_what_is_said_of_it() -> None:
    """Of a square: max_bytes, 4 bytes a row and pick, 200 a row; without the sums and with them."""
    n = 10
    for rows in (800, 2400):
        x = make("uniform", rows, 4)
        costs = costs_of(x, 4, np.ones(rows))
        square = 4 * rows * costs.n_columns
        for max_bytes in (square, square + Least.n_bytes(costs, n)):
            coverage(x, n, max_bytes=max_bytes)
            tracemalloc.start()
            coverage(x, n, max_bytes=max_bytes)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert square < peak < max_bytes + (4 * n + 200) * rows + 2**18


def test_where_sums_do_not_fit_the_budget_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    x = make("uniform", N, 3)
    expected = coverage(x, 11)[0].tolist()
    monkeypatch.setattr(Least, "__init__", None)  # not to be called
    n_columns = -(-N // 16) * 16
    for more in (0, Least.n_bytes(costs_of(x, 4, np.ones(N)), 11) - 1):
        assert coverage(x, 11, max_bytes=4 * N * n_columns + more)[0].tolist() == expected

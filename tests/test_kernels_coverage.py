"""Kernels of coverage, against naive_coverage.py: costs to the bit, sums as float64 sums are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import devices
import naive_coverage as naive

PART = 4096  # of the clients, that is looked at together
LONG = [] if devices.SIMULATED or devices.PLAIN_PYTHON else [PART, PART + 80]
PLAIN = [1, 6, 7, 63, 64, 65, 130]
SIZES = [1, 4, 5, 9] if devices.SIMULATED else PLAIN if devices.PLAIN_PYTHON else [*PLAIN, 255, 256, 257, 700]


def rows_of(rng, n, d, dtype):
    if dtype == np.uint8:
        return rng.integers(0, 256, (n, d), np.uint8)
    return rng.normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 16])
def test_costs_are_powers_of_one_chain_of_fmas(kernels, rng, dtype, order):
    x, scale = rows_of(rng, 9, 5, dtype), 2.0**-20 if dtype == np.uint8 else 2.0**-6
    rows = np.array([7, 0, 3, 8, 8, 1, 2])
    out = np.full((7, 8), -1, np.float32)
    kernels.pair_costs(x, rows, x[2:8].astype(np.float32), scale, order, out, 1, False)
    assert_array_equal(out[:, 1:7], naive.pair_costs(x[rows], x[2:8], scale, order))
    assert (out[:, [0, 7]] == -1).all()


@pytest.mark.parametrize("n", SIZES)
def test_the_square_of_symmetric_costs_is_the_one_computed_whole(kernels, rng, n):
    d = 3
    x = rows_of(rng, n, d, np.float32)
    whole, square = np.zeros((2, n, n), np.float32)
    everyone = np.arange(n)
    kernels.pair_costs(x, everyone, x, 0.125, 3, whole, 0, False)
    step = 3 if devices.SIMULATED else 50
    for start in range(0, n, step):
        part = x[start : start + step]
        kernels.pair_costs(x[start:], np.arange(n - start), part, 0.125, 3, square[start:], start, True)
    assert_array_equal(square, whole)


@pytest.mark.compiled
def test_more_dimensions_than_a_panel_holds_change_nothing(kernels, rng):
    x = rows_of(rng, 150, 2500, np.uint8)
    out = np.empty((150, 150), np.float32)
    kernels.pair_costs(x, np.arange(150), x.astype(np.float32), 2.0**-28, 2, out, 0, False)
    labels, sqdist = kernels.assign(x, x[3:4].astype(np.float32))
    assert_array_equal(out[3], sqdist * np.float32(2.0**-28))
    assert not labels.any()


@pytest.mark.parametrize("n", [16, 32, 160, *LONG])
def test_gains_are_what_is_saved(kernels, rng, n):
    costs, near = rng.random((7, n), np.float32), rng.random(n).astype(np.float32)
    near[: n // 2] = 0  # so that whole vectors save nothing
    weights = rng.lognormal(0, 3, n).astype(np.float32)  # so that the order of the terms can be seen
    rows = np.array([6, 2, 2, 0, 1, 3, 4, 5])
    found = kernels.cost_gains(costs, rows, near, weights)
    assert_allclose(found, naive.cost_gains(costs[rows], near, weights), rtol=1e-12)
    lower = kernels.cost_gains(costs, rows, near * np.float32(0.7), weights)
    assert (lower <= found).all()
    assert_array_equal(found, naive.lane_sums(costs[rows], near, weights))


@pytest.mark.parametrize("n", [16, 48])
def test_savings_are_added_as_is_said(kernels, rng, n):
    """To the bit: eight of a slot that follow one another in float32, by FMAs, then in float64."""
    costs = rng.random((9, n), np.float32)
    for slots in ([], [1], [2] * 8 + [0] * 9, [0, 0, 1, 0, 2, 2], [1] * 17):
        e = len(slots)
        rows, slots = rng.integers(0, 9, e), np.array(slots, np.int32)
        low, high = np.sort(rng.random((2, e), np.float32), axis=0)
        weights = rng.normal(size=e).astype(np.float32)
        before = rng.random((3, n))
        sums = before.copy()
        kernels.add_savings(costs, rows, low, high, weights, slots, 0, 16, sums)
        expected = naive.add_savings(costs, rows, low, high, weights, slots, before)
        assert_array_equal(sums[:, :16], expected[:, :16])
        assert_array_equal(sums[:, 16:], before[:, 16:])
        kernels.add_savings(costs, rows, low, high, weights, slots, 16, n, sums)
        assert_array_equal(sums, expected)


def two_nearest(picked, base):
    table = np.concatenate([picked, base[None]])
    order = np.argsort(table, axis=0, kind="stable")[:2]
    return *np.take_along_axis(table, order, 0), *order


@pytest.mark.parametrize("k", [1, 2, 9])
def test_the_nearest_two_picks_follow_replacements(kernels, rng, k):
    n = 48
    picked, base = rng.random((k, n), np.float32), np.full(n, 0.8, np.float32)
    near, second = np.empty((2, n), np.float32)
    slot, other = np.empty((2, n), np.int32)
    for replaced in (-1, 0, k - 1, k // 2, 0):
        if replaced >= 0:
            picked[replaced] = rng.random(n, np.float32)
        kernels.nearest_two(picked, replaced, base, near, second, slot, other)
        expected = two_nearest(picked, base)
        for found, wanted in zip((near, second, slot, other), expected, strict=True):
            assert_array_equal(found, wanted)


@pytest.mark.parametrize("n", [48, *LONG])
@pytest.mark.parametrize("k", [1, 2, 9])
def test_swaps_change_the_total_by_what_is_said(kernels, rng, k, n):
    m = 12
    costs, weights = rng.random((m, n), np.float32), rng.random(n).astype(np.float32)
    picked, base = rng.random((k, n), np.float32), np.where(rng.random(n) < 0.3, 0.1, 1).astype(np.float32)
    near, second = np.empty((2, n), np.float32)
    slot, other = np.empty((2, n), np.int32)
    kernels.nearest_two(picked, -1, base, near, second, slot, other)
    loss = weights * (second.astype(float) - near)
    removal = np.bincount(slot, loss, k + 1)[:k]
    only = rng.integers(-2, k, m).astype(np.int32)
    only[:4] = -1
    change, swapped = kernels.swap_changes(costs, np.arange(m), near, second, slot, weights, removal, only)
    state = near, second, slot, weights, removal
    assert [*zip(change, swapped, strict=True)] == [naive.swap(costs[j], *state, only[j]) for j in range(m)]
    both, before = np.concatenate([picked, costs]), naive.total(picked, range(k), base, weights)
    for j in range(m):
        changes = {
            t: naive.total(both, [*(s for s in range(k) if s != t), k + j], base, weights) - before
            for t in range(k)
            if only[j] in (-1, t)
        }
        if changes:
            assert_allclose(change[j], min(changes.values()), atol=1e-12 * n)
            assert_allclose(changes[int(swapped[j])], min(changes.values()), atol=1e-12 * n)
        else:
            assert (change[j], swapped[j]) == (0, -1)

"""Kernels on rows, against naive.py: integers exactly, float32 bit for bit (one chain of FMAs a distance)."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config, njit
from numpy.testing import assert_allclose, assert_array_equal

import naive
from devices import SIMULATED, SLOW, examples
from framesift_kernels import load
from framesift_kernels.cpu import _lloyd
from framesift_kernels.cpu._compile import _fma_python, fma
from framesift_kernels.cpu._narrow import NARROW
from framesift_kernels.cpu._vector import ROWS, VECTORS, WIDTH, _to_float_python, to_float

compiled_only = pytest.mark.compiled
needs_narrow = pytest.mark.skipif(not NARROW, reason="a processor without products of bytes")
check = examples(60)
both_dtypes = pytest.mark.parametrize("dtype", [np.uint8, np.float32])
all_dtypes = pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])


def make_rows(rng, n, d, dtype):
    if dtype == np.uint8:
        return rng.integers(0, 256, (n, d), np.uint8)
    return rng.normal(size=(n, d)).astype(dtype)


# fma


def test_fma_rounds_once():
    e = np.float32(2**-12)
    a, b = (
        np.float32(2**-24) * (1 + e),
        1 - e + e * e,
    )  # a * b == 2**-24 + 2**-60, which float64 cannot add to 1
    for fused in (_fma_python, njit(lambda a, b, c: fma(a, b, c))):
        for c in (np.float32(1), np.float32(-1), np.float32(1 + 2**-23)):
            assert fused(a, b, c) == naive.fma(a, b, c)
            assert fused(-a, b, c) == naive.fma(-a, b, c)


def test_every_half_float_is_converted_exactly():
    halves = np.arange(2**16, dtype=np.uint16)
    expected = halves.view(np.float16).astype(np.float32)
    step = 97 if config.DISABLE_JIT else 1
    for convert in (_to_float_python, njit(lambda h: to_float(h))):
        found = np.array([convert(h) for h in halves[::step]], np.float32)
        assert_array_equal(found, expected[::step])


# assign


@all_dtypes
@pytest.mark.parametrize("n", [0, 1, ROWS - 1, ROWS, ROWS + 1])
@pytest.mark.parametrize("d", [0, 1, 2, 5])
@pytest.mark.parametrize("k", [1, WIDTH - 1, WIDTH, WIDTH + 1])
def test_assign_matches_naive(kernels, rng, n, d, k, dtype):
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32)
    if dtype == np.uint8:
        centers = centers * 50 + 128

    labels, sqdist = kernels.assign(x, centers)

    assert (labels.dtype, sqdist.dtype) == (np.int32, np.float32)
    expected_labels, expected_sqdist = naive.assign(x, centers)
    assert_array_equal(labels, expected_labels)
    assert_array_equal(sqdist, expected_sqdist)


@pytest.mark.parametrize("k", [t * WIDTH + e for t in range(1, 2 * VECTORS + 2) for e in (-1, 0, 1)])
def test_assign_to_many_centers(kernels, rng, k):
    centers = rng.permutation(k)[:, None].astype(np.float32) * np.ones(3, np.float32)
    order = rng.permutation(k)[: 5 if SIMULATED else k]

    labels, sqdist = kernels.assign(centers[order] + np.float32(0.25), centers)

    assert_array_equal(labels, order)
    assert_array_equal(sqdist, np.float32(3 / 16))


@all_dtypes
def test_half_floats_of_every_kind(kernels, dtype):
    """Subnormal, the largest, both zeros, both signs: each is itself as float32."""
    x = np.array([[0], [-0.0], [6e-8], [-6e-5], [1], [-2.5], [255]]).astype(dtype)
    zero = np.zeros((1, 1), np.float32)
    assert_array_equal(kernels.assign(x, zero)[1], x.astype(np.float32)[:, 0] ** 2)


@compiled_only
@all_dtypes
@pytest.mark.parametrize(
    ("n", "d", "k"), [(2**16 + 1, 3, 5), (3, 2**16 + 1, 2), (2, 2, 2**16 + 1), (50, 301, 130)]
)
def test_assign_of_large_input_is_near_and_does_not_depend_on_blocks(kernels, rng, n, d, k, dtype):
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32)

    labels, sqdist = kernels.assign(x, centers)

    chosen = ((x.astype(np.float64) - centers[labels]) ** 2).sum(axis=1)
    assert_allclose(sqdist, chosen, rtol=1e-4)
    order = rng.permutation(n)[:1000]
    shuffled = kernels.assign(x[order], centers)
    assert_array_equal(shuffled[0], labels[order])
    assert_array_equal(shuffled[1], sqdist[order])
    single = kernels.assign(x, centers[labels[-1:]])[1][-1]
    assert single == sqdist[-1], "the other centres do not matter"


@all_dtypes
def test_assign_without_centers(kernels, dtype):
    labels, sqdist = kernels.assign(np.ones((3, 2), dtype), np.empty((0, 2), np.float32))
    assert_array_equal(labels, -1)
    assert_array_equal(sqdist, np.inf)


def test_assign_too_far_for_float32(kernels):
    with np.errstate(over="ignore"):  # plain Python warns
        labels, sqdist = kernels.assign(np.full((2, 3), 3e38, np.float32), np.full((2, 3), -3e38, np.float32))
    assert_array_equal(labels, 0)
    assert_array_equal(sqdist, np.inf)


@check
@given(seed=st.integers(0, 99), n=st.integers(1, 20), k=st.integers(1, 20), copies=st.integers(1, 14))
def test_assign_ties_go_to_the_lowest_index(kernels, seed, n, k, copies):
    rng = np.random.default_rng(seed)
    x, centers = make_rows(rng, n, 3, np.float32), make_rows(rng, k, 3, np.float32)
    once, again = kernels.assign(x, centers), kernels.assign(x, np.tile(centers, (copies, 1)))
    assert_array_equal(again[0], once[0])
    assert_array_equal(again[1], once[1])


# assign, where centres are ruled out on eight bits


def in_float32_alone(kernels, monkeypatch, x, centers):
    with monkeypatch.context() as patch:
        patch.setattr(_lloyd, "NARROW", False)
        return kernels.assign(x, centers)


@pytest.fixture
def ruling_out(monkeypatch):
    """However few there are."""
    for name in ("_NARROW_CENTERS", "_NARROW_ROWS", "_NARROW_DIMENSIONS"):
        monkeypatch.setattr(_lloyd, name, 1)


def hard_cases(rng, n, d, k, dtype):
    """Name, rows and centres: data on which rounding rules out little, or could rule out too much."""
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32)
    if dtype == np.uint8:
        centers = centers * 40 + 128
    yield "plain", x, centers
    yield "rows are centres", x, x[rng.integers(n, size=k)].astype(np.float32)
    yield "ties", x, np.tile(centers[: k // 3 + 1], (3, 1))[:k].copy()
    yield "one centre", x, np.repeat(centers[:1], k, axis=0)
    near = centers + np.float32(1e-6) * make_rows(rng, k, d, np.float32)
    yield "pairs that float32 hardly tells apart", x, np.concatenate([centers[: k // 2], near[: k - k // 2]])
    yield "far centres", x, (centers * np.float32(1e4)).astype(np.float32)
    yield "few rows far off", np.where(rng.random((n, 1)) < 0.02, x * 0 + 200, x).astype(dtype), centers
    yield "all rows equal", np.repeat(x[:1], n, axis=0), centers
    if dtype == np.float32:
        yield "huge", x * np.float32(1e18), centers * np.float32(1e18)
        yield "too large to square", x * np.float32(1e30), centers * np.float32(1e30)
        yield (
            "at the ends of float32",
            np.where(x > 0, x * 0 + 3e38, x * 0 - 3e38),
            np.sign(centers) * np.float32(3e38),
        )
        yield "tiny", x * np.float32(1e-25), centers * np.float32(1e-25)
        yield "far from zero", x + np.float32(1e4), centers + np.float32(1e4)


@pytest.mark.usefixtures("ruling_out")
@all_dtypes
@pytest.mark.parametrize(
    ("n", "d", "k"),
    [
        (11, 5, 20),
        pytest.param(700, 33, 77, marks=compiled_only),
        pytest.param(200, 130, 128, marks=compiled_only),
    ],
)
def test_ruling_out_centers_changes_no_bit(rng, monkeypatch, n, d, k, dtype):
    kernels = load("cpu")  # a way of its own
    with np.errstate(all="ignore"):  # plain Python warns of what overflows
        for name, x, centers in hard_cases(rng, n, d, k, dtype):
            labels, sqdist = kernels.assign(x, centers)
            expected = in_float32_alone(kernels, monkeypatch, x, centers)
            assert_array_equal(labels, expected[0], err_msg=name)
            assert_array_equal(sqdist, expected[1], err_msg=name)


@needs_narrow
@compiled_only
def test_nearly_all_centers_are_ruled_out(rng):
    """Of uniform rows one candidate is left mostly: that is what makes it quick."""
    x = rng.random((_lloyd.BATCH, 128), np.float32)
    centers = x[:100] / 2 + np.float32(0.25)
    work = _lloyd.workspace(100, *x.shape)
    (pair_rows,) = [array for array in work if array.dtype == np.int64 and len(array) > len(x)]
    pair_rows[:] = -1
    labels, sqdist = np.empty(len(x), np.int32), np.empty(len(x), np.float32)
    _lloyd.assign_and_sum(x, centers, labels, sqdist, np.empty((0, 128)), np.empty(0, np.int64), *work)
    candidates = np.bincount(pair_rows[pair_rows >= 0], minlength=len(x))
    assert (candidates >= 1).all(), "none is compared with all centres"
    assert candidates.mean() < 1.1


# cluster_sums


@both_dtypes
@pytest.mark.parametrize("n", [0, 1, 40])
@pytest.mark.parametrize("d", [0, 1, 5])
@pytest.mark.parametrize("k", [1, 3])
def test_cluster_sums_match_naive(kernels, rng, n, d, k, dtype):
    x, labels = make_rows(rng, n, d, dtype), rng.integers(-1, k, n, np.int32)

    sums, counts = kernels.cluster_sums(x, labels, k)

    assert (sums.dtype, counts.dtype) == (np.int64 if dtype == np.uint8 else np.float64, np.int64)
    expected_sums, expected_counts = naive.cluster_sums(x, labels, k)
    assert_array_equal(sums, expected_sums)
    assert_array_equal(counts, expected_counts)


def test_cluster_sums_are_added_in_the_order_of_the_rows(kernels, rng):
    n = 40
    x = (rng.normal(size=(n, 2)) * 10.0 ** rng.integers(-15, 16, (n, 1))).astype(np.float32)
    labels = rng.integers(0, 2, n, np.int32)
    expected = naive.cluster_sums(x, labels, 2)[0]
    assert_array_equal(kernels.cluster_sums(x, labels, 2)[0], expected)
    assert (naive.cluster_sums(x[::-1], labels[::-1], 2)[0] != expected).any(), "or nothing was tested"


@both_dtypes
def test_cluster_sums_of_no_clusters(kernels, dtype):
    sums, counts = kernels.cluster_sums(np.ones((2, 3), dtype), np.full(2, -1, np.int32), 0)
    assert sums.shape == (0, 3)
    assert counts.shape == (0,)


@compiled_only
def test_cluster_sums_of_many_rows(kernels):
    n = 2**16 + 1
    sums, counts = kernels.cluster_sums(np.full((n, 2), 255, np.uint8), np.zeros(n, np.int32), 1)
    assert_array_equal(sums, [[255 * n, 255 * n]])
    assert_array_equal(counts, [n])


# assign_sums, potentials


@all_dtypes
@pytest.mark.parametrize("n", [0, 1, ROWS, ROWS + 1])
@pytest.mark.parametrize(("d", "k"), [(0, 1), (3, 1), (3, WIDTH + 1)])
def test_assign_sums_is_assign_and_the_sums(kernels, rng, n, d, k, dtype):
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32)
    labels, sqdist = np.full(n, -9, np.int32), np.full(n, -9, np.float32)

    sums, counts = kernels.assign_sums(x, centers, labels, sqdist)

    expected_labels, expected_sqdist = naive.assign(x, centers)
    assert_array_equal(labels, expected_labels)
    assert_array_equal(sqdist, expected_sqdist)
    expected_sums, expected_counts = naive.cluster_sums(x, expected_labels, k)
    assert sums.dtype == (np.int64 if dtype == np.uint8 else np.float64)
    assert_array_equal(sums, expected_sums)
    assert_array_equal(counts, expected_counts)


@all_dtypes
@pytest.mark.parametrize(("n", "d", "t"), [(0, 2, 3), (1, 0, 1), (ROWS + 1, 3, 2), (9, 2, 2 * WIDTH + 1)])
def test_potentials_match_naive(kernels, rng, n, d, t, dtype):
    x, candidates = make_rows(rng, n, d, dtype), make_rows(rng, t, d, np.float32)
    sqdist = np.abs(make_rows(rng, 1, n, np.float32)[0]) * 2

    left = np.full((n, t), -9, np.float32)

    totals = kernels.potentials(x, candidates, sqdist, left)

    assert totals.dtype == np.float64
    expected = [[min(s, naive.sqdist(a, c)) for c in candidates] for a, s in zip(x, sqdist, strict=True)]
    assert left.tolist() == expected
    assert totals.tolist() == [sum(float(row[c]) for row in expected) for c in range(t)]


# bounded_sums


@pytest.mark.usefixtures("ruling_out")
@all_dtypes
@pytest.mark.parametrize(
    ("n", "d", "k"),
    [
        (0, 2, 1),
        (1, 0, 2),
        (7, 3, 1),
        (9, 3, 2),
        (40, 2, WIDTH + 1),
        (17, 5, 2 * WIDTH),
        (11, 3, 5),
    ][: 4 if SIMULATED else 7],
)
@pytest.mark.parametrize("step", [0, 0.01, 1])
def test_bounded_sums_are_assign_sums(kernels, rng, n, d, k, step, dtype):
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32) * 20
    labels, sqdist, lower = np.zeros(n, np.int32), np.empty(n, np.float32), np.zeros(n, np.float32)
    moved, expected = 0.0, (labels.copy(), sqdist.copy())
    for turn in range(2 if SIMULATED else 4):
        sums, counts, compared = kernels.bounded_sums(x, centers, moved, labels, sqdist, lower)
        expected_sums, expected_counts = kernels.assign_sums(x, centers, *expected)
        for found, wanted in ((labels, expected[0]), (sqdist, expected[1])):
            assert_array_equal(found, wanted)
        assert_array_equal(sums, expected_sums)
        assert_array_equal(counts, expected_counts)
        assert compared == n if turn == 0 else compared <= n
        for i in range(n):
            others = [naive.sqdist(x[i], c) for c in np.delete(centers, labels[i], axis=0)]
            assert lower[i] <= np.sqrt(min(others, default=np.inf))
        after = (centers + step * make_rows(rng, k, d, np.float32)).astype(np.float32)
        moved = float(np.sqrt(((after - centers).astype(np.float64) ** 2).sum(axis=1)).max() * 1.001)
        centers = after


def test_bounded_sums_leave_out_rows_that_stay(kernels, rng):
    k, each = (4, 3) if SLOW else (20, 100)
    n = k * each
    centers = rng.normal(size=(k, 6)).astype(np.float32) * 50
    x = np.repeat(centers, each, axis=0) + rng.normal(size=(n, 6)).astype(np.float32)
    labels, sqdist, lower = np.zeros(n, np.int32), np.empty(n, np.float32), np.zeros(n, np.float32)
    assert kernels.bounded_sums(x, centers, 0.0, labels, sqdist, lower)[2] == n
    assert kernels.bounded_sums(x, centers, 0.0, labels, sqdist, lower)[2] == 0


# lower_nearest, lower_grouped


@all_dtypes
@pytest.mark.parametrize(("n", "d", "k", "first"), [(0, 3, 2, 0), (9, 0, 2, 0), (9, 3, 5, 5), (9, 3, 21, 3)])
def test_lower_nearest_matches_naive(kernels, rng, n, d, k, first, dtype):
    x, centers = make_rows(rng, n, d, dtype), make_rows(rng, k, d, np.float32)
    rows = rng.permutation(n)[: n // 2 + 1]
    sqdist, nearest = np.full(n, np.inf, np.float32), np.zeros(n, np.int32)
    sqdist[::3] = 0.5
    sqdist[1::3] = -1
    expected = naive.lower_nearest(x, rows, centers, first, sqdist, nearest)

    kernels.lower_nearest(x, rows, centers, first, sqdist, nearest)

    assert_array_equal(sqdist, expected[0])
    assert_array_equal(nearest, expected[1])


@all_dtypes
@pytest.mark.parametrize("spread", [0.01, 1])
@pytest.mark.parametrize(("n", "d", "k"), [(1, 2, 3), (40, 2, 30), (12, 5, 17)])
def test_lower_grouped_is_lower_nearest(kernels, rng, n, d, k, spread, dtype):
    centers = make_rows(rng, k, d, np.float32) * 10
    known = max(1, k // 2)
    x = (centers[rng.integers(k, size=n)] + spread * make_rows(rng, n, d, np.float32)).astype(np.float32)
    x = x.clip(0, 255).astype(dtype) if dtype == np.uint8 else x.astype(dtype)
    applied = rng.integers(1, known + 1, n).astype(np.int32)
    sqdist, nearest = np.full(n, np.inf, np.float32), np.zeros(n, np.int32)
    for i in range(n):
        kernels.lower_nearest(x, np.array([i]), centers[: applied[i]], 0, sqdist, nearest)
    expected, number = sqdist.copy(), nearest.copy()
    kernels.lower_nearest(x, np.arange(n), centers, 0, expected, number)

    rows = np.argsort(nearest)
    computed = kernels.lower_grouped(x, rows, centers, applied, sqdist, nearest)

    assert_array_equal(sqdist, expected)
    own = naive.sqdist if d else lambda *_: 0
    assert all(own(x[i], centers[nearest[i]]) == sqdist[i] for i in range(n))
    assert 0 <= computed <= n * k


def test_lower_grouped_leaves_out_what_is_far(kernels, rng):
    k, each = (6, 2) if SLOW else (200, 10)
    n = k * each
    centers = rng.normal(size=(k, 8)).astype(np.float32) * 100
    x = np.repeat(centers, each, axis=0) + rng.normal(size=(n, 8)).astype(np.float32)
    sqdist, nearest = np.full(n, np.inf, np.float32), np.zeros(n, np.int32)
    kernels.lower_nearest(x, np.arange(n), centers[: k // 2], 0, sqdist, nearest)
    applied, rows = np.full(n, k // 2, np.int32), np.argsort(nearest)
    near = rows[nearest[rows] == np.arange(n)[rows] // each]  # rows whose own centre is there
    assert kernels.lower_grouped(x, near, centers, applied, sqdist, nearest) == 0


def test_pruning_leaves_room_for_rounding(kernels):
    """a, row and c on a line, |a - c| twice |a - row| to the last bit: c may win by rounding, and is computed."""
    rng = np.random.default_rng(0)
    for _ in range(20 if SIMULATED else 200):
        step = rng.normal(size=(1, 3)).astype(np.float32)
        centers = np.concatenate([0 * step, 2 * step * (1 - 2.0**-23)]).astype(np.float32)
        sqdist, nearest = np.full(1, np.inf, np.float32), np.zeros(1, np.int32)
        kernels.lower_nearest(step, np.array([0]), centers[:1], 0, sqdist, nearest)
        kernels.lower_grouped(step, np.array([0]), centers, np.ones(1, np.int32), sqdist, nearest)
        assert sqdist[0] == min(naive.sqdist(step[0], c) for c in centers)


# pick_farthest


@all_dtypes
@pytest.mark.parametrize("levels", [2, 1000])
@pytest.mark.parametrize(("n", "d", "p"), [(1, 2, 3), (30, 0, 5), (30, 3, 30), (9, 3, 4)])
def test_pick_farthest_is_greedy(kernels, rng, n, d, p, levels, dtype):
    x = rng.integers(0, levels, (n, d)).clip(0, 255).astype(dtype)
    picked, distances = naive.kcenter_greedy(x, min(n, p + 1))
    centers = np.empty((p + 1, d), np.float32)
    centers[0] = x[0]
    sqdist, nearest, applied = np.full(n, np.inf, np.float32), np.zeros(n, np.int32), np.ones(n, np.int32)
    kernels.lower_nearest(x, np.arange(n), centers[:1], 0, sqdist, nearest)
    sqdist[0] = -1
    picks, reached = np.empty(p, np.int64), np.empty(p, np.float32)

    count = kernels.pick_farthest(x, np.arange(n), sqdist, nearest, applied, 0.0, centers, 1, picks, reached)

    assert picks[:count].tolist() == picked[1:]
    assert_array_equal(np.sqrt(reached[:count]), np.array(distances[1:], np.float32))
    assert_array_equal(centers[1 : count + 1], x[picks[:count]].astype(np.float32))
    assert (sqdist[picked] == -1).all()


@compiled_only
@pytest.mark.parametrize("n", [127, 128, 129, 5000])
def test_pick_farthest_stops_at_the_threshold_and_says_what_it_applied(kernels, rng, n):
    x, rows = rng.normal(size=(2 * n, 4)).astype(np.float32), np.arange(0, 2 * n, 2)
    centers = np.zeros((n, 4), np.float32)
    sqdist, nearest = np.full(2 * n, np.inf, np.float32), np.zeros(2 * n, np.int32)
    kernels.lower_nearest(x, rows, centers[:1], 0, sqdist, nearest)
    applied = np.full(2 * n, 1, np.int32)
    picks, reached = np.empty(n - 1, np.int64), np.empty(n - 1, np.float32)

    count = kernels.pick_farthest(x, rows, sqdist, nearest, applied, 1.0, centers, 1, picks, reached)

    assert 0 < count < n - 1
    assert (reached[:count] >= 1).all()
    assert (np.diff(reached[:count]) <= 0).all()
    left = rows[sqdist[rows] >= 0]
    assert (sqdist[left] < 1).all()
    assert np.isinf(sqdist[1::2]).all(), "rows not asked for"
    for row in left[:: max(1, len(left) // 50)]:
        assert 1 <= applied[row] <= count + 1
        known = [naive.sqdist(x[row], c) for c in centers[: applied[row]]]
        assert sqdist[row] == min(known)
        assert nearest[row] == int(np.argmin(known))


# tiles

_OTHER_TILES = """
import sys
import llvmlite.binding
features = llvmlite.binding.get_host_cpu_features()
for name in set(features) - set(sys.argv[1:]):
    del features[name]
llvmlite.binding.get_host_cpu_features = lambda: features
from framesift_kernels.cpu import _vector
import os
import subprocess
import sys

import numpy as np
import framesift_kernels
rng = np.random.default_rng(0)
x, centers = rng.normal(size=(100, 33)).astype(np.float32), rng.normal(size=(77, 33)).astype(np.float32)
labels, sqdist = framesift_kernels.load("cpu").assign(x, centers)
print(_vector.WIDTH, labels.tobytes().hex(), sqdist.tobytes().hex())
"""


@compiled_only
@pytest.mark.parametrize(
    ("features", "width"),
    [
        (("avx2", "f16c"), 8),
        ((), 4),
        pytest.param(("avx2", "f16c", "avx512vnni", "avx512vl"), 8, marks=needs_narrow),
    ],
)
def test_results_do_not_depend_on_the_tiles(kernels, rng, tmp_path, features, width):
    """Not compared: what such a processor's own code generator would make of them."""
    x, centers = rng.normal(size=(100, 33)).astype(np.float32), rng.normal(size=(77, 33)).astype(np.float32)
    labels, sqdist = kernels.assign(x, centers)
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    found = subprocess.check_output([sys.executable, "-c", _OTHER_TILES, *features], text=True, env=env)
    assert found.split() == [str(width), labels.tobytes().hex(), sqdist.tobytes().hex()]

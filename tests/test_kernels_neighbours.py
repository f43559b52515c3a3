"""Kernels of neighbours and of the product of objectives, against naive_neighbours.py."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config
from numpy.testing import assert_allclose, assert_array_equal

import framesift_kernels
import naive_neighbours
from devices import SIMULATED, examples, on_gpu
from framesift_kernels.cpu._log import log
from framesift_kernels.cpu._vector import ROWS, VECTORS, WIDTH

compiled_only = pytest.mark.compiled
check = examples(30)
NONE = np.uint64(2**64 - 1)
TILE = VECTORS * WIDTH


def make_rows(rng, n, d, dtype):
    if dtype == np.uint8:
        return rng.integers(0, 256, (n, d), np.uint8)
    return rng.normal(size=(n, d)).astype(dtype)


def split(keys):
    """Numbers and squared distances of keys, sorted."""
    keys = np.sort(keys, axis=1)
    return keys & np.uint64(2**32 - 1), (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)


# nearest


@pytest.mark.parametrize(("x_type", "y_type"), [("u1", "u1"), ("f2", "f4"), ("f4", "f4")])
@pytest.mark.parametrize(
    ("n", "m", "d", "k"),
    [(0, 3, 2, 2), (1, 1, 1, 1), (5, 9, 4, 3)]
    if SIMULATED
    else [
        (0, 3, 2, 2),
        (1, 1, 1, 1),
        (ROWS + 1, WIDTH + 1, 3, 5),
        (ROWS - 1, TILE, 2, TILE),
        (2, TILE + 1, 0, 3),
    ],
)
def test_nearest_matches_naive(kernels, rng, n, m, d, k, x_type, y_type):
    x, y = make_rows(rng, n, d, np.dtype(x_type)), make_rows(rng, m, d, np.dtype(y_type))
    keys_x, keys_y = np.full((n, k), NONE), np.full((m, k), NONE)

    kernels.nearest(x, y, 5, 7, keys_x, keys_y)

    for keys, (a, b), first in ((keys_x, (x, y), 7), (keys_y, (y, x), 5)):
        numbers, sqdist = split(keys)
        there = min(k, len(b))
        expected, expected_sqdist = naive_neighbours.nearest(a, b, there)
        assert_array_equal(numbers[:, :there], expected.reshape(len(a), there) + first)
        assert_array_equal(sqdist[:, :there], expected_sqdist.reshape(len(a), there))
        assert (np.sort(keys, axis=1)[:, there:] == NONE).all()


@check
@given(
    st.integers(1, 9 if SIMULATED else 40),
    st.integers(1, 13 if SIMULATED else 30),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_nearest_does_not_depend_on_blocks_or_their_order(kernels, n, m, k, random):
    seed = np.random.default_rng(random.randrange(2**32))
    x, y = (seed.integers(0, 3, (rows, 2)).astype(np.float32) for rows in (n, m))
    whole_x, whole_y = np.full((n, k), NONE), np.full((m, k), NONE)
    kernels.nearest(x, y, 0, 0, whole_x, whole_y)
    keys_x, keys_y = np.full((n, k), NONE), np.full((m, k), NONE)
    blocks = [(a, b) for a in range(0, n, 7) for b in range(0, m, 11)]
    random.shuffle(blocks)
    for a, b in blocks:
        kernels.nearest(x[a : a + 7], y[b : b + 11], a, b, keys_x[a : a + 7], keys_y[b : b + 11])
    assert_array_equal(np.sort(keys_x, axis=1), np.sort(whole_x, axis=1))
    assert_array_equal(np.sort(keys_y, axis=1), np.sort(whole_y, axis=1))


def test_of_equally_near_rows_the_first_stay_whenever_they_come(kernels):
    x, y, keys = np.zeros((5, 2), np.float32), np.zeros((9, 2), np.uint8), np.full((5, 3), NONE)
    nobody = np.empty((0, 3), np.uint64)
    for start, stop in ((4, 9), (0, 4)):
        kernels.nearest(x, y[start:stop], 0, start, keys, nobody)
    assert_array_equal(split(keys)[0], [[0, 1, 2]] * 5)


@compiled_only
@pytest.mark.parametrize(("n", "m", "d"), [(50, 2**16 + 1, 2), (3, 100, 2**16 + 1), (700, 700, 70)])
def test_nearest_of_large_input_equals_assign(kernels, rng, n, m, d):
    x, y = make_rows(rng, n, d, np.float32), make_rows(rng, m, d, np.float32)
    keys = np.full((n, 1), NONE)
    kernels.nearest(x, y, 0, 0, keys, np.empty((0, 1), np.uint64))
    labels, sqdist = kernels.assign(x, y)
    assert_array_equal(split(keys)[0][:, 0], labels)
    assert_array_equal(split(keys)[1][:, 0], sqdist)


def test_rows_too_far_for_float32_are_neighbours_all_the_same(kernels):
    with np.errstate(over="ignore"):  # plain Python warns
        x, y = np.full((1, 3), 3e38, np.float32), np.full((3, 3), -3e38, np.float32)
        keys_x, keys_y = np.full((1, 2), NONE), np.full((3, 2), NONE)
        kernels.nearest(x, y, 0, 0, keys_x, keys_y)
    numbers, sqdist = split(keys_x)
    assert_array_equal(numbers, [[0, 1]])
    assert_array_equal(sqdist, np.inf)


def some_of_each(kernels):
    """What the kernels on tiles find, as text."""
    x = np.random.default_rng(0).integers(0, 3, (100, 5)).astype(np.float32)
    keys_x, keys_y = np.full((60, 4), NONE), np.full((40, 4), NONE)
    kernels.nearest(x[:60], x[60:], 0, 60, keys_x, keys_y)
    sqdist, labels, leaders = (
        np.full(100, np.inf, np.float32),
        np.zeros(100, np.int32),
        np.zeros(100, np.int64),
    )
    n = kernels.lead(x, 0, 2.5, sqdist, labels, leaders)
    found = [np.sort(keys_x, axis=1), np.sort(keys_y, axis=1), sqdist, labels, leaders[:n]]
    return " ".join(a.tobytes().hex() for a in found)


_OTHER_TILES = """
import llvmlite.binding
features = llvmlite.binding.get_host_cpu_features()
for name in set(features):
    del features[name]
llvmlite.binding.get_host_cpu_features = lambda: features
import framesift_kernels
from framesift_kernels.cpu import _vector
from test_kernels_neighbours import some_of_each
print(_vector.WIDTH, some_of_each(framesift_kernels.load("cpu")))
"""


@compiled_only
def test_results_do_not_depend_on_the_tiles(kernels, tmp_path):
    """Not compared: what such a processor's own code generator would make of them."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    found = subprocess.check_output([sys.executable, "-c", _OTHER_TILES], text=True, env=env)
    width, _, results = found.strip().partition(" ")
    assert int(width) == 4
    assert results == some_of_each(kernels)


# lead


@check
@given(
    st.integers(0, 14 if SIMULATED else 50),
    st.integers(1, 3),
    st.sampled_from([0.0, 1.0, 1.5, 9.0]),
    st.integers(0, 2**32),
)
def test_lead_matches_naive(kernels, n, d, radius, seed):
    x = np.random.default_rng(seed).integers(0, 4, (n, d)).astype(np.float32)
    sqdist, labels, leaders = np.full(n, np.inf, np.float32), np.zeros(n, np.int32), np.empty(n, np.int64)
    found = kernels.lead(x, 3, radius**2 * 1.000001 + 1e-6, sqdist, labels, leaders)
    expected, of = naive_neighbours.leaders(x, radius)
    assert_array_equal(leaders[:found], expected)
    assert_array_equal(leaders[labels - 3], of)
    assert_allclose(sqdist, [((x[i] - x[j]) ** 2).sum() for i, j in enumerate(of)])


# product_scores, balance_logs


def test_log_is_within_a_unit_in_the_last_place(rng):
    x = np.concatenate(
        [np.exp(rng.normal(0, 100, 2000)), 1 + rng.normal(0, 1e-9, 2000), [1, 2, 1e308, 3e-308]]
    )
    found = np.array([log(v) for v in x])
    assert_allclose(found, np.log(x), rtol=3e-16, atol=0)
    assert [log(v) for v in np.array([0.0, 5e-324, -1.0])] == [-np.inf] * 3


@pytest.mark.parametrize("n", [1, 31, 32, 33, 1023, 1024, 1025])
def test_product_scores_match_numpy(kernels, rng, n):
    if config.DISABLE_JIT or SIMULATED:
        n = min(n, 40)
    added = rng.random((3, n)).astype(np.float32)
    sums, strengths = np.array([1.0, 0.0, 3.0]), np.array([1.0, -2.0, 0.0])
    labels, tables = rng.integers(0, 4, (2, n)).astype(np.int32), rng.normal(size=4)
    closed = (rng.random(n) < 0.3).astype(np.uint8)
    scores = np.full(n, 9.0)

    best = kernels.product_scores(added, sums, strengths, labels, tables, closed, slice(0, n), scores)

    expected = (
        np.log(1 + added[0].astype(float)) - 2 * np.log(added[1].astype(float)) + tables[labels].sum(axis=0)
    )
    expected[closed == 1] = np.nan
    assert_allclose(scores, expected, rtol=1e-14, atol=1e-14)
    assert best == (-1 if closed.all() else np.nanargmax(scores))


def test_product_scores_of_nothing_defined_take_the_first(kernels):
    added = np.array([[0, 0, 0], [0, 0, 0]], np.float32)
    scores = np.empty(3)
    none, closed = np.empty((0, 3), np.int32), np.array([1, 0, 0], np.uint8)
    given = added, np.zeros(2), np.array([1.0, -1.0]), none, np.empty(0)
    with np.errstate(invalid="ignore"):  # plain Python warns
        assert kernels.product_scores(*given, closed, slice(0, 3), scores) == 1
    assert np.isnan(scores[0])
    assert (scores[1:] == -np.inf).all()
    with np.errstate(invalid="ignore"):
        assert kernels.product_scores(*given, closed, slice(2, 3), scores) == 2
        assert kernels.product_scores(*given, np.ones(3, np.uint8), slice(0, 3), scores) == -1


def test_product_scores_take_the_first_of_equals(kernels):
    n = 50 if config.DISABLE_JIT or SIMULATED else 5000
    added, scores = np.ones((1, n), np.float32), np.empty(n)
    added[0, [n // 3, n // 2]] = 2
    none = np.empty((0, n), np.int32)
    given = added, np.zeros(1), np.ones(1), none, np.empty(0), np.zeros(n, np.uint8)
    assert kernels.product_scores(*given, slice(0, n), scores) == n // 3
    assert kernels.product_scores(*given, slice(n // 3 + 1, n), scores) == n // 2


@pytest.mark.parametrize("classes", [2, 3, 50])
@pytest.mark.parametrize("equal", [True, False])
def test_balance_logs_match_naive(kernels, rng, classes, equal):
    rows = rng.random((20, classes)) * (rng.random((20, classes)) < 0.5)
    rows = rows.astype(np.float32)
    target = np.full(classes, 1 / classes) if equal else rng.dirichlet(np.ones(classes))
    for chosen in ([], [3, 7]):
        sums = rows[chosen].sum(axis=0, dtype=np.float64)
        found = kernels.balance_logs(np.ascontiguousarray(rows.T), sums, target)
        assert_allclose(found, np.log(naive_neighbours.fit(rows, target, chosen)), rtol=1e-12, atol=1e-13)


# The same bits on every device, wherever arrays lie


def both_places(kernels, call, given, written):
    """What *call* writes and returns on the CPU, of arrays that lie here, and of ones that lie on the GPU."""
    found = []
    for place in ("cpu", "here", "there"):
        arrays = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
        there = [on_gpu(a) if place == "there" and isinstance(a, np.ndarray) else a for a in arrays]
        chosen = framesift_kernels.load("cpu") if place == "cpu" else kernels
        returned = getattr(chosen, call)(*there)
        out = [chosen.get(there[i]) for i in written]
        found.append([*out, returned])
    return found


def assert_all_equal(found):
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize(("n", "m"), [(3, 21), (18, 5)] if SIMULATED else [(3, 70_000), (3000, 999)])
def test_nearest_is_the_cpus(rng, dtype, n, m):
    """A few rows, whose others are divided among blocks, and many."""
    cuda = framesift_kernels.load("cuda")
    x, y = make_rows(rng, n, 5, np.float32), make_rows(rng, m, 5, np.dtype(dtype))
    y[m // 2 :: 3] = y[0]
    given = x, y, 11, 2, np.full((n, 4), NONE), np.full((m, 4), NONE)
    found = both_places(cuda, "nearest", given, (4, 5))
    assert_all_equal([[np.sort(keys, axis=1) for keys in one[:2]] for one in found])


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("d", [0, 1, 5])
def test_leaders_are_the_cpus(rng, dtype, d):
    """Rows follow leaders that there were before, those of the same tile, those of others; some are just 2 apart."""
    cuda = framesift_kernels.load("cuda")
    n = 19 if SIMULATED else 3000
    x = rng.integers(0, 4, (n, d)).astype(dtype)
    sqdist = np.where(rng.random(n) < 0.3, 1.0, np.inf).astype(np.float32)
    labels = rng.integers(0, 9, n).astype(np.int32)
    given = x, 7, 4.0, sqdist, labels, np.zeros(n, np.int64)
    found = both_places(cuda, "lead", given, (3, 4, 5))
    leaders = found[0][3]
    assert_all_equal([[a[:leaders] if i == 2 else a for i, a in enumerate(one)] for one in found])
    assert leaders > 5 or d < 5, "or nothing was tested"


@pytest.mark.gpu
@pytest.mark.parametrize("part", [slice(0, 30), slice(7, 23), slice(4, 4)])
def test_product_scores_are_the_cpus(rng, part):
    cuda = framesift_kernels.load("cuda")
    added = np.exp(rng.normal(0, 30, (3, 30))).astype(np.float32)
    added[0, 3:6], added[1, 9] = 0, np.inf
    added = np.ascontiguousarray(
        np.tile(added[:, :12], 3)[:, :30]
    )  # equals, that one thread of the simulator's has
    sums, strengths = np.array([0.0, 2.5, 1e-3]), np.array([-1.5, 0.0, 3.1])
    labels, tables = rng.integers(0, 5, (2, 12)).astype(np.int32), rng.normal(size=5)
    labels, closed = np.tile(labels, 3)[:, :30], np.tile(rng.random(12) < 0.3, 3)[:30].astype(np.uint8)
    labels = np.ascontiguousarray(labels)
    given = added, sums, strengths, labels, tables, closed, part, np.full(30, 9.0)
    assert_all_equal(both_places(cuda, "product_scores", given, (7,)))


@pytest.mark.gpu
@pytest.mark.parametrize("classes", [2, 5, 60])
@pytest.mark.parametrize("equal", [True, False])
def test_balance_logs_are_the_cpus(rng, classes, equal):
    cuda = framesift_kernels.load("cuda")
    n = 6 if SIMULATED else 5000
    rows = (rng.random((classes, n)) * (rng.random((classes, n)) < 0.5)).astype(np.float32)
    rows[:, 0] = 0
    target = np.full(classes, 1 / classes) if equal else rng.dirichlet(np.ones(classes))
    for sums in (np.zeros(classes), rng.random(classes)):
        assert_all_equal(both_places(cuda, "balance_logs", (rows, sums, target), ()))

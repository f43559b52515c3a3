"""Neighbours are exact, whatever the threads, blocks and memory; scores made of them are lightly-mundig's."""

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import framesift.features.vectors
import naive_neighbours
from framesift import near_duplicates, nearest, similarity, typicality
from framesift.errors import UsageError
from peers import peer

lightly_mundig = peer("lightly_mundig")

check = settings(deadline=None, max_examples=25)


def rows(n: int, d: int, dtype: Any = np.float32, seed: int = 0, levels: int = 256) -> Any:
    rng = np.random.default_rng(seed)
    if dtype == np.uint8:
        return rng.integers(0, levels, (n, d), np.uint8)
    return rng.normal(size=(n, d)).astype(dtype)


def stored(x: Any, chunk: int) -> Any:
    array = zarr.create_array(
        zarr.storage.MemoryStore(), shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype
    )
    array[:] = x
    return array


# nearest


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize(("n", "k"), [(2, 1), (20, 19), (45, 5)])
def test_nearest_matches_naive(dtype: Any, n: int, k: int) -> None:
    x = rows(n, 3, dtype, levels=3)
    y = rows(n, 3, dtype, seed=1, levels=3)
    for other, itself in ((y, False), (None, True)):
        indices, distances = nearest(x, other, k)
        expected, sqdist = naive_neighbours.nearest(x, x if itself else y, k, itself)
        assert (indices.dtype, distances.dtype) == (np.int64, np.float32)
        assert_array_equal(indices, expected)
        assert_array_equal(distances, np.sqrt(sqdist))


@check
@given(st.integers(2, 20), st.integers(1, 3), st.integers(1, 8), st.integers(0, 2**32))
def test_of_copies_the_first_are_the_neighbours(n: int, d: int, k: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 2, (n, d)).astype(np.uint8)
    k = min(k, n - 1)
    indices, distances = nearest(x, None, k)
    expected, sqdist = naive_neighbours.nearest(x, x, k, itself=True)
    assert_array_equal(indices, expected)
    assert_array_equal(distances, np.sqrt(sqdist))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_threads_chunks_and_memory_change_no_bit(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    x, y = rows(3001, 17, dtype, levels=8), rows(1500, 17, dtype, seed=1, levels=8)
    expected = [*nearest(x, y, 7), *nearest(x, None, 6)]
    chosen = np.random.default_rng(2).permutation(3001)[:1]
    alone = naive_neighbours.nearest(x[chosen], y[:50], 3)
    assert_array_equal(nearest(x, y[:50], 3)[0][chosen], alone[0])
    monkeypatch.setattr("framesift.features.matrix._BLOCK_BYTES", 300 * 17 * x.itemsize)
    for max_bytes in (0, 1000 * 17 * x.itemsize):
        found = [
            *nearest(stored(x, 100), stored(y, 170), 7, max_bytes=max_bytes),
            *nearest(stored(x, 100), None, 6, max_bytes=max_bytes),
        ]
        for a, b in zip(found, expected, strict=True):
            assert_array_equal(a, b)
    for threads in (1, 4):
        framesift.features.vectors._threads.cache_clear()
        for module in ("features.vectors", "selection.neighbours"):
            monkeypatch.setattr(f"framesift.{module}.count_threads", lambda _, n=threads: n)
        for a, b in zip([*nearest(x, y, 7), *nearest(x, None, 6)], expected, strict=True):
            assert_array_equal(a, b)
    framesift.features.vectors._threads.cache_clear()


def test_unusable_arguments_are_named() -> None:
    x = rows(5, 3)
    for k in (0, 6):
        with pytest.raises(
            UsageError, match=f"k must be from 1 to the number of rows of y, got k = {k} and 5"
        ):
            nearest(x, x, k)
    with pytest.raises(UsageError, match="number of other rows, got k = 5 and 4"):
        nearest(x, None, 5)
    with pytest.raises(UsageError, match=r"same width, got shapes \(5, 3\) and \(5, 2\)"):
        nearest(x, x[:, :2], 1)
    with pytest.raises(UsageError, match="y must be finite"):
        nearest(x, np.full((2, 3), np.nan), 1)
    with pytest.raises(UsageError, match="radius must be finite and not negative, got -1"):
        near_duplicates(x, -1)
    with pytest.raises(UsageError, match="n_neighbors must be at least 1, got 0"):
        typicality(x, 0)
    with pytest.raises(UsageError, match="device"):
        nearest(x, x, 1, device="tpu")


# typicality, similarity


@pytest.mark.parametrize(("n", "d", "k"), [(2, 1, 20), (30, 2, 1), (50, 8, 20), (400, 33, 7), (21, 4, 20)])
def test_scores_are_those_of_lightly_mundig(n: int, d: int, k: int) -> None:
    x, queries = rows(n, d), rows(3, d, seed=1)
    found = typicality(x, k)
    assert found.dtype == np.float32
    assert_allclose(found, lightly_mundig.Typicality(x).calculate_typicality(k), atol=3e-6)
    assert_allclose(found, naive_neighbours.typicality(x, k), atol=5e-7)
    near = similarity(x, queries)
    assert near.dtype == np.float32
    assert_allclose(near, lightly_mundig.Similarity(x).calculate_similarity(queries), atol=5e-7)
    assert_allclose(near, naive_neighbours.similarity(x, queries), atol=5e-7)


def test_scores_of_one_row_and_of_equal_rows_are_one() -> None:
    assert_array_equal(typicality(rows(1, 3)), 1)
    assert_array_equal(typicality(np.ones((5, 3))), 1)
    assert_array_equal(similarity(np.ones((5, 3)), np.ones((2, 3))), 1)
    assert_array_equal(
        lightly_mundig.Similarity(np.ones((5, 3), "f4")).calculate_similarity(np.ones((2, 3), "f4")), 1
    )
    assert len(typicality(np.empty((0, 3)))) == 0


# near_duplicates


@check
@given(
    st.integers(0, 30),
    st.sampled_from([0, 1, 1.5, 2, 2.5]),
    st.sampled_from([np.uint8, np.float32]),
    st.data(),
)
def test_groups_are_those_of_leaders_in_order(n: int, radius: float, dtype: Any, data: Any) -> None:
    seed = data.draw(st.integers(0, 2**32))
    x = np.random.default_rng(seed).integers(0, 4, (n, 2)).astype(dtype)
    found = near_duplicates(x, radius)
    lead, of = naive_neighbours.leaders(x, radius)
    assert_array_equal(found.leaders, lead)
    assert_array_equal(found.leaders[found.labels], of)
    assert_allclose(found.distances, [np.linalg.norm(x[i].astype(float) - x[j]) for i, j in enumerate(of)])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_groups_do_not_depend_on_batches_and_keep_their_promise(
    monkeypatch: pytest.MonkeyPatch, dtype: Any
) -> None:
    walk = np.random.default_rng(0).normal(size=(3000, 6)).cumsum(axis=0)
    x = (walk - walk.min()).astype(dtype)
    radius = 8.0
    found = near_duplicates(x, radius)
    assert 1 < len(found.leaders) < 2000
    assert found.distances.max() <= radius
    assert nearest(x[found.leaders], None, 1)[1].min() > radius
    monkeypatch.setattr("framesift.selection.duplicates._BATCH_ROWS", 37)
    again = near_duplicates(stored(x, 100), radius, max_bytes=0)
    for name in ("leaders", "labels", "distances"):
        assert_array_equal(getattr(again, name), getattr(found, name))


def test_a_radius_of_zero_groups_copies() -> None:
    x = rows(50, 3)[np.random.default_rng(1).integers(0, 50, 300)]
    found = near_duplicates(x, 0)
    _, first = np.unique(x, axis=0, return_index=True)
    assert_array_equal(found.leaders, np.sort(first))
    assert_array_equal(x[found.leaders][found.labels], x)

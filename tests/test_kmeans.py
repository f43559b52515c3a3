"""k-means finds what scikit-learn's finds, exactly the same on every run."""

import warnings
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans as Reference
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import framesift.features.vectors
from framesift import index, kmeans
from framesift.errors import UsageError
from framesift.features.vectors import ArrayVectors
from framesift.selection.kmeans import _farthest, cluster
from framesift_kernels import load
from real import video


def blobs(n: int, d: int, k: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = rng.integers(40, 216, (k, d))
    rows = centers[rng.integers(k, size=n)] + rng.normal(0, 12, (n, d))
    return rows.round().clip(0, 255).astype(dtype)


@pytest.fixture(scope="module")
def thumbnails() -> np.ndarray:
    with index(video("centered_pair_low_quality.mp4"), size=32) as made:
        found = made.reader(0).read("thumbnails")
    return found.reshape(len(found), -1)


def reference(x: np.ndarray, k: int, **options: Any) -> Reference:
    with warnings.catch_warnings(), threadpool_limits(1):  # its threads spin where cores are shared
        # Fewer distinct rows than clusters, or one iteration only.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Reference(k, **options).fit(x.astype(np.float64))


def inertia_of(x: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> float:
    return float(((x.astype(np.float64) - centers.astype(np.float64)[labels]) ** 2).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("n", "d", "k"), [(500, 16, 7), (3000, 64, 20), (1023, 3, 1), (1025, 5, 300)])
def test_rows_belong_to_the_centre_that_scikit_learn_assigns(dtype: Any, n: int, d: int, k: int) -> None:
    x = blobs(n, d, max(4, k // 2), dtype)
    found = kmeans(x, k)
    other = reference(x, k, init=found.centers.astype(np.float64), n_init=1, max_iter=1)
    np.testing.assert_array_equal(found.labels, other.predict(x.astype(np.float64)))
    assert found.inertia == pytest.approx(inertia_of(x, found.centers, found.labels), rel=1e-5)
    np.testing.assert_allclose(found.sqdist.sum(dtype=np.float64), found.inertia)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("n", "d", "k"), [(2000, 32, 10), (5000, 16, 50), (40_000, 8, 12)])
def test_the_inertia_is_as_low_as_scikit_learns_best_of_three(dtype: Any, n: int, d: int, k: int) -> None:
    x = blobs(n, d, k, dtype)
    best = reference(x, k, n_init=3, random_state=0).inertia_
    assert kmeans(x, k).inertia <= 1.02 * best


@pytest.mark.parametrize("k", [2, 20, 60])
def test_the_inertia_of_real_thumbnails_is_as_low_as_scikit_learns(thumbnails: np.ndarray, k: int) -> None:
    """On average: such clusters overlap, and single runs of either differ by some percent."""
    best = [reference(thumbnails, k, n_init=3, random_state=state).inertia_ for state in range(3)]
    found = [kmeans(thumbnails, k, seed=seed).inertia for seed in range(5)]
    assert np.mean(found) <= 1.02 * np.mean(best)


def test_it_converges_where_lloyds_iteration_stays() -> None:
    x = blobs(3000, 8, 30)
    found = kmeans(x, 30, tol=0)
    means = np.array([x[found.labels == label].mean(axis=0) for label in range(30)])
    np.testing.assert_allclose(found.centers, means, rtol=1e-6)


def test_one_cluster_is_the_mean() -> None:
    x = blobs(1000, 5, 3)
    found = kmeans(x, 1)
    np.testing.assert_allclose(found.centers[0], x.mean(axis=0), rtol=1e-6)
    assert not found.labels.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_as_many_clusters_as_rows_are_the_rows(dtype: Any) -> None:
    x = np.arange(40, dtype=dtype).reshape(20, 2) * 6
    found = kmeans(x, 20)
    assert sorted(found.labels) == list(range(20))
    assert found.inertia == 0
    np.testing.assert_array_equal(found.centers[found.labels], x)


def test_fewer_distinct_rows_than_clusters_end_all_the_same() -> None:
    x = np.repeat(np.array([[0, 0], [9, 9], [200, 3]], np.uint8), 10, axis=0)
    found = kmeans(x, 7)
    assert found.inertia == 0
    assert len(set(found.labels)) == 3
    assert np.isfinite(found.centers).all()


def test_an_empty_cluster_takes_the_farthest_row(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.concatenate([blobs(300, 4, 2), np.full((1, 4), 255, np.uint8)])
    bad = np.array([x[0], np.full(4, -1e4), np.full(4, -2e4)], np.float32)
    monkeypatch.setattr("framesift.selection.kmeans._seed", lambda *_: bad)
    found = kmeans(x, 3)
    assert set(found.labels) == {0, 1, 2}
    assert found.inertia <= 1.02 * reference(x, 3, n_init=3, random_state=0).inertia_


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.data())
def test_every_input_gives_k_finite_centres_and_the_nearest_of_them(n: int, d: int, data: Any) -> None:
    level = st.integers(0, 3) | st.integers(0, 255)
    x = np.array(data.draw(st.lists(level, min_size=n * d, max_size=n * d)), np.uint8).reshape(n, d)
    k = data.draw(st.integers(1, n))
    found = kmeans(x, k)
    assert found.centers.shape == (k, d)
    distance = ((x[:, None].astype(np.float64) - found.centers.astype(np.float64)) ** 2).sum(axis=2)
    np.testing.assert_allclose(found.sqdist, distance.min(axis=1), rtol=1e-4, atol=1e-4)
    assert len(set(found.labels)) == min(k, len(np.unique(x, axis=0))) or k < n


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_threads_and_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    x = blobs(9000, 12, 20, dtype)
    expected = kmeans(x, 20, seed=3)
    kernels, rng = load("cpu"), np.random.Generator(np.random.Philox(3))
    in_blocks = cluster(ArrayVectors(x, block_rows=701), 20, rng, kernels)
    monkeypatch.setattr(
        "framesift.selection.kmeans.in_threads",
        lambda function, n, block=4096: [function(slice(s, min(s + block, n))) for s in range(0, n, block)],
    )
    for found in (kmeans(x, 20, seed=3), in_blocks):
        np.testing.assert_array_equal(found.centers, expected.centers)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.inertia == expected.inertia


def test_the_seed_decides() -> None:
    x = blobs(2000, 4, 3)
    a, b, c = (kmeans(x, 12, seed=seed).centers for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("x", [np.arange(12).reshape(6, 2), [[0.5, 1], [2, 3], [2, 3]], np.eye(4)[::2]])
def test_other_types_are_converted(x: Any) -> None:
    found = kmeans(x, 2)
    assert found.centers.dtype == np.float32
    assert found.labels.dtype == np.int32


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros((3, 2)), {"k": 0}, "k = 0"),
        (np.zeros((3, 2)), {"k": 4}, r"k = 4 and x.shape = \(3, 2\)"),
        (np.zeros((0, 2)), {"k": 1}, "k = 1"),
        (np.zeros(3), {"k": 1}, "two dimensions"),
        (np.array([[np.nan, 1]]), {"k": 1}, "finite"),
        (np.array([[np.inf, 1]]), {"k": 1}, "finite"),
        (np.zeros((3, 2)), {"k": 1, "max_iter": 0}, "max_iter = 0"),
        (np.zeros((3, 2)), {"k": 1, "batch_size": 0}, "batch_size = 0"),
        (np.zeros((3, 2)), {"k": 1, "tol": -1}, "tol = -1"),
        (np.zeros((3, 2)), {"k": 1, "tol": float("nan")}, "tol = nan"),
        (np.zeros((3, 2)), {"k": 1, "seed": -1}, "seed must not be negative"),
        (np.zeros((3, 2)), {"k": 1, "device": "tpu"}, "'tpu'"),
        (np.zeros((3, 2)), {"k": 1, "init": [[1, 2], [3, 4]]}, "init must be"),
        (np.zeros((3, 2)), {"k": 1, "init": [[1, np.nan]]}, "init must be"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(x: Any, options: dict[str, Any], message: str) -> None:
    k = options.pop("k")
    with pytest.raises(UsageError, match=message):
        kmeans(x, k, **options)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize(("n", "d", "k"), [(3000, 16, 25), (700, 3, 60), (40_000, 8, 9)])
def test_labels_are_those_of_scikit_learns_lloyd_from_the_same_centres(
    dtype: Any, n: int, d: int, k: int
) -> None:
    x = blobs(n, d, k, np.float32).astype(dtype)
    init = x[np.random.default_rng(1).choice(n, k, replace=False)].astype(np.float64)
    found = kmeans(x, k, init=init, tol=0, max_iter=8)
    other = reference(x, k, init=init, n_init=1, max_iter=8, tol=0, algorithm="lloyd")
    np.testing.assert_array_equal(found.labels, other.labels_)
    np.testing.assert_allclose(found.centers, other.cluster_centers_, rtol=1e-5)
    assert found.inertia == pytest.approx(other.inertia_, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("spread", [3, 40])
@pytest.mark.parametrize("k", [1, 2, 40])
def test_bounds_change_nothing(monkeypatch: pytest.MonkeyPatch, dtype: Any, spread: int, k: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(40, 216, (20, 5))[rng.integers(20, size=6000)] + rng.normal(0, spread, (6000, 5))
    x = x.clip(0, 255).astype(dtype)
    found = []
    for share in (0.6, 2, -1):  # as shipped, always, hardly ever
        monkeypatch.setattr("framesift.selection.kmeans._BOUNDS_PAY", share)
        found.append(kmeans(x, k, init=x[:k], tol=0, max_iter=30))
    monkeypatch.setattr("framesift.selection.kmeans._Bounds.pay", lambda *_: False)
    plain = kmeans(x, k, init=x[:k], tol=0, max_iter=30)
    for other in found:
        np.testing.assert_array_equal(other.centers, plain.centers)
        np.testing.assert_array_equal(other.labels, plain.labels)
        assert other.inertia == plain.inertia


def stored(x: np.ndarray, chunk: int) -> zarr.Array:
    array = zarr.create_array({}, shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype)
    array[:] = x
    return array


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_memory_and_chunks_change_nothing(dtype: Any) -> None:
    x = blobs(5000, 6, 9, dtype)
    expected = kmeans(x, 9)
    for chunk, max_bytes in ((500, 2**30), (500, 0), (77, 0), (5000, 0)):
        found = kmeans(stored(x, chunk), 9, max_bytes=max_bytes)
        np.testing.assert_array_equal(found.centers, expected.centers)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.inertia == expected.inertia


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_sample_of_what_exceeds_memory_is_nearly_as_good(dtype: Any) -> None:
    """Within one percent of Lloyd's iterations over all rows."""
    x = blobs(80_000, 12, 30, dtype)
    whole = kmeans(x, 30).inertia
    assert kmeans(stored(x, 4000), 30, max_bytes=0).inertia <= 1.01 * whole


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025])
@pytest.mark.parametrize("block", [1, 1000, 1024, 5000])
def test_batches_are_the_rows_whatever_the_blocks(n: int, block: int) -> None:
    x = np.arange(n, dtype=np.float32)[:, None]
    batches = list(framesift.features.vectors.in_batches(ArrayVectors(x, block).blocks(), 1024))
    assert [first for first, _ in batches] == list(range(0, n, 1024))
    assert all(len(batch) == 1024 for _, batch in batches[:-1])
    np.testing.assert_array_equal(np.concatenate([batch for _, batch in batches]), x)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, np.inf]), min_size=1, max_size=12), st.integers(1, 14))
def test_the_farthest_rows_are_those_of_a_stable_sort(sqdist: list[float], n: int) -> None:
    expected = sorted(range(len(sqdist)), key=lambda i: -sqdist[i])[:n]
    assert _farthest(np.array(sqdist, np.float32), n).tolist() == expected

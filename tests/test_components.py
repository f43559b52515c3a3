"""Principal components: those of scikit-learn, and the same bits from memory and from disk."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sklearn.decomposition import PCA

import framesift as fs
from framesift.errors import UsageError
from framesift.features import components


def rows(n: int, d: int, seed: int = 0, offset: float = 0) -> Any:
    """A few strong directions and noise."""
    rng = np.random.default_rng(seed)
    strength = 2.0 ** -np.arange(min(n, d, 12))
    strong = rng.normal(size=(n, len(strength))) * strength @ rng.normal(size=(len(strength), d))
    return (strong + 1e-3 * rng.normal(size=(n, d)) + offset).astype(np.float32)


def stored(x: Any, chunk: int) -> Any:
    array = zarr.create_array({}, shape=x.shape, chunks=(chunk, x.shape[1]), dtype=x.dtype)
    array[:] = x
    return array


@pytest.mark.parametrize(
    ("n", "d", "k"), [(1, 1, 1), (2, 5, 2), (5, 2, 1), (1023, 20, 6), (1025, 20, 20), (3000, 64, 8)]
)
@pytest.mark.parametrize("is_exact", [True, False])
def test_components_are_those_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, n: int, d: int, k: int, is_exact: bool
) -> None:
    if not is_exact:
        monkeypatch.setattr(components, "_EXACT_DIMENSIONS", 0)
    x = rows(n, d)
    found = fs.principal_components(x, k)
    if n == 1:
        assert found.explained_variance.tolist() == [0]
        assert fs.principal_components(x, 1).transform(x).tolist() == [[0]]
        return
    theirs = PCA(k, svd_solver="full").fit(x.astype(np.float64))
    np.testing.assert_allclose(found.mean, theirs.mean_, atol=1e-12)
    distinct = min(k, n - 1)  # directions without variance may be any
    np.testing.assert_allclose(found.explained_variance, theirs.explained_variance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.components[:distinct], theirs.components_[:distinct], atol=2e-6)
    ratio = theirs.explained_variance_ratio_
    np.testing.assert_allclose(found.explained_variance_ratio, ratio, rtol=1e-9, atol=1e-12)
    expected = theirs.transform(x.astype(np.float64))[:, :distinct]
    np.testing.assert_allclose(found.transform(x)[:, :distinct], expected, atol=1e-5)
    white = found.transform(x, whiten=True)[:, :distinct]
    np.testing.assert_allclose(white.std(axis=0, ddof=1), 1, rtol=1e-4)


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4"])
def test_streamed_is_in_memory_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, dtype: str, is_exact: bool
) -> None:
    if not is_exact:
        monkeypatch.setattr(components, "_EXACT_DIMENSIONS", 0)
    x = (rows(2500, 30) * (20 if dtype == "u1" else 1)).astype("i4" if dtype == "u1" else dtype).astype(dtype)
    expected = fs.principal_components(x, 5)
    for chunk, max_bytes in ((70, 0), (1000, 0), (1024, 0), (2500, 0), (1000, 2**30)):
        found = fs.principal_components(stored(x, chunk), 5, max_bytes=max_bytes)
        for name in ("mean", "components", "explained_variance", "total_variance"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
        projected = found.transform(stored(x, chunk), max_bytes=max_bytes)
        np.testing.assert_array_equal(projected, expected.transform(x))


def test_a_large_offset_loses_no_digits() -> None:
    x = rows(3000, 10).astype(np.float64)
    plain, shifted = (fs.principal_components(stored(y, 500), 3, max_bytes=0) for y in (x, x + 100))
    np.testing.assert_allclose(
        shifted.explained_variance, plain.explained_variance, rtol=1e-4
    )  # float32 rows
    assert plain.n_rows == 3000


def test_no_variance() -> None:
    found = fs.principal_components(np.full((5, 3), 7, np.uint8), 2)
    assert found.explained_variance.tolist() == [0, 0]
    assert found.explained_variance_ratio.tolist() == [0, 0]
    assert not found.transform(np.full((2, 3), 7, np.uint8), whiten=True).any()


_PEAK = """
import sys, tracemalloc
import zarr
import framesift as fs

array = zarr.open_array(sys.argv[1], mode="r")
fs.principal_components(array[:50], 3)
tracemalloc.start()
fs.principal_components(array, 3, max_bytes=0)
print(tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    d, peaks = 200, []
    for n in (20_000, 160_000):
        array = zarr.create_array(tmp_path / str(n), shape=(n, d), chunks=(2000, d), dtype="u1")
        array[:] = np.random.default_rng(0).integers(0, 256, (n, d), np.uint8)
        command = [sys.executable, "-c", _PEAK, str(tmp_path / str(n))]
        peaks.append(int(subprocess.check_output(command, text=True)))
    blocks = 6 * 4 * 2**20  # of rows as stored: zarr's copies, and what batches are cut from
    assert max(peaks) <= 24 * d * d + 2 * 1024 * d * 8 + blocks <= 160_000 * d


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fs.principal_components(np.zeros((3, 2)), 3), "from 1 to 2"),
        (lambda: fs.principal_components(np.zeros((3, 2)), 0), "from 1 to 2"),
        (lambda: fs.principal_components(np.zeros(3), 1), "two dimensions"),
        (lambda: fs.principal_components(np.full((3, 2), np.nan), 1), "finite"),
        (lambda: fs.principal_components(np.eye(3), 1).transform(np.eye(2)), "3 dimensions"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()

"""Kernels on runs, against naive.py."""

from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import naive

columns = pytest.mark.parametrize("columns", [True, False])


def coarse(rng, shape):
    """Any of 0, 1, 255 in patches, so that there are runs of every length, and values that differ but are one."""
    patches = rng.choice(np.array([0, 0, 1, 255], np.uint8), (-(-shape[0] // 3), -(-shape[1] // 5)))
    return np.ascontiguousarray(np.kron(patches, np.ones((3, 5), np.uint8))[: shape[0], : shape[1]])


@columns
@pytest.mark.parametrize(
    "shape", [(0, 3), (1, 1), (4, 1), (1, 70), (5, 63), (5, 64), (5, 65), (6, 256), (4, 513)]
)
def test_rle_matches_naive(kernels, rng, shape, columns):
    for mask in (coarse(rng, shape), np.zeros(shape, np.uint8), np.full(shape, 9, np.uint8)):
        counts = kernels.rle_encode(mask, columns)
        assert counts.dtype == np.int64
        assert counts.tolist() == naive.rle_encode(mask, columns)
        out = np.full(shape, 7, np.uint8)
        kernels.rle_decode(counts, out, columns)
        assert_array_equal(out, naive.rle_decode(counts, shape, columns))
        assert_array_equal(out, mask != 0)


@columns
def test_rle_decode_takes_runs_of_no_length(kernels, columns):
    for counts in ([0, 0, 3, 0, 0, 2, 7], [5, 0, 7, 0], [12, 0, 0], [0, 12], [0, 0, 12]):
        out = np.full((3, 4), 7, np.uint8)
        kernels.rle_decode(np.array(counts), out, columns)
        assert_array_equal(out, naive.rle_decode(counts, (3, 4), columns))


@columns
@pytest.mark.parametrize("how", ["whole", "zeroed", "streamed"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 63), (5, 64), (4, 130)])
def test_rle_decode_batch_is_that_of_each(kernels, rng, monkeypatch, shape, how, columns):
    if how == "streamed":  # which small masks are not
        module = import_module("framesift_kernels.cpu.rle_decode_batch")
        monkeypatch.setattr(module, "_STREAMED_BYTES", 0)
        monkeypatch.setattr(module, "_STREAMED_WIDTH", 0)
    pixels = [coarse(rng, shape), np.zeros(shape, np.uint8), np.ones(shape, np.uint8), coarse(rng, shape)]
    pixels += [np.tile(np.arange(shape[1]) % 2, (shape[0], 1)).astype(np.uint8), coarse(rng, shape)]
    runs = [kernels.rle_encode(mask, columns) for mask in pixels]
    counts, offsets = np.concatenate(runs), np.cumsum([0, *map(len, runs)])
    for first in (0, 2):  # the offsets need not begin with 0
        out = np.full((6 - first, *shape), 0 if how == "zeroed" else 7, np.uint8)
        kernels.rle_decode_batch(counts, offsets[first:], out, columns, how == "zeroed")
        assert_array_equal(out, np.array(pixels[first:]) != 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64])
@pytest.mark.parametrize(("n", "start", "back"), [(1, 1, 1), (255, 1, 1), (600, 256, 256), (600, 7, 3)])
def test_rle_value_changes(kernels, rng, dtype, n, start, back):
    values = np.repeat(rng.integers(0, 3, n // 40 + 1), 40)[:n].astype(dtype)
    expected = [i for i in range(start, n) if values[i] != values[i - back]]
    assert kernels.rle_value_changes(values, start, back).tolist() == expected


def test_rle_strings(kernels, rng):
    for counts in (
        [0],
        [5],
        [31, 32, 15, 16],
        [2**40, 1, 2**62],
        rng.integers(0, 2**20, 50).tolist(),
        [9, 1, 1, 9, 0],
    ):
        text = kernels.rle_to_string(np.array(counts))
        assert text.decode() == naive.rle_to_string(counts)
        assert kernels.rle_from_string(text).tolist() == counts
    for text in (b"\x2f", b"p", b"P", b"4P", b"\xff"):
        assert kernels.rle_from_string(text) is None


def test_rle_arithmetic(kernels, rng):
    pixels = [coarse(rng, (9, 11)) for _ in range(4)] + [
        np.zeros((9, 11), np.uint8),
        np.ones((9, 11), np.uint8),
    ]
    runs = [kernels.rle_encode(mask, True) for mask in pixels]
    boxes = np.array([kernels.rle_box(counts, 9) for counts in runs])
    for mask, box in zip(pixels, boxes, strict=True):
        rows, cols = np.nonzero(mask)
        expected = [rows.min(), cols.min(), np.ptp(rows) + 1, np.ptp(cols) + 1] if len(rows) else [0, 0, 0, 0]
        assert box.tolist() == expected
    counts, offsets = np.concatenate(runs), np.cumsum([0, *map(len, runs)])
    shared = kernels.rle_overlaps(counts, offsets, boxes, counts, offsets, boxes)
    for i, a in enumerate(pixels):
        for j, b in enumerate(pixels):
            both, either = (a != 0) & (b != 0), (a != 0) | (b != 0)
            assert kernels.rle_merge(runs[i], runs[j], True).tolist() == naive.rle_encode(both, True)
            assert kernels.rle_merge(runs[i], runs[j], False).tolist() == naive.rle_encode(either, True)
            assert shared[i, j] == both.sum()

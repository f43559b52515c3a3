"""Kernels on planes and thumbnails, against naive.py: everything here is exact."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import naive
from devices import SIMULATED, examples

compiled_only = pytest.mark.compiled
check = examples(60)


def make_plane(rng, rows, columns, dtype=np.uint8, top=None, padding=5):
    """A decoded plane: random pixels, then padding columns that no kernel may look at."""
    plane = rng.integers(0, top or np.iinfo(dtype).max, (rows, columns + padding), dtype, endpoint=True)
    plane[:, columns:] = np.iinfo(dtype).max
    return plane


def shrink(kernels, plane, region, shape, gain=1.0, bias=0.0):
    out = np.full(shape, 99, np.uint8)
    kernels.thumbnail(plane, region, gain, bias, out)
    return out


def words(plane):
    return plane.view(np.uint64)


# thumbnail


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((1, 1), (1, 1)),
        ((5, 7), (5, 7)),  # a copy
        ((6, 8), (3, 4)),
        ((7, 9), (3, 4)),  # every border inside a pixel
        ((13, 31), (12, 30)),  # a cell hardly larger than a pixel
        ((31, 2), (4, 1)),
        ((2, 31), (1, 30)),
        ((64, 63), (5, 8)),
    ],
)
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 1023), (np.uint16, 65535)])
def test_thumbnail_matches_naive(kernels, rng, size, shape, dtype, top):
    plane = make_plane(rng, size[0] + 3, size[1] + 2, dtype, top)
    region = (1, 1 + size[1], 2, 2 + size[0])
    gain, bias = 255 / top * 255 / 219, -16 * 255 / 219

    out = shrink(kernels, plane, region, shape, gain, bias)

    assert_array_equal(out, naive.thumbnail(plane, region, gain, bias, shape))


@pytest.mark.parametrize("rows", [251, 252, 253, 257, 258, 2000])  # 258 rows of 255 overflow 16 bits
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnail_of_tall_cells_does_not_overflow(kernels, rows, dtype):
    top = np.iinfo(dtype).max
    plane = np.full((rows, 3), top, dtype)
    plane[0, 0] = 0

    out = shrink(kernels, plane, (0, 3, 0, rows), (1, 1), gain=255 / top)

    assert_array_equal(out, naive.thumbnail(plane, (0, 3, 0, rows), 255 / top, 0.0, (1, 1)))


@compiled_only
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "shape"), [((16384, 64), (1, 1)), ((64, 16384), (3, 5))])
def test_thumbnail_of_the_longest_planes_does_not_overflow(kernels, dtype, size, shape):
    plane = np.full(size, np.iinfo(dtype).max, dtype)
    assert (shrink(kernels, plane, (0, size[1], 0, size[0]), shape, 254 / np.iinfo(dtype).max) == 254).all()


@compiled_only
@pytest.mark.parametrize("size", [(1080, 1920), (1079, 1917), (2, 2**16 + 1), (2**16 + 1, 2)])
def test_thumbnail_of_large_planes_matches_naive(kernels, rng, size):
    plane = make_plane(rng, *size)
    region, shape = (0, size[1], 0, size[0]), (min(36, size[0]), min(64, size[1]))
    assert_array_equal(shrink(kernels, plane, region, shape), naive.thumbnail(plane, region, 1.0, 0.0, shape))


@pytest.mark.parametrize(("value", "gain", "bias", "grey"), [
    (7, 1.0, 0.0, 7), (200, 2.0, 0.0, 255), (3, 1.0, -9.0, 0), (1, 0.5, 0.0, 1), (3, 0.5, 0.0, 2), (1, 0.499, 0.0, 0),
])  # fmt: skip
def test_thumbnail_rounds_halves_up_and_clips(kernels, value, gain, bias, grey):
    plane = np.full((4, 4), value, np.uint8)
    assert_array_equal(shrink(kernels, plane, (0, 4, 0, 4), (2, 2), gain, bias), grey)


sizes = st.integers(1, 24)


@check
@given(height=sizes, width=sizes, seed=st.integers(0, 99), value=st.integers(0, 255), data=st.data())
def test_thumbnail_invariants(kernels, height, width, seed, value, data):
    shape = (data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    y, x = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    plane = make_plane(np.random.default_rng(seed), height + 3, width + 3)
    region = (x, x + width, y, y + height)
    copy = np.ascontiguousarray(plane[y : y + height, x : x + width])

    out = shrink(kernels, plane, region, shape)

    assert_array_equal(out, shrink(kernels, copy, (0, width, 0, height), shape), "a crop is its copy")
    assert_array_equal(
        out.T, shrink(kernels, copy.T.copy(), (0, height, 0, width), shape[::-1]), "transposed"
    )
    assert copy.min() <= out.min()
    assert out.max() <= copy.max()
    plane[:] = value
    assert_array_equal(shrink(kernels, plane, region, shape), value, "constant")


# sharpness


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 8, 9, 10, 11, 18, 19])
@pytest.mark.parametrize("columns", [0, 2, 3, 4, 17])
@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 10), (np.uint16, 16)])
def test_sharpness_matches_naive(kernels, rng, rows, columns, dtype, depth):
    plane = make_plane(rng, rows + 2, columns + 1, dtype, 2**depth - 1)
    region = (1, 1 + columns, 1, 1 + rows)
    assert kernels.sharpness(plane, region, depth) == naive.sharpness(plane, region, depth)


@pytest.mark.parametrize("columns", [1025, 1026, 1027, 2050, 2051, 4100])  # chunks of 1024
@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16)])
def test_sharpness_of_a_chessboard_does_not_overflow(kernels, columns, dtype, depth):
    plane = (np.indices((4, columns)).sum(axis=0) % 2 * np.iinfo(dtype).max).astype(dtype)
    region = (0, columns, 0, 4)
    assert kernels.sharpness(plane, region, depth) == naive.sharpness(plane, region, depth)


def test_sharpness_falls_when_blurred(kernels, rng):
    plane = make_plane(rng, 20, 20, padding=0)
    blurred = ((plane[:-1] // 2) + (plane[1:] // 2)).astype(np.uint8)
    assert kernels.sharpness(blurred, (0, 20, 0, 19), 8) < kernels.sharpness(plane, (0, 20, 0, 19), 8)
    assert kernels.sharpness(np.full((9, 9), 77, np.uint8), (0, 9, 0, 9), 8) == 0.0


# content_hash


@pytest.mark.parametrize("row_bytes", [0, 1, 7, 8, 9, 100, 4087, 4088, 4089, 4095, 4096, 4097, 8192, 8200])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_content_hash_matches_naive(kernels, rng, rows, row_bytes):
    plane = rng.integers(0, 2**64, (rows, 1030), np.uint64)
    for seed in (0, 2**64 - 1):
        assert kernels.content_hash(plane, row_bytes, seed) == naive.content_hash(plane, row_bytes, seed)


@check
@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 40),
    where=st.integers(0, 2**20),
    change=st.integers(1, 255),
)
def test_content_hash_sees_every_byte_and_no_padding(kernels, rows, columns, where, change):
    plane = make_plane(np.random.default_rng(where), rows, columns, padding=-columns % 8 + 8)
    before = kernels.content_hash(words(plane), columns, 0)

    plane[:, columns:] = change
    assert kernels.content_hash(words(plane), columns, 0) == before
    plane[where % rows, where % columns] ^= change
    assert kernels.content_hash(words(plane), columns, 0) != before


def test_content_hash_sees_shape_order_and_seed(kernels):
    zeros = np.zeros((12, 8), np.uint64)
    seen = {kernels.content_hash(zeros[:rows], row_bytes, seed)
            for rows in (0, 1, 2, 12) for row_bytes in (0, 1, 8, 64) for seed in (0, 1)}  # fmt: skip
    assert len(seen) == 32
    assert all(0 <= h < 2**64 for h in seen)
    zeros[0] = 1
    assert kernels.content_hash(zeros, 64, 0) != kernels.content_hash(zeros[::-1].copy(), 64, 0)


# luminance, motion_energy


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (36, 64), pytest.param((257, 257), marks=compiled_only)])
def test_luminance_and_motion_match_naive(kernels, rng, n, shape):
    thumbnails = rng.integers(0, 256, (n, *shape), np.uint8)
    previous = rng.integers(0, 256, shape, np.uint8)

    for got, expected in zip(
        kernels.luminance(thumbnails), naive.luminance(thumbnails) if n else [[]] * 3, strict=True
    ):
        assert_array_equal(got, expected)
    for before in (None, previous):
        got = kernels.motion_energy(thumbnails, before)
        assert got.dtype == np.float32
        assert_array_equal(got, naive.motion_energy(thumbnails, before) if n else [])


@pytest.mark.parametrize(
    "side", [3, pytest.param(300, marks=compiled_only), pytest.param(2896, marks=compiled_only)]
)
def test_extreme_thumbnails(kernels, side):
    thumbnails = np.full((3, side, side), 255, np.uint8)
    thumbnails[1] = 0

    mean, contrast, brightest = kernels.luminance(thumbnails)

    assert_array_equal(mean, [255, 0, 255])
    assert_array_equal(contrast, 0)
    assert_array_equal(brightest, [255, 0, 255])
    assert_array_equal(kernels.motion_energy(thumbnails, None), [0, 255, 255])


def test_motion_energy_of_a_split_run_is_that_of_the_whole(kernels, rng):
    thumbnails = rng.integers(0, 256, (9, 4, 6), np.uint8)
    whole = kernels.motion_energy(thumbnails, None)
    parts = [
        kernels.motion_energy(thumbnails[:4], None),
        kernels.motion_energy(thumbnails[4:], thumbnails[3]),
    ]
    assert_array_equal(whole, np.concatenate(parts))


def test_threads_do_not_disturb_each_other(kernels, rng):
    planes = [make_plane(rng, 32, 43) for _ in range(1 if SIMULATED else 8)]

    def measure(plane):
        region = (0, 43, 0, 32)
        return (
            shrink(kernels, plane, region, (5, 7)).tobytes(),
            kernels.sharpness(plane, region, 8),
            kernels.content_hash(words(plane), 43, 0),
        )

    with ThreadPoolExecutor(4) as pool:
        times = 2 if SIMULATED else 20
        assert list(pool.map(measure, planes * times)) == [measure(p) for p in planes] * times


# picture


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    data=st.data(),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    n_planes=st.integers(1, 4),
)
@check
def test_a_picture_is_its_thumbnail_its_sharpness_and_its_hash(kernels, size, data, dtype, n_planes):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    top, depth = (255, 8) if dtype == np.uint8 else (1023, 10)
    height, width = size
    luma = make_plane(rng, height, width, dtype, top, padding=-width % 8 + 8)
    x1, y1 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x2, y2 = data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))
    shape = data.draw(st.integers(1, y2 - y1)), data.draw(st.integers(1, x2 - x1))
    chroma = [make_plane(rng, 1 + height // 2, width, padding=-width % 8 + 8) for _ in range(n_planes - 1)]
    planes = [words(plane) for plane in (luma, *chroma)]
    row_bytes = (width * luma.itemsize, *[width] * len(chroma))

    out = np.full(shape, 99, np.uint8)
    found = kernels.picture(luma, planes, row_bytes, (x1, x2, y1, y2), depth, 1.2, -3.0, out)

    state = 0
    for plane, n_bytes in zip(planes, row_bytes, strict=True):
        state = kernels.content_hash(plane, n_bytes, state)
    assert found == (kernels.sharpness(luma, (x1, x2, y1, y2), depth), state)
    assert_array_equal(out, shrink(kernels, luma, (x1, x2, y1, y2), shape, 1.2, -3.0))

    like = [np.zeros_like(luma), [np.zeros_like(plane) for plane in planes]]
    measure = kernels.picture_at(*like, row_bytes, (x1, x2, y1, y2), depth, 1.2, -3.0, np.zeros_like(out))
    again = np.full(shape, 99, np.uint8)
    assert measure(again.ctypes.data, [plane.ctypes.data for plane in planes]) == found
    assert_array_equal(again, out)


def test_pictures_of_one_layout_follow_each_other_in_many_threads(kernels, rng):
    lumas = [make_plane(rng, 24, 32, padding=0) for _ in range(2 if SIMULATED else 40)]

    def measure(luma):
        out = np.empty((6, 8), np.uint8)
        return *kernels.picture(luma, [words(luma)], (32,), (0, 32, 0, 24), 8, 1.0, 0.0, out), out.tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(measure, lumas)) == [measure(luma) for luma in lumas]


def test_a_picture_laid_out_otherwise_is_measured_anew(kernels, rng):
    for width, out_shape in ((32, (6, 8)), (40, (6, 8)), (32, (5, 8)), (32, (6, 8))):
        luma = make_plane(rng, 24, width, padding=0)
        out = np.empty(out_shape, np.uint8)
        _, state = kernels.picture(luma, [words(luma)], (width,), (0, width, 0, 24), 8, 1.0, 0.0, out)
        assert state == kernels.content_hash(words(luma), width, 0)
        assert_array_equal(out, shrink(kernels, luma, (0, width, 0, 24), out_shape))

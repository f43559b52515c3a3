"""Colour differences at thumbnail size, against naive_decode.py: everything here is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import naive_decode
from devices import SIMULATED, examples

compiled_only = pytest.mark.compiled
MOST = 9 if SIMULATED else 40
SHIFTS = {
    "4:2:0": (1, 1),
    "4:2:2": (1, 0),
    "4:4:4": (0, 0),
    "4:4:0": (0, 1),
    "4:1:1": (2, 0),
    "4:1:0": (2, 2),
}


def make_samples(rng, picture, shift, parts, dtype=np.uint8, top=255):
    """Samples of a picture (height, width), by turns, then padding that no kernel may look at."""
    rows, columns = (-(-size >> s) for size, s in zip(picture, shift[::-1], strict=True))
    plane = np.full((rows, columns * parts + 6), np.iinfo(dtype).max, dtype)
    plane[:, : columns * parts] = rng.integers(0, top, (rows, columns * parts), dtype, endpoint=True)
    return plane, [plane[:, part : columns * parts : parts] for part in range(parts)]


def assert_matches(kernels, rng, picture, shift, region, shape, parts=1, dtype=np.uint8, top=255):
    plane, samples = make_samples(rng, picture, shift, parts, dtype, top)
    gain, bias = 255 / top * 255 / 224, 128 - 128 * 255 / 224
    out = np.full((parts, *shape), 99, np.uint8)
    kernels.chroma(plane, shift, region, gain, bias, out)
    for found, one in zip(out, samples, strict=True):
        assert_array_equal(found, naive_decode.chroma(one, shift, region, gain, bias, shape))


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 1023), (np.uint16, 65535)])
@pytest.mark.parametrize("parts", [1, 2])
def test_chroma_matches_naive(kernels, rng, shift, dtype, top, parts):
    cases = (
        ((36, 64), (0, 64, 0, 36), (9, 16)),
        ((36, 64), (0, 64, 0, 36), (36, 64)),  # every cell a pixel: smaller than a sample
        ((35, 61), (0, 61, 0, 35), (11, 20)),  # the last samples stand for a part of a block
        ((35, 61), (3, 58, 5, 34), (7, 13)),  # a crop that cuts samples
        ((9, 9), (5, 6, 7, 8), (1, 1)),
        ((1, 1), (0, 1, 0, 1), (1, 1)),
    )
    small = (((9, 13), (0, 13, 0, 9), (3, 4)), ((8, 9), (2, 8, 1, 6), (5, 1)), *cases[-2:])
    for picture, region, shape in small if SIMULATED else cases:
        assert_matches(kernels, rng, picture, shift, region, shape, parts, dtype, top)


@given(data=st.data())
@examples(60)
def test_chroma_of_any_geometry_matches_naive(kernels, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    height, width = data.draw(st.integers(1, MOST)), data.draw(st.integers(1, MOST))
    x1, y1 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x2, y2 = data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))
    shape = data.draw(st.integers(1, y2 - y1)), data.draw(st.integers(1, x2 - x1))
    shift = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    parts = data.draw(st.integers(1, 2))
    assert_matches(kernels, rng, (height, width), shift, (x1, x2, y1, y2), shape, parts)


@compiled_only
@pytest.mark.parametrize(
    ("picture", "shape"), [((1080, 1920), (36, 64)), ((1079, 1917), (36, 64)), ((2, 16384), (1, 7))]
)
def test_chroma_of_large_pictures_matches_naive(kernels, rng, picture, shape):
    assert_matches(kernels, rng, picture, (1, 1), (0, picture[1], 0, picture[0]), shape)


@compiled_only
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "shape"), [((16384, 64), (1, 1)), ((64, 16384), (3, 5))])
@pytest.mark.parametrize("shift", [(0, 0), (1, 1)])
def test_chroma_of_the_longest_planes_does_not_overflow(kernels, dtype, size, shape, shift):
    plane = np.full((size[0] >> shift[1], size[1] >> shift[0]), np.iinfo(dtype).max, dtype)
    out = np.zeros((1, *shape), np.uint8)
    kernels.chroma(plane, shift, (0, size[1], 0, size[0]), 254 / np.iinfo(dtype).max, 0.0, out)
    assert (out == 254).all()


def test_a_colour_that_is_everywhere_the_same_stays_so(kernels):
    for value in (0, 255) if SIMULATED else (0, 1, 128, 255):
        out = np.zeros((2, 2, 3) if SIMULATED else (2, 5, 9), np.uint8)
        kernels.chroma(np.full((20, 60), value, np.uint8), (1, 1), (1, 58, 3, 39), 1.0, 0.0, out)
        assert_array_equal(out, value)

"""Strokes on pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_drawing

SIDES = st.integers(1, 40)
COORDINATES = st.one_of(
    st.floats(-60, 100, width=32), st.sampled_from([float("nan"), 3e4, -3e4]), st.integers(-3, 41).map(float)
)


@pytest.mark.compiled
@settings(max_examples=150, deadline=None)
@given(data=st.data(), h=SIDES, w=SIDES, c=st.sampled_from([1, 3]), n=st.integers(0, 6))
def test_strokes_are_what_the_formula_says(kernels, data, h, w, c, n):
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    picture = rng.integers(0, 256, (h, w, c), dtype=np.uint8)
    ends = [[data.draw(COORDINATES) for _ in range(4)] for _ in range(n)]
    strokes = np.array(ends, np.float32).reshape(n, 4)
    strokes = np.column_stack([strokes, rng.choice([0, 0.5, 1, 3.25, 30], n)]).astype(np.float32)
    same = rng.random(n) < 0.4
    strokes[same, 2:4] = strokes[same, :2]  # discs
    colors = np.column_stack([rng.integers(0, 256, (n, c)), rng.choice([0, 0.3, 1], n)]).astype(np.float32)
    expected = naive_drawing.draw(picture, strokes, colors)
    kernels.draw(picture, strokes, colors)
    apart = np.abs(picture.astype(int) - expected.astype(int))
    assert apart.max(initial=0) <= 1, "but for what is rounded the other way"
    assert np.count_nonzero(apart) <= 0.01 * apart.size


def test_a_disc_covers_its_area_and_nothing_else(kernels):
    picture = np.zeros((64, 64, 1), np.uint8)
    kernels.draw(picture, np.array([[30.5, 31, 30.5, 31, 9]], np.float32), np.array([[255, 1]], np.float32))
    assert picture.sum() / 255 == pytest.approx(np.pi * 81, rel=0.01)
    y, x, _ = np.nonzero(picture)
    assert np.hypot(x - 30.5, y - 31).max() < 9.5


def test_later_strokes_lie_on_earlier_ones(kernels):
    picture = np.zeros((9, 9, 3), np.uint8)
    strokes = np.array([[4, 4, 4, 4, 3], [4, 4, 4, 4, 1]], np.float32)
    kernels.draw(picture, strokes, np.array([[255, 0, 0, 1], [0, 0, 255, 0.5]], np.float32))
    assert picture[4, 4].tolist() == [128, 0, 128]
    assert picture[4, 6].tolist() == [255, 0, 0]

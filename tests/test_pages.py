"""Large arrays in pages of their own."""

import gc
from pathlib import Path

import numpy as np
import pytest

from framesift.pages import _LEAST_BYTES, zeros


@pytest.mark.parametrize(
    "shape", [0, 1, (0, 5), _LEAST_BYTES - 1, _LEAST_BYTES, _LEAST_BYTES + 1, (300, 36, 64), (40, 2, 65, 97)]
)
def test_they_are_as_numpy_makes_them(shape: int | tuple[int, ...]) -> None:
    found = zeros(shape)
    expected = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert found.flags.c_contiguous
    found[...] = 7
    assert (found == 7).all()
    assert not zeros(shape).any()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells what is resident")
def test_what_is_not_needed_goes_back_to_the_system() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    array = zeros(64 << 20)
    assert resident() - before < 8 << 20, "pages that nobody has touched"
    array[:] = 1
    part = array[:10]
    del array
    assert resident() - before > 56 << 20, "a part keeps them"
    del part
    gc.collect()
    assert resident() - before < 8 << 20

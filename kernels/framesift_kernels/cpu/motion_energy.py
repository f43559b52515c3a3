"""How much changes from one thumbnail to the next."""

import numpy as np

from .. import F32, U8
from ._compile import kernel, native


def motion_energy(thumbnails: U8, previous: U8 | None) -> F32:
    """Mean absolute difference of every thumbnail to the one before.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each.
    previous : (h, w) uint8, C-contiguous, or None
        The thumbnail before the first; None if there is none, which makes the energy of the first 0.

    Returns
    -------
    (n,) float32
        In grey levels, 0 to 255, from exact integer sums.
    """
    n, h, w = thumbnails.shape
    pictures = thumbnails.reshape(n, h * w)
    energy = np.zeros(n, np.float32)
    if n:
        _motion_energy(pictures, pictures[0] if previous is None else previous.reshape(h * w), energy)
    return energy


@native
def _motion_energy(
    pictures: U8,  # IN   (n, pixels)
    previous: U8,  # IN   (pixels,)
    energy: F32,  # OUT  (n,)
) -> None:
    for i in range(len(pictures)):
        energy[i] = _absolute_difference(pictures[i], previous) / len(previous)
        previous = pictures[i]


@kernel
def _absolute_difference(a: U8, b: U8) -> np.int32:
    total = np.int32(0)
    for p in range(len(a)):
        total = np.int32(total + abs(np.int32(np.int32(a[p]) - np.int32(b[p]))))
    return total

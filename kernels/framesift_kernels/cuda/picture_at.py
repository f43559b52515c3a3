"""All that is measured of decoded pictures of one layout, by the addresses of their planes."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import U8, U64, Plane, Region
from .picture import picture


def picture_at(
    luma: Plane,
    planes: Sequence[U64],
    row_bytes: tuple[int, ...],
    region: Region,
    depth: int,
    gain: float,
    bias: float,
    out: U8,
) -> "PictureAt":
    """What `picture` does, for all pictures of one layout, by the addresses of their planes.

    Parameters
    ----------
    luma, planes, row_bytes, region, depth, gain, bias, out
        As for `picture`, of one of the pictures. Of the arrays only shapes and types count.

    Returns
    -------
    PictureAt
        ``measure(out, planes)``: takes the address of a thumbnail and those of the planes, luma first, all in the
        memory of the host, and returns sharpness and content hash.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. Every call copies the planes to the GPU.
    """
    return PictureAt(luma, planes, row_bytes, region, depth, gain, bias, out)


class PictureAt:
    """What measures pictures of one layout; see `picture_at`."""

    def __init__(
        self,
        luma: Plane,
        planes: Sequence[U64],
        row_bytes: tuple[int, ...],
        region: Region,
        depth: int,
        gain: float,
        bias: float,
        out: U8,
    ) -> None:
        self._luma, self._out = (luma.shape, luma.dtype), (out.shape, out.dtype)
        self._planes = [(plane.shape, plane.dtype) for plane in planes]
        self._options = region, depth, gain, bias
        self._row_bytes = row_bytes

    def __call__(self, out: int, planes: Sequence[int]) -> tuple[float, int]:
        """Measure the picture whose planes lie at these addresses, luma first; the thumbnail goes to *out*."""
        lying = [_at(place, *layout) for place, layout in zip(planes, self._planes, strict=True)]
        luma, thumbnail = _at(planes[0], *self._luma), _at(out, *self._out)
        return picture(luma, lying, self._row_bytes, *self._options, thumbnail)


def _at(place: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """The array at an address."""
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer((ctypes.c_uint8 * size).from_address(place), dtype).reshape(shape)

"""Masks to run lengths and back, one or many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, U8

from ..errors import UsageError
from ..features.vectors import in_threads
from .runs import Order, Ragged, as_bytes, as_shape, is_column, kernels

_ENCODED_BYTES = 2**20
_DECODED_BYTES = 2**23
"""Bytes of masks that are worth waking a thread for."""


def encode(mask: npt.ArrayLike, order: Order = "column") -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) bool or numbers
        In C order or Fortran order it is read as it lies, once; any other layout is copied first.
    order
        ``"column"`` as COCO does, ``"row"`` as Lightly does.

    Returns
    -------
    counts : (m,) int64

    Raises
    ------
    UsageError
        The mask has not two dimensions or holds no numbers, or there is no such order.
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise UsageError(f"mask must have two dimensions (height, width), got {array.shape = }")
    columns = is_column(order)
    if array.flags.f_contiguous and not array.flags.c_contiguous:  # its columns are the rows of its transpose
        array, columns = array.T, not columns
    return kernels().rle_encode(as_bytes(array), columns)


def encode_batch(masks: npt.ArrayLike, order: Order = "column") -> list[I64]:
    """Encode (n, h, w) masks, on all cores: `encode` of each."""
    array = np.asarray(masks)
    if array.ndim != 3:
        raise UsageError(f"masks must have three dimensions (number, height, width), got {array.shape = }")
    is_column(order)
    parts = in_threads(
        lambda s: [encode(mask, order) for mask in array[s]],
        len(array),
        _at_once(array.shape, _ENCODED_BYTES),
    )
    return [counts for part in parts for counts in part]


def decode(
    counts: npt.ArrayLike,
    shape: Sequence[int],
    order: Order = "column",
    *,
    out: npt.NDArray[Any] | None = None,
) -> U8:
    """Decode a mask.

    Parameters
    ----------
    counts : (m,) integers
    shape : (h, w)
    order
        That of the counts; the mask is written in C order either way.
    out : (h, w) uint8 or bool, C-contiguous, optional
        Where to decode to: memory that is used again costs a fraction of new memory, which the system has to clear.

    Returns
    -------
    mask : (h, w) uint8, C-contiguous
        0 and 1; *out*, if it was given.

    Raises
    ------
    UsageError
        The counts do not add up to h * w, or one is negative; *out* does not fit.
    """
    shape = as_shape(shape)
    runs, columns = Ragged.of([counts], shape), is_column(order)
    if out is not None:
        kernels().rle_decode(runs.counts, _checked_out(out, shape), columns)
        return out
    mask = np.zeros(shape, np.uint8)
    kernels().rle_decode_batch(runs.counts, runs.offsets, mask[None], columns, True)
    return mask


def decode_batch(
    masks: Sequence[npt.ArrayLike],
    shape: Sequence[int],
    order: Order = "column",
    *,
    out: npt.NDArray[Any] | None = None,
) -> U8:
    """Decode masks of one shape to (n, h, w), on all cores: `decode` of each.

    Parameters
    ----------
    masks
        n counts.
    shape : (h, w)
        Of all.
    out : (n, h, w) uint8 or bool, C-contiguous, optional
        Where to decode to. Masks of 8 MB and more are written past the caches then, at the rate of the memory.
    """
    shape = as_shape(shape)
    runs, columns = Ragged.of(masks, shape), is_column(order)
    zeroed = out is None
    target = (
        np.zeros((len(runs), *shape), np.uint8) if out is None else _checked_out(out, (len(runs), *shape))
    )
    decode_ragged(runs, target, columns, zeroed)
    return target if out is None else out


def decode_ragged(runs: Ragged, target: U8, columns: bool, zeroed: bool) -> None:
    """Decode checked counts into (n, h, w), on all cores; *zeroed* says that it is zero already."""

    def paint(s: slice) -> None:
        offsets = runs.offsets[s.start : s.stop + 1]
        kernels().rle_decode_batch(runs.counts, offsets, target[s], columns, zeroed)

    in_threads(paint, len(runs), _at_once(target.shape, _DECODED_BYTES))


def _at_once(shape: tuple[int, ...], n_bytes: int) -> int:
    """How many (n, h, w) masks have *n_bytes*, rounded up."""
    size = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    return -(-n_bytes // size)


def _checked_out(out: npt.NDArray[Any], shape: tuple[int, ...]) -> U8:
    if not isinstance(out, np.ndarray) or out.dtype not in (np.uint8, np.bool_) or out.shape != shape:
        got = f"{out.shape} {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise UsageError(f"out must be a {shape} uint8 or bool array, got {got}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise UsageError("out must be C-contiguous and writeable; give a new array")
    return out.view(np.uint8)

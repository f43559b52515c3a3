"""Masks to run lengths and back, one or many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, U8, Kernels

from ..errors import UsageError
from ..features.vectors import in_calls
from .on_gpu import bytes_on_gpu, lies_on_gpu
from .runs import Order, Ragged, as_bytes, as_shape, is_column, kernels

_ENCODED_BYTES = 2**20
_DECODED_BYTES = 2**23
"""Bytes of masks that are worth waking a thread for."""


def encode(mask: npt.ArrayLike | Any, order: Order = "column", *, device: str = "cpu") -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) bool or numbers
        In C order or Fortran order it is read as it lies, once; any other layout is copied first. With ``"cuda"`` it
        may lie on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``; uint8 or bool, in C order).
    order
        ``"column"`` as COCO does, ``"row"`` as Lightly does.
    device
        ``"cpu"``, or ``"cuda"`` for masks that lie on an NVIDIA GPU: to copy one there takes as long as to encode it
        here. It has been run in a simulator so far, never on a GPU.

    Returns
    -------
    counts : (m,) int64

    Raises
    ------
    UsageError
        The mask has not two dimensions or holds no numbers, or there is no such order or device.
    """
    on_device = kernels(device)
    if lies_on_gpu(mask):
        there = bytes_on_gpu(mask, on_device, "mask")
        _check_dimensions(there, 2)
        return on_device.rle_encode(there, is_column(order))
    array = np.asarray(mask)
    _check_dimensions(array, 2)
    columns = is_column(order)
    if array.flags.f_contiguous and not array.flags.c_contiguous:  # its columns are the rows of its transpose
        array, columns = array.T, not columns
    return on_device.rle_encode(as_bytes(array), columns)


def _check_dimensions(array: Any, n: int) -> None:
    if array.ndim != n:
        wanted = ("mask must have two dimensions (", "masks must have three dimensions (number, ")[n - 2]
        raise UsageError(f"{wanted}height, width), got array.shape = {tuple(array.shape)}")


def encode_batch(masks: npt.ArrayLike | Any, order: Order = "column", *, device: str = "cpu") -> list[I64]:
    """Encode (n, h, w) masks, on all cores: `encode` of each."""
    on_device = kernels(device)
    array = bytes_on_gpu(masks, on_device, "masks") if lies_on_gpu(masks) else np.asarray(masks)
    _check_dimensions(array, 3)
    is_column(order)
    parts = in_calls(
        on_device,
        lambda s: [encode(array[i], order, device=device) for i in range(s.start, s.stop)],
        len(array),
        _at_once(array.shape, _ENCODED_BYTES),
    )
    return [counts for part in parts for counts in part]


def decode(
    counts: npt.ArrayLike,
    shape: Sequence[int],
    order: Order = "column",
    *,
    out: npt.NDArray[Any] | Any = None,
    device: str = "cpu",
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
        With ``"cuda"`` it may lie on the GPU.
    device
        ``"cpu"``, or ``"cuda"``; see `encode`.

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
    runs, columns, on_device = Ragged.of([counts], shape), is_column(order), kernels(device)
    if out is not None:
        on_device.rle_decode(runs.counts, _checked_out(out, shape, on_device), columns)
        return out
    mask = np.zeros(shape, np.uint8)
    on_device.rle_decode_batch(runs.counts, runs.offsets, mask[None], columns, True)
    return mask


def decode_batch(
    masks: Sequence[npt.ArrayLike],
    shape: Sequence[int],
    order: Order = "column",
    *,
    out: npt.NDArray[Any] | Any = None,
    device: str = "cpu",
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
    runs, columns, on_device = Ragged.of(masks, shape), is_column(order), kernels(device)
    whole = (len(runs), *shape)
    zeroed = out is None
    target = np.zeros(whole, np.uint8) if out is None else _checked_out(out, whole, on_device)
    decode_ragged(runs, target, columns, zeroed, on_device)
    return target if out is None else out


def decode_ragged(
    runs: Ragged, target: U8, columns: bool, zeroed: bool, on_device: Kernels | None = None
) -> None:
    """Decode checked counts into (n, h, w), on all cores; *zeroed* says that it is zero already."""
    chosen = on_device or kernels()

    def paint(s: slice) -> None:
        offsets = runs.offsets[s.start : s.stop + 1]
        chosen.rle_decode_batch(runs.counts, offsets, target[s], columns, zeroed)

    in_calls(chosen, paint, len(runs), _at_once(target.shape, _DECODED_BYTES))


def _at_once(shape: tuple[int, ...], n_bytes: int) -> int:
    """How many (n, h, w) masks have *n_bytes*, rounded up."""
    size = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    return -(-n_bytes // size)


def _checked_out(out: Any, shape: tuple[int, ...], on_device: Kernels) -> U8:
    if lies_on_gpu(out):
        return bytes_on_gpu(out, on_device, "out", shape)
    if not isinstance(out, np.ndarray) or out.dtype not in (np.uint8, np.bool_) or out.shape != shape:
        got = f"{out.shape} {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise UsageError(f"out must be a {shape} uint8 or bool array, got {got}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise UsageError("out must be C-contiguous and writeable; give a new array")
    return out.view(np.uint8)

"""All masks of a map of instances, in one pass over it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, Kernels

from ..errors import UsageError
from .on_gpu import integers_on_gpu, lies_on_gpu
from .runs import Order, is_column, kernels


def encode_instances(
    ids: npt.ArrayLike | Any, order: Order = "column", *, device: str = "cpu"
) -> dict[int, I64]:
    """Encode the mask of every number but zero in a map of instances, in one pass over the map.

    Parameters
    ----------
    ids : (h, w) integers
        With ``"cuda"`` it may lie on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``), in C order.
    order
        ``"column"`` as COCO does, ``"row"`` as Lightly does.
    device
        ``"cpu"``, or ``"cuda"``; see `encode`.

    Returns
    -------
    dict
        Counts of each number's mask, in the order of the numbers.

    Raises
    ------
    UsageError
        *ids* has not two dimensions, or does not hold integers.

    Notes
    -----
    O(pixels) once, and O(changes) memory, however many instances there are.
    """
    on_device = kernels(device)
    array = integers_on_gpu(ids, on_device) if lies_on_gpu(ids) else np.asarray(ids)
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise UsageError(f"ids must be (height, width) integers, got {array.shape = }, {array.dtype = }")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    columns = is_column(order)
    if isinstance(array, np.ndarray):
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            array, columns = array.T, not columns
        array = np.ascontiguousarray(array)
    if not array.size:
        return {}
    at, before, after = _value_changes(array, columns, on_device)
    begins, ends = after != 0, before != 0
    numbers, places = np.concatenate([after[begins], before[ends]]), np.concatenate([at[begins], at[ends]])
    sort = np.lexsort((places, numbers))
    numbers, places = numbers[sort], places[sort]
    first = np.flatnonzero(np.diff(numbers)) + 1
    return {
        int(one[0]): _between(mine, array.size)
        for one, mine in zip(np.split(numbers, first), np.split(places, first), strict=True)
        if len(one)
    }


def _between(places: I64, size: int) -> I64:
    """Counts of a mask whose runs begin and end at *places*."""
    return np.diff(places if places[-1] == size else np.append(places, size), prepend=0)


def _value_changes(array: Any, columns: bool, on_device: Kernels) -> tuple[I64, Any, Any]:
    """Where the values of a map change, in an order, and the values before and after; 0 before and after all."""
    flat, (height, width) = array.reshape(array.size), array.shape
    end = np.array([array.size])
    zero = np.zeros(1, array.dtype)

    def values(places: Any) -> Any:
        if isinstance(flat, np.ndarray):
            return flat[places]
        return on_device.get(on_device.take(flat.reshape(array.size, 1), places))[:, 0]

    if not columns:
        found = on_device.rle_value_changes(flat, 1, 1)
        at = np.concatenate([[0], found])
        after = values(at)
        before = np.concatenate([zero, values(found - 1)])
    else:
        found = on_device.rle_value_changes(flat, width, width)
        row, column = np.divmod(found, width)
        first = np.arange(width)
        above = np.concatenate([zero, values(first[:-1] + (height - 1) * width)])  # last of the column before
        at = np.concatenate([first * height, column * height + row])
        before = np.concatenate([above, values(found - width)])
        after = np.concatenate([values(first), values(found)])
        order = np.argsort(at, kind="stable")
        at, before, after = at[order], before[order], after[order]
        changed = before != after
        at, before, after = at[changed], before[changed], after[changed]
    last = values(end - 1)
    return (
        np.concatenate([at, end]),
        np.concatenate([before, last]),
        np.concatenate([after, zero]),
    )

"""Masks that lie on a GPU: only their runs travel."""

from typing import Any

import numpy as np

from framesift_kernels import U8, Kernels

from ..errors import UsageError


def lies_on_gpu(mask: Any) -> bool:
    """Whether an array lies on a GPU, be it CuPy's or of any library with ``__cuda_array_interface__``."""
    return hasattr(mask, "__cuda_array_interface__") or hasattr(mask, "__cuda_ndarray__")


def integers_on_gpu(ids: Any, kernels: Kernels) -> Any:
    """A map of instances on the GPU, where it lies.

    Raises
    ------
    UsageError
        The kernels are not a GPU's; or it is not in C order.
    """
    if kernels.CALLED_IN_THREADS:
        raise UsageError("ids lies on a GPU: use device='cuda', or copy it from there")
    array: Any = kernels.put(ids)
    if not array.is_c_contiguous():
        raise UsageError("ids on a GPU must be in C order: copy it there, with cupy.ascontiguousarray say")
    return array


def bytes_on_gpu(mask: Any, kernels: Kernels, name: str, shape: tuple[int, ...] | None = None) -> U8:
    """The bytes of an array on the GPU, where they lie.

    Raises
    ------
    UsageError
        The kernels are not a GPU's; or it is not of bytes or booleans in C order, or of another *shape*.
    """
    if kernels.CALLED_IN_THREADS:
        raise UsageError(f"{name} lies on a GPU: use device='cuda', or copy it from there")
    array: Any = kernels.put(mask)
    if array.dtype not in (np.uint8, np.bool_) or not array.is_c_contiguous():
        raise UsageError(f"{name} on a GPU must be uint8 or bool in C order, got {array.dtype}")
    if shape is not None and tuple(array.shape) != shape:
        raise UsageError(f"{name} must be a {shape} uint8 or bool array, got {tuple(array.shape)}")
    found: U8 = array.view(np.uint8)
    return found

"""COCO's masks: its compressed strings, and objects that hold them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, U8

from ..errors import UsageError
from ..features.vectors import in_threads
from .coding import decode, decode_batch, encode, encode_batch
from .on_gpu import lies_on_gpu
from .runs import as_counts, as_shape, kernels

T = TypeVar("T")
U = TypeVar("U")
_NUMBERS_A_THREAD = 2**16
"""Runs, or characters of them, that a thread reads or writes at least."""


def to_string(counts: npt.ArrayLike) -> str:
    """Write counts as COCO's compressed string, byte for byte as pycocotools does."""
    return _to_string(as_counts(counts))


def from_string(text: str | bytes) -> I64:
    """Read COCO's compressed string.

    Returns
    -------
    counts : (m,) int64

    Raises
    ------
    UsageError
        It is none.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    counts = kernels().rle_from_string(data)
    if counts is None or not len(counts) or counts.min() < 0:
        raise UsageError(f"no run lengths in COCO's string {data[:40]!r}")
    return counts


def to_coco(mask: npt.ArrayLike | Any, *, device: str = "cpu") -> dict[str, Any]:
    """Encode a (h, w) mask as COCO's object: ``{"size": [h, w], "counts": string}``; see `encode`."""
    array: Any = mask if lies_on_gpu(mask) else np.asarray(mask)
    return _to_object(encode(array, device=device), array.shape)


def to_coco_batch(masks: npt.ArrayLike | Any, *, device: str = "cpu") -> list[dict[str, Any]]:
    """Encode (n, h, w) masks as COCO's objects, on all cores: `to_coco` of each."""
    array: Any = masks if lies_on_gpu(masks) else np.asarray(masks)
    runs = encode_batch(array, device=device)
    return _on_each(lambda counts: _to_object(counts, array.shape[1:]), runs)


def from_coco(rle: Mapping[str, Any], *, out: npt.NDArray[Any] | Any = None, device: str = "cpu") -> U8:
    """Decode COCO's object; its counts may be a string, bytes or a list of numbers; see `decode`.

    Raises
    ------
    UsageError
        It is none.
    """
    counts, shape = _read_object(rle)
    return decode(counts, shape, out=out, device=device)


def from_coco_batch(
    rles: Sequence[Mapping[str, Any]], *, out: npt.NDArray[Any] | Any = None, device: str = "cpu"
) -> U8:
    """Decode COCO's objects of one size to (n, h, w), on all cores; see `decode_batch`.

    Raises
    ------
    UsageError
        There is none, one is no such object, or their sizes differ.
    """
    found = _on_each(_read_object, rles)
    shapes = {shape for _, shape in found}
    if len(shapes) != 1:
        raise UsageError(f"masks of a batch must be of one size, and at least one, got {sorted(shapes)}")
    return decode_batch([counts for counts, _ in found], shapes.pop(), out=out, device=device)


def _on_each(function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """*function* of each, on all cores where there is so much to each that waking them pays."""
    numbers = sum(map(_size, items))
    at_once = max(1, len(items) * _NUMBERS_A_THREAD // max(1, numbers))
    parts = in_threads(lambda s: [function(item) for item in items[s]], len(items), at_once)
    return [found for part in parts for found in part]


def _size(item: Any) -> int:
    """How long its counts are; none of what is no mask, which is told by who reads it."""
    counts: Any = item.get("counts") if isinstance(item, Mapping) else item
    return len(counts) if hasattr(counts, "__len__") else 0


def _to_object(counts: I64, shape: Sequence[int]) -> dict[str, Any]:
    return {"size": list(shape), "counts": _to_string(counts)}


def _to_string(counts: I64) -> str:
    return kernels().rle_to_string(counts).decode("ascii")


def _read_object(rle: Mapping[str, Any]) -> tuple[npt.ArrayLike, tuple[int, int]]:
    """Counts and shape."""
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= set(rle):
        got = sorted(map(str, rle)) if isinstance(rle, Mapping) else type(rle).__name__
        raise UsageError(f'a COCO mask has "size" and "counts", got {got}')
    counts = rle["counts"]
    return from_string(counts) if isinstance(counts, str | bytes) else counts, as_shape(rle["size"])

"""Run-length masks: encoding, decoding, COCO's strings, and arithmetic on the runs.

A mask of (h, w) pixels is ``counts``, the lengths of runs of zeros and ones in turn, zeros first. Runs go down the
columns (``order="column"``: COCO) or along the rows (``order="row"``: Lightly). Masks are NumPy arrays in C order or
not; any number but zero counts as one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from framesift_kernels import F64, I64, U8, Kernels, load

from .errors import UsageError
from .features.vectors import in_threads
from .polygons import fill

Order = Literal["column", "row"]
Box = tuple[int, int, int, int]

_BATCH_BYTES = 2**20
_COUNTS_CHUNK = 2**18
_WAVE = 8
"""Chunks of masks that are in memory at a time."""


def encode(mask: npt.ArrayLike, order: Order = "column") -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) bool or numbers
    order
        ``"column"`` as COCO does, ``"row"`` as Lightly does.

    Returns
    -------
    counts : (m,) int64

    Raises
    ------
    UsageError
        The mask has not two dimensions, or there is no such order.
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise UsageError(f"mask must have two dimensions (height, width), got {array.shape = }")
    columns = _is_column(order)
    if array.flags.f_contiguous and not array.flags.c_contiguous:  # its columns are the rows of its transpose
        array, columns = array.T, not columns
    return _kernels().rle_encode(_as_bytes(array), columns)


def encode_batch(masks: npt.ArrayLike, order: Order = "column") -> list[I64]:
    """Encode (n, h, w) masks, on all cores: `encode` of each."""
    array = np.asarray(masks)
    if array.ndim != 3:
        raise UsageError(f"masks must have three dimensions (number, height, width), got {array.shape = }")
    _is_column(order)
    parts = in_threads(
        lambda s: [encode(mask, order) for mask in array[s]], len(array), _batch(array.shape[1:])
    )
    return [counts for part in parts for counts in part]


def encode_instances(ids: npt.ArrayLike, order: Order = "column") -> dict[int, I64]:
    """Encode the mask of every number but zero in a map of (h, w) integers, in one pass over the map.

    Returns
    -------
    dict
        Counts of each number's mask, in the order of the numbers.
    """
    array = np.asarray(ids)
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise UsageError(f"ids must be (height, width) integers, got {array.shape = }, {array.dtype = }")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    columns = _is_column(order)
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array, columns = array.T, not columns
    array = np.ascontiguousarray(array)
    if not array.size:
        return {}
    at, before, after = _value_changes(array, columns)
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


def _value_changes(array: npt.NDArray[Any], columns: bool) -> tuple[I64, Any, Any]:
    """Where the values of a map change, in an order, and the values before and after; 0 before and after all."""
    flat, (height, width) = array.reshape(-1), array.shape
    end = np.array([array.size])
    zero = np.zeros(1, array.dtype)
    if not columns:
        found = _kernels().rle_value_changes(flat, 1, 1)
        at = np.concatenate([[0], found])
        after = flat[at]
        before = np.concatenate([zero, flat[found - 1]])
    else:
        found = _kernels().rle_value_changes(flat, width, width)
        row, column = np.divmod(found, width)
        first = np.arange(width)
        above = np.concatenate([zero, array[-1, :-1]])  # the last of the column before
        at = np.concatenate([first * height, column * height + row])
        before, after = np.concatenate([above, flat[found - width]]), np.concatenate([array[0], flat[found]])
        order = np.argsort(at, kind="stable")
        at, before, after = at[order], before[order], after[order]
        changed = before != after
        at, before, after = at[changed], before[changed], after[changed]
    last = flat[-1:]
    return (
        np.concatenate([at, end]),
        np.concatenate([before, last]),
        np.concatenate([after, zero]),
    )


def decode(counts: npt.ArrayLike, shape: tuple[int, int], order: Order = "column") -> U8:
    """Decode a mask.

    Parameters
    ----------
    counts : (m,) integers
    shape : (h, w)

    Returns
    -------
    mask : (h, w) uint8, C-contiguous
        0 and 1.

    Raises
    ------
    UsageError
        The counts do not add up to h * w, or one is negative.
    """
    runs, columns = _as_counts(counts, shape), _is_column(order)
    mask = np.empty(shape, np.uint8)
    _kernels().rle_decode(runs, mask, columns)
    return mask


def decode_batch(masks: Sequence[npt.ArrayLike], shape: tuple[int, int], order: Order = "column") -> U8:
    """Decode masks of one shape to (n, h, w), on all cores: `decode` of each."""
    runs, columns = [_as_counts(counts, shape) for counts in masks], _is_column(order)
    out = np.empty((len(runs), *shape), np.uint8)

    def paint(s: slice) -> None:
        for i in range(s.start, s.stop):
            _kernels().rle_decode(runs[i], out[i], columns)

    in_threads(paint, len(runs), _batch(shape))
    return out


def _batch(shape: tuple[int, ...]) -> int:
    """Masks of a shape that are worth waking a thread for."""
    return max(1, _BATCH_BYTES // max(1, int(np.prod(shape))))


def to_string(counts: npt.ArrayLike) -> str:
    """Write counts as COCO's compressed string, byte for byte as pycocotools does."""
    return _kernels().rle_to_string(_as_counts(counts)).decode("ascii")


def from_string(text: str | bytes) -> I64:
    """Read COCO's compressed string.

    Raises
    ------
    UsageError
        It is none.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    counts = _kernels().rle_from_string(data)
    if counts is None or not len(counts) or counts.min() < 0:
        raise UsageError(f"no run lengths in COCO's string {data[:40]!r}")
    return counts


def to_coco(mask: npt.ArrayLike) -> dict[str, Any]:
    """Encode a mask as COCO's object: ``{"size": [h, w], "counts": string}``."""
    counts = encode(mask)
    height, width = np.shape(mask)
    return {"size": [height, width], "counts": _kernels().rle_to_string(counts).decode("ascii")}


def from_coco(rle: Mapping[str, Any]) -> U8:
    """Decode COCO's object; its counts may be a string, bytes or a list of numbers."""
    if not {"size", "counts"} <= set(rle):
        raise UsageError(f'a COCO mask has "size" and "counts", got {sorted(map(str, rle))}')
    height, width = rle["size"]
    counts = rle["counts"]
    runs = from_string(counts) if isinstance(counts, str | bytes) else counts
    return decode(runs, (int(height), int(width)))


def area(counts: npt.ArrayLike) -> int:
    """Pixels that are one."""
    return int(_as_counts(counts)[1::2].sum())


def bbox(counts: npt.ArrayLike, shape: tuple[int, int], order: Order = "column") -> Box:
    """Box around the ones: x, y, width, height in pixels; zeros if there are none."""
    runs = _as_counts(counts, shape)
    if _is_column(order):
        y, x, height, width = _kernels().rle_box(runs, shape[0])
    else:
        x, y, width, height = _kernels().rle_box(runs, shape[1])
    return x, y, width, height


def merge(masks: Iterable[npt.ArrayLike], *, intersect: bool = False) -> I64:
    """Counts of the union of masks of one size and order, or of their intersection. O(runs), nothing is decoded."""
    runs = [_as_counts(counts) for counts in masks]
    if not runs:
        raise UsageError("there is nothing to merge: give at least one mask")
    _check_sizes(runs)
    merged = _kernels().rle_merge(runs[0], runs[0], True)
    for counts in runs[1:]:
        merged = _kernels().rle_merge(merged, counts, intersect)
    return merged


def iou(
    a: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    shape: tuple[int, int],
    *,
    crowd: npt.ArrayLike | None = None,
    order: Order = "column",
) -> F64:
    """Intersection over union of every mask of *a* with every one of *b*, in their runs.

    Parameters
    ----------
    a, b
        n and m counts.
    shape : (h, w)
        Of all.
    crowd : (m,) bool
        Which of *b* are crowds: for those, the intersection over the area of the mask of *a* (COCO).

    Returns
    -------
    (n, m) float64
        0 where both are empty.
    """
    ragged_a, ragged_b = _Ragged(a, shape, order), _Ragged(b, shape, order)
    crowds = np.zeros(len(b), bool) if crowd is None else np.asarray(crowd, bool)
    if crowds.shape != (len(b),):
        raise UsageError(f"crowd must have a flag for each of b, got {crowds.shape = } for {len(b)} masks")
    shared = np.zeros((len(a), len(b)))

    def count(s: slice) -> None:
        shared[s] = _kernels().rle_overlaps(
            ragged_a.counts,
            ragged_a.offsets[s.start : s.stop + 1],
            ragged_a.boxes[s],
            ragged_b.counts,
            ragged_b.offsets,
            ragged_b.boxes,
        )

    in_threads(count, len(a), 16)
    union = ragged_a.areas[:, None] + np.where(crowds, 0, ragged_b.areas)
    union = union - np.where(crowds, 0, shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


class _Ragged:
    """Counts of masks of one shape, end to end, with what is known of each."""

    def __init__(self, masks: Sequence[npt.ArrayLike], shape: tuple[int, int], order: Order) -> None:
        side = shape[0] if _is_column(order) else shape[1]
        runs = [_as_counts(counts, shape) for counts in masks]
        self.counts: I64 = np.concatenate(runs) if runs else np.empty(0, np.int64)
        self.offsets: I64 = np.cumsum([0, *map(len, runs)])
        self.boxes = np.array([_kernels().rle_box(r, side) for r in runs], np.int64).reshape(len(runs), 4)
        self.areas = np.array([r[1::2].sum() for r in runs], np.float64)


def convert(counts: npt.ArrayLike, shape: tuple[int, int], source: Order, target: Order) -> I64:
    """Counts in another order."""
    if source == target:
        return _as_counts(counts, shape)
    return encode(decode(counts, shape, source), target)


def crop(counts: npt.ArrayLike, shape: tuple[int, int], box: Box, order: Order = "column") -> I64:
    """Counts of a part of a mask: *box* is x, y, width, height in pixels, within the mask."""
    x, y, width, height = box
    if min(box) < 0 or x + width > shape[1] or y + height > shape[0]:
        raise UsageError(f"box (x, y, width, height) must lie within the mask, got {box = } and {shape = }")
    return encode(decode(counts, shape, order)[y : y + height, x : x + width], order)


def resize(
    counts: npt.ArrayLike, shape: tuple[int, int], new_shape: tuple[int, int], order: Order = "column"
) -> I64:
    """Counts of a mask at another size: each pixel is the one at its centre's place."""
    if min(shape) < 1 or min(new_shape) < 1:
        raise UsageError(f"shapes must be at least one pixel, got {shape = } and {new_shape = }")
    rows, columns = (
        ((2 * np.arange(new) + 1) * old) // (2 * new) for new, old in zip(new_shape, shape, strict=True)
    )
    return encode(decode(counts, shape, order)[rows[:, None], columns], order)


def from_polygons(polygons: Sequence[npt.ArrayLike], shape: tuple[int, int], order: Order = "column") -> I64:
    """Counts of what any of the polygons covers, by COCO's rules, to the pixel.

    Parameters
    ----------
    polygons
        Each a list ``[x0, y0, x1, y1, ...]`` or (k, 2) array of corners in pixels.
    shape : (h, w)
    """
    if not len(polygons):
        return np.array([shape[0] * shape[1]])
    return convert(merge([fill(p, shape) for p in polygons]), shape, "column", order)


def encode_array(masks: Any, group: Any, *, order: Order = "column") -> None:
    """Encode an (n, h, w) array of masks, chunk by chunk, into a zarr group.

    The group gets ``counts`` (all masks' runs, end to end) and ``offsets`` ((n + 1,): where each begins), int64, and
    the attributes ``shape`` and ``order``. Memory is a few chunks of masks, whatever n.

    Parameters
    ----------
    masks
        zarr or NumPy array.
    group
        ``zarr.Group`` open for writing, without these arrays.
    """
    if len(masks.shape) != 3:
        raise UsageError(f"masks must have three dimensions (number, height, width), got {masks.shape}")
    n, height, width = (int(size) for size in masks.shape)
    _is_column(order)
    counts = group.create_array("counts", shape=(0,), chunks=(_COUNTS_CHUNK,), dtype="int64")
    offsets = group.create_array("offsets", shape=(n + 1,), chunks=(_COUNTS_CHUNK,), dtype="int64")
    ends, held, written = [np.zeros(1, np.int64)], np.empty(0, np.int64), 0
    for rows in _waves(masks):
        runs = [r for part in in_threads(_encode_rows(masks, rows, order), len(rows), 1) for r in part]
        ends.append(ends[-1][-1] + np.cumsum([len(r) for r in runs]))
        held = np.concatenate([held, *runs])
        whole = len(held) // _COUNTS_CHUNK * _COUNTS_CHUNK
        if whole:
            counts.resize((written + whole,))
            counts[written:] = held[:whole]
            held, written = held[whole:], written + whole
    counts.resize((written + len(held),))
    if len(held):
        counts[written:] = held
    offsets[:] = np.concatenate(ends)
    group.attrs.update({"shape": [height, width], "order": order})


def _waves(masks: Any) -> Iterator[list[slice]]:
    """Chunks along the first axis, some at a time."""
    n = int(masks.shape[0])
    chunk = int(masks.chunks[0]) if hasattr(masks, "chunks") else 1
    starts = range(0, n, chunk)
    slices = [slice(start, min(start + chunk, n)) for start in starts]
    for first in range(0, len(slices), _WAVE):
        yield slices[first : first + _WAVE]


def _encode_rows(masks: Any, rows: list[slice], order: Order) -> Any:
    def work(s: slice) -> list[I64]:
        return [encode(mask, order) for mask in masks[rows[s.start]]]

    return work


def decode_array(group: Any, masks: Any) -> None:
    """Decode what `encode_array` wrote into an (n, h, w) uint8 array, zarr or NumPy, chunk by chunk.

    Raises
    ------
    UsageError
        The array has another shape.
    """
    offsets: I64 = group["offsets"][:]
    shape, order = tuple(group.attrs["shape"]), group.attrs["order"]
    if tuple(masks.shape) != (len(offsets) - 1, *shape):
        raise UsageError(f"masks must be {(len(offsets) - 1, *shape)}, as stored, got shape {masks.shape}")
    for rows in _waves(masks):

        def work(s: slice, rows: list[slice] = rows) -> None:
            part = rows[s.start]
            counts = group["counts"][int(offsets[part.start]) : int(offsets[part.stop])]
            bounds = offsets[part.start : part.stop + 1] - offsets[part.start]
            out = np.empty((part.stop - part.start, *shape), np.uint8)
            for i in range(len(out)):
                runs = _as_counts(counts[bounds[i] : bounds[i + 1]], shape)
                _kernels().rle_decode(runs, out[i], _is_column(order))
            masks[part] = out

        in_threads(work, len(rows), 1)


def _kernels() -> Kernels:
    return load("cpu")


def _is_column(order: str) -> bool:
    if order not in ("column", "row"):
        raise UsageError(f'order must be "column" or "row", got {order!r}')
    return order == "column"


def _as_bytes(mask: npt.NDArray[Any]) -> U8:
    if mask.dtype == np.bool_ or mask.dtype == np.int8:
        mask = mask.view(np.uint8)
    elif mask.dtype != np.uint8:
        mask = (mask != 0).view(np.uint8)
    return np.ascontiguousarray(mask)


def _as_counts(counts: npt.ArrayLike, shape: tuple[int, int] | None = None) -> I64:
    array = np.asarray(counts)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise UsageError(
            f"counts must be a list of run lengths, at least one, got {array.shape = }, {array.dtype = }"
        )
    runs = np.ascontiguousarray(array, np.int64)
    if runs.min() < 0:
        raise UsageError(f"counts must not be negative, got {runs.min()}")
    if shape is not None and int(runs.sum()) != shape[0] * shape[1]:
        raise UsageError(f"counts must add up to the pixels of {shape = }, got {int(runs.sum())}")
    return runs


def _check_sizes(runs: list[I64]) -> None:
    sizes = {int(counts.sum()) for counts in runs}
    if len(sizes) > 1:
        raise UsageError(f"masks must be of one size, got {sorted(sizes)} pixels")

"""Arithmetic on run lengths: what needs no pixels is done in O(runs)."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from framesift_kernels import F64, I64

from ..errors import UsageError
from ..features.vectors import in_calls
from .coding import decode, encode
from .runs import Box, Order, Ragged, as_counts, as_shape, is_column, kernels


def area(counts: npt.ArrayLike) -> int:
    """Pixels that are one, of (m,) counts."""
    return int(as_counts(counts)[1::2].sum())


def bbox(counts: npt.ArrayLike, shape: Sequence[int], order: Order = "column") -> Box:
    """Box around the ones: x, y, width, height in pixels; zeros if there are none. O(runs).

    Parameters
    ----------
    counts : (m,) integers
    shape : (h, w)

    Raises
    ------
    UsageError
        The counts do not add up to h * w, or one is negative.
    """
    shape = as_shape(shape)
    runs = as_counts(counts, shape)
    if is_column(order):
        y, x, height, width = kernels().rle_box(runs, shape[0])
    else:
        x, y, width, height = kernels().rle_box(runs, shape[1])
    return x, y, width, height


def merge(masks: Iterable[npt.ArrayLike], *, intersect: bool = False) -> I64:
    """Counts of the union of masks of one size and order, or of their intersection. O(runs), nothing is decoded.

    Raises
    ------
    UsageError
        There is no mask, or they are of several sizes.
    """
    runs = [as_counts(counts) for counts in masks]
    if not runs:
        raise UsageError("there is nothing to merge: give at least one mask")
    sizes = {int(counts.sum()) for counts in runs}
    if len(sizes) > 1:
        raise UsageError(f"masks must be of one size, got {sorted(sizes)} pixels")
    merged = kernels().rle_merge(runs[0], runs[0], True)
    for counts in runs[1:]:
        merged = kernels().rle_merge(merged, counts, intersect)
    return merged


def iou(
    a: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    shape: Sequence[int],
    *,
    crowd: npt.ArrayLike | None = None,
    order: Order = "column",
    device: str = "cpu",
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
    device
        ``"cpu"``, or ``"cuda"``; see `encode`.

    Returns
    -------
    (n, m) float64
        0 where both are empty.

    Raises
    ------
    UsageError
        Counts do not add up to h * w, or *crowd* has not a flag for each of *b*.

    Notes
    -----
    O(runs of both) for every two masks whose boxes overlap; the others are not looked at.
    """
    shape = as_shape(shape)
    runs_a, runs_b = Ragged.of(a, shape), Ragged.of(b, shape)
    boxes_a, boxes_b = _boxes(runs_a, shape, order), _boxes(runs_b, shape, order)
    crowds = np.zeros(len(b), bool) if crowd is None else np.asarray(crowd, bool)
    if crowds.shape != (len(b),):
        raise UsageError(f"crowd must have a flag for each of b, got {crowds.shape = } for {len(b)} masks")
    shared, on_device = np.zeros((len(a), len(b))), kernels(device)

    def count(s: slice) -> None:
        shared[s] = on_device.rle_overlaps(
            runs_a.counts,
            runs_a.offsets[s.start : s.stop + 1],
            boxes_a[s],
            runs_b.counts,
            runs_b.offsets,
            boxes_b,
        )

    in_calls(on_device, count, len(a), 16)
    union = _areas(runs_a)[:, None] + np.where(crowds, 0, _areas(runs_b))
    union = union - np.where(crowds, 0, shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _boxes(runs: Ragged, shape: tuple[int, int], order: Order) -> I64:
    side = shape[0] if is_column(order) else shape[1]
    boxes = [kernels().rle_box(runs[i], side) for i in range(len(runs))]
    return np.array(boxes, np.int64).reshape(len(runs), 4)


def _areas(runs: Ragged) -> F64:
    return np.array([runs[i][1::2].sum() for i in range(len(runs))], np.float64)


def convert(counts: npt.ArrayLike, shape: Sequence[int], source: Order, target: Order) -> I64:
    """Counts in another order: from COCO's to Lightly's, say.

    Parameters
    ----------
    counts : (m,) integers
        In order *source*.
    shape : (h, w)

    Raises
    ------
    UsageError
        The counts do not add up to h * w, or there is no such order.
    """
    if is_column(source) == is_column(target):
        return as_counts(counts, shape)
    return encode(decode(counts, shape, source), target)


def crop(counts: npt.ArrayLike, shape: Sequence[int], box: Box, order: Order = "column") -> I64:
    """Counts of a part of a mask.

    Parameters
    ----------
    counts : (m,) integers
    shape : (h, w)
    box
        x, y, width, height in pixels, within the mask.

    Raises
    ------
    UsageError
        The box reaches outside the mask, or the counts do not add up to h * w.
    """
    x, y, width, height = box
    if min(box) < 0 or x + width > shape[1] or y + height > shape[0]:
        raise UsageError(f"box (x, y, width, height) must lie within the mask, got {box = } and {shape = }")
    return encode(decode(counts, shape, order)[y : y + height, x : x + width], order)


def resize(
    counts: npt.ArrayLike, shape: Sequence[int], new_shape: Sequence[int], order: Order = "column"
) -> I64:
    """Counts of a mask at another size, by the nearest pixel: each is the one that its centre lies in.

    Pixel i of n new ones is pixel ``floor((i + 1/2) * old / n)``, in exact integers.

    Parameters
    ----------
    counts : (m,) integers
    shape, new_shape : (h, w)
        At least one pixel each.

    Raises
    ------
    UsageError
        A shape has no pixel, or the counts do not add up to h * w.
    """
    shape, new_shape = as_shape(shape), as_shape(new_shape)
    if min(shape) < 1 or min(new_shape) < 1:
        raise UsageError(f"shapes must be at least one pixel, got {shape = } and {new_shape = }")
    rows, columns = (
        ((2 * np.arange(new) + 1) * old) // (2 * new) for new, old in zip(new_shape, shape, strict=True)
    )
    return encode(decode(counts, shape, order)[rows[:, None], columns], order)

"""Arrays of masks to run lengths in a zarr group and back, block by block.

The group holds ``counts``, the runs of all masks end to end, and ``offsets``, (n + 1,): where each begins and ends;
both int64. Its attributes ``shape`` (height, width), ``order`` and ``n_runs`` are written last: they are the commit
record, and a group without them holds nothing.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..cores import count_threads
from ..errors import IntegrityError, UsageError
from ..features.vectors import in_threads
from ..files import disk_errors
from .coding import decode_ragged, encode
from .runs import Order, Ragged, is_column

T = TypeVar("T")

_COUNTS_CHUNK = 2**18
_MAX_BYTES = 2**30
_FIXED_BYTES = 16 * 2**20
"""The writer's chunk of counts, copies of it, what zarr keeps."""
_THREAD_BYTES = 2 * 2**20
"""Scratch of a thread."""
_RUN_BYTES = 16
"""Of a pixel of a mask that is being encoded, where every pixel is a run: its change and its count."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How much of an (n, h, w) array is in memory at a time."""

    n: int
    block: int
    """Masks that are read or written at a time: whole chunks."""
    at_once: int
    """Masks of a block whose runs are held at a time."""
    mask_bytes: int
    pixels: int

    @classmethod
    def of(cls, masks: Any, max_bytes: int) -> "_Plan":
        n, height, width = (int(size) for size in masks.shape)
        pixels = height * width
        mask_bytes = max(1, pixels * np.dtype(masks.dtype).itemsize)
        chunk = int((getattr(masks, "shards", None) or getattr(masks, "chunks", [1]))[0])
        room = max(0, max_bytes - _fixed_bytes(n))
        block = chunk * max(1, room // 2 // (3 * mask_bytes * chunk))
        at_once = max(1, room // 2 // (_RUN_BYTES * (pixels + 1) + pixels))
        return cls(n, min(block, max(n, 1)), min(at_once, max(n, 1)), mask_bytes, pixels)

    @property
    def bytes(self) -> int:
        """Most that is held: one block worked on, the next being read, a copy of it; runs; offsets."""
        runs = self.at_once * (_RUN_BYTES * (self.pixels + 1) + self.pixels)
        return 3 * self.block * self.mask_bytes + runs + _fixed_bytes(self.n)

    def slices(self) -> Iterator[slice]:
        """The blocks."""
        for start in range(0, self.n, self.block):
            yield slice(start, min(start + self.block, self.n))


def _fixed_bytes(n: int) -> int:
    """What is held whatever the masks: offsets and their lengths first of all."""
    return 24 * (n + 1) + _FIXED_BYTES + count_threads(None) * _THREAD_BYTES


def projected_bytes(masks: Any, *, max_bytes: int = _MAX_BYTES) -> int:
    """Bytes that `encode_array` or `decode_array` holds at most beside the array itself.

    ``3 b m + a (17 p + 16) + 24 (n + 1) + 16 MB + 2 MB a core`` for n masks of p pixels and m bytes each, b of which
    are read at a time and a encoded: as many as keep this below *max_bytes*, but at least a chunk of the array and
    one mask. It is reached if every pixel is a run of its own; else the second term is a fraction of that.

    Parameters
    ----------
    masks : (n, h, w)
        zarr or NumPy array.
    max_bytes
        As given to them.
    """
    _check_dimensions(masks)
    return _Plan.of(masks, max_bytes).bytes


def encode_array(masks: Any, store: Any, *, order: Order = "column", max_bytes: int = _MAX_BYTES) -> None:
    """Encode an (n, h, w) array of masks, which may exceed memory, into a zarr group of counts and offsets.

    Parameters
    ----------
    masks : (n, h, w) bool or numbers
        zarr or NumPy array. It is read in whole chunks along its first axis, the next while one is encoded, on all
        cores.
    store
        A path, where nothing is yet: the group is put there by one rename when it is whole. Or a ``zarr.Group``
        open for writing: its attributes make it whole, and come last. What an interrupted run has left in it is
        replaced.
    max_bytes
        Bytes of memory to keep to; see `projected_bytes`.

    Raises
    ------
    UsageError
        *masks* has not three dimensions; there is something at the path, or masks in the group.
    """
    _check_dimensions(masks)
    is_column(order)
    if not isinstance(store, str | os.PathLike):
        _encode_into(masks, store, order, max_bytes)
        return
    import zarr

    path = Path(store)
    if path.exists():
        raise UsageError(f"there is something at {path} already; give another path, or delete it")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent))
    try:
        _encode_into(masks, zarr.create_group(folder / "masks"), order, max_bytes)
        with disk_errors(path):
            (folder / "masks").rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _encode_into(masks: Any, group: Any, order: Order, max_bytes: int) -> None:
    if "n_runs" in group.attrs:
        raise UsageError("the group holds masks already; give another one, or delete its attributes")
    plan = _Plan.of(masks, max_bytes)
    lengths, writer = [np.zeros(1, np.int64)], _Counts(group)
    for _, block in _ahead(plan.slices(), lambda rows: masks[rows]):
        for start in range(0, len(block), plan.at_once):
            part = block[start : start + plan.at_once]
            runs = in_threads(lambda s, part=part: [encode(mask, order) for mask in part[s]], len(part), 1)  # type: ignore[misc]
            found = [counts for few in runs for counts in few]
            lengths.append(np.array([len(counts) for counts in found], np.int64))
            writer.append(found)
            del runs, found
        del block, part  # the next one is read meanwhile
    offsets = np.cumsum(np.concatenate(lengths))
    _create(group, "offsets", offsets.shape)[:] = offsets
    n_runs = writer.finish()
    group.attrs.update({"shape": [int(size) for size in masks.shape[1:]], "order": order, "n_runs": n_runs})


def _create(group: Any, name: str, shape: tuple[int, ...]) -> Any:
    from zarr.codecs import Crc32cCodec, ZstdCodec

    compressors = [ZstdCodec(level=1), Crc32cCodec()]
    return group.create_array(
        name, shape=shape, chunks=(_COUNTS_CHUNK,), dtype="int64", compressors=compressors, overwrite=True
    )


class _Counts:
    """Writes counts into an array that grows, whole chunks at a time."""

    def __init__(self, group: Any) -> None:
        self._array = _create(group, "counts", (0,))
        self._held = np.empty(_COUNTS_CHUNK, np.int64)
        self._n_held = self._n_written = 0

    def append(self, runs: Iterable[I64]) -> None:
        """Add the counts of some masks."""
        for counts in runs:
            at = 0
            while at < len(counts):
                n = min(len(counts) - at, len(self._held) - self._n_held)
                self._held[self._n_held : self._n_held + n] = counts[at : at + n]
                self._n_held, at = self._n_held + n, at + n
                if self._n_held == len(self._held):
                    self.finish()

    def finish(self) -> int:
        """Write what is held; how many are written."""
        self._array.resize((self._n_written + self._n_held,))
        if self._n_held:
            self._array[self._n_written :] = self._held[: self._n_held]
        self._n_written, self._n_held = self._n_written + self._n_held, 0
        return self._n_written


def decode_array(store: Any, masks: Any, *, max_bytes: int = _MAX_BYTES) -> None:
    """Decode what `encode_array` wrote into an (n, h, w) uint8 or bool array, zarr or NumPy, block by block.

    Parameters
    ----------
    store
        Path or ``zarr.Group``.
    masks : (n, h, w) uint8 or bool
        OUT: zarr or NumPy array. It is written in whole chunks along its first axis, one while the next is decoded,
        on all cores.
    max_bytes
        Bytes of memory to keep to; see `projected_bytes`.

    Raises
    ------
    UsageError
        There is no such group, or the array has another shape.
    IntegrityError
        The group was not finished, or is damaged.
    """
    group = _open(store)
    if tuple(masks.shape) != (len(group.offsets) - 1, *group.shape):
        wanted = (len(group.offsets) - 1, *group.shape)
        raise UsageError(f"masks must be {wanted}, as stored, got shape {tuple(masks.shape)}")
    if np.dtype(masks.dtype) not in (np.uint8, np.bool_):
        raise UsageError(f"masks must be uint8 or bool, got {masks.dtype}")
    plan = _Plan.of(masks, max_bytes)
    is_memory = isinstance(masks, np.ndarray) and masks.flags.c_contiguous

    def decoded(rows: slice) -> Any:
        block = masks[rows] if is_memory else np.zeros((rows.stop - rows.start, *group.shape), np.uint8)
        target = block.view(np.uint8)
        for start in range(rows.start, rows.stop, plan.at_once):
            part = slice(start, min(start + plan.at_once, rows.stop))
            here = target[part.start - rows.start : part.stop - rows.start]
            decode_ragged(group.read(part), here, group.columns, not is_memory)
        return block

    if is_memory:
        for rows in plan.slices():
            decoded(rows)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="framesift-masks") as pool:
        written = None
        for rows in plan.slices():
            block = decoded(rows)
            if written is not None:
                written.result()
            written = pool.submit(masks.__setitem__, rows, block.view(masks.dtype))
        if written is not None:
            written.result()


@dataclass(frozen=True, slots=True)
class _Group:
    """What `encode_array` wrote."""

    counts: Any
    offsets: I64
    shape: tuple[int, int]
    columns: bool

    def read(self, rows: slice) -> Ragged:
        """The runs of some masks, checked."""
        bounds = self.offsets[rows.start : rows.stop + 1]
        try:
            counts = np.asarray(self.counts[int(bounds[0]) : int(bounds[-1])], np.int64)
            runs = Ragged(counts, bounds - bounds[0])
            runs.check(self.shape)
        except (ValueError, RuntimeError, IndexError) as e:  # a checksum, a length, a sum
            raise _damaged(f"masks {rows.start} to {rows.stop}: {e}") from e
        return runs


def _open(store: Any) -> _Group:
    group = store
    if isinstance(store, str | os.PathLike):
        import zarr

        try:
            group = zarr.open_group(store, mode="r")
        except FileNotFoundError:
            raise UsageError(f"there are no masks at {os.fspath(store)}") from None
    attributes = dict(group.attrs)
    if "n_runs" not in attributes:
        raise IntegrityError("the group holds no finished masks; encode them again with encode_array")
    try:
        height, width = attributes["shape"]
        offsets: npt.NDArray[np.int64] = np.asarray(group["offsets"][:], np.int64)
        counts, columns = group["counts"], is_column(attributes["order"])
        n_runs = int(attributes["n_runs"])
    except (KeyError, ValueError, TypeError) as e:
        raise _damaged(str(e)) from e
    steps = np.diff(offsets)
    if (
        not len(offsets)
        or offsets[0]
        or (steps < 1).any()
        or offsets[-1] != n_runs
        or counts.shape != (n_runs,)
    ):
        raise _damaged("its offsets do not fit its counts")
    return _Group(counts, offsets, (int(height), int(width)), columns)


def _damaged(why: str) -> IntegrityError:
    return IntegrityError(f"the masks are damaged ({why}); encode them again with encode_array")


def _check_dimensions(masks: Any) -> None:
    if len(masks.shape) != 3:
        raise UsageError(f"masks must have three dimensions (number, height, width), got {masks.shape}")


def _ahead(items: Iterable[slice], work: Callable[[slice], T]) -> Iterator[tuple[slice, T]]:
    """Each item and its *work*, which is done for the next one meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="framesift-masks") as pool:
        before = None
        for item in items:
            future = pool.submit(work, item)
            if before is not None:
                yield before[0], before[1].result()
            before = item, future
        if before is not None:
            yield before[0], before[1].result()

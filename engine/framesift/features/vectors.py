"""Rows of numbers that may exceed memory, read block by block."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Protocol, TypeVar

import numpy as np

from framesift_kernels import I64, Kernels, Rows

from ..cores import count_threads

T = TypeVar("T")

_ROWS, _STORED_ROWS = 1024, 4096
"""Of a block of vectors in memory, and of ones in a store."""


class Vectors(Protocol):
    """(n, d) rows, uint8 or float32, in blocks whose bounds depend on the data alone."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""

    @property
    def in_memory(self) -> Rows | None:
        """All rows, if they may lie in memory."""

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""


@dataclass(frozen=True, slots=True)
class ArrayVectors:
    """Vectors in memory."""

    array: Rows
    block_rows: int = 4096

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return self.array.shape[0], self.array.shape[1]

    @property
    def in_memory(self) -> Rows | None:
        """All rows."""
        return self.array

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        for start in range(0, len(self.array), self.block_rows):
            yield start, self.array[start : start + self.block_rows]

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""
        return self.array[rows]


@dataclass(frozen=True, slots=True)
class Subset:
    """Some rows of other vectors, in their blocks."""

    vectors: Vectors
    rows: I64
    """Increasing."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.rows), self.vectors.shape[1]

    @property
    def in_memory(self) -> Rows | None:
        """All rows, if they may lie in memory: a copy, unless they are all there are."""
        whole = self.vectors.in_memory
        return whole if whole is None or len(self.rows) == len(whole) else whole[self.rows]

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        for start, block in self.vectors.blocks():
            first, last = np.searchsorted(self.rows, (start, start + len(block)))
            if first < last:
                yield int(first), block[self.rows[first:last] - start]

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""
        return self.vectors.take(self.rows[rows])


class Table:
    """Vectors read by slices of rows."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._lock = Lock()
        self.shape = vectors.shape
        self.in_memory = vectors.in_memory
        """All rows, if they lie in memory."""
        first = vectors.take(np.arange(1)) if self.in_memory is None else self.in_memory
        self.dtype = first.dtype

    @property
    def slices(self) -> list[slice]:
        """The blocks: from a store about a chunk each."""
        n, step = self.shape[0], _STORED_ROWS if self.in_memory is None else _ROWS
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def read(self, rows: slice) -> Rows:
        """Some rows."""
        if self.in_memory is not None:
            return self.in_memory[rows]
        with self._lock:
            return self._vectors.take(np.arange(rows.start, rows.stop))

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        for rows in self.slices:
            yield rows.start, self.read(rows)

    def take(self, rows: I64) -> Rows:
        """Some rows, in any order."""
        if self.in_memory is not None:
            return self.in_memory[rows]
        if not len(rows):
            return np.empty((0, self.shape[1]), self.dtype)
        increasing, back = np.unique(rows, return_inverse=True)
        with self._lock:
            return self._vectors.take(increasing)[back]


def take_from_blocks(blocks: Iterator[tuple[int, Rows]], rows: I64) -> Rows:
    """Gather increasing *rows* out of *blocks* in one pass."""
    gathered: Rows | None = None
    for start, block in blocks:
        first, last = np.searchsorted(rows, (start, start + len(block)))
        if gathered is None:
            gathered = np.empty((len(rows), block.shape[1]), block.dtype)
        gathered[first:last] = block[rows[first:last] - start]
    assert gathered is not None
    return gathered


def in_batches(blocks: Iterator[tuple[int, Rows]], n: int) -> Iterator[tuple[int, Rows]]:
    """The rows of *blocks* in batches of *n* (the last may be shorter), each with its first row."""
    first, held = 0, None
    for _, block in blocks:
        held = block if held is None else np.concatenate([held, block])
        whole = len(held) // n * n
        for at in range(0, whole, n):
            yield first + at, held[at : at + n]
        first, held = first + whole, held[whole:]
    if held is not None and len(held):
        yield first, held


def in_threads(function: Callable[[slice], T], n: int, block: int = 4096) -> list[T]:
    """*function* of each slice of ``range(n)``, on all cores; the slices depend on *n* alone.

    The thread that calls works too, so that little work is not made to wait for others to wake up.
    """
    slices = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    left, found, failed = deque(enumerate(slices)), dict[int, T](), dict[int, BaseException]()

    def work() -> None:
        while left and not failed:
            try:
                turn, part = left.popleft()
            except IndexError:
                return
            try:
                found[turn] = function(part)
            except BaseException as error:
                failed[turn] = error

    helpers = []
    if len(slices) > 1:
        n_threads = count_threads(None)
        helpers = [_threads().submit(work) for _ in range(min(n_threads, len(slices)) - 1)]
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
    if failed:
        raise failed[min(failed)]  # slices are begun in order, so that it is the first that would fail
    return [found[turn] for turn in range(len(slices))]


def in_calls(kernels: Kernels, function: Callable[[slice], T], n: int, block: int = 4096) -> list[T]:
    """`in_threads` on a CPU; a GPU takes all at once. For what does not depend on the slices."""
    if kernels.CALLED_IN_THREADS:
        return in_threads(function, n, block)
    return [function(slice(0, n))] if n else []


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count_threads(None), thread_name_prefix="framesift-vectors")


if hasattr(os, "register_at_fork"):  # a forked process has the pool, but none of its threads
    os.register_at_fork(after_in_child=_threads.cache_clear)

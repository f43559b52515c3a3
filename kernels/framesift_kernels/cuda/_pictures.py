"""Sums over pixels: integers, so exact in whatever order blocks and threads add them.

What is made of the sums is float64 arithmetic on a few numbers, on the host, by the same expressions as the CPU's.
"""

from typing import Any

import numpy as np
from numba import cuda

from .. import I64, U8, U64, Plane, Region
from ..cpu.thumbnail import _cells
from ._compile import THREADS, Transfers, add, blocks, device, empty, kernel, multiply

ROW_STEP = 8
CELLS = (8, 9)
"""Rows and columns of a difference hash."""
BLOCK = 512  # words of a row that are summed up before they are scrambled


@device
def _total(value: Any, scratch: I64, t: int) -> Any:
    """Sum over the threads of a block; to be called by all of them."""
    scratch[t] = value
    cuda.syncthreads()
    step = THREADS // 2
    while step > 0:
        if t < step:
            scratch[t] += scratch[t + step]
        cuda.syncthreads()
        step //= 2
    total = scratch[0]
    cuda.syncthreads()
    return total


@kernel
def grey_sums(
    pictures: U8,  # IN  (n, pixels)
    n: int,
    pixels: int,
    sums: I64,  # OUT  (n, 3): of the grey levels, of their squares, the largest
) -> None:
    """A block for each picture."""
    scratch = cuda.shared.array(THREADS, np.int64)
    t = cuda.threadIdx.x
    for i in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        total, squares, top = np.int64(0), np.int64(0), np.int64(0)
        for p in range(t, pixels, THREADS):
            value = np.int64(pictures[i, p])
            total += value
            squares += value * value
            top = max(top, value)
        total, squares = _total(total, scratch, t), _total(squares, scratch, t)
        scratch[t] = top
        cuda.syncthreads()
        if t == 0:
            for other in range(THREADS):
                top = max(top, scratch[other])
            sums[i, 0], sums[i, 1], sums[i, 2] = total, squares, top
        cuda.syncthreads()


@kernel
def differences(
    pictures: U8,  # IN  (n, pixels)
    previous: U8,  # IN  (pixels,)
    n: int,
    pixels: int,
    sums: I64,  # OUT  (n,)
) -> None:
    """A block for each picture: sum of its absolute differences to the one before."""
    scratch = cuda.shared.array(THREADS, np.int64)
    t = cuda.threadIdx.x
    for i in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        total = np.int64(0)
        for p in range(t, pixels, THREADS):
            before = np.int64(pictures[i - 1, p]) if i else np.int64(previous[p])
            total += abs(np.int64(pictures[i, p]) - before)
        total = _total(total, scratch, t)
        if t == 0:
            sums[i] = total


@kernel
def laplacians(
    plane: Plane,  # IN  (rows, stride)
    x1: int,
    x2: int,
    y1: int,
    n: int,
    sums: I64,  # OUT  (n, 2): of the Laplacians, of their squares
) -> None:
    """A block for each row that is looked at."""
    scratch = cuda.shared.array(THREADS, np.int64)
    t = cuda.threadIdx.x
    for i in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        y = y1 + 1 + i * ROW_STEP
        total, squares = np.int64(0), np.int64(0)
        for x in range(x1 + 1 + t, x2 - 1, THREADS):
            around = np.int64(plane[y, x - 1]) + np.int64(plane[y, x + 1])
            around += np.int64(plane[y - 1, x]) + np.int64(plane[y + 1, x])
            value = np.int64(4) * np.int64(plane[y, x]) - around
            total += value
            squares += value * value
        total, squares = _total(total, scratch, t), _total(squares, scratch, t)
        if t == 0:
            sums[i, 0], sums[i, 1] = total, squares


@kernel
def _shrink(
    plane: Plane,  # IN  (rows, stride): of *parts* pictures by turns
    parts: int,
    x1: int,
    y1: int,
    rows: I64,  # IN  (h, 4)
    columns: I64,  # IN  (w, 4)
    h: int,
    w: int,
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    out: U8,  # OUT  (parts, h, w)
) -> None:
    """A block for each pixel of a thumbnail: the weighted sum of the pixels of its cell."""
    scratch = cuda.shared.array(THREADS, np.int64)
    t = cuda.threadIdx.x
    for at in range(cuda.blockIdx.x, parts * h * w, cuda.gridDim.x):
        part, i, j = at // (h * w), at // w % h, at % w
        top, left = rows[i, 0] - (rows[i, 2] > 0), columns[j, 0] - (columns[j, 2] > 0)
        height = rows[i, 1] + (rows[i, 3] > 0) - top
        width = columns[j, 1] + (columns[j, 3] > 0) - left
        total = np.int64(0)
        for p in range(t, height * width, THREADS):
            y, x = top + p // width, left + p % width
            weight = _share(rows, i, y, row_weight) * _share(columns, j, x, column_weight)
            total += weight * np.int64(plane[y1 + y, (x1 + x) * parts + part])
        total = _total(total, scratch, t)
        if t == 0:
            out[part, i, j] = _grey(np.float64(total) / np.float64(cell), gain, bias)


def shrink_plane(
    arrays: Transfers,
    plane: Any,
    region: Region,
    gain: float,
    bias: float,
    shape: tuple[int, ...],
    out: Any,
) -> None:
    """`thumbnail`, of a plane and into an array that lie on the device."""
    x1, x2, y1, y2 = region
    h, w = shape
    rows, columns = _cells(y2 - y1, h), _cells(x2 - x1, w)
    shrink(arrays, plane, (x1, y1), rows, columns, gain, bias, out.reshape(1, h, w))


def shrink(
    arrays: Transfers,
    plane: Any,
    place: tuple[int, int],
    rows: tuple[I64, int, int],
    columns: tuple[I64, int, int],
    gain: float,
    bias: float,
    out: Any,
) -> None:
    """Average cells: *rows* and *columns* are their borders, the weight of a pixel, the weight of a cell; see `_cells`."""
    parts, h, w = out.shape
    _shrink[blocks(parts * h * w, 1), THREADS](
        plane,
        parts,
        *place,
        arrays.read(rows[0]),
        arrays.read(columns[0]),
        h,
        w,
        rows[1],
        columns[1],
        rows[2] * columns[2],
        float(gain),
        float(bias),
        out,
    )


@device
def _share(cells: I64, i: int, pixel: int, whole: int) -> Any:
    """Weight of a pixel in a cell."""
    if pixel < cells[i, 0]:
        return cells[i, 2]
    if pixel >= cells[i, 1]:
        return cells[i, 3]
    return np.int64(whole)


@device
def _grey(mean: float, gain: float, bias: float) -> np.uint8:
    """Round to the nearest 8-bit grey, halves up; every step is rounded, as on the CPU."""
    level = add(add(multiply(mean, gain), bias), 0.5)
    return np.uint8(min(max(level, 0.0), 255.0))


@kernel
def cell_sums(
    thumbnails: U8,  # IN  (n, height, width)
    n: int,
    height: int,
    width: int,
    sums: I64,  # OUT  (n, cells): weighted sums of the pixels of equal cells
) -> None:
    """A thread for each cell: thumbnails are small, and there are many."""
    rows, columns = CELLS
    for e in range(cuda.grid(1), n * rows * columns, cuda.gridsize(1)):
        picture, cell = e // (rows * columns), e % (rows * columns)
        i, j = cell // columns, cell % columns
        total = np.int64(0)
        for y in range(i * height // rows, ((i + 1) * height + rows - 1) // rows):
            line = np.int64(0)
            for x in range(j * width // columns, ((j + 1) * width + columns - 1) // columns):
                line += _overlap(j, columns, x, width) * np.int64(thumbnails[picture, y, x])
            total += _overlap(i, rows, y, height) * line
        sums[picture, cell] = total


@device
def _overlap(i: int, cells: int, x: int, size: int) -> Any:
    """What cell i of *cells* and pixel x of *size* share, in units of ``1 / cells`` pixels."""
    return min((i + 1) * size, (x + 1) * cells) - max(i * size, x * cells)


@kernel
def hash_blocks(
    plane: U64,  # IN  (rows, stride_words)
    keys: U64,  # IN  (2, BLOCK)
    n_words: int,
    mask: np.uint64,
    n_blocks: int,
    n: int,
    sums: U64,  # OUT  (n,): NH of the blocks, row by row
) -> None:
    """A block of threads for each block of words. *mask* leaves of a row's last word the bytes that count."""
    scratch = cuda.shared.array(THREADS, np.uint64)
    t = cuda.threadIdx.x
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for at in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        y, first = at // n_blocks, (at % n_blocks) * BLOCK
        total = np.uint64(0)
        for i in range(t, min(BLOCK, n_words - first), THREADS):
            word = plane[y, first + i]
            if first + i == n_words - 1:
                word &= mask
            total += ((word + keys[0, i]) & low) * (((word >> half) + keys[1, i]) & low)
        total = _total(total, scratch, t)
        if t == 0:
            sums[at] = total


@device
def _scramble(x: np.uint64) -> np.uint64:
    """splitmix64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def chain_hashes(
    sums: U64,  # IN  (n,)
    n: int,
    rows: np.uint64,
    row_bytes: np.uint64,
    state: U64,  # INOUT  (1,)
) -> None:
    """One thread: every state depends on the one before."""
    now = _scramble(_scramble(_scramble(state[0]) ^ rows) ^ row_bytes)
    for i in range(n):
        now = _scramble(now ^ sums[i])
    state[0] = now


def hash_plane(plane: Any, keys: Any, row_bytes: int, state: Any) -> None:
    """Hash a plane, on the device, into *state*."""
    rows = plane.shape[0]
    n_words, rest = (row_bytes + 7) // 8, row_bytes % 8
    mask = np.uint64((1 << 8 * rest) - 1 if rest else 2**64 - 1)
    n_blocks = -(-n_words // BLOCK)
    n = rows * n_blocks
    sums = empty(max(1, n), np.uint64)
    if n:
        hash_blocks[blocks(n, 1), THREADS](plane, keys, n_words, mask, n_blocks, n, sums)
    chain_hashes[1, 1](sums, n, np.uint64(rows), np.uint64(row_bytes), state)

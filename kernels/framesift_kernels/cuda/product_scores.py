"""Scores of candidates: a product of objectives, as the sum of its logarithms."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, F64, I32, I64, U8
from ._compile import THREADS, add, blocks, device, kernel, multiply, transfers
from ._log import log


def product_scores(
    added: F32,
    sums: F64,
    strengths: F64,
    labels: I32,
    tables: F64,
    closed: U8,
    rows: slice,
    scores: F64,
) -> int:
    """Score rows by the logarithms of objectives: `framesift_kernels.cpu.product_scores`, bit for bit.

    Parameters
    ----------
    added : (t, n) float32, C-contiguous
        What each row adds to the sum of an objective.
    sums, strengths : (t,) float64
        A strength of 0 leaves its objective out.
    labels : (b, n) int32, C-contiguous
        Places in *tables* of the logarithms that are known.
    tables : (u,) float64
    closed : (n,) uint8
        1: not a candidate; its score is no number.
    rows : slice
        Of the n rows those to score.
    scores : (n,) float64
        OUT. Minus infinity where the product makes no sense (0 times infinity).

    All here or on the GPU.

    Returns
    -------
    int
        Of the candidates the first with the highest score; -1 if there is none.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread has a row at a time; each block says
    which of its rows is best.
    """
    start, stop = rows.start, rows.stop
    if stop <= start:
        return -1
    n_blocks = blocks(stop - start)
    values, places = np.empty(n_blocks), np.empty(n_blocks, np.int64)
    with transfers() as arrays:
        is_all = stop - start == len(closed)
        _score[n_blocks, THREADS](
            arrays.read(added),
            arrays.read(sums),
            arrays.read(strengths),
            arrays.read(labels),
            arrays.read(tables),
            arrays.read(closed),
            start,
            stop,
            arrays.write(scores) if is_all else arrays.change(scores),
            arrays.write(values),
            arrays.write(places),
        )
    values, places = values[places >= 0], places[places >= 0]
    return int(places[values == values.max()].min()) if len(places) else -1


@kernel
def _score(
    added: F32,  # IN  (t, n)
    sums: F64,  # IN  (t,)
    strengths: F64,  # IN  (t,)
    labels: I32,  # IN  (b, n)
    tables: F64,  # IN  (u,)
    closed: U8,  # IN  (n,)
    start: int,
    stop: int,
    scores: F64,  # OUT  (n,)
    values: F64,  # OUT  (blocks,): the highest score of each
    places: I64,  # OUT  (blocks,): the first row that has it; -1: none is a candidate
) -> None:
    highest = cuda.shared.array(THREADS, np.float64)
    where = cuda.shared.array(THREADS, np.int64)
    best, at = np.float64(-np.inf), np.int64(-1)
    for i in range(start + cuda.grid(1), stop, cuda.gridsize(1)):
        score = _sum_logs(added, sums, strengths, labels, tables, i)
        if score != score:
            score = -np.inf
        if closed[i]:
            score = np.nan
        elif at < 0 or score > best:
            best, at = score, np.int64(i)
        scores[i] = score
    t = cuda.threadIdx.x
    highest[t], where[t] = best, at
    _reduce(highest, where, t)
    if t == 0:
        values[cuda.blockIdx.x], places[cuda.blockIdx.x] = highest[0], where[0]


@device
def _sum_logs(added: F32, sums: F64, strengths: F64, labels: I32, tables: F64, i: int) -> Any:
    score = np.float64(0)
    for t in range(sums.shape[0]):
        if strengths[t] != 0:
            score = add(score, multiply(strengths[t], log(sums[t] + np.float64(added[t, i]))))
    for b in range(labels.shape[0]):
        score = add(score, tables[labels[b, i]])
    return score


@device
def _reduce(values: F64, places: I64, t: int) -> None:
    """The highest of a block and the first that has it, to place 0; to be called by all its threads."""
    cuda.syncthreads()
    step = THREADS // 2
    while step > 0:
        if t < step and places[t + step] >= 0:
            higher = values[t + step] > values[t]
            first = values[t + step] == values[t] and places[t + step] < places[t]
            if places[t] < 0 or higher or first:
                values[t], places[t] = values[t + step], places[t + step]
        cuda.syncthreads()
        step //= 2

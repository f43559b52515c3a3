"""Scores of candidates: a product of objectives, as the sum of its logarithms."""

import numpy as np

from .. import F32, F64, I32, I64, U8
from ._compile import kernel, native
from ._log import log

_BLOCK = 1024  # scores that stay in the first cache between terms
_LANES = 32


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
    """Score rows: ``sum over t of strengths[t] * ln(sums[t] + added[t, i]) + sum over b of tables[labels[b, i]]``.

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

    Returns
    -------
    int
        Of the candidates the first with the highest score; -1 if there is none.
    """
    best, lanes = np.empty(1, np.int64), np.empty(_LANES)
    _score(added, sums, strengths, labels, tables, closed, rows.start, rows.stop, scores, lanes, best)
    return int(best[0])


@native
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
    lanes: F64,  # scratch  (_LANES,)
    best: I64,  # OUT  (1,)
) -> None:
    best[0] = -1
    top = -np.inf
    for first in range(start, stop, _BLOCK):
        last = min(first + _BLOCK, stop)
        block = scores[first:last]
        block[:] = 0.0
        for t in range(len(sums)):
            if strengths[t] != 0:
                _add_logs(added[t, first:last], sums[t], strengths[t], block)
        for b in range(len(labels)):
            place = labels[b, first:last]
            for i in range(len(block)):
                block[i] += tables[place[i]]
        _mask(closed[first:last], block)
        highest = _highest(block, lanes)
        if highest > top or best[0] < 0:
            top = highest
            for i in range(len(block)):
                if block[i] == highest:
                    best[0] = first + i
                    break


@kernel
def _add_logs(added: F32, total: float, strength: float, out: F64) -> None:  # IN (n,), INOUT (n,)
    for i in range(len(out)):
        out[i] += strength * log(total + np.float64(added[i]))


@kernel
def _mask(closed: U8, scores: F64) -> None:  # IN (n,), INOUT (n,)
    for i in range(len(scores)):
        defined = scores[i] if scores[i] == scores[i] else -np.inf
        scores[i] = np.nan if closed[i] else defined


@kernel
def _highest(values: F64, lanes: F64) -> float:  # IN (n,), scratch (_LANES,)
    """The largest that is a number, else minus infinity; over lanes, since one maximum is one chain of waits."""
    lanes[:] = -np.inf
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        part = values[start : start + _LANES]
        for j in range(_LANES):
            lanes[j] = part[j] if part[j] > lanes[j] else lanes[j]
    highest = -np.inf
    for j in range(_LANES):
        highest = max(highest, lanes[j])
    for value in values[whole:]:
        highest = value if value > highest else highest
    return highest

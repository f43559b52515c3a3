"""How well class shares would fit a target with each of some rows added."""

import numpy as np
from numba import cuda

from .. import F32, F64
from ..cpu.balance_logs import _FACTORS, _LEAST
from ._compile import THREADS, add, blocks, empty, kernel, multiply, transfers
from ._log import log


def balance_logs(rows: F32, sums: F64, target: F64) -> F64:
    """Logarithm of ``1 / (1 + KL(target || shares) / H(target))``: `framesift_kernels.cpu.balance_logs`, bit for bit.

    Parameters
    ----------
    rows : (classes, n) float32, C-contiguous
        What each row would add to the classes.
    sums : (classes,) float64
        What the classes have.
    target : (classes,) float64
        Shares, above 0; their sum is 1.

    All here or on the GPU.

    Returns
    -------
    (n,) float64
        NumPy array. Shares are sums and row over their total, at least 1e-10 each.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread has a row, and neighbours read
    neighbours. Scratch: 8 bytes a class.
    """
    classes, n = rows.shape
    out = np.empty(n)
    if n:
        with transfers() as arrays:
            given = arrays.read(target)
            terms = empty(max(1, classes), np.float64)
            _entropy_terms[blocks(classes), THREADS](given, classes, terms)
            _balance[blocks(n), THREADS](
                arrays.read(rows), arrays.read(sums), given, terms, classes, n, arrays.write(out)
            )
    return out


@kernel
def _entropy_terms(target: F64, classes: int, terms: F64) -> None:  # IN (classes,), OUT (classes,)
    for c in range(cuda.grid(1), classes, cuda.gridsize(1)):
        terms[c] = multiply(target[c], log(target[c]))


@kernel
def _balance(
    rows: F32,  # IN  (classes, n)
    sums: F64,  # IN  (classes,)
    target: F64,  # IN  (classes,)
    terms: F64,  # IN  (classes,): of minus the target's entropy
    classes: int,
    n: int,
    out: F64,  # OUT  (n,)
) -> None:
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        entropy, total = np.float64(0), np.float64(0)
        for c in range(classes):
            entropy -= terms[c]
            total += sums[c] + np.float64(rows[c, i])
        scale = 1.0 / total if total > 0 else 0.0
        left, product, factors = -entropy, np.float64(1), 0
        for c in range(classes):
            share = multiply(sums[c] + np.float64(rows[c, i]), scale)
            product = multiply(product, max(share, _LEAST))
            factors += 1
            if factors == _FACTORS or c + 1 == classes or target[c + 1] != target[c]:
                left = add(left, -multiply(target[c], log(product)))
                product, factors = np.float64(1), 0
        out[i] = -log(1.0 + left / entropy)

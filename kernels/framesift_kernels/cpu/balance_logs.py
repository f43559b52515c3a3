"""How well class shares would fit a target with each of some rows added."""

import numpy as np

from .. import F32, F64
from ._compile import native
from ._log import log

_LEAST = 1e-10
_FACTORS = 24  # whose product stays above the smallest float64


def balance_logs(rows: F32, sums: F64, target: F64) -> F64:
    """Logarithm of ``1 / (1 + KL(target || shares) / H(target))``, for every row.

    Parameters
    ----------
    rows : (classes, n) float32, C-contiguous
        What each row would add to the classes.
    sums : (classes,) float64
        What the classes have.
    target : (classes,) float64
        Shares, above 0; their sum is 1.

    Returns
    -------
    (n,) float64
        shares are sums and row over their total, at least 1e-10 each.
    """
    out, totals, products = np.empty((3, rows.shape[1]))
    _balance(rows, sums, target, totals, products, out)
    return out


@native
def _balance(
    rows: F32,  # IN  (classes, n)
    sums: F64,  # IN  (classes,)
    target: F64,  # IN  (classes,)
    totals: F64,  # scratch  (n,)
    products: F64,  # scratch  (n,)
    out: F64,  # OUT  (n,)
) -> None:
    entropy, factors = 0.0, 0
    totals[:] = 0.0
    for c in range(len(target)):
        entropy -= target[c] * log(target[c])
        for i in range(len(out)):
            totals[i] += sums[c] + np.float64(rows[c, i])
    for i in range(len(out)):
        totals[i] = 1.0 / totals[i] if totals[i] > 0 else 0.0
    # KL = -H - sum of target * ln(share), for classes of equal targets the logarithm of the product of their shares
    out[:] = -entropy
    products[:] = 1.0
    for c in range(len(target)):
        for i in range(len(out)):
            products[i] *= max((sums[c] + np.float64(rows[c, i])) * totals[i], _LEAST)
        factors += 1
        if factors == _FACTORS or c + 1 == len(target) or target[c + 1] != target[c]:
            for i in range(len(out)):
                out[i] -= target[c] * log(products[i])
                products[i] = 1.0
            factors = 0
    for i in range(len(out)):
        out[i] = -log(1.0 + out[i] / entropy)

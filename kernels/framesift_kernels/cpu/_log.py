"""The natural logarithm as plain arithmetic: loops over it become SIMD, and every processor gives the same bits."""

from typing import Any

import numpy as np

from ._compile import kernel

# Reduction and polynomial of FreeBSD's e_log.c (Sun Microsystems 1993): error below 1 unit in the last place.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_L1, _L2, _L3, _L4 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
)
_L5, _L6, _L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 0x3FF0000000000000


@kernel
def log(x: float) -> Any:
    """ln x of a normal positive x; minus infinity for 0 and what is smaller than the normal numbers."""
    bits = np.int64(np.float64(x).view(np.int64))
    # x = 2**k * m, m from sqrt(1/2) to sqrt(2)
    k = (bits - np.int64(_ROOT_HALF_BITS)) >> np.int64(52)
    m = np.int64(bits - (k << np.int64(52))).view(np.float64)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    r = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))
    half = 0.5 * f * f
    e = np.float64(k)
    found = e * _LN2_HIGH - ((half - (s * (half + r) + e * _LN2_LOW)) - f)
    return found if x >= 2.2250738585072014e-308 else -np.inf

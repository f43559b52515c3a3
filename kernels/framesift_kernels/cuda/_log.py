"""`framesift_kernels.cpu._log`, with every step rounded as there."""

from typing import Any

import numpy as np

from ..cpu._log import (
    _L1,
    _L2,
    _L3,
    _L4,
    _L5,
    _L6,
    _L7,
    _LN2_HIGH,
    _LN2_LOW,
    _ROOT_HALF_BITS,
)
from ._compile import add, device, double_bits, double_of, multiply


@device
def log(x: float) -> Any:
    """ln x of a normal positive x; minus infinity for 0 and what is smaller than the normal numbers."""
    bits = double_bits(x)
    k = (bits - np.int64(_ROOT_HALF_BITS)) >> np.int64(52)
    f = double_of(bits - (k << np.int64(52))) - 1.0
    s = f / (2.0 + f)
    z = multiply(s, s)
    w = multiply(z, z)
    odd = multiply(z, _horner(w, _L1, _L3, _L5, _L7))
    even = multiply(w, add(multiply(w, add(multiply(w, _L6), _L4)), _L2))
    r = add(odd, even)
    half = multiply(multiply(0.5, f), f)
    e = np.float64(k)
    corrected = add(multiply(s, add(half, r)), multiply(e, _LN2_LOW))
    found = multiply(e, _LN2_HIGH) - ((half - corrected) - f)
    return found if x >= 2.2250738585072014e-308 else -np.inf


@device
def _horner(w: float, a: float, b: float, c: float, d: float) -> Any:
    """``a + w * (b + w * (c + w * d))``."""
    return add(multiply(w, add(multiply(w, add(multiply(w, d), c)), b)), a)

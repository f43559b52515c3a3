"""The rows on coverage of suite ``kernels``."""

from typing import TYPE_CHECKING, Any

import numpy as np

import framesift as fs

from .peers import medoids

if TYPE_CHECKING:
    from .cases import Bench

_COVER = {"tiny": (200, 16, 5), "small": (3000, 1024, 50), "full": (3000, 1024, 50)}
_ORDER = 4


def coverage_rows(bench: "Bench", size: str, vectors: Any) -> None:
    """Coverage of order 4 with swaps; what the two leave is in the measurements, ours over theirs."""
    n, d, k = _COVER[size]
    for kind in ("uniform", "clustered", "drift"):
        x = vectors(kind, n, d)
        bench.compare(
            f"coverage {n}x{d}, {k} picks with swaps, {kind}",
            2 * n * n * d / bench.flops,
            {
                "framesift": lambda x=x: fs.coverage(x, k, order=_ORDER),
                "plain NumPy": lambda x=x: medoids.coverage(x, k, _ORDER),
            },
        )
        left = [_left(x, picks) for picks in (fs.coverage(x, k)[0], medoids.coverage(x, k, _ORDER))]
        bench.measurements.append({"case": f"coverage, {kind}: sum left", "ratio": left[0] / left[1]})


def _left(x: Any, picks: Any) -> float:
    nearest = np.min([np.square(x - x[pick]).sum(axis=1) for pick in picks], axis=0)
    return float((nearest ** (_ORDER / 2)).sum(dtype=np.float64))

"""The rows on coverage of suite ``kernels``."""

from typing import TYPE_CHECKING, Any

import numpy as np

import framesift as fs

from .cases import Case
from .inputs import kinds
from .peers import medoids
from .workers import Given

if TYPE_CHECKING:
    from .cases import Bench

_COVER = {"tiny": (200, 16, 5), "small": (3000, 1024, 50), "full": (3000, 1024, 50)}
_ORDER = 4


def coverage_rows(bench: "Bench", size: str, vectors: Any) -> None:
    """Coverage of order 4 with swaps; both are judged by the sum that they leave."""
    n, d, k = _COVER[size]
    floor_s = 2 * n * n * d / bench.flops

    def whole(kind: str) -> Case:
        x = vectors(kind, n, d)
        return Case(
            f"coverage {n}x{d}, {k} picks with swaps, {kind}",
            floor_s,
            {
                "framesift": lambda: fs.coverage(x, k, order=_ORDER, device=bench.device)[0],
                "plain NumPy": Given(medoids.coverage, (x, k, _ORDER), (x[: 2 * k], k, _ORDER)),
            },
            lambda picks: {"sum_left": _left(x, picks)},
        )

    x = vectors("clustered", n, d)
    first = Case(
        f"coverage {n}x{d}, the costs of all pairs and the first pick",
        floor_s,
        {
            "framesift": lambda: fs.coverage(x, 1, order=_ORDER, max_swaps=0, device=bench.device)[0],
            "plain NumPy": lambda: medoids.coverage(x, 1, _ORDER, rounds=0),
        },
        lambda picks: {"sum_left": _left(x, picks)},
    )
    bench.compare_all([*map(whole, kinds(size)), first])


def _left(x: Any, picks: Any) -> float:
    nearest = np.min([np.square(x - x[pick]).sum(axis=1) for pick in picks], axis=0)
    return float((nearest ** (_ORDER / 2)).sum(dtype=np.float64))

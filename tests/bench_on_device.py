"""``kernels``, ``k-center`` (one case of it) and ``scale`` of the bench on a GPU: a line of JSON each.

In the simulator with very few, very small inputs.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import devices
from bench import (
    cases,
    kernels,
    kernels_coverage,
    kernels_masks,
    kernels_means,
    kernels_neighbours,
    rooflines,
    scale,
)
from bench.cases import Bench, rows
from bench.results import Settings

Row = dict[str, Any]

if devices.SIMULATED:
    devices.settle_simulator()
    kernels._PICKS["tiny"], kernels._BLOCKS["tiny"] = (12, 3, 3), (16, 3, 3)
    kernels._FACILITIES["tiny"] = (8, 3, 2)
    kernels_means._SIZES["tiny"] = (24, 3, 3)
    kernels_coverage._COVER["tiny"] = (8, 3, 2)
    kernels_neighbours._ROWS["tiny"], kernels_neighbours._PRODUCT["tiny"] = (16, 3, 2), (12, 3, 3)
    kernels_masks._SHAPE["tiny"] = (2, 9, 16)
    scale._ROWS["tiny"], scale._COUNTS["tiny"], scale._DIMENSIONS["tiny"] = (10, 20), (2, 3), (2, 3)
    cases.ITERATIONS = 2
    rooflines.flops = rooflines.bandwidth = lambda: 1e9

SETTINGS = Settings(size="tiny", device="cuda")


def kcenter() -> list[Row]:
    """One case of suite ``kernels``."""
    bench = Bench(1, SETTINGS.device)
    kernels._kcenter(bench, SETTINGS.size, *kernels._PICKS[SETTINGS.size])
    return rows(bench.measurements)


SUITES: dict[str, Callable[[], list[Row]]] = {
    "k-center": kcenter,
    "kernels": lambda: kernels.rows(kernels.measure(SETTINGS)),
    "scale": lambda: scale.rows(scale.measure(SETTINGS)),
}
for name in sys.argv[1:]:
    print(json.dumps({"suite": name, "rows": SUITES[name]()}, default=str))

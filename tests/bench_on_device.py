"""Suites of the bench on a GPU, by name: one row of JSON each. In the simulator of very few, very small inputs."""

import json
import sys

import devices
from bench import (
    kernels,
    kernels_coverage,
    kernels_masks,
    kernels_means,
    kernels_neighbours,
    rooflines,
    scale,
)
from bench.results import Settings

if devices.SIMULATED:
    devices.settle_simulator()
    kernels._PICKS["tiny"], kernels._BLOCKS["tiny"] = (12, 3, 3), (16, 3, 3)
    kernels._FACILITIES["tiny"] = (8, 3, 2)
    kernels_means._SIZES["tiny"] = (24, 3, 3)
    kernels_coverage._COVER["tiny"] = (8, 3, 2)
    kernels_neighbours._ROWS["tiny"], kernels_neighbours._PRODUCT["tiny"] = (16, 3, 2), (12, 3, 3)
    kernels_masks._SHAPE["tiny"] = (2, 9, 16)
    scale._ROWS["tiny"], scale._COUNTS["tiny"], scale._DIMENSIONS["tiny"] = (10, 20), (2, 3), (2, 3)
    rooflines.flops = rooflines.bandwidth = lambda: 1e9

for name in sys.argv[1:]:
    suite = {"kernels": kernels, "scale": scale}[name]
    measurements = suite.measure(Settings(size="tiny", device="cuda"))
    print(json.dumps({"suite": name, "rows": suite.rows(measurements)}, default=str))

"""Suite ``kernels``: selection on vectors and run-length masks, beside peers, in turn, a process each.

Each row: the middle of some runs of ours and of a peer's, how many times faster ours is, and what share of the
machine's roofline it reaches. Where the plain procedure has a floor (its reads at the machine's bandwidth, its
distances at the machine's FMAs), ``roofline`` is that floor over our time: above 1, less was done than that.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr

import framesift as fs
from framesift.features.matrix import Matrix

from . import metrics
from .cases import Bench, Case, rows
from .inputs import kinds, vectors
from .kernels_coverage import coverage_rows
from .kernels_masks import mask_rows
from .kernels_means import means_rows
from .kernels_neighbours import neighbour_rows
from .peers import mundig, plain, submodular
from .results import Settings
from .workers import Given, Took, apart

__all__ = ["measure", "rows", "vectors"]

Row = dict[str, Any]
_PICKS = {"tiny": (2000, 16, 50), "small": (100_000, 128, 1000), "full": (100_000, 128, 1000)}
_BLOCKS = {"tiny": (4000, 16, 40), "small": (300_000, 256, 400), "full": (1_000_000, 256, 400)}
_BLOCK_KINDS = {"tiny": ("clustered",), "small": ("drift",), "full": ("uniform", "clustered", "drift")}
"""Of rows on disk: small is the kind that needs most passes."""
_FACILITIES = {"tiny": (300, 16, 10), "small": (3000, 128, 50), "full": (20_000, 128, 200)}
_REPEATS = {"tiny": 1, "small": 5, "full": 7}
_ENOUGH_S = {"tiny": 1.0, "small": 1.0, "full": 10.0}
_LITTLE = 2000
"""Rows on which a peer that takes long is warmed up."""


def measure(settings: Settings) -> list[Row]:
    """Every case, ours and the peers in turn."""
    size = settings.size
    bench = Bench(_REPEATS[size], settings.device, enough_s=_ENOUGH_S[size])
    _kcenter(bench, size, *_PICKS[size])
    means_rows(bench, size)
    _facility_location(bench, *_FACILITIES[size])
    _kcenter_in_blocks(bench, size, *_BLOCKS[size])
    coverage_rows(bench, size, vectors)
    neighbour_rows(bench, size, vectors)
    mask_rows(bench, size)
    return bench.measurements


def _kcenter(bench: Bench, size: str, n: int, d: int, k: int) -> None:
    theirs = mundig.kcenter()

    def case(kind: str) -> Case:
        x = vectors(kind, n, d)
        return Case(
            f"k-center {n}x{d}, {k} picks, {kind}",
            k * x.nbytes / bench.bandwidth,
            {
                "framesift": lambda: fs.kcenter_greedy(x, k, device=bench.device)[0],
                "framesift, rows on the device": bench.on_device(
                    lambda x: fs.kcenter_greedy(x, k, device=bench.device)[0], x
                ),
                "plain sweep": Given(plain.kcenter, (x, k), (x[:_LITTLE], k)),
                "lightly-mundig": Given(theirs, (x, k), (x[:_LITTLE], k)) if theirs else None,
            },
            lambda picks: {"picks": [int(at) for at in picks], "radius": metrics.radius(x, picks)},
        )

    bench.compare_all([case(kind) for kind in kinds(size)])


def _kcenter_in_blocks(bench: Bench, size: str, n: int, d: int, k: int) -> None:
    """Passes over a float16 zarr array eight times the budget; the peer is reading it once a pick, and nothing else."""
    for kind in _BLOCK_KINDS[size]:
        with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
            path, little = Path(folder, "x.zarr"), Path(folder, "little.zarr")
            apart(partial(_write, path, kind, n, d))
            apart(partial(_write, little, kind, min(n, 20_000), d))
            bench.compare(
                f"k-center {n}x{d} float16 from disk, {k} picks, {kind}",
                2 * n * d * k / bench.flops,
                {
                    "framesift": Given(partial(_count_passes, device=bench.device), (path, k), (little, k)),
                    f"reading {k} times": partial(_read, path, k),
                },
                lambda passes: {"passes": passes},
            )


def _write(path: Path, kind: str, n: int, d: int) -> None:
    chunks = (min(2048, n // 4), d)
    array = zarr.create_array(path, shape=(n, d), chunks=chunks, dtype=np.float16, compressors=None)
    array[:] = vectors(kind, n, d).astype(np.float16)


def _count_passes(path: Path, k: int, *, device: str) -> float:
    array, rows, original = zarr.open_array(path, mode="r"), [], Matrix.read

    def read(self: Matrix, part: slice) -> Any:
        rows.append(part.stop - part.start)
        return original(self, part)

    Matrix.read = read  # type: ignore[method-assign]
    try:
        fs.kcenter_greedy(array, k, max_bytes=array.nbytes // 8, device=device)
        return float(sum(rows) / array.shape[0])
    finally:
        Matrix.read = original  # type: ignore[method-assign]


def _read(path: Path, times: int) -> Took:
    """What reading it *times* takes, as one pass says."""
    array = zarr.open_array(path, mode="r")
    began = time.perf_counter()
    for start in range(0, array.shape[0], array.chunks[0]):
        array[start : start + array.chunks[0]]
    return Took(times * (time.perf_counter() - began), float(times))


def _facility_location(bench: Bench, n: int, d: int, k: int) -> None:
    """Coverage of order 1 without swaps; what every program leaves is measured as distances, whatever it counts by."""
    x = vectors("clustered", n, d)
    peers = {"submodlib": submodular.submodlib(), "apricot": submodular.apricot()}
    bench.compare(
        f"facility location {n}x{d}, {k} picks",
        2 * n * n * d / bench.flops,
        {
            "framesift": lambda: fs.coverage(x, k, order=1, max_swaps=0, device=bench.device)[0],
            **{
                name: Given(select, (x, k), (x[: 2 * k], k)) if select else None
                for name, select in peers.items()
            },
        },
        lambda picks: {"picks": [int(at) for at in picks], "mean_distance": metrics.mean_distance(x, picks)},
    )

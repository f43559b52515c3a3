"""Suite ``compile``: what the first call of a kernel takes, with nothing cached and with its code cached.

Each call is made in a process of its own: ``python -m bench.compile KERNEL`` prints what it took. Importing NumPy and
the package comes before; what the kernel needs besides (Numba, LLVM) is in it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from .record import shared, turns

Row = dict[str, Any]
_REPEATS = {"tiny": 1, "small": 1, "full": 7}
_SOME = {"tiny": ["picture"], "small": ["picture", "assign_sums", "pick_farthest", "rle_encode"]}
"""Kernels of which it is measured: what a selection calls first; of size ``full`` all."""


def _calls() -> dict[str, Callable[[Any], Any]]:
    """A call of each kernel, on little data of the type that it is mostly used on."""
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 256, (64, 64), np.uint8)
    words, region = plane.view(np.uint64), (0, 64, 0, 64)
    thumbnails = rng.integers(0, 256, (4, 16, 16), np.uint8)
    x = rng.random((300, 32), np.float32)
    c, rows = x[:40].copy(), np.arange(300)
    labels, near = np.zeros(300, np.int32), np.zeros(300, np.int32)
    sqdist, lower = np.full(300, np.inf, np.float32), np.zeros(300, np.float32)
    applied = np.full(300, 1, np.int32)
    mask = (plane > 200).astype(np.uint8)
    counts = np.array([5, 3, 8], np.int64)
    offsets, boxes = np.array([0, 3]), np.array([[0, 0, 4, 4]])
    picks, reached = np.empty(5, np.int64), np.empty(5, np.float32)
    centers = np.empty((6, 32), np.float32)
    out = np.zeros((16, 16), np.uint8)
    return {
        "thumbnail": lambda k: k.thumbnail(plane, region, 1.0, 0.0, out),
        "sharpness": lambda k: k.sharpness(plane, region, 8),
        "content_hash": lambda k: k.content_hash(words, 64, 0),
        "picture": lambda k: k.picture(plane, [words], (64,), region, 8, 1.0, 0.0, out),
        "luminance": lambda k: k.luminance(thumbnails),
        "motion_energy": lambda k: k.motion_energy(thumbnails, None),
        "assign": lambda k: k.assign(x, c),
        "assign_sums": lambda k: k.assign_sums(x, c, labels, sqdist),
        "bounded_sums": lambda k: k.bounded_sums(x, c, 0.0, labels, sqdist, lower),
        "potentials": lambda k: k.potentials(x, c, sqdist, np.empty((len(x), len(c)), np.float32)),
        "cluster_sums": lambda k: k.cluster_sums(x, labels, 1),
        "lower_nearest": lambda k: k.lower_nearest(x, rows, c, 0, sqdist, near),
        "lower_grouped": lambda k: k.lower_grouped(x, rows, c, applied, sqdist, near),
        "pick_farthest": lambda k: k.pick_farthest(
            x, rows, sqdist, near, applied, 0.0, centers, 0, picks, reached
        ),
        "rle_encode": lambda k: k.rle_encode(mask, True),
        "rle_decode": lambda k: k.rle_decode(np.array([4096]), mask, True),
        "rle_value_changes": lambda k: k.rle_value_changes(plane.ravel(), 1, 1),
        "rle_to_string": lambda k: k.rle_to_string(counts),
        "rle_from_string": lambda k: k.rle_from_string(b"538"),
        "rle_merge": lambda k: k.rle_merge(counts, counts, True),
        "rle_box": lambda k: k.rle_box(counts, 4),
        "rle_overlaps": lambda k: k.rle_overlaps(counts, offsets, boxes, counts, offsets, boxes),
    }


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a kernel; after Numba and LLVM have been read from disk once."""
    subprocess.run([sys.executable, "-c", "import numba, llvmlite.binding"], check=True)
    measurements: list[Row] = []
    rows: list[Row] = []
    for name in shared(_SOME.get(size) or list(_calls())):
        first, cached = [], []
        for _ in turns(_REPEATS[size], warm_up=0):
            with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
                first.append(_measure(name, folder))
                cached.append(_measure(name, folder))
        measurements += [{"kernel": name, "code": "none", **m} for m in first]
        measurements += [{"kernel": name, "code": "cached", **m} for m in cached]
        rows.append(
            {
                "kernel": name,
                "first call ms": 1e3 * median(m["wall_s"] for m in first),
                "of it cpu ms": 1e3 * median(m["cpu_s"] for m in first),
                "cached ms": 1e3 * median(m["wall_s"] for m in cached),
                "cached cpu ms": 1e3 * median(m["cpu_s"] for m in cached),
                "cached imports Numba": "yes" if cached[0]["numba"] else "no",
            }
        )
    return measurements, rows


def _measure(name: str, folder: str) -> dict[str, Any]:
    env = {**os.environ, "NUMBA_CACHE_DIR": folder}
    command = [sys.executable, "-m", "bench.compile", name]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, env=env))
    return found


def _main(name: str) -> None:
    from framesift_kernels import load

    kernels, call = load("cpu"), _calls()[name]
    wall, cpu = time.perf_counter(), time.process_time()
    call(kernels)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "numba": "numba" in sys.modules}))


if __name__ == "__main__":
    _main(sys.argv[1])

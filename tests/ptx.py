"""Compile every GPU kernel, for all types it takes, without a GPU: to PTX, and with ptxas if it is there.

Run as a program: prints a line for each, with the registers of a thread and its bytes of
local memory (arrays that did not fit into registers), and operations that round otherwise than written. Needs what
``pip install 'framesift[cuda]'`` brings.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda, typeof

CAPABILITY = (9, 0)
compiled: dict[tuple[str, str], str] = {}


class Array(np.ndarray):
    """What stands for an array on the GPU."""

    def copy_to_host(self, out: Any = None) -> Any:
        if out is None:
            return np.array(self)
        out[...] = self
        return out


class Launch:
    """A kernel that is compiled when it is launched, and not run."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __getitem__(self, _: Any) -> "Launch":
        return self

    def __call__(self, *args: Any) -> None:
        types = tuple(typeof(np.asarray(a) if isinstance(a, np.ndarray) else a) for a in args)
        kinds = ", ".join(f"{a.dtype}" for a in args if isinstance(a, np.ndarray))
        name = f"{self.function.__module__.rsplit('.')[-1]}.{self.function.__name__}"
        if (name, kinds) not in compiled:
            compiled[name, kinds] = cuda.compile_ptx(self.function, types, cc=CAPABILITY)[0]


def without_gpu() -> Any:
    """The kernels, on a GPU that is none."""
    from numba.cuda import dispatcher

    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CAPABILITY)
    jit = cuda.jit
    cuda.jit = lambda f, device=False: jit(f, device=True) if device else Launch(f)
    cuda.is_available = lambda: True
    cuda.get_current_device = lambda: SimpleNamespace(MULTIPROCESSOR_COUNT=132)
    cuda.to_device = lambda a: np.array(a).view(Array)
    cuda.device_array = lambda shape, dtype: np.zeros(shape, dtype).view(Array)
    import framesift_kernels

    return framesift_kernels.load("cuda")


def call_all(kernels: Any) -> None:
    """Every kernel that is compiled, with all types."""
    n, d, k = 9, 4, 3
    numbers, one = np.zeros(n, np.int32), np.ones(n, np.float32)
    rows, centers = np.arange(n), np.ones((k, d), np.float32)
    for dtype in (np.uint8, np.float16, np.float32):
        x = np.ones((n, d), dtype)
        kernels.assign(x, centers)
        kernels.assign_sums(x, centers, numbers.copy(), one.copy())
        kernels.bounded_sums(x, centers, 0.0, numbers.copy(), one.copy(), one.copy())
        kernels.cluster_sums(x, numbers, k)
        kernels.potentials(x, centers, one, np.empty((len(x), len(centers)), np.float32))
        kernels.lower_nearest(x, rows, centers, 1, one.copy(), numbers.copy())
        kernels.lower_grouped(x, rows, centers, numbers, one.copy(), numbers.copy())
        picks, reached = np.zeros(2, np.int64), np.zeros(2, np.float32)
        kernels.pick_farthest(
            x, rows, one.copy(), numbers.copy(), numbers.copy(), 0.5, centers, 1, picks, reached
        )
        kernels.pair_costs(x, rows, centers, 0.5, 3, np.zeros((n, k), np.float32), 0, False)
        kernels.take(x, rows)
        kernels.is_finite(x)
        kernels.lead(x, 0, 0.5, one.copy(), numbers.copy(), np.zeros(n, np.int64))
        for other in (np.uint8, np.float16, np.float32):
            kernels.nearest(
                x, x.astype(other), 0, 0, np.zeros((n, 2), np.uint64), np.zeros((0, 2), np.uint64)
            )
    table = np.ones((k, n))
    kernels.balance_logs(table.astype(np.float32), table[:, 0], table[:, 0])
    places, closed = np.zeros((1, n), np.int32), np.zeros(n, np.uint8)
    kernels.product_scores(
        table.astype(np.float32), table[:, 0], table[:, 0], places, table[0], closed, slice(0, n), table[0]
    )
    costs, near = np.ones((n, 16), np.float32), np.ones(16, np.float32)
    slot = np.zeros(16, np.int32)
    kernels.cost_gains(costs, rows, near, near)
    kernels.add_savings(costs, rows, near, near, near, slot, 0, 16, np.zeros((k, 16)))
    kernels.swap_changes(costs, rows, near, near, slot, near, np.zeros(k), numbers)
    kernels.nearest_two(costs[:k], -1, near, near.copy(), near.copy(), slot.copy(), slot.copy())
    thumbnails = np.zeros((2, 4, 4), np.uint8)
    kernels.luminance(thumbnails)
    kernels.motion_energy(thumbnails, thumbnails[0])
    kernels.difference_hash(thumbnails)
    for dtype, depth in ((np.uint8, 8), (np.uint16, 10)):
        plane, out = np.zeros((16, 16), dtype), np.zeros((3, 3), np.uint8)
        kernels.picture(plane, [plane.view(np.uint64)], (9,), (0, 16, 0, 16), depth, 1.0, 0.0, out)
        kernels.chroma(plane, (1, 1), (0, 16, 0, 16), 1.0, 0.0, out[None])
    mask = np.ones((5, 5), np.uint8)
    for columns in (False, True):
        kernels.rle_encode(mask, columns)
        kernels.rle_decode(np.array([5, 20]), mask, columns)
    for dtype in (np.uint8, np.uint16, np.int32, np.int64, np.uint64):
        kernels.rle_value_changes(np.ones(9, dtype), 1, 1)
    offsets, boxes = np.array([0, 2]), np.array([[0, 0, 2, 2]])
    kernels.rle_overlaps(rows, offsets, boxes, rows, offsets, boxes)


def assembled(ptx: str) -> str:
    """Registers and local memory, as ptxas says; or that there is none."""
    found = importlib.util.find_spec("nvidia")
    places = list(found.submodule_search_locations or []) if found else []
    tools = [tool for place in places for tool in Path(place).glob("*/bin/ptxas")]
    if not tools:
        return "no ptxas"
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        target = f"-arch=sm_{CAPABILITY[0]}{CAPABILITY[1]}"
        relocatable = (
            ["-c"] if "cudaCGGetIntrinsicHandle" in ptx else []
        )  # linked with the driver's part of it
        command = [str(tools[0]), "-v", target, *relocatable, file.name, "-o", "/dev/null"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers = re.search(r"Used (\d+) registers", said)
    local = [int(size) for size in re.findall(r"(\d+) bytes (?:stack frame|spill stores)", said)]
    return f"{registers[1] if registers else '?'} registers, {sum(local)} bytes of local memory"


def main() -> None:
    call_all(without_gpu())
    for (name, kinds), ptx in sorted(compiled.items()):
        fused = len(re.findall(r"fma\.rn\.f32", ptx)), len(re.findall(r"fma\.rn\.f64", ptx))
        loose = len(re.findall(r"\.approx|\.ftz|div\.full", ptx))
        print(f"{name}({kinds}): {assembled(ptx)}, {loose} approximations, {fused[0]} + {fused[1]} FMAs")


if __name__ == "__main__":
    sys.exit(main())

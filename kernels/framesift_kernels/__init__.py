"""Compiled kernels: arrays in, arrays out. One module a device, every module with the same functions."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Rows = npt.NDArray[np.uint8] | npt.NDArray[np.float16] | npt.NDArray[np.float32]
Region = tuple[int, int, int, int]
"""x1, x2, y1, y2: half-open pixel ranges of a plane."""


class DeviceUnavailableError(RuntimeError):
    """The device asked for cannot be used here."""


class PictureAt(Protocol):
    """What ``picture_at`` returns."""

    def __call__(self, out: int, planes: Sequence[int]) -> tuple[float, int]: ...


class Kernels(Protocol):
    """What a device module provides; `load` returns such a module."""

    CALLED_IN_THREADS: bool
    """Whether to call a kernel from several threads, with a part of the rows each, or once with all of them."""
    CACHED_ELEMENTS: int
    """Numbers, 4 bytes each, that the caches of the device hold for sure."""

    def thumbnail(self, plane: Plane, region: Region, gain: float, bias: float, out: U8) -> None: ...

    def chroma(
        self, plane: Plane, shift: tuple[int, int], region: Region, gain: float, bias: float, out: U8
    ) -> None: ...

    def sharpness(self, plane: Plane, region: Region, depth: int) -> float: ...

    def content_hash(self, plane: U64, row_bytes: int, seed: int) -> int: ...

    def picture(
        self,
        luma: Plane,
        planes: Sequence[U64],
        row_bytes: tuple[int, ...],
        region: Region,
        depth: int,
        gain: float,
        bias: float,
        out: U8,
    ) -> tuple[float, int]: ...

    def picture_at(
        self,
        luma: Plane,
        planes: Sequence[U64],
        row_bytes: tuple[int, ...],
        region: Region,
        depth: int,
        gain: float,
        bias: float,
        out: U8,
    ) -> PictureAt: ...

    def draw(self, picture: U8, strokes: F32, colors: F32) -> None: ...

    def luminance(self, thumbnails: U8) -> tuple[F32, F32, U8]: ...

    def motion_energy(self, thumbnails: U8, previous: U8 | None) -> F32: ...

    def difference_hash(self, thumbnails: U8) -> U64: ...

    def xxh3(self, data: U8, seed: int) -> int: ...

    def assign(self, x: Rows, centers: F32) -> tuple[I32, F32]: ...

    def assign_sums(self, x: Rows, centers: F32, labels: I32, sqdist: F32) -> tuple[F64 | I64, I64]: ...

    def bounded_sums(
        self, x: Rows, centers: F32, moved: float, labels: I32, sqdist: F32, lower: F32
    ) -> tuple[F64 | I64, I64, int]: ...

    def potentials(self, x: Rows, candidates: F32, sqdist: F32, left: F32) -> F64: ...

    def cluster_sums(self, x: Rows, labels: I32, k: int) -> tuple[F64 | I64, I64]: ...

    def lower_nearest(
        self, x: Rows, rows: I64, centers: F32, first: int, sqdist: F32, nearest: I32
    ) -> None: ...

    def lower_grouped(
        self, x: Rows, rows: I64, centers: F32, applied: I32, sqdist: F32, nearest: I32
    ) -> int: ...

    def nearest(self, x: Rows, y: Rows, first_x: int, first_y: int, keys_x: U64, keys_y: U64) -> None: ...

    def lead(self, x: Rows, first: int, beyond: float, sqdist: F32, labels: I32, leaders: I64) -> int: ...

    def pick_farthest(
        self,
        x: Rows,
        rows: I64,
        sqdist: F32,
        nearest: I32,
        applied: I32,
        threshold: float,
        centers: F32,
        first: int,
        picks: I64,
        reached: F32,
    ) -> int: ...

    def pair_costs(
        self,
        x: Rows,
        rows: I64,
        clients: F32,
        scale: float,
        order: int,
        out: F32,
        first: int,
        mirror: bool,
    ) -> None: ...

    def cost_gains(self, costs: F32, rows: I64, near: F32, weights: F32) -> F64: ...

    def add_savings(
        self,
        costs: F32,
        rows: I64,
        low: F32,
        high: F32,
        weights: F32,
        slots: I32,
        start: int,
        stop: int,
        sums: F64,
    ) -> None: ...

    def swap_changes(
        self,
        costs: F32,
        rows: I64,
        near: F32,
        second: F32,
        slot: I32,
        weights: F32,
        removal: F64,
        only: I32,
    ) -> tuple[F64, I32]: ...

    def nearest_two(
        self, picked: F32, replaced: int, base: F32, near: F32, second: F32, slot: I32, other: I32
    ) -> None: ...

    def product_scores(
        self,
        added: F32,
        sums: F64,
        strengths: F64,
        labels: I32,
        tables: F64,
        closed: U8,
        rows: slice,
        scores: F64,
    ) -> int: ...

    def balance_logs(self, rows: F32, sums: F64, target: F64) -> F64: ...

    def put(self, x: Any) -> Rows: ...

    def get(self, x: Any) -> Rows: ...

    def take(self, x: Rows, rows: I64) -> Rows: ...

    def is_finite(self, x: Rows) -> bool: ...

    def arma_filter(self, y: F64, ar: F64, ma: F64) -> tuple[F64, F64, float, float]: ...

    def arma_errors(self, y: F64, ar: F64, ma: F64) -> F64: ...

    def rle_encode(self, mask: U8, columns: bool) -> I64: ...

    def rle_decode(self, counts: I64, mask: U8, columns: bool) -> None: ...

    def rle_decode_batch(self, counts: I64, offsets: I64, masks: U8, columns: bool, zeroed: bool) -> None: ...

    def rle_value_changes(self, values: npt.NDArray[Any], start: int, back: int) -> I64: ...

    def rle_to_string(self, counts: I64) -> bytes: ...

    def rle_from_string(self, text: bytes) -> I64 | None: ...

    def rle_merge(self, a: I64, b: I64, both: bool) -> I64: ...

    def rle_box(self, counts: I64, height: int) -> tuple[int, int, int, int]: ...

    def rle_overlaps(
        self, a: I64, a_offsets: I64, a_boxes: I64, b: I64, b_offsets: I64, b_boxes: I64
    ) -> F64: ...


def load(device: str) -> Kernels:
    """Return the kernels of *device*, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    DeviceUnavailableError
        *device* is ``"cuda"``, and a GPU, its driver or Numba's CUDA target is missing.
    ValueError
        *device* is anything else.
    """
    if device == "cpu":
        from . import cpu

        return cpu
    if device == "cuda":
        return _cuda()
    raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}")


def _cuda() -> Kernels:
    try:
        from . import cuda
    except ImportError as e:
        raise DeviceUnavailableError(
            f"device 'cuda' needs Numba's CUDA target, which cannot be imported ({e}): install it with "
            "pip install 'framesift[cuda]', or use device='cpu'"
        ) from None
    cuda.require()
    return cuda

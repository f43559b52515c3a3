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

    def thumbnail(self, plane: Plane, region: Region, gain: float, bias: float, out: U8) -> None: ...

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

    def luminance(self, thumbnails: U8) -> tuple[F32, F32, U8]: ...

    def motion_energy(self, thumbnails: U8, previous: U8 | None) -> F32: ...

    def assign(self, x: Rows, centers: F32) -> tuple[I32, F32]: ...

    def assign_sums(self, x: Rows, centers: F32, labels: I32, sqdist: F32) -> tuple[F64 | I64, I64]: ...

    def bounded_sums(
        self, x: Rows, centers: F32, moved: float, labels: I32, sqdist: F32, lower: F32
    ) -> tuple[F64 | I64, I64, int]: ...

    def potentials(self, x: Rows, candidates: F32, sqdist: F32) -> F64: ...

    def cluster_sums(self, x: Rows, labels: I32, k: int) -> tuple[F64 | I64, I64]: ...

    def lower_distances(self, x: Rows, row: Rows, sqdist: I64 | F32) -> None: ...

    def lower_nearest(
        self, x: Rows, rows: I64, centers: F32, first: int, sqdist: F32, nearest: I32
    ) -> None: ...

    def lower_grouped(
        self, x: Rows, rows: I64, centers: F32, applied: I32, sqdist: F32, nearest: I32
    ) -> int: ...

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

    def rle_encode(self, mask: U8, columns: bool) -> I64: ...

    def rle_decode(self, counts: I64, mask: U8, columns: bool) -> None: ...

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
        *device* is ``"cuda"`` and its kernels or its GPU are missing.
    ValueError
        *device* is anything else.
    """
    if device == "cpu":
        from . import cpu

        return cpu
    if device == "cuda":
        raise DeviceUnavailableError("device 'cuda' has no kernels in this version; use device='cpu'")
    raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}")

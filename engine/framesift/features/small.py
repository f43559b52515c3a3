"""Small pictures as vectors, where there is no model."""

import numpy as np

from framesift_kernels import F32, U8

from .preparing import Shape

_SIDE = 24
PIXELS = {"model": f"pixels {_SIDE}x{_SIDE} rgb", "digest": "", "declared": {}}


class PixelRunner:
    """Gives the values of a small picture, 0 to 1: see `onnx.Runner`."""

    shape = Shape(height=_SIDE, width=_SIDE, fit="stretch", resample="bilinear", color="rgb")
    batch = 64

    def run(self, pictures: list[U8]) -> F32:
        """(n, 1728) vectors."""
        return np.stack(pictures).reshape(len(pictures), -1).astype(np.float32) / np.float32(255)

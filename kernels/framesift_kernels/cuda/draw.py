"""Discs and lines, smooth at their edges, onto a picture."""

from .. import F32, U8
from ..cpu.draw import draw as on_cpu


def draw(picture: U8, strokes: F32, colors: F32) -> None:
    """Draw strokes, one after the other.

    By `framesift_kernels.cpu.draw`: a picture has a few hundred of them, and lies where it is encoded.
    """
    on_cpu(picture, strokes, colors)

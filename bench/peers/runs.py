"""Run-length masks of pycocotools and labelformat, from masks in C order and back."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np


def pycocotools() -> tuple[Callable[[Any], Any], Callable[[Any], Any]] | None:
    """Encode a mask, decode it; None where it is not installed."""
    if find_spec("pycocotools") is None:
        return None
    from pycocotools import mask as coco

    def encode(mask: Any) -> Any:
        return coco.encode(np.asfortranarray(mask))

    def decode(rle: Any) -> Any:
        return np.ascontiguousarray(coco.decode(rle))

    return encode, decode


def labelformat() -> Callable[[Any], Any] | None:
    """Encode a mask in row order; None where it is not installed."""
    if find_spec("labelformat") is None:
        return None
    from labelformat.model.binary_mask_segmentation import RLEDecoderEncoder

    encode: Callable[[Any], Any] = RLEDecoderEncoder.encode_row_wise_rle
    return encode

"""Run-length masks of pycocotools and labelformat, from masks in C order and back; hashes of xxhash."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np


def pycocotools() -> tuple[Callable[[Any], Any], ...] | None:
    """Encode a mask; decode it to C order; decode one or a list as it comes, in Fortran order; decode a list to C order.

    None where it is not installed.
    """
    if find_spec("pycocotools") is None:
        return None
    from pycocotools import mask as coco

    def encode(mask: Any) -> Any:
        return coco.encode(np.asfortranarray(mask))

    def decode(rle: Any) -> Any:
        return np.ascontiguousarray(coco.decode(rle))

    def decode_all(rles: Any) -> Any:
        return np.ascontiguousarray(coco.decode(rles).transpose(2, 0, 1))

    return encode, decode, coco.decode, decode_all


def labelformat() -> Callable[[Any], Any] | None:
    """Encode a mask in row order; None where it is not installed."""
    if find_spec("labelformat") is None:
        return None
    from labelformat.model.binary_mask_segmentation import RLEDecoderEncoder

    encode: Callable[[Any], Any] = RLEDecoderEncoder.encode_row_wise_rle
    return encode


def xxhash() -> Callable[[Any], int] | None:
    """XXH3-64 of an array's bytes; None where it is not installed."""
    if find_spec("xxhash") is None:
        return None
    import xxhash as library

    digest: Callable[[Any], int] = library.xxh3_64_intdigest
    return digest

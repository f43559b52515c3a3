"""Run-length masks: encoding, decoding, COCO's strings, and arithmetic on the runs.

A mask of (h, w) pixels is ``counts``, the lengths of runs of zeros and ones in turn, zeros first. Runs go down the
columns (``order="column"``: COCO) or along the rows (``order="row"``: Lightly). Masks are NumPy arrays in C order or
not; any number but zero counts as one.
"""

from .arithmetic import area, bbox, convert, crop, iou, merge, resize
from .coco import from_coco, from_coco_batch, from_string, to_coco, to_coco_batch, to_string
from .coding import decode, decode_batch, encode, encode_batch
from .instances import encode_instances
from .polygons import from_polygons
from .runs import Box, Order
from .storing import decode_array, encode_array, projected_bytes

__all__ = [
    "Box",
    "Order",
    "area",
    "bbox",
    "convert",
    "crop",
    "decode",
    "decode_array",
    "decode_batch",
    "encode",
    "encode_array",
    "encode_batch",
    "encode_instances",
    "from_coco",
    "from_coco_batch",
    "from_polygons",
    "from_string",
    "iou",
    "merge",
    "projected_bytes",
    "resize",
    "to_coco",
    "to_coco_batch",
    "to_string",
]

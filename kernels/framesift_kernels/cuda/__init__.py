"""Kernels for NVIDIA GPUs: the functions of `framesift_kernels.cpu`, with the same results.

Written for numba.cuda and run in its simulator by the tests; they have never run on a GPU so far
(``docs/design/0012-cuda.md``). Arrays may be NumPy's, which are copied, or lie on the GPU.
"""

from ._compile import require
from .add_savings import add_savings
from .arma_errors import arma_errors
from .arma_filter import arma_filter
from .assign import assign
from .assign_sums import assign_sums
from .balance_logs import balance_logs
from .bounded_sums import bounded_sums
from .chroma import chroma
from .cluster_sums import cluster_sums
from .content_hash import content_hash
from .cost_gains import cost_gains
from .difference_hash import difference_hash
from .draw import draw
from .get import get
from .is_finite import is_finite
from .lead import lead
from .lower_grouped import lower_grouped
from .lower_nearest import lower_nearest
from .luminance import luminance
from .motion_energy import motion_energy
from .nearest import nearest
from .nearest_two import nearest_two
from .pair_costs import pair_costs
from .pick_farthest import pick_farthest
from .picture import picture
from .picture_at import picture_at
from .potentials import potentials
from .product_scores import product_scores
from .put import put
from .rle_box import rle_box
from .rle_decode import rle_decode
from .rle_decode_batch import rle_decode_batch
from .rle_encode import rle_encode
from .rle_from_string import rle_from_string
from .rle_merge import rle_merge
from .rle_overlaps import rle_overlaps
from .rle_to_string import rle_to_string
from .rle_value_changes import rle_value_changes
from .sharpness import sharpness
from .swap_changes import swap_changes
from .take import take
from .thumbnail import thumbnail
from .xxh3 import xxh3

CALLED_IN_THREADS: bool = False
CACHED_ELEMENTS: int = 2**22
"""16 MB as float32: half of what the level 2 cache of a current GPU of a data centre holds, or less."""


__all__ = [
    "CACHED_ELEMENTS",
    "CALLED_IN_THREADS",
    "add_savings",
    "arma_errors",
    "arma_filter",
    "assign",
    "assign_sums",
    "balance_logs",
    "bounded_sums",
    "chroma",
    "cluster_sums",
    "content_hash",
    "cost_gains",
    "difference_hash",
    "draw",
    "get",
    "is_finite",
    "lead",
    "lower_grouped",
    "lower_nearest",
    "luminance",
    "motion_energy",
    "nearest",
    "nearest_two",
    "pair_costs",
    "pick_farthest",
    "picture",
    "picture_at",
    "potentials",
    "product_scores",
    "put",
    "require",
    "rle_box",
    "rle_decode",
    "rle_decode_batch",
    "rle_encode",
    "rle_from_string",
    "rle_merge",
    "rle_overlaps",
    "rle_to_string",
    "rle_value_changes",
    "sharpness",
    "swap_changes",
    "take",
    "thumbnail",
    "xxh3",
]

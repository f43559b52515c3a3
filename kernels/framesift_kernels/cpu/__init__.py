"""Kernels for the CPU, compiled by Numba at their first call and cached on disk."""

from .assign import assign
from .assign_sums import assign_sums
from .bounded_sums import bounded_sums
from .cluster_sums import cluster_sums
from .content_hash import content_hash
from .lower_distances import lower_distances
from .lower_grouped import lower_grouped
from .lower_nearest import lower_nearest
from .luminance import luminance
from .motion_energy import motion_energy
from .pick_farthest import pick_farthest
from .picture import picture
from .picture_at import picture_at
from .potentials import potentials
from .rle_box import rle_box
from .rle_decode import rle_decode
from .rle_encode import rle_encode
from .rle_from_string import rle_from_string
from .rle_merge import rle_merge
from .rle_overlaps import rle_overlaps
from .rle_to_string import rle_to_string
from .rle_value_changes import rle_value_changes
from .sharpness import sharpness
from .thumbnail import thumbnail

__all__ = [
    "assign",
    "assign_sums",
    "bounded_sums",
    "cluster_sums",
    "content_hash",
    "lower_distances",
    "lower_grouped",
    "lower_nearest",
    "luminance",
    "motion_energy",
    "pick_farthest",
    "picture",
    "picture_at",
    "potentials",
    "rle_box",
    "rle_decode",
    "rle_encode",
    "rle_from_string",
    "rle_merge",
    "rle_overlaps",
    "rle_to_string",
    "rle_value_changes",
    "sharpness",
    "thumbnail",
]

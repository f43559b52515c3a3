"""Kernels for the CPU, compiled by Numba at their first call and cached on disk."""

from .assign import assign
from .cluster_sums import cluster_sums
from .content_hash import content_hash
from .lower_distances import lower_distances
from .lower_grouped import lower_grouped
from .lower_nearest import lower_nearest
from .luminance import luminance
from .motion_energy import motion_energy
from .pick_farthest import pick_farthest
from .sharpness import sharpness
from .thumbnail import thumbnail

__all__ = [
    "assign",
    "cluster_sums",
    "content_hash",
    "lower_distances",
    "lower_grouped",
    "lower_nearest",
    "luminance",
    "motion_energy",
    "pick_farthest",
    "sharpness",
    "thumbnail",
]

"""What pose models predicted: read from the files of DeepLabCut, Lightning Pose and SLEAP, and matched to videos."""

from .filtering import Bones, bones, filter_file, filter_poses, skeleton_file
from .labels import Labels, read_labels
from .matching import check_fits, find_predictions
from .metrics import Metric, read_metric
from .poses import Poses
from .reading import read

__all__ = [
    "Bones",
    "Labels",
    "Metric",
    "Poses",
    "bones",
    "check_fits",
    "filter_file",
    "filter_poses",
    "find_predictions",
    "read",
    "read_labels",
    "read_metric",
    "skeleton_file",
]

"""What pose models predicted: read from the files of DeepLabCut, Lightning Pose and SLEAP, and matched to videos."""

from .labels import Labels, read_labels
from .matching import check_fits, find_predictions
from .metrics import Metric, read_metric
from .poses import Poses
from .reading import read

__all__ = [
    "Labels",
    "Metric",
    "Poses",
    "check_fits",
    "find_predictions",
    "read",
    "read_labels",
    "read_metric",
]

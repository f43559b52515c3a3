"""DeepLabCut projects: made, extended, and filled with frames to label, without DeepLabCut."""

from .extraction import Extracted, count, extract, outliers
from .project import add_videos, create
from .splits import Splits, split

__all__ = ["Extracted", "Splits", "add_videos", "count", "create", "extract", "outliers", "split"]

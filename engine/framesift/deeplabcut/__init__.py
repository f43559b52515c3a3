"""DeepLabCut projects: made, extended, and filled with frames to label, without DeepLabCut."""

from .extraction import Extracted, count, extract, outliers
from .project import add_videos, create

__all__ = ["Extracted", "add_videos", "count", "create", "extract", "outliers"]

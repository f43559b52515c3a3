"""Picks the frames worth labelling out of hours of video."""

from . import masks
from .export.exporting import export
from .index import Index, index, open_index
from .inspection import describe, describe_store, verify
from .pipeline import extract
from .progress import Progress
from .selection.choice import select
from .selection.kcenter import kcenter_greedy
from .selection.kmeans import KMeans, kmeans
from .selection.result import SelectedFrame, SelectedSource, Selection, read_selection

__version__ = "0.1.0"

__all__ = [
    "Index",
    "KMeans",
    "Progress",
    "SelectedFrame",
    "SelectedSource",
    "Selection",
    "describe",
    "describe_store",
    "export",
    "extract",
    "index",
    "kcenter_greedy",
    "kmeans",
    "masks",
    "open_index",
    "read_selection",
    "select",
    "verify",
]

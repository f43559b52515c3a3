"""Picks the frames worth labelling out of hours of video."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import deeplabcut, lightly, masks, predictions
    from .drawing.drawn import Drawn
    from .drawing.labelled_pictures import check_labels
    from .drawing.labelled_videos import label_video
    from .drawing.trajectories import plot_trajectories
    from .export.exporting import export
    from .export.lightning_project import import_zip
    from .export.lists import write_lists
    from .export.sleap import write_suggestions
    from .features.components import PrincipalComponents, principal_components
    from .index import Index, index, open_index
    from .inspection import describe, describe_store, verify
    from .outliers.choosing import Outliers, outliers
    from .outliers.extracting import count_outliers, extract_outliers
    from .pipeline import extract
    from .planning import plan
    from .progress import Progress
    from .report.reporting import report
    from .selection.choice import select
    from .selection.coverage import coverage, facility_location
    from .selection.duplicates import DuplicateGroups, near_duplicates
    from .selection.kcenter import kcenter_greedy
    from .selection.kmeans import KMeans, kmeans
    from .selection.neighbours import nearest, similarity, typicality
    from .selection.objectives import Balance, Diversity, Weights
    from .selection.product import product_greedy
    from .selection.result import SelectedFrame, SelectedSource, Selection, read_selection
    from .selection.views import select_views

__version__ = "0.1.0"

__all__ = [
    "Balance",
    "Diversity",
    "Drawn",
    "DuplicateGroups",
    "Index",
    "KMeans",
    "Outliers",
    "PrincipalComponents",
    "Progress",
    "SelectedFrame",
    "SelectedSource",
    "Selection",
    "Weights",
    "check_labels",
    "count_outliers",
    "coverage",
    "deeplabcut",
    "describe",
    "describe_store",
    "export",
    "extract",
    "extract_outliers",
    "facility_location",
    "import_zip",
    "index",
    "kcenter_greedy",
    "kmeans",
    "label_video",
    "lightly",
    "masks",
    "near_duplicates",
    "nearest",
    "open_index",
    "outliers",
    "plan",
    "plot_trajectories",
    "predictions",
    "principal_components",
    "product_greedy",
    "read_selection",
    "report",
    "select",
    "select_views",
    "similarity",
    "typicality",
    "verify",
    "write_lists",
    "write_suggestions",
]

# Each name is imported when it is first asked for: an index needs no Pillow, and k-means no decoder.
_MODULES = {
    "Balance": "selection.objectives",
    "Diversity": "selection.objectives",
    "Drawn": "drawing.drawn",
    "DuplicateGroups": "selection.duplicates",
    "Index": "index",
    "KMeans": "selection.kmeans",
    "Outliers": "outliers.choosing",
    "PrincipalComponents": "features.components",
    "Progress": "progress",
    "SelectedFrame": "selection.result",
    "SelectedSource": "selection.result",
    "Selection": "selection.result",
    "Weights": "selection.objectives",
    "check_labels": "drawing.labelled_pictures",
    "count_outliers": "outliers.extracting",
    "coverage": "selection.coverage",
    "describe": "inspection",
    "describe_store": "inspection",
    "export": "export.exporting",
    "extract": "pipeline",
    "extract_outliers": "outliers.extracting",
    "facility_location": "selection.coverage",
    "import_zip": "export.lightning_project",
    "index": "index",
    "kcenter_greedy": "selection.kcenter",
    "kmeans": "selection.kmeans",
    "label_video": "drawing.labelled_videos",
    "near_duplicates": "selection.duplicates",
    "nearest": "selection.neighbours",
    "open_index": "index",
    "outliers": "outliers.choosing",
    "plan": "planning",
    "plot_trajectories": "drawing.trajectories",
    "principal_components": "features.components",
    "product_greedy": "selection.product",
    "read_selection": "selection.result",
    "report": "report.reporting",
    "select": "selection.choice",
    "select_views": "selection.views",
    "similarity": "selection.neighbours",
    "typicality": "selection.neighbours",
    "verify": "inspection",
    "write_lists": "export.lists",
    "write_suggestions": "export.sleap",
}


class _Package(ModuleType):
    """This package. Its names are properties, since a module that is called as one of them is would hide it."""

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


def _lazily(name: str, module: str) -> property:
    replaced: list[Any] = []

    def get(_: ModuleType) -> Any:
        return replaced[-1] if replaced else getattr(import_module(f"{__name__}.{module}"), name)

    def put(_: ModuleType, value: Any) -> None:
        if not isinstance(value, ModuleType):  # the import system puts each module here that it has loaded
            replaced[:] = [value]

    return property(get, put)


def _always(module: str) -> property:
    return property(lambda _: import_module(f"{__name__}.{module}"), lambda _, value: None)


for _name, _module in _MODULES.items():
    setattr(_Package, _name, _lazily(_name, _module))
for _name in ("deeplabcut", "lightly", "masks", "predictions"):
    setattr(_Package, _name, _always(_name))
sys.modules[__name__].__class__ = _Package

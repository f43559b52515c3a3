"""Picks the frames worth labelling out of hours of video."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import deeplabcut, masks, predictions
    from .export.exporting import export
    from .export.lightning_project import import_zip
    from .export.sleap import write_suggestions
    from .index import Index, index, open_index
    from .inspection import describe, describe_store, verify
    from .outliers.choosing import Outliers, outliers
    from .outliers.extracting import count_outliers, extract_outliers
    from .pipeline import extract
    from .progress import Progress
    from .selection.choice import select
    from .selection.kcenter import kcenter_greedy
    from .selection.kmeans import KMeans, kmeans
    from .selection.result import SelectedFrame, SelectedSource, Selection, read_selection
    from .selection.views import select_views

__version__ = "0.1.0"

__all__ = [
    "Index",
    "KMeans",
    "Outliers",
    "Progress",
    "SelectedFrame",
    "SelectedSource",
    "Selection",
    "count_outliers",
    "deeplabcut",
    "describe",
    "describe_store",
    "export",
    "extract",
    "extract_outliers",
    "import_zip",
    "index",
    "kcenter_greedy",
    "kmeans",
    "masks",
    "open_index",
    "outliers",
    "predictions",
    "read_selection",
    "select",
    "select_views",
    "verify",
    "write_suggestions",
]

# Each name is imported when it is first asked for: an index needs no Pillow, and k-means no decoder.
_MODULES = {
    "Index": "index",
    "KMeans": "selection.kmeans",
    "Outliers": "outliers.choosing",
    "Progress": "progress",
    "SelectedFrame": "selection.result",
    "SelectedSource": "selection.result",
    "Selection": "selection.result",
    "count_outliers": "outliers.extracting",
    "describe": "inspection",
    "describe_store": "inspection",
    "export": "export.exporting",
    "extract": "pipeline",
    "extract_outliers": "outliers.extracting",
    "import_zip": "export.lightning_project",
    "index": "index",
    "kcenter_greedy": "selection.kcenter",
    "kmeans": "selection.kmeans",
    "open_index": "index",
    "outliers": "outliers.choosing",
    "read_selection": "selection.result",
    "select": "selection.choice",
    "select_views": "selection.views",
    "verify": "inspection",
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


for _name, _module in _MODULES.items():
    setattr(_Package, _name, _lazily(_name, _module))


def _always(module: str) -> property:
    return property(lambda _: import_module(f"{__name__}.{module}"), lambda _, value: None)


for _name in ("deeplabcut", "masks", "predictions"):
    setattr(_Package, _name, _always(_name))
sys.modules[__name__].__class__ = _Package

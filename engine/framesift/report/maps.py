"""The vectors on a plane."""

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from framesift_kernels import F32, F64

from ..errors import UsageError

MAPS = ("pca", "auto", "umap", "pacmap")
_MODULES = ("pacmap", "umap")
"""The first that is installed is the one that is taken: UMAP compiles itself for minutes when first used."""


def check_map(name: str) -> None:
    """Refuse a name of no map, and one whose package is not installed.

    Raises
    ------
    UsageError
        Says which.
    """
    if name not in MAPS:
        raise UsageError(f"map must be one of {', '.join(MAPS)}, got {name!r}")
    if name in _MODULES and find_spec(name) is None:
        package = {"umap": "umap-learn", "pacmap": "pacmap"}[name]
        raise UsageError(f"map {name!r} needs the package {package}: pip install {package}")


def project(unit: F32, plane: F64, name: str, seed: int) -> dict[str, F64]:
    """Maps of (m, c) vectors of unit length by name: ``pca`` always, then the one asked for.

    ``"auto"`` takes PaCMAP, else UMAP, where one is installed. *plane* holds the first two principal components.
    """
    found = {"pca": plane}
    wanted = [n for n in _MODULES if find_spec(n)][:1] if name == "auto" else [name]
    for module in wanted:
        if module in _MODULES and len(unit) > 10:  # neither makes anything of fewer
            found[module] = np.asarray(_embed(module, unit, seed), np.float64)
    return found


def _embed(name: str, unit: F32, seed: int) -> Any:
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):  # stdout is for data
        warnings.simplefilter("ignore")  # about threads, which a seed forbids
        if name == "umap":
            near = min(15, len(unit) - 1)
            model = import_module(name).UMAP(n_components=2, n_neighbors=near, random_state=seed)
            return model.fit_transform(unit)
        return import_module(name).PaCMAP(n_components=2, random_state=seed).fit_transform(unit, init="pca")

"""Kernels that are imported when they are asked for: an index needs five of fifty."""

import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any


def import_lazily(package: str, kernels: Iterable[str]) -> None:
    """Make each kernel, which is in the module of its name, an attribute of *package*.

    They are properties, since the import system puts a module into its package and would hide the kernel by it.
    """
    module = sys.modules[package]
    properties = {name: _property(package, name) for name in kernels}
    module.__class__ = type("_Kernels", (ModuleType,), properties)


def _property(package: str, name: str) -> property:
    replaced: list[Any] = []

    def get(_: ModuleType) -> Any:
        if not replaced:
            replaced.append(getattr(import_module(f"{package}.{name}"), name))
        return replaced[-1]

    def put(_: ModuleType, value: Any) -> None:
        if not isinstance(value, ModuleType):
            replaced[:] = [value]

    return property(get, put)

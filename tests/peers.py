"""Packages that define what is right: tests that ask them are skipped where they are not installed.

With ``FAIL_WITHOUT_PEERS=1`` they must be there.
"""

import os
from importlib import import_module
from typing import Any

import pytest


class _Missing:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        pytest.skip(f"{self._name} is missing")


def peer(name: str) -> Any:
    """The module of that name; without it, something whose use skips the test."""
    try:
        return import_module(name)
    except ImportError:
        if os.environ.get("FAIL_WITHOUT_PEERS") == "1":
            raise
        return _Missing(name)

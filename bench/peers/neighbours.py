"""Exact nearest neighbours of faiss, and lightly-mundig's typicality."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

Nearest = Callable[[Any, int], Any]


def faiss_flat() -> Nearest | None:
    """The k nearest other rows, by way of the k + 1 nearest; None where it is not installed."""
    if find_spec("faiss") is None:
        return None

    def nearest(x: Any, k: int) -> Any:
        import faiss

        index = faiss.IndexFlatL2(x.shape[1])
        index.add(x)
        return index.search(x, k + 1)

    return nearest


def faiss_search(x: Any) -> Nearest | None:
    """Search an index made once, by the first call; None where it is not installed."""
    if find_spec("faiss") is None:
        return None

    @cache
    def index() -> Any:
        import faiss

        made = faiss.IndexFlatL2(x.shape[1])
        made.add(x)
        return made

    return lambda queries, k: index().search(queries, k)


def typicality() -> Nearest | None:
    """None where it is not installed."""
    if find_spec("lightly_mundig") is None:
        return None

    def typicality(x: Any, k: int) -> Any:
        import lightly_mundig

        return lightly_mundig.Typicality(x).calculate_typicality(k)

    return typicality

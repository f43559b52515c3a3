"""What is said of a selection, checked before anything is decoded: without NumPy, which takes its time to import."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

from ..errors import UsageError
from ..features.given import are_thumbnails
from ..positions import whole
from .gaps import AUTO, parse_gap

METHODS = ("coverage", "kmeans", "coreset", "uniform", "random", "motion-kmeans", "chunk")
MAX_ORDER = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How many frames are chosen of each source."""

    least: int = 0
    most: int | None = None


def check_choice(n: int, method: str, min_gap: str | int | None, seed: int, order: int = 4) -> None:
    """Refuse options of `select` that make no sense whatever the index.

    Raises
    ------
    UsageError
        Says which.
    """
    if whole("n", n) < 1:
        raise UsageError(f"n must be at least 1, got {n}")
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if whole("seed", seed) < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    check_order(order)
    if min_gap != AUTO:
        parse_gap(min_gap)


def check_order(order: int) -> None:
    """Refuse a power that is none.

    Raises
    ------
    UsageError
        It is not a whole number from 1 to 16.
    """
    if not isinstance(order, Integral) or not 1 <= order <= MAX_ORDER:
        raise UsageError(f"order must be a whole number from 1 to {MAX_ORDER}, got {order!r}")


def check_limits(n: int, least: int, most: int | None, *, per_source: bool) -> Limits:
    """How many frames of each source, checked.

    Raises
    ------
    UsageError
        They make no sense together.
    """
    least, most = whole("min_per_source", least), None if most is None else whole("max_per_source", most)
    if least < 0 or (most is not None and most < max(1, least)):
        raise UsageError(
            f"min_per_source must not be negative, nor above max_per_source, got {least} and {most}"
        )
    if per_source and (least or most is not None):
        raise UsageError(
            f"per_source takes {n} frames of every source: leave out min_per_source and max_per_source"
        )
    return Limits(least, most)


def check_foreground(foreground: bool, vectors: Any) -> None:
    """Refuse a foreground of what is no thumbnail.

    Raises
    ------
    UsageError
        There is none.
    """
    if foreground and not are_thumbnails(vectors):
        raise UsageError("foreground is of thumbnails: leave it out, or vectors (--vectors)")


def check_shares(prefer_sharp: float, hard: float) -> None:
    """Refuse shares that are none.

    Raises
    ------
    UsageError
        One is out of range.
    """
    if not 0 <= prefer_sharp < 0.5:
        raise UsageError(f"prefer_sharp must be a share from 0 to below 0.5, got {prefer_sharp}")
    if not 0 <= hard <= 1:
        raise UsageError(f"hard must be a share from 0 to 1, got {hard}")

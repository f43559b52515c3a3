"""How many cores there are, and threads. Imports nothing large, so that it may be asked first of all."""

import os

from .errors import UsageError
from .positions import whole


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_threads(asked: int | None) -> int:
    """*asked*, or the cores that this process may use.

    Raises
    ------
    UsageError
        Fewer than one was asked for, or no whole number.
    """
    if asked is None:
        return count_cores()
    if whole("threads", asked) < 1:
        raise UsageError(f"threads must be at least 1, got {asked}")
    return asked

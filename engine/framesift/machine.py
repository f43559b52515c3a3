"""What this machine has: kernels for a device, cores, memory in use."""

import os
import sys

from framesift_kernels import DeviceUnavailableError, Kernels, load

from .errors import UsageError


def load_kernels(device: str) -> Kernels:
    """The kernels of *device*.

    Raises
    ------
    UsageError
        There is no such device, here or at all.
    """
    try:
        return load(device)
    except (DeviceUnavailableError, ValueError) as e:
        raise UsageError(str(e)) from None


def count_threads(asked: int | None) -> int:
    """*asked*, or the cores that this process may use.

    Raises
    ------
    UsageError
        Fewer than one was asked for.
    """
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked < 1:
        raise UsageError(f"threads must be at least 1, got {asked}")
    return asked


def peak_rss_bytes() -> int | None:
    """Most memory that this process has held, in bytes; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

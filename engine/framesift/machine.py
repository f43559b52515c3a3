"""What this machine has: kernels for a device, cores, memory in use."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from framesift_kernels import DeviceUnavailableError, Kernels, load

from . import zstd
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


@contextmanager
def warming_up(kernels: Kernels) -> Iterator[None]:
    """Load what measuring and storing frames needs in a thread of its own, meanwhile.

    Some shared libraries and the code of the kernels: a twentieth of a second, which a short video would wait for.
    """
    thread = threading.Thread(target=_warm_up, args=[kernels], name="framesift-warm-up")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _warm_up(kernels: Kernels) -> None:
    plane, thumbnails = np.zeros((8, 8), np.uint8), np.zeros((1, 8, 8), np.uint8)
    kernels.picture(plane, [plane.view(np.uint64)], (8,), (0, 8, 0, 8), 8, 1.0, 0.0, thumbnails[0])
    import google_crc32c  # noqa: F401

    zstd.compress(thumbnails.reshape(-1), 1)
    kernels.luminance(thumbnails)
    kernels.motion_energy(thumbnails, None)


def peak_rss_bytes() -> int | None:
    """Most memory that this process or a worker of its has held, in bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak if sys.platform == "darwin" else peak * 1024

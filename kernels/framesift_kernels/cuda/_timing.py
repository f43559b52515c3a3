"""How long the GPU works and copies take, apart from what the host does meanwhile: for measurements, off otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from numba import cuda

T = TypeVar("T")

_SIMULATED = bool(cuda.config.ENABLE_CUDASIM)


@dataclass(slots=True)
class DeviceTime:
    """What the GPU did while it was `measured`."""

    kernels_s: float = 0.0
    """From each launch to the end of its kernel, so the way to the GPU is counted where it waits for it; compilation
    too, of a kernel that is new to the process."""
    copies_s: float = 0.0
    """Copies to the GPU and back, without waiting for kernels."""
    n_launches: int = 0
    events: list[tuple[Any, Any]] = field(default_factory=list)


_current: list[DeviceTime] = []


@contextmanager
def measured() -> Iterator[DeviceTime]:
    """Measure what happens meanwhile, in all threads; the sums are there at the end."""
    took = DeviceTime()
    _current.append(took)
    try:
        yield took
    finally:
        _current.remove(took)
        cuda.synchronize()
        took.kernels_s += sum(begin.elapsed_time(end) for begin, end in took.events) / 1e3
        took.events.clear()


class Kernel:
    """A compiled kernel, whose launches are timed where someone asks for it."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __getitem__(self, size: tuple[int, int]) -> Callable[..., None]:
        launch: Callable[..., None] = self._compiled[size]
        if not _current:
            return launch
        return lambda *args: _launch(_current[-1], launch, args)


def _launch(took: DeviceTime, launch: Callable[..., None], args: tuple[Any, ...]) -> None:
    took.n_launches += 1
    if _SIMULATED:  # its events say nothing
        began = time.perf_counter()
        launch(*args)
        took.kernels_s += time.perf_counter() - began
        return
    begin, end = cuda.event(), cuda.event()
    begin.record()
    launch(*args)
    end.record()
    took.events.append((begin, end))


def copying(copy: Callable[..., T], *args: Any) -> T:
    """*copy* of *args*, a copy to the GPU or from it."""
    if not _current:
        return copy(*args)
    took = _current[-1]
    cuda.synchronize()
    began = time.perf_counter()
    found = copy(*args)
    took.copies_s += time.perf_counter() - began
    return found

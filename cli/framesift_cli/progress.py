"""Progress on stderr: a bar on a terminal, else a line every 30 seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framesift.progress import Progress, ProgressCallback

_LINE_EVERY_S = 30.0
_VERBS = {
    "download": "Fetching",
    "index": "Indexing",
    "select": "Selecting",
    "export": "Writing",
    "upload": "Sending",
    "verify": "Checking",
    "report": "Reporting",
    "read": "Reading",
    "write": "Writing",
    "draw": "Drawing",
}
_UNITS = {
    "download": "MB",
    "index": "frames",
    "select": "sources",
    "export": "pictures",
    "upload": "MB",
    "verify": "frames",
    "report": "reports",
    "read": "files",
    "write": "files",
    "draw": "frames",
}
_SCALE = {"download": 10**6, "upload": 10**6}


@contextmanager
def reporting(*, quiet: bool = False) -> Iterator["ProgressCallback"]:
    """A callback that shows progress on stderr."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _Lines().show


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, step: "Progress") -> None:
        now = time.monotonic()
        if step.stage == "download" and step.done == step.total:
            return  # nothing is on its way
        if now - self._last >= _LINE_EVERY_S:
            self._last = now
            source = f" ({step.source})" if step.source else ""
            scale = _SCALE.get(step.stage, 1)
            print(
                f"{_VERBS[step.stage]}{source}: {step.done // scale} of {step.total // scale} {_UNITS[step.stage]}",
                file=sys.stderr,
                flush=True,
            )


@contextmanager
def _bars() -> Iterator["ProgressCallback"]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[source]}", style="dim"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}
        began = {}

        def show(step: "Progress") -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(_VERBS[step.stage], total=None, rate="", source="")
                began[step.stage] = time.monotonic()
            scale = _SCALE.get(step.stage, 1)
            seconds = time.monotonic() - began[step.stage]
            rate = (
                f"{step.done / scale / seconds:.0f} {_UNITS[step.stage]}/s"
                if seconds > 0.5
                else _UNITS[step.stage]
            )
            bars.update(
                tasks[step.stage],
                completed=step.done // scale,
                total=step.total // scale or None,
                rate=rate,
                source=step.source[:40],
            )

        yield show

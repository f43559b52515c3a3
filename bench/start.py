"""Suite ``start``: what is paid once a process, whatever the length of the video."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import clips, ours
from .record import alternate, middle

_REPEATS = {"tiny": 1, "small": 9, "full": 25}

Row = dict[str, Any]


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a command: wall clock and processor time of whole processes, run in turn.

    Two clips of one frame, isolated and not, tell what a worker process costs.
    """
    one = clips.noisy(64, 64, 1)
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        for name in ("a", "b"):
            Path(folder, name).with_suffix(one.suffix).write_bytes(one.read_bytes())
        two = ours.index(Path(folder), 2)
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "import av, numpy": [sys.executable, "-c", "import av, numpy"],
            "import framesift.index": [sys.executable, "-c", "import framesift.index"],
            "framesift --help": [sys.executable, "-m", "framesift_cli", "--help"],
            "index one frame": ours.index(one, 2),
            "index two clips, --no-isolate": [*two, "--no-isolate"],
            "index two clips, --isolate": [*two, "--isolate"],
        }
        runs = alternate(commands, _REPEATS[size])
    raw = [{"command": name, **asdict(r)} for name, found in runs.items() for r in found]
    rows = [
        {"command": name, "ms": 1000 * middle(found, "wall_s"), "cpu ms": 1000 * middle(found, "cpu_s")}
        for name, found in runs.items()
    ]
    return raw, rows

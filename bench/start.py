"""Suite ``start``: what is paid once a process, whatever the length of the video."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import clips, ours
from .record import alternate
from .results import Settings, by, middle_of, spread_of

_REPEATS = {"tiny": 1, "small": 7, "full": 25}

Row = dict[str, Any]


def measure(settings: Settings) -> list[Row]:
    """Whole processes, run in turn. One clip of one frame and two, isolated and not, tell what a worker process costs."""
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
            "index one frame, --no-isolate": [*ours.index(one, 2), "--no-isolate"],
            "index two clips": two,
            "index two clips, --no-isolate": [*two, "--no-isolate"],
        }
        runs = alternate(commands, _REPEATS[settings.size], warm_up=int(settings.size != "tiny"))
    return [{"command": name, **asdict(run)} for name, found in runs.items() for run in found]


def rows(measurements: list[Row]) -> list[Row]:
    """A row a command: wall clock, half of its range, processor time, and memory.

    Videos are decoded in a process of their own (``processes``), which is begun while the command line is read and imports
    what decoding needs; with ``--no-isolate``, in the one that reads it. ``peak MB`` is the sum of the peaks of all
    processes: what two of them share, as a fork does with its parent, is counted twice.
    """
    return [
        {
            "command": command,
            "ms": 1000 * middle_of(found, "wall_s"),
            "±": f"{100 * noise:.0f} %" if (noise := spread_of(found, "wall_s")) == noise else "",
            "cpu ms": 1000 * middle_of(found, "cpu_s"),
            "peak MB": middle_of(found, "peak_rss_bytes") / 2**20,
            "processes": round(middle_of(found, "n_processes")) if "n_processes" in found[0] else "",
        }
        for (command,), found in by(measurements, "command").items()
    ]

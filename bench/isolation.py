"""Suite ``isolation``: what a worker process costs on long inputs, from disk and from a web server on this machine."""

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import clips, ours
from .record import alternate, middle
from .results import spread

_SIZES = {"tiny": (320, 180, 60, 1), "small": (1280, 720, 300, 1), "full": (1920, 1080, 1800, 10)}
"""Width, height, frames, and how often they are repeated."""
_REPEATS = {"tiny": 1, "small": 3, "full": 5}

Row = dict[str, Any]


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a way to read two videos: whole processes, isolated and not, run in turn.

    ``isolated`` is as the command line does it: a worker is begun while the command is read, once a run, whatever its
    length; else ``--no-isolate``. ``more wall %`` and ``more cpu %`` are the cost of isolation, and ``±`` half of the
    range of the isolated runs over their median. Memory is that of all processes together, what they share counted
    twice.
    """
    width, height, n_frames, times = _SIZES[size]
    clip = clips.repeated(clips.noisy(width, height, n_frames), times)
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder, _serving(Path(folder)) as url:
        for name in ("a", "b"):
            shutil.copyfile(clip, Path(folder, name).with_suffix(clip.suffix))
        given = {"disk": [folder]}
        if find_spec("obstore") is not None:
            uris = [f"{url}/{name}{clip.suffix}" for name in ("a", "b")]
            given |= {"web, copied": uris, "web, streamed": [*uris, "--stream"]}
        commands = {
            f"{way} {isolate}": [*ours.index(Path(inputs[0]), os.cpu_count() or 1)[:-3], *inputs, isolate]
            for way, inputs in given.items()
            for isolate in ("--no-isolate", "--isolate")
        }
        little = {name: ours.index(clips.noisy(64, 64, 1), 1) for name in commands}
        runs = alternate(commands, _REPEATS[size], little=little)
    raw = [{"way": name, **asdict(r)} for name, found in runs.items() for r in found]
    rows = []
    for way in given:
        row: Row = {"from": way, "frames": 2 * times * n_frames}
        for what in ("wall_s", "cpu_s"):
            without, with_it = (
                middle(runs[f"{way} {isolate}"], what) for isolate in ("--no-isolate", "--isolate")
            )
            name = what.removesuffix("_s")
            row |= {f"{name} s": without, f"isolated {name} s": with_it}
            row[f"more {name} %"] = 100 * (with_it / without - 1)
            if what == "wall_s":
                noise = spread([run.wall_s for run in runs[f"{way} --isolate"]])
                row["±"] = f"{100 * noise:.0f} %" if noise == noise else ""
        for isolate, name in (("--no-isolate", "peak MB"), ("--isolate", "isolated peak MB")):
            row[name] = middle(runs[f"{way} {isolate}"], "peak_rss_bytes") / 2**20
        rows.append(row)
    return raw, rows


class _Handler(BaseHTTPRequestHandler):
    """Files of the server's folder, whole or by ranges."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.server.folder, os.path.basename(self.path))  # type: ignore[attr-defined]
        n = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = (int(asked[1]), min(int(asked[2]) + 1, n)) if asked else (0, n)
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{n}"')
        self.send_header("Content-Length", str(stop - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{n}")
        self.end_headers()
        with path.open("rb") as file:
            while start < stop:
                start += os.sendfile(self.wfile.fileno(), file.fileno(), start, stop - start)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.folder = folder  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

"""Suite ``storage``: bytes a frame of the store, by array, beside dumps of all frames and the video itself; and the
experiment of LightlyOne's documentation."""

import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import zarr
from numcodecs import LZ4, Blosc, Zstd

import framesift

from . import clips, experiment
from .peers import ffmpeg
from .record import journal
from .results import Settings, by
from .workers import Work, together

Row = dict[str, Any]
_SAMPLED = {"tiny": 20, "small": 25, "full": 10**9}
"""Frames that are written as PNG and JPEG; evenly spaced, and the rest is taken to be like them."""
_STORE = "store: "
_CODECS: dict[str, Callable[[Any], bytes]] = {
    "raw": lambda rows: rows.tobytes(),
    "zstd 1": lambda rows: Zstd(1).encode(rows),
    "zstd 9": lambda rows: Zstd(9).encode(rows),
    "lz4": lambda rows: LZ4().encode(rows),
    "blosc zstd 3, shuffled": lambda rows: Blosc("zstd", 3, Blosc.SHUFFLE).encode(rows),
}
"""What the store's chunks would be by other codecs than the one it has."""


def measure(settings: Settings) -> list[Row]:
    """Bytes of everything that holds a clip's frames; nothing is timed, so that every core has a clip."""
    size, found = settings.size, journal()
    works: dict[str, Work] = {path.name: partial(_clip, path, size) for path in material(size)}
    works["distances between the frames chosen"] = partial(experiment.measure, size)
    for _, measured in together(works):
        found += measured
    return found


def _clip(path: Path, size: str) -> list[Row]:
    n_frames = clips.count(path)
    sizes = {"video": path.stat().st_size, **_store(path), **_dumps(path, n_frames, size)}
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context.codec.canonical_name
    return [
        {"clip": path.name, "codec": codec, "what": what, "n_frames": n_frames, "stored_bytes": n_bytes}
        for what, n_bytes in sizes.items()
    ]


def material(size: str) -> list[Path]:
    """A clip of every codec, of 1080p with noise and of a screen; and the real ones."""
    tour = experiment.clip(size)
    if size == "tiny":
        return [clips.noisy(320, 180, 60), tour]
    coded = [clips.coded(codec, 1280, 720, 200) for codec in clips.CODECS]
    return [clips.noisy(1920, 1080, 300), clips.screen(1280, 720, 300), tour, *coded, *clips.real()]


def rows(measurements: list[Row]) -> list[Row]:
    """A row a clip, in bytes a frame.

    ``store`` is all files of the index, ``thumbnails`` to ``flags`` its arrays, and ``other`` its metadata, positions
    and segments. ``PNG`` and ``JPEG`` are dumps of all frames, as ``ffmpeg -i video frames/%d.png`` and ``-qscale:v 1
    frames/%d.jpg`` write them. ``less`` says how many times less the video with its store takes than the video with
    such a dump; ``no store`` the same without the store, which is the 70.84 of "Extract Diverse Video Frames" in the
    documentation of Lightly (https://docs.lightly.ai), on this clip. Rows at the end: what the arrays of all clips
    would take by other codecs.

    The two tables below are those of that page, with ours beside them: distances between all 475 frames of a video and
    between 99 of them, evenly spaced (``ffmpeg``: fps=5 there, ``uniform`` here), at random, and by k-center
    (``coreset``), measured on the vectors that k-center chooses by; and what all frames would take as pictures.
    """
    clips_found = by(measurements, "clip")
    shown = [_row(clip, found) for (clip,), found in clips_found.items()]
    toured = next((found for (clip,), found in clips_found.items() if clip.startswith("tour-")), [])
    return [*shown, *_by_codec(measurements), *experiment.rows(measurements, _totals(toured))]


def _totals(found: list[Row]) -> dict[str, int]:
    """Bytes of the video, of its store, and of all its frames as pictures."""
    sizes = {row["what"]: row["stored_bytes"] for row in found}
    store = sum(n_bytes for what, n_bytes in sizes.items() if what.startswith(_STORE))
    return {"store": store, **{name: sizes[name] for name in ("video", "PNG", "JPEG") if name in sizes}}


def _row(clip: str, found: list[Row]) -> Row:
    sizes = {row["what"]: row["stored_bytes"] for row in found}
    n_frames = found[0]["n_frames"]
    store = sum(n_bytes for what, n_bytes in sizes.items() if what.startswith(_STORE))
    arrays = {name: sizes.get(_STORE + name, 0) for name in _ARRAYS}
    video = sizes["video"]
    each = {
        "video": video,
        "store": store,
        **arrays,
        "other": store - sum(arrays.values()),
    }
    dumps = {name: sizes[name] for name in ("PNG", "JPEG") if name in sizes}
    return {
        "clip": clip,
        "codec": found[0]["codec"],
        **{name: round(n_bytes / n_frames) for name, n_bytes in {**each, **dumps}.items()},
        **{f"less {name}": (video + n_bytes) / (video + store) for name, n_bytes in dumps.items()},
        **{f"no store, {name}": (video + n_bytes) / video for name, n_bytes in dumps.items()},
    }


_ARRAYS = ("thumbnails", "statistics", "content_hash", "flags")


def _by_codec(measurements: list[Row]) -> list[Row]:
    """Thumbnails and statistics of all clips together, by codec."""
    shown = []
    for name in _CODECS:
        found = [row for row in measurements if row.get("what", "").endswith(f", {name}")]
        n_frames = sum(row["n_frames"] for row in found if row["what"].startswith("thumbnails"))
        sums = {
            array: round(
                sum(row["stored_bytes"] for row in found if row["what"].startswith(array)) / n_frames
            )
            for array in _ARRAYS
        }
        shown.append({"clip": "arrays of all clips, if by", "codec": name, **sums})
    return shown


def _store(path: Path) -> dict[str, int]:
    """Bytes of the files of an index, by array; and of its arrays by other codecs."""
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        store = Path(folder, "store")
        framesift.index(path, store).close()
        for file in (file for file in store.rglob("*") if file.is_file()):
            parts = file.relative_to(store).parts
            name = parts[2] if parts[0] == "sources" and len(parts) > 3 else "metadata"
            sizes[_STORE + name] = sizes.get(_STORE + name, 0) + file.stat().st_size
        (source,) = (store / "sources").glob("*/thumbnails")
        for name in _ARRAYS:
            array = zarr.open_array(source.with_name(name), mode="r")
            chunk = array.chunks[0]
            for codec, encode in _CODECS.items():
                starts = range(0, array.shape[0], chunk)
                encoded = [len(encode(np.ascontiguousarray(array[at : at + chunk]))) for at in starts]
                sizes[f"{name}, {codec}"] = sum(encoded)
    return sizes


def _dumps(path: Path, n_frames: int, size: str) -> dict[str, int]:
    """Bytes of all frames as PNG and as JPEG; none without the ffmpeg program."""
    step = max(1, n_frames // _SAMPLED[size])
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        patterns = {Path(folder, "%d.png"): (), Path(folder, "%d.jpg"): ("-qscale:v", "1")}
        command = ffmpeg.dump(path, step, patterns)
        if command is None:
            return {}
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
        sizes = {
            name: [file.stat().st_size for file in Path(folder).glob(f"*{suffix}")]
            for name, suffix in (("PNG", ".png"), ("JPEG", ".jpg"))
        }
    return {name: round(sum(found) * n_frames / len(found)) for name, found in sizes.items()}

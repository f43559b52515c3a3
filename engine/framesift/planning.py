"""What a selection will take, before it is made: memory, disk and time, from a sample of the input."""

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .cores import count_threads
from .errors import NotEnoughFramesError
from .export.checks import LAYOUTS
from .export.exporting import export
from .index import Index, PathLike, index
from .inspection import describe
from .lightly.config import Config, parse
from .measure import make_view
from .positions import Position, parse_crop, parse_position
from .selection.checks import check_choice
from .selection.choice import select
from .source_store import rows_a_chunk
from .sources import Input
from .times import resolve

_BASE_BYTES = 180 << 20
"""Of a process that has imported everything."""
_DECODER_FRAMES = 24
"""That a decoder holds: references, and those on their way."""
_CHUNKS = 4
_PIXEL_BYTES = 256 << 20
"""Of thumbnails that are kept in memory."""
_COMPONENTS = 128
_SAMPLE_FRAMES, _MOST_SAMPLED = 96, 600
_SAMPLE_ROWS, _SAMPLE_PICKS = 4096, 64
_ROW_BYTES = 33
"""Of a row of a store beside its thumbnail: statistics, hash, flags and time stamp."""
_STORED = 0.85
"""Of a thumbnail's bytes, that a store keeps: noise and texture hardly shrink."""

_Named = dict[str, Any]


def plan(
    inputs: Input | Iterable[Input],
    n: int = 20,
    *,
    method: str = "kmeans",
    per_source: bool = False,
    config: Mapping[str, Any] | PathLike | None = None,
    size: int = 64,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    step: int = 1,
    crop: str | tuple[int, int, int, int] | None = None,
    decode: str = "exact",
    color: bool = False,
    layout: str = "images",
    context: int | None = None,
    image_format: str = "png",
    device: str = "cpu",
    threads: int | None = None,
) -> dict[str, Any]:
    """Say what `extract` with these options will take, without doing it.

    Every source is opened, but only some frames of the largest are decoded, chosen from and written, and timed; the
    rest is arithmetic. Times are right to a factor of about two; memory is what it may reach, not what it must.

    Returns
    -------
    dict
        ``n_frames`` considered, ``n_chosen``, ``sources`` and ``set_aside``; ``memory_bytes``, ``disk_bytes`` and
        ``seconds``, each with its parts and their ``total`` (of memory the most that is held at one time);
        ``free_bytes``: of memory and of disk, where the system tells.

    Raises
    ------
    UsageError
        An option makes no sense.
    NothingUsableError
        No input can be opened.
    """
    rules = None
    if config is None:
        check_choice(n, method, None, 0)
    else:
        from .lightly.frames import read_config

        rules = parse(read_config(config))
    sources, set_aside = describe(inputs)
    options = {"step": step, "crop": crop, "decode": decode, "color": color, "size": size}
    for source in sources:
        source["considered"] = _considered(source, start, stop, step)
        view = make_view(source["width"], source["height"], 0, parse_crop(crop), size)
        source["dimensions"] = (3 if color else 1) * view.shape[0] * view.shape[1]
    n_frames = sum(source["considered"] for source in sources)
    n_chosen = _chosen(n, rules, n_frames, len(sources) if per_source else 1)
    n_threads = count_threads(threads)
    margin = LAYOUTS[layout].context if context is None else context
    rates = _measure(sources, options, image_format, device, n_threads)
    dims = max(source["dimensions"] for source in sources)
    memory = _memory(sources, n_frames, n_chosen, dims, rules, n_threads, color=color)
    written = n_chosen * (1 + 2 * margin)
    disk = {
        "store": int(sum(s["considered"] * (_STORED * s["dimensions"] + _ROW_BYTES) for s in sources)),
        "pictures": int(written * rates["picture_bytes"]),
    }
    pixels = sum(s["considered"] * s["width"] * s["height"] for s in sources)
    seconds = {
        "index": round(rates["index_start_s"] * len(sources) + pixels * rates["pixel_s"], 1),
        "select": round(_select_s(n_frames, n_chosen, dims, method, rules), 1),
        "export": round(written * rates["picture_s"], 1),
    }
    return {
        "n_frames": n_frames,
        "n_chosen": n_chosen,
        "sources": sources,
        "set_aside": [{"uri": item.uri, "reason": item.reason} for item in set_aside],
        "memory_bytes": {**memory, "total": _BASE_BYTES + max(memory.values())},
        "disk_bytes": {**disk, "total": sum(disk.values())},
        "seconds": {**seconds, "total": round(sum(seconds.values()), 1)},
        "free_bytes": {"memory": _free_memory(), "disk": _free_disk()},
    }


def selection_bytes(n: int, dims: int, picks: int, rules: Config) -> int:
    """Memory of `lightly.select` of *n* rows of *dims* float32 beside its inputs, at most.

    28 bytes a row for each DIVERSITY and 4 for each other strategy, 12 in all (`product_greedy`); columns of
    numbers as they are made, 8 and 4 bytes; classes of a BALANCE as float32 and texts; keys of the neighbours of a
    TYPICALITY; the picks as float32.
    """
    a_row = 40
    for entry in rules.strategies:
        strategy = entry.strategy
        if strategy.type == "DIVERSITY":
            a_row += 28
        elif strategy.type == "TYPICALITY":
            a_row += 8 * 3 * (1 + (strategy.num_nearest_neighbors or 20))
        elif strategy.type == "BALANCE":
            a_row += 180
        else:
            a_row += 40
    return n * a_row + 4 * picks * dims + (32 << 20)


def _considered(
    source: Mapping[str, Any],
    start: str | float | Position | None,
    stop: str | float | Position | None,
    step: int,
) -> int:
    """Frames of a source that will be looked at, of a video with a constant rate."""
    n, rate = source["n_frames"], source.get("frame_rate") or 1.0
    times = np.arange(n) / rate
    first = 0 if start is None else resolve(parse_position(start, "start"), times, end=False)
    last = n if stop is None else resolve(parse_position(stop, "stop"), times, end=True)
    return len(range(first, last, step))


def _chosen(n: int, rules: Config | None, n_frames: int, n_groups: int) -> int:
    return min(n_frames, n * n_groups) if rules is None else rules.count(n_frames)


# Memory -----------------------------------------------------------------------------------------------------------


def _memory(
    sources: list[_Named], n: int, picks: int, dims: int, rules: Config | None, threads: int, *, color: bool
) -> dict[str, int]:
    """Of each stage, beside the process itself."""
    largest = max(source["width"] * source["height"] for source in sources)
    decoders = threads * _DECODER_FRAMES * largest * 2
    chunk = rows_a_chunk((1, dims // (3 if color else 1)), color=color) * dims
    thumbnails = min(n * dims, _PIXEL_BYTES)
    if rules is None:
        vectors = thumbnails + 32 * n + 8 * picks * dims
    else:
        components = min(_COMPONENTS, dims, n)
        fit = 4096 * dims * 4 * 3
        vectors = thumbnails + fit + 8 * n * components + selection_bytes(n, components, picks, rules)
    return {"index": decoders + _CHUNKS * chunk, "select": vectors, "export": decoders + 8 * largest}


def _free_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _free_disk() -> int | None:
    try:
        found = os.statvfs(tempfile.gettempdir())
    except (OSError, AttributeError):
        return None
    return found.f_bavail * found.f_frsize


# Time -------------------------------------------------------------------------------------------------------------


def _measure(
    sources: list[_Named], options: _Named, image_format: str, device: str, threads: int
) -> dict[str, float]:
    """Seconds a source and a pixel for the index, seconds and bytes a picture: from some frames of the largest."""
    source = max(sources, key=lambda s: s["considered"] * s["width"] * s["height"])
    n, pixels = source["n_frames"], source["width"] * source["height"]
    group = n / max(1, source.get("n_keyframes") or n)
    wanted = int(np.clip(2 * threads * group, _SAMPLE_FRAMES, _MOST_SAMPLED)) * options["step"]
    options = {**options, "device": device, "threads": threads, "isolate": False}
    if source["kind"] != "video" or n <= wanted:
        with index(source["uri"], **options) as made:
            looked_at = max(1, source["considered"])
            spent = made.stats["index_s"]
            return {
                "index_start_s": 0.0,
                "pixel_s": spent / looked_at / pixels,
                **_export(made, image_format),
            }
    with index(source["uri"], stop=max(1, wanted // 4), **options) as few:
        short, looked_at_few = few.stats["index_s"], few.n_rows
    with index(source["uri"], stop=wanted, **options) as made:
        spent, looked_at = made.stats["index_s"], made.n_rows
        each = max(spent - short, 0.1 * spent) / max(1, looked_at - looked_at_few)
        return {
            "index_start_s": max(0.0, spent - each * looked_at),
            "pixel_s": each / pixels,
            **_export(made, image_format),
        }


def _export(made: Index, image_format: str) -> dict[str, float]:
    """Seconds and bytes of a picture, of two that are written."""
    with tempfile.TemporaryDirectory(prefix="framesift-") as folder:
        try:
            chosen = select(made, 2, method="uniform", at_most=True)
        except NotEnoughFramesError:  # all are black, or damaged
            return {"picture_s": 0.1, "picture_bytes": 1e6}
        began = time.perf_counter()
        export(chosen, folder, image_format=image_format)
        spent = time.perf_counter() - began
        sizes = [Path(folder, frame.file).stat().st_size for frame in chosen.frames if frame.file]
    return {"picture_s": spent / max(1, len(sizes)), "picture_bytes": float(np.mean(sizes or [0]))}


def _select_s(n: int, picks: int, dims: int, method: str, rules: Config | None) -> float:
    """Seconds of the choice: those of random vectors, of which there are fewer, times how many more there are."""
    if rules is None and method in ("uniform", "random"):
        return 0.0
    rows, some = min(n, _SAMPLE_ROWS), max(1, min(picks, _SAMPLE_PICKS))
    d = min(dims, _COMPONENTS) if rules is not None else dims
    x = np.random.Generator(np.random.Philox(0)).integers(0, 256, (max(rows, some), d)).astype(np.uint8)
    if rules is not None:
        return _strategies_s(x, n, some, picks, rules)
    import framesift

    began = time.perf_counter()
    if method in ("kmeans", "motion-kmeans"):
        framesift.kmeans(x, some)
    elif method == "coverage":
        framesift.coverage(x, some)
    else:
        framesift.kcenter_greedy(x, some)
    return (time.perf_counter() - began) * (n / len(x)) * (picks / some)


def _strategies_s(x: Any, n: int, some: int, picks: int, rules: Config) -> float:
    """Of DIVERSITY and what goes with it every pick looks at all rows; TYPICALITY compares all with all."""
    from .selection.neighbours import typicality
    from .selection.objectives import Diversity, Weights
    from .selection.product import product_greedy

    x = x.astype(np.float32)
    kinds = [entry.strategy.type for entry in rules.strategies]
    objectives: list[Any] = [Diversity(x=x) for kind in kinds if kind == "DIVERSITY"]
    objectives += [
        Weights(values=np.ones(len(x))) for kind in kinds if kind not in ("DIVERSITY", "THRESHOLD")
    ]
    found = 0.0
    if objectives:
        began = time.perf_counter()
        product_greedy(objectives, some)
        found += (time.perf_counter() - began) * (n / len(x)) * (picks / some)
    if "TYPICALITY" in kinds:
        began = time.perf_counter()
        typicality(x, min(20, len(x) - 1))
        found += (time.perf_counter() - began) * (n / len(x)) ** 2
    return found

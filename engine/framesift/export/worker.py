"""What LightlyOne's worker writes beside the pictures: lists of file names, sequences, embeddings."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from framesift_kernels import F32, I64

from ..files import write_atomically, write_json
from ..index import Index, PathLike
from ..machine import load_kernels
from ..progress import ProgressCallback, silent
from ..selection.candidates import gather
from ..selection.excluded import read_excluded
from ..selection.result import Selection, _text, read_selection
from ..sources import Input
from .lists import write_lines

LISTS = ("sampled", "sampled_excluding_datapool", "removed", "duplicate", "corrupt")


def write_outputs(
    selection: Selection | PathLike,
    out: PathLike,
    *,
    store: PathLike | None = None,
    exclude: PathLike | Iterable[PathLike] | None = None,
    embeddings: bool = True,
    inputs: Input | Iterable[Input] | None = None,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> list[Path]:
    """Write what LightlyOne's worker writes of a run, under its names.

    ``filenames/*_filenames.txt``: the frames ``sampled``, ``sampled_excluding_datapool`` (without those of
    *exclude*), ``removed``, ``duplicate`` (exact copies of an earlier frame) and ``corrupt`` (undecodable); but for
    the second, each frame is in one list. ``data/sequence_information.json``: chosen frames that follow one another
    are a sequence. ``data/embeddings.csv``, ``data/normalized_embeddings.csv`` and ``data/selected_embeddings.csv``:
    128 principal components of the thumbnails, of the first two all frames.
    ``corruptness_check_information.json``. A frame is called ``<video>-<index>-<extension>.png``, the index padded
    to as many digits as the number of frames has; an image goes by its own name. Names are relative to the folder
    that all sources have in common. ``report.json`` is written by `report`.

    Parameters
    ----------
    selection
        A selection, or the path of a ``selection.json``.
    out
        Folder to write to.
    store, inputs, threads, progress
        As for `report`.
    exclude
        Frames extracted before, the datapool, as they were given to `select`.
    embeddings
        Write the three tables of embeddings: about 1.2 kB a frame each.

    Returns
    -------
    list of Path
        The files written.
    """
    from ..report.reporting import index_of

    chosen = selection if isinstance(selection, Selection) else read_selection(selection)
    folder = Path(out)
    with index_of(chosen, store, inputs, threads, progress) as made:
        names = frame_names(chosen, made)
        rows = _lists(chosen, made, read_excluded(exclude, made))
        written = []
        for name in LISTS:
            path = folder / "filenames" / f"{name}_filenames.txt"
            write_lines(path, [names[row] for row in rows[name]])
            written.append(path)
        written.append(folder / "data" / "sequence_information.json")
        write_json(written[-1], sequences(chosen, made, names))
        written.append(folder / "corruptness_check_information.json")
        write_json(written[-1], _corruptness(chosen, [names[row] for row in rows["corrupt"]]))
        if embeddings:
            written += _write_embeddings(folder / "data", made, names, rows["sampled"], chosen.seed)
    return written


def frame_names(selection: Selection, index: Index) -> list[str]:
    """(n,) what the worker calls each row of the index."""
    from ..ingest.images import open_images
    from ..ingest.pictures import open_source

    by_id = {source.id: source for source in selection.sources}
    parents = [r.uri if r.kind == "images" else str(PurePosixPath(r.uri).parent) for r in index.records]
    root = os.path.commonpath(parents) if len({p.startswith("/") for p in parents}) == 1 else ""
    found = []
    for at, (record, parent) in enumerate(zip(index.records, parents, strict=True)):
        frames = index.reader(at).frames().tolist()
        place = PurePosixPath(os.path.relpath(parent, root)) if root else PurePosixPath()
        if record.kind == "video":
            digits = len(str(record.n_frames))
            stem, extension = record.name, PurePosixPath(record.uri).suffix[1:]
            found += [_text(str(place / f"{stem}-{i:0{digits}d}-{extension}.png")) for i in frames]
            continue
        with open_images(open_source(by_id[record.id], index.elsewhere.get(record.id))) as images:
            inside = PurePosixPath() if record.kind == "images" else PurePosixPath(record.name)
            found += [_text(str(place / inside / images.names[i])) for i in frames]
    return found


def _lists(selection: Selection, index: Index, excluded: dict[int, set[int]]) -> dict[str, I64]:
    """Rows of each list."""
    from ..report.sets import CHOSEN, find_sets
    from ..store import Flag

    everything = gather(index, list(range(len(index.records))), {}, keep_duplicates=False)
    flags = np.concatenate([reader.read("flags") for reader in index.readers()])
    corrupt = flags & Flag.DAMAGED > 0
    picked = np.zeros(len(flags), bool)
    picked[find_sets(selection, index).rows[CHOSEN]] = True
    pool = np.zeros(len(flags), bool)
    for source, frames in excluded.items():
        pool |= (everything.source == source) & np.isin(everything.frame, sorted(frames))
    sampled = picked | pool
    copied = ~everything.usable & (flags & (Flag.DAMAGED | Flag.BLACK) == 0) & ~sampled
    found = {
        "sampled": sampled,
        "sampled_excluding_datapool": picked & ~pool,
        "duplicate": copied,
        "corrupt": corrupt & ~sampled,
    }
    found["removed"] = ~(found["sampled"] | found["duplicate"] | found["corrupt"])
    return {name: np.flatnonzero(rows) for name, rows in found.items()}


def sequences(selection: Selection, index: Index, names: list[str]) -> list[dict[str, Any]]:
    """What the worker writes as ``sequence_information.json``: runs of chosen frames that follow one another."""
    offsets = index.offsets
    found: list[dict[str, Any]] = []
    positions = {record.id: at for at, record in enumerate(index.records)}
    for number, source in enumerate(selection.sources):
        at = positions[source.id]
        record = index.records[at]
        reader = index.reader(at)
        frames = reader.frames()
        picked = np.searchsorted(frames, selection.indices(number))
        pts = reader.read("pts")
        for run in np.split(picked, np.flatnonzero(np.diff(picked) > 1) + 1):
            if not len(run):
                continue
            called = [names[int(offsets[at]) + row] for row in run.tolist()]
            if record.kind != "video":
                found.append({"filenames": called})
                continue
            numerator, denominator = record.time_base
            stamps = pts[frames[run]].tolist()
            found.append(
                {
                    "video_name": _text(PurePosixPath(record.uri).name),
                    "frame_names": called,
                    "frame_timestamps_pts": stamps,
                    "frame_timestamps_sec": [stamp * numerator / denominator for stamp in stamps],
                    "frame_indices": frames[run].tolist(),
                }
            )
    return found


def _corruptness(selection: Selection, corrupt: list[str]) -> dict[str, Any]:
    return {
        "corrupt_samples": dict.fromkeys(corrupt, "built-in"),
        "corrupt_videos": {_text(item.uri): _text(item.reason) for item in selection.set_aside},
    }


def _write_embeddings(folder: Path, index: Index, names: list[str], chosen: I64, seed: int) -> list[Path]:
    from ..features.framewise import COMPONENTS
    from ..features.pca import pca
    from ..features.pixels import Pixels
    from ..features.unit import unit_rows

    pixels = Pixels(index, list(range(len(index.records))), load_kernels("cpu"))
    x = pca(pixels, COMPONENTS, np.random.Generator(np.random.Philox(seed)))
    unit = unit_rows(x)
    every = np.arange(len(x))
    tables: Mapping[str, tuple[F32, I64]] = {
        "embeddings": (x, every),
        "normalized_embeddings": (unit, every),
        "selected_embeddings": (unit, chosen),
    }
    written = []
    for name, (vectors, rows) in tables.items():
        written.append(folder / f"{name}.csv")
        write_atomically(written[-1], lambda file, v=vectors, r=rows: _write_table(file, v, r, names))  # type: ignore[misc]
    return written


def _write_table(file: IO[bytes], x: F32, rows: I64, names: list[str]) -> None:
    """``filenames,embedding_0,…,labels``; the shortest digits that give the same float32 again."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["filenames", *(f"embedding_{i}" for i in range(x.shape[1])), "labels"])
    for row in rows.tolist():
        table.writerow([names[row], *map(str, x[row]), 0])
    text.flush()
    text.detach()

"""What LightlyOne's worker writes beside the pictures: lists of file names, sequences, embeddings."""

import csv
import io
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from framesift_kernels import F32, I64

from ..features.unit import unit_rows
from ..files import write_atomically, write_json
from ..index import Index, PathLike
from ..lightly.config import Config, parse
from ..lightly.frames import brought_before
from ..lightly.names import common_folder
from ..lightly.preparing import Prepared, prepare
from ..progress import ProgressCallback, silent
from ..selection.excluded import read_excluded
from ..selection.result import Selection, _text, read_selection
from ..sources import Input
from .lists import write_lines

LISTS = {
    "sampled": "sampled_filenames",
    "new": "sampled_filenames_excluding_datapool",
    "removed": "removed_filenames",
    "duplicate": "duplicate_filenames",
    "corrupt": "corrupt_filenames",
}
"""Names of the files of the lists."""


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

    ``filenames/``: lists of the frames ``sampled``, ``sampled…excluding_datapool`` (without those that were selected
    before), ``removed``, ``duplicate`` (copies of an earlier frame, and near duplicates where these were left out)
    and ``corrupt`` (undecodable, or too many uniform rows where these were looked for); but for the second, each
    frame is in one list, and those that are not relevant are in none. ``data/sequence_information.json``: sequences
    that were selected, or else chosen frames that follow one another. ``data/embeddings.csv`` and
    ``data/normalized_embeddings.csv``: 128 principal components of the thumbnails of all frames but corrupt ones and
    duplicates; ``data/selected_embeddings.csv`` and ``data/selected_embeddings_including_datapool.csv``: of those
    selected, of unit length. ``data/al_score_embeddings.csv``: the scores of predictions, where a strategy used some.
    ``corruptness_check_information.json``. A frame is called
    ``<video>-<index>-<extension>.png``, the index padded to as many digits as the number of frames has; an image goes
    by its own name. Names are relative to the folder that all sources have in common, or to the root that was given.
    ``report.json`` is written by `report`.

    Parameters
    ----------
    selection
        A selection, or the path of a ``selection.json``.
    out
        Folder to write to.
    store, inputs, threads, progress
        As for `report`.
    exclude
        Frames extracted before, as they were given to `select`; what was given as preselected is known.
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
    with index_of(chosen, store, inputs, threads, progress) as made, ExitStack() as stack:
        ready = _ready(chosen, made, exclude, stack)
        names = list(ready.names(ready.brought.root)[: ready.n])
        rows = _lists(chosen, ready)
        written = []
        for name, file in LISTS.items():
            written.append(folder / "filenames" / f"{file}.txt")
            write_lines(written[-1], [names[row] for row in rows[name]])
        written.append(folder / "data" / "sequence_information.json")
        write_json(written[-1], sequences(chosen, made, names))
        written.append(folder / "corruptness_check_information.json")
        write_json(written[-1], _corruptness(chosen, ready, names, rows["corrupt"]))
        if embeddings:
            written += _write_embeddings(folder / "data", ready, names, rows)
            written += _write_scores(folder / "data", ready, names, rows, progress)
    return written


def _ready(
    selection: Selection, made: Index, exclude: PathLike | Iterable[PathLike] | None, stack: ExitStack
) -> Prepared:
    """What the selection was made from."""
    options = selection.options
    rules = Config(n_samples=None, proportion_samples=None, strategies=())
    if selection.method == "lightly":
        rules = parse(options.get("config") or {})
    keeps = rules.remove_exact_duplicates is False or rules.sequence_length > 1
    return prepare(
        made,
        rules,
        brought_before(options),
        _excluded(selection, made, exclude),
        stack,
        keep_duplicates=keeps or bool(options.get("keep_duplicates")),
        seed=selection.seed,
    )


def _excluded(
    selection: Selection, made: Index, exclude: PathLike | Iterable[PathLike] | None
) -> dict[int, set[int]]:
    """What was extracted before, as it is given now and as the selection says."""
    found = read_excluded(exclude, made)
    places = {record.id: at for at, record in enumerate(made.records)}
    known = selection.options.get("preselected_frames")
    for source, frames in known.items() if isinstance(known, dict) else ():
        found.setdefault(places[selection.sources[int(source)].id], set()).update(frames)
    return found


def _lists(selection: Selection, ready: Prepared) -> dict[str, I64]:
    """Rows of each list."""
    from ..report.sets import CHOSEN, find_sets
    from ..source_store import Flag

    made, n = ready.made, ready.n
    flags = np.concatenate([reader.read("flags") for reader in made.readers()])
    nothing = np.zeros(n, np.bool_)
    irrelevant, uniform = (ready.reasons.get(name, nothing) for name in ("irrelevant", "corrupt"))
    picked, pool = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    picked[find_sets(selection, made).rows[CHOSEN]] = True
    pool[ready.before[ready.before < n]] = True
    sampled = picked | pool
    corrupt = (flags & Flag.DAMAGED > 0) | uniform
    black = flags & Flag.BLACK > 0
    copied = ~ready.candidates.usable[:n] & ~corrupt & ~black
    found = {
        "sampled": sampled,
        "new": picked & ~pool,
        "duplicate": copied & ~sampled & ~irrelevant,
        "corrupt": corrupt & ~sampled & ~irrelevant,
    }
    found["removed"] = ~(found["sampled"] | found["duplicate"] | found["corrupt"] | irrelevant)
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
        for run in np.split(picked, _cuts(selection, number, picked)):
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


def _cuts(selection: Selection, source: int, rows: I64) -> I64:
    """Where a sequence ends among the chosen rows of a source: as they were selected, or where a row is left out."""
    apart = np.diff(rows) > 1
    clusters = [frame.cluster for frame in selection.frames if frame.source == source]
    if selection.method == "lightly" and None not in clusters:
        apart |= np.diff(np.array(clusters, np.int64)) != 0
    return np.flatnonzero(apart) + 1


def _corruptness(selection: Selection, ready: Prepared, names: list[str], rows: I64) -> dict[str, Any]:
    """Samples that could not be decoded are told by an error, others by what the worker calls its own check."""
    uniform = ready.reasons.get("corrupt", np.zeros(ready.n, np.bool_))
    root = ready.brought.root or common_folder(ready.made)
    return {
        "corrupt_samples": {names[row]: "built-in" if uniform[row] else "OSError" for row in rows.tolist()},
        "corrupt_videos": {
            _text(item.uri.removeprefix(f"{root}/") if root else item.uri): _text(item.reason)
            for item in selection.set_aside
            if not item.uri.endswith(".json")  # of predictions, not of the input
        },
    }


def _write_embeddings(folder: Path, ready: Prepared, names: list[str], rows: Mapping[str, I64]) -> list[Path]:
    x = ready.components[: ready.n]
    unit = unit_rows(x)
    every = np.sort(np.concatenate([rows["sampled"], rows["removed"]]))
    tables: Mapping[str, tuple[F32, I64]] = {
        "embeddings": (x, every),
        "normalized_embeddings": (unit, every),
        "selected_embeddings": (unit, rows["new"]),
        "selected_embeddings_including_datapool": (unit, rows["sampled"]),
    }
    written = []
    for name, (vectors, some) in tables.items():
        written.append(folder / f"{name}.csv")
        head = [f"embedding_{i}" for i in range(vectors.shape[1])]
        write_atomically(written[-1], partial(_write_table, x=vectors, rows=some, names=names, head=head))
    return written


def _write_scores(
    folder: Path, ready: Prepared, names: list[str], rows: Mapping[str, I64], progress: ProgressCallback
) -> list[Path]:
    """A column for each score of the predictions that a strategy used, if any."""
    if not any(e.input.type in ("SCORES", "PREDICTIONS") for e in ready.rules.strategies):
        return []
    columns = {
        f"{task}/{name}" if name else task: column
        for task, given in ready.data(progress).scores.items()
        for name, column in (given.items() if isinstance(given, Mapping) else [("", given)])
    }
    if not columns:
        return []
    x = np.stack([np.asarray(column[: ready.n], np.float32) for column in columns.values()], axis=1)
    every = np.sort(np.concatenate([rows["sampled"], rows["removed"]]))
    path = folder / "al_score_embeddings.csv"
    write_atomically(path, partial(_write_table, x=x, rows=every, names=names, head=list(columns)))
    return [path]


def _write_table(file: IO[bytes], x: F32, rows: I64, names: list[str], head: list[str]) -> None:
    """``filenames,embedding_0,…,labels``; the shortest digits that give the same float32 again."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["filenames", *head, "labels"])
    for row in rows.tolist():
        table.writerow([names[row], *map(str, x[row]), 0])
    text.flush()
    text.detach()

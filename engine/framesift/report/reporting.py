"""A report of a selection that was written before."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import UsageError
from ..files import write_json
from ..index import Index, PathLike, index, open_index
from ..progress import Progress, ProgressCallback, silent
from ..selection.result import Selection, read_selection
from ..sources import Input
from .contact_sheet import ContactSheet
from .html import write_report
from .maps import check_map
from .measuring import Measured, measure
from .storage import open_picture, picture_path


def report(
    selection: Selection | PathLike,
    out: PathLike | None = None,
    *,
    store: PathLike | None = None,
    folder: PathLike | None = None,
    map_name: str = "auto",
    inputs: Input | Iterable[Input] | None = None,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> dict[str, Any]:
    """Write ``report.html``, ``report.json`` and ``report_v2.json``: what was chosen, and how good it is.

    The report compares the frames chosen with all frames, with as many evenly spaced ones, and with as many random
    ones: distances within each set, the coverage radius (the distance of the frame that the set covers worst),
    histograms, a map, the frames left out that are most like chosen ones, the frames least like any, and storage.
    See `measuring.measure` for what is compared; large indexes are sampled, evenly, and the report says so.

    Parameters
    ----------
    selection
        A selection, or the path of a ``selection.json``.
    out
        Folder to write to; that of ``selection.json`` by default.
    store
        The store that it was chosen from. Without, the sources are decoded again, as they were for the selection.
    folder
        Where the pictures lie; that of ``selection.json``, or else *out*, by default.
    map_name
        ``"pca"``; ``"umap"`` or ``"pacmap"`` too, with the packages umap-learn or pacmap; ``"auto"``: with the one
        that is installed.
    inputs
        Sources that cannot be opened by what the selection says of them, as for `export`.
    threads
        Decoder threads, if sources are decoded; all cores by default.
    progress
        As for `index`.

    Returns
    -------
    dict
        The object of ``report.json``: LightlyOne's report (version 2), all there is in ``report_v2.json``, and
        ``framesift``: ``distances``, ``sampling``, ``removed_neighbours``, ``least_covered``, ``maps``, ``storage``.

    Raises
    ------
    UsageError
        *selection* is no selection, has no options of an index and no *store* is given, or a package is missing.
    IntegrityError
        The sources are not those that were chosen from.
    """
    check_map(map_name)
    if isinstance(selection, str | os.PathLike):
        home = Path(selection).parent
        chosen = read_selection(selection)
    elif out is None:
        raise UsageError("out must be given where the selection is no file")
    else:
        home, chosen = Path(out), selection
    target, folder = Path(home if out is None else out), Path(home if folder is None else folder)
    with index_of(chosen, store, inputs, threads, progress) as made:
        progress(Progress(stage="report", done=0, total=1))
        measured = measure(chosen, made, folder, map_name=map_name)
        write_measured(target, measured)
        write_report(target / "report.html", chosen, _tiles(chosen, folder), measured)
        progress(Progress(stage="report", done=1, total=1))
    return measured.json


def write_measured(folder: Path, measured: Measured) -> None:
    """``report.json``, and without our own findings ``report_v2.json``, which LightlyOne's client takes."""
    write_json(folder / "report.json", measured.json)
    theirs = {name: part for name, part in measured.json.items() if name != "framesift"}
    write_json(folder / "report_v2.json", theirs)


@contextmanager
def index_of(
    selection: Selection,
    store: PathLike | None,
    inputs: Input | Iterable[Input] | None,
    threads: int | None,
    progress: ProgressCallback,
) -> Iterator[Index]:
    """The index that a selection was made from: its own, while that is open, or else that of *store*, or made again.

    Raises
    ------
    UsageError
        The store does not hold its sources; without a store: the selection does not say how it was indexed.
    """
    if selection.index is not None and selection.index.store.path.exists():
        yield selection.index
        return
    with _index(selection, store, inputs, threads, progress) as made:
        yield made


def _index(
    selection: Selection,
    store: PathLike | None,
    inputs: Input | Iterable[Input] | None,
    threads: int | None,
    progress: ProgressCallback,
) -> Index:
    """The index that a selection was made from, opened or made again; only of its sources."""
    if store is None:
        options = selection.options.get("index")
        names = ("size", "start", "stop", "step", "crop", "decode", "color")
        if not isinstance(options, dict) or not set(options) <= set(names):
            raise UsageError(
                "the selection does not say how its sources were indexed; give the store (--store)"
            )
        return index(
            [source.uri for source in selection.sources] if inputs is None else inputs,
            threads=threads,
            progress=progress,
            **options,
        )
    opened = open_index(store)
    by_id = {record.id: record for record in opened.records}
    missing = [source.uri for source in selection.sources if source.id not in by_id]
    if missing:
        opened.close()
        raise UsageError(f"the store {store} does not hold {missing[0]}, which the selection was made from")
    opened.records = [by_id[source.id] for source in selection.sources]
    return opened


def _tiles(selection: Selection, folder: Path) -> dict[tuple[int, int], Image.Image]:
    """Small pictures of the chosen frames that were written, by (source, index)."""
    sheet = ContactSheet(selection)
    for frame in sheet.frames:
        path = picture_path(folder, frame)
        picture = None if path is None else open_picture(path)
        if picture is not None:
            sheet.add((frame.source, frame.index), picture)
    return sheet.tiles

"""Index → selection, by LightlyOne's selection configuration."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import NotEnoughFramesError, UsageError
from ..features.framewise import PCA
from ..features.names import row_names
from ..index import Index, PathLike
from ..predictions.lightly.reading import read_lightly
from ..predictions.objects import TaskPredictions
from ..progress import Progress, ProgressCallback, silent
from ..selection.candidates import Candidates, gather
from ..selection.choice import _rows_of, frames_of
from ..selection.excluded import read_excluded
from ..selection.result import SelectedSource, Selection
from ..selection.strategy import Pick
from ..store import STATISTICS
from .config import Config, parse
from .embeddings import predicted_object_tasks, read_embeddings
from .inputs import Data
from .selecting import choose

_MAX_JSON_BYTES = 16 << 20


def select_frames(
    index: Index,
    config: Mapping[str, Any] | PathLike,
    *,
    skip_near: bool = False,
    exclude: PathLike | Iterable[PathLike] | None = None,
    keep_duplicates: bool = False,
    predictions: PathLike | None = None,
    vectors: Any = PCA,
    normalize: bool = True,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Selection:
    """Choose frames of all sources of an index by a selection configuration, as `lightly.select` does.

    Embeddings are by default the first 128 principal components of the thumbnails, of unit length, so that distances
    lie between 0 and 2. Those of a task are of its objects: of what the predicted boxes hold, or of the tiles of an
    auto task. Metadata are ``luminance``, ``contrast``, ``sharpness`` and ``motion`` of the index, and the
    name of the ``source``, by which a selection can be balanced; ``lightly.luminance`` (0 to 100) and
    ``lightly.sharpness`` are known too. Frames that could not be decoded, black frames and all but the first of
    exact duplicates are never chosen.

    Parameters
    ----------
    index
        From `index` or `open_index`.
    config
        A dict, or the path of a JSON file.
    skip_near
        As for `lightly.select`.
    exclude
        Frames extracted before, as for `framesift.select`: a datapool. They are taken as chosen and not chosen
        again; ``nSamples`` are to come on top of them.
    keep_duplicates
        Exact duplicates may be chosen.
    predictions
        Folder of LightlyOne's predictions, for object diversity: see `predictions.read_lightly`.
    vectors, normalize
        As for `framesift.select`, but that ``"thumbnails"`` are their principal components.
    seed
        Of the principal components.
    threads
        Of models and of decoding for them.

    Raises
    ------
    NotEnoughFramesError
        Nothing is left to choose.
    UsageError
        The configuration is wrong, or names scores, predictions or metadata that an index has not.
    """
    began = time.perf_counter()
    written = read_config(config)
    rules = parse(written)
    excluded = read_excluded(exclude, index)
    sources = list(range(len(index.records)))
    progress(Progress(stage="select", done=0, total=1, source=index.records[0].name))
    candidates = gather(index, sources, excluded, keep_duplicates=keep_duplicates)
    embeddings, said = read_embeddings(
        index,
        rules,
        read_objects(index, rules, predictions, progress),
        vectors=vectors,
        normalize=normalize,
        seed=seed,
        device=device,
        threads=threads,
        progress=progress,
    )
    data = Data(
        embeddings=embeddings or None,
        queries=None,
        scores={},
        metadata=_metadata(candidates),
        predictions={},
    )
    wanted = rules.count(int(np.count_nonzero(candidates.usable)))
    before = np.unique(_rows_of(candidates, excluded))
    picks = choose(rules, data, before, candidates.usable, wanted, skip_near=skip_near, device=device)
    if not len(picks):
        raise NotEnoughFramesError(
            f"the configuration leaves nothing to choose of {len(candidates)} frames; loosen its thresholds"
        )
    progress(Progress(stage="select", done=1, total=1))
    names = [f.name for f in fields(SelectedSource)]
    return Selection(
        method="lightly",
        seed=seed,
        options={
            "config": written,
            "skip_near": skip_near,
            "n_excluded": sum(map(len, excluded.values())),
            "keep_duplicates": keep_duplicates,
            **({} if said in (None, PCA) else {"vectors": said, "normalize": normalize}),
            "device": device,
            "index": index.records[0].options,
        },
        sources=[
            SelectedSource(**{name: getattr(record, name) for name in names}) for record in index.records
        ],
        frames=frames_of(candidates, [Pick(int(row)) for row in picks]),
        set_aside=list(index.set_aside),
        stats={**index.stats, "select_s": time.perf_counter() - began},
        dropped=dict(candidates.dropped),
        index=index,
    )


def read_objects(
    index: Index, rules: Config, folder: PathLike | None, progress: ProgressCallback
) -> dict[str, TaskPredictions]:
    """The predictions, with boxes, of the tasks whose objects strategies take the embeddings of."""
    tasks = predicted_object_tasks(rules)
    if not tasks or folder is None:
        return {}
    return read_lightly(folder, tasks, files=row_names(index), progress=progress)


def read_config(config: Mapping[str, Any] | PathLike) -> dict[str, Any]:
    """A selection configuration, checked, of a dict or a JSON file.

    Raises
    ------
    UsageError
        It cannot be read, is no JSON object, or is wrong.
    """
    if not isinstance(config, str | os.PathLike):
        parse(config)
        return dict(config)
    path = Path(config)
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise UsageError(f"{path} is too large to be a selection config")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{path} is not JSON ({e})") from None
    try:
        parse(found)
    except UsageError as e:
        raise UsageError(f"{path}: {e}") from None
    return dict(found)


def _metadata(candidates: Candidates) -> dict[str, npt.NDArray[Any]]:
    """A column a name, a row a candidate."""
    index = candidates.index
    found: dict[str, npt.NDArray[Any]] = {
        name: np.concatenate([index.reader(s).statistic(name) for s in candidates.sources])
        for name in STATISTICS
    }
    found["lightly.luminance"] = found["luminance"] * (100 / 255)
    found["lightly.sharpness"] = found["sharpness"]
    found["source"] = np.array([index.records[s].name for s in candidates.source.tolist()], np.str_)
    return found

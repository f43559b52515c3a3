"""A report in the shape of LightlyOne's (version 2).

Source: the models ``report_v2``, ``general_information``, ``dataset_analysis`` and ``prediction_task_information`` of the
client's OpenAPI package (lightly 1.5), all of whose required keys are here.
"""

import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..index import Index
from ..lightly.names import common_folder
from ..lightly.quality import MEASURED, quality
from ..selection.result import Selection, _text
from .distances import Comparison
from .histograms import KEYS, distribution, statistics
from .predicted import Columns, brought_along
from .sets import ALL, CHOSEN, RANDOM, Sets, spread

_EXAMPLES = 12
_Named = dict[str, Any]


def in_shape(
    selection: Selection,
    index: Index,
    sets: Sets,
    unit: Comparison,
    found: Mapping[str, Any],
    names: Mapping[tuple[int, int], str],
) -> _Named:
    """LightlyOne's keys.

    Parameters
    ----------
    unit
        Distances between embeddings of unit length.
    found
        Our findings: ``removed_neighbours`` and ``maps``.
    names
        What LightlyOne calls each frame, by (position in ``selection.sources``, frame).
    """
    columns = brought_along(selection, index)
    rows = {KEYS[name]: sets.rows[name] for name in (ALL, CHOSEN, RANDOM)} | _pool(selection, index, sets)
    whole = {
        "generalInformation": {
            "workerInformation": _worker(),
            "runInformation": _run(selection),
            "datasetInformation": _dataset(selection, index, sets),
            "annotationSavings": {
                task: {"costSavings": 0.0, "co2Savings": 0.0}
                for task in ("imageClassification", "objectDetection", "semanticSegmentation")
            },
            "selectedAndRemovedImageExamples": _examples(found["removed_neighbours"], names),
        },
        "datasetAnalysis": {
            "embeddingInformation": {
                "distanceToNearestNeighborInSet": distribution(_in_keys(unit.nearest_in_set)),
                "distanceToCoverInput": distribution(_in_keys(unit.to_cover)),
                "scatterPlotData": {
                    "pcaEmbeddingData": _plane(found["maps"], "pca", names),
                    "umapEmbeddingData": _plane(found["maps"], "umap", names),
                },
            },
            "metadataInformation": _metadata(index, rows, columns),
        },
        "predictionTaskInformation": columns.tasks(rows, names_of_rows(index, sets, names, selection)),
    }
    numbers: _Named = _with_numbers(whole)
    return numbers


def _with_numbers(part: Any) -> Any:
    """0 where there is nothing to measure: LightlyOne's models know no other."""
    if isinstance(part, dict):
        return {
            name: dict.fromkeys(inner, 0.0)
            if name == "metrics" and None in inner.values()
            else _with_numbers(inner)
            for name, inner in part.items()
        }
    return part


def names_of_rows(
    index: Index, sets: Sets, names: Mapping[tuple[int, int], str], selection: Selection
) -> Sequence[str]:
    """What each row of the index is called."""
    by_id = {source.id: at for at, source in enumerate(selection.sources)}
    at = [by_id.get(record.id, -1) for record in index.records]
    return [
        names.get((at[source], frame), "")
        for source, frame in zip(sets.source.tolist(), sets.frame.tolist(), strict=True)
    ]


def _pool(selection: Selection, index: Index, sets: Sets) -> dict[str, I64]:
    """Rows of the index that were selected before, and those with what was selected now."""
    given = selection.options.get("preselected_frames")
    if not isinstance(given, dict):
        return {}
    by_id = {source.id: at for at, source in enumerate(selection.sources)}
    before = np.zeros(index.n_rows, np.bool_)
    for position, record in enumerate(index.records):
        frames = np.asarray(given.get(str(by_id.get(record.id))) or [], np.int64)
        before |= (sets.source == position) & np.isin(sets.frame, frames)
    rows = np.flatnonzero(before)
    both = np.union1d(rows, sets.rows[CHOSEN])
    return {"preselectedDatapool": rows, "selectedWithDatapool": both} if len(rows) else {}


def _worker() -> _Named:
    from .. import __version__

    return {"buildTime": "", "buildVersion": f"framesift {__version__}"}


def _run(selection: Selection) -> _Named:
    now = time.time()
    seconds = sum(v for name, v in selection.stats.items() if name in ("index_s", "select_s", "export_s"))
    return {
        "startTimestamp": round(now - seconds, 3),
        "endTimestamp": round(now, 3),
        "totalProcessingTimeS": round(seconds, 3),
        "runId": _digest(*(f"{f.source}#{f.index}" for f in selection.frames), str(selection.options)),
        "runUrl": "",
    }


def _digest(*texts: str) -> str:
    """24 hex digits, as LightlyOne's ids have."""
    return blake2b("\0".join(texts).encode(errors="surrogateescape"), digest_size=12).hexdigest()


def _dataset(selection: Selection, index: Index, sets: Sets) -> _Named:
    before = int(selection.options.get("n_excluded") or 0)
    dropped, n = selection.dropped, len(selection)
    corrupt = sets.n_damaged + dropped.get("corrupt", 0)
    duplicate = dropped.get("duplicate", 0) + dropped.get("near duplicate", 0)
    root = common_folder(index)
    found = {
        "datasetSizes": _sizes(index.n_rows, corrupt, duplicate, n, before),
        "datasetId": _digest(*(record.fingerprint for record in index.records)),
        "datasetUrl": _text(root),
        "datasetName": _text(PurePosixPath(root).name or "input"),
    }
    videos = [record for record in index.records if record.kind == "video"]
    if videos:
        with_picks = {selection.sources[frame.source].id for frame in selection.frames}
        gone = sum(not item.uri.endswith(".json") for item in selection.set_aside)
        chosen = sum(record.id in with_picks for record in videos)
        found["videoLevelSizes"] = _sizes(len(videos) + gone, gone, 0, chosen, 0)
    return found


def _sizes(n: int, corrupt: int, duplicate: int, selected: int, before: int) -> dict[str, int]:
    return {
        "nInput": n,
        "nCorrupt": corrupt,
        "nDuplicate": duplicate,
        "nRemoved": n - selected,
        "nSelected": selected,
        "nPreselectedDatapool": before,
        "nSelectedWithDatapool": before + selected,
    }


def _examples(pairs: Sequence[_Named], names: Mapping[tuple[int, int], str]) -> list[_Named]:
    shown = [pairs[at] for at in spread(len(pairs), _EXAMPLES)]
    return [
        {
            "selectedImage": names.get((pair["selected"]["source"], pair["selected"]["index"]), ""),
            "removedImage": names.get((pair["removed"]["source"], pair["removed"]["index"]), ""),
            "distance": pair["distance"],
        }
        for pair in shown
    ]


def _plane(maps: _Named, name: str, names: Mapping[tuple[int, int], str]) -> _Named:
    """Points of a map; none where it was not drawn."""
    points = maps.get(name) or {"all": [], "chosen": []}
    frames = maps["frames"] if points["chosen"] else []
    return {
        "input2dEmbeddings": points["all"],
        "selectedExcludingDatapool2dEmbeddings": points["chosen"],
        "exampleImages": [
            {
                "location": points["chosen"][at],
                "filename": names.get((frames[at]["source"], frames[at]["index"]), ""),
            }
            for at in spread(len(frames), _EXAMPLES).tolist()
        ],
    }


def _metadata(index: Index, rows: Mapping[str, I64], columns: Columns) -> _Named:
    return {
        "lightlyNumeric": {
            **statistics(index, rows),
            **{
                name.removeprefix("lightly."): _distribution(values, rows)
                for name, values in quality(index, MEASURED).items()
            },
        },
        "customNumeric": {name: _distribution(v, rows) for name, v in columns.numbers.items()},
        "customCategorical": {name: categories(v, rows) for name, v in columns.categories.items()},
    }


def _distribution(values: npt.NDArray[Any], rows: Mapping[str, I64]) -> _Named:
    return distribution({name: values[some] for name, some in rows.items()})


def categories(values: npt.NDArray[Any], rows: Mapping[str, I64]) -> _Named:
    """A categorical distribution per set, of a category a row."""
    from .predicted import per_set

    kinds, labels = np.unique(values.astype(np.str_), return_inverse=True)
    counts = np.zeros((len(labels), len(kinds)), np.int64)
    counts[np.arange(len(labels)), labels.reshape(-1)] = 1
    return per_set(counts, kinds.tolist(), rows)


def _in_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {KEYS[name]: values[name] for name in (ALL, CHOSEN, RANDOM) if name in values}
    return {**found, KEYS[CHOSEN]: found.get(KEYS[CHOSEN], np.empty(0))}

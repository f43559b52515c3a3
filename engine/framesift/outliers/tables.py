"""All scores as files: one CSV a video, and one JSON of all."""

import csv
import io
from pathlib import Path
from typing import Any

from ..files import write_atomically, write_json
from ..selection.result import folder_names
from .choosing import Outliers, total_counts
from .scores import Scores


def write_scores(out: Path, found: Outliers) -> list[Path]:
    """Write ``scores/<video>.csv``, a row a frame, and ``scores.json`` with the counts; return their paths."""
    names = folder_names(found.selection.sources)
    paths = []
    for source, scores in found.scores.items():
        path = out / "scores" / f"{names[source]}.csv"
        data = csv_of(scores).encode()
        write_atomically(path, lambda file, data=data: file.write(data))  # type: ignore[misc]
        paths.append(path)
    write_json(out / "scores.json", summary({names[at]: scores for at, scores in found.scores.items()}))
    return [*paths, out / "scores.json"]


def csv_of(scores: Scores) -> str:
    """A row a frame; empty where there is no number."""
    columns = scores.to_json()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        ["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True)
    )
    return text.getvalue()


def summary(scores: dict[str, Scores]) -> dict[str, Any]:
    """What ``scores.json`` holds: counts of all videos, and of each its counts and columns."""
    return {
        "flagged": total_counts(scores.values()),
        "sources": {
            name: {"flagged": each.counts(), "columns": each.to_json()} for name, each in scores.items()
        },
    }

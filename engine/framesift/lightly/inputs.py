"""What a configuration's inputs name, out of what the caller brings along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from .config import Entry

Column = npt.NDArray[Any]
F64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Embeddings of the objects of n pictures: of each several, or none."""

    x: Any
    """(m, d) vectors of all objects, picture by picture."""
    offsets: npt.ArrayLike
    """(n + 1,) where those of each picture begin and end."""

    def __len__(self) -> int:
        return len(np.asarray(self.offsets)) - 1

    def each(self, values: npt.NDArray[Any], how: str) -> npt.NDArray[np.float64]:
        """(n,) the ``"mean"`` or ``"max"`` of what the objects of each picture have, 0 where there is none."""
        sizes = np.diff(np.asarray(self.offsets))
        picture = np.repeat(np.arange(len(sizes)), sizes)
        found = np.zeros(len(sizes))
        if how == "max":
            np.maximum.at(found, picture, values)
            return found
        np.divide(np.bincount(picture, values, len(sizes)), sizes, out=found, where=sizes > 0)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Embeddings, scores, metadata and predictions, as `select` is given them."""

    embeddings: Any
    queries: Any
    scores: Mapping[str, Any]
    metadata: Any
    predictions: Mapping[str, Any]

    def count(self) -> int:
        """How many samples there are.

        Raises
        ------
        UsageError
            Nothing was given, or not everything is as long as the rest.
        """
        lengths = {f"{name}": len(column) for name, column in self._columns()}
        if not lengths:
            raise UsageError("nothing to select from: give embeddings, scores, metadata or predictions")
        if len(set(lengths.values())) > 1:
            raise UsageError(
                "everything must have a row for each sample, got "
                + ", ".join(f"{n} of {name}" for name, n in lengths.items())
            )
        return next(iter(lengths.values()))

    def _columns(self) -> list[tuple[str, Any]]:
        found = [(f"embeddings{task and f' {task!r}'}", x) for task, x in _by_task(self.embeddings).items()]
        for name, scores in self.scores.items():
            inner = scores.items() if isinstance(scores, Mapping) else [("", scores)]
            found += [(f"score {name!r}{part and f' {part!r}'}", x) for part, x in inner]
        found += [
            (f"metadata {key!r}", self.metadata[key])
            for key in (() if self.metadata is None else self.metadata)
        ]
        for task, given in self.predictions.items():
            found += [
                (f"{name} of {task!r}", given[name])
                for name in ("class_distribution", "category_count")
                if name in given
            ]
        return [(name, x if hasattr(x, "__len__") else np.asarray(x)) for name, x in found]

    # One input each ---------------------------------------------------------------------------------------------

    @property
    def pictures(self) -> Any:
        """(n, d) vectors of whole pictures, or the first there are."""
        found = {task: x for task, x in _by_task(self.embeddings).items() if not isinstance(x, Objects)}
        return found.get("", next(iter(found.values()), None))

    def embedding(self, entry: Entry) -> Any:
        """(n, d) vectors of an EMBEDDINGS input."""
        found, task = _by_task(self.embeddings), entry.input.task or ""
        if not found:
            raise UsageError(f"{entry.where}: its input is EMBEDDINGS, but no embeddings were given")
        if task not in found:
            raise UsageError(
                f"{entry.where}: no embeddings of task {task!r} were given, there are those of {_names(found)}; "
                "give a dict of embeddings by task, '' for whole pictures"
            )
        return found[task]

    def query(self, entry: Entry) -> Any:
        """(q, d) vectors that a SIMILARITY compares with."""
        tag = entry.input.tag_name
        if isinstance(self.queries, Mapping):
            if tag not in self.queries:
                raise UsageError(
                    f"{entry.where}: no queries of tag {tag!r} were given, there are {_names(self.queries)}"
                )
            return self.queries[tag]
        if self.queries is None:
            raise UsageError(
                f"{entry.where}: strategy SIMILARITY needs queries=, the embeddings to compare with"
            )
        return self.queries

    def numbers(self, entry: Entry) -> F64Array:
        """(n,) numbers of an input that WEIGHTS or THRESHOLD take, but RANDOM."""
        given = {"SCORES": self._score, "METADATA": self._key, "PREDICTIONS": self._category_count}[
            entry.input.type
        ]
        column = given(entry)
        if column.dtype.kind not in "biuf" or column.ndim != 1:
            raise UsageError(
                f"{entry.where}: {entry.strategy.type} needs a number a sample, got {column.dtype = }, {column.shape = }"
            )
        return column.astype(np.float64)

    def _score(self, entry: Entry) -> Column:
        task, score = entry.input.task, entry.input.score
        if score is None:
            raise UsageError(f"{entry.where}: input SCORES needs 'score'")
        inner = self.scores.get(task or "")
        if isinstance(inner, Mapping) and score in inner:
            return np.asarray(inner[score])
        for name in (f"{task}/{score}", score):
            if name in self.scores and not isinstance(self.scores[name], Mapping):
                return np.asarray(self.scores[name])
        of = f" of task {task!r}" if task else ""
        known = inner if isinstance(inner, Mapping) else self.scores
        raise UsageError(f"{entry.where}: no score {score!r}{of} was given, there are {_names(known)}")

    def _key(self, entry: Entry) -> Column:
        key = entry.input.key
        if key is None:
            raise UsageError(f"{entry.where}: input METADATA needs 'key'")
        if self.metadata is None or key not in self.metadata:
            known = () if self.metadata is None else self.metadata
            raise UsageError(f"{entry.where}: no metadata {key!r} was given, there are {_names(known)}")
        return np.asarray(self.metadata[key])

    def _task(self, entry: Entry) -> Mapping[str, Any]:
        task = entry.input.task
        if task is None:
            raise UsageError(f"{entry.where}: input PREDICTIONS needs 'task'")
        if task not in self.predictions:
            raise UsageError(
                f"{entry.where}: no predictions of task {task!r} were given, there are {_names(self.predictions)}"
            )
        found: Mapping[str, Any] = self.predictions[task]
        return found

    def _category_count(self, entry: Entry) -> Column:
        """Objects of the categories asked for, or of all."""
        if entry.input.name != "CATEGORY_COUNT":
            raise UsageError(
                f"{entry.where}: {entry.strategy.type} takes predictions with 'name' CATEGORY_COUNT, got {entry.input.name}"
            )
        names, counts = self._classes(entry, "category_count")
        asked = entry.input.categories
        if asked is None:
            asked = tuple(names)
        if unknown := [name for name in asked if name not in names]:
            raise UsageError(f"{entry.where}: no category {unknown[0]!r}, there are {_names(names)}")
        column: Column = counts[:, [names.index(name) for name in asked]].sum(axis=1)
        return column

    def _classes(self, entry: Entry, column: str) -> tuple[list[str], Column]:
        given = self._task(entry)
        for name in ("categories", column):
            if name not in given:
                raise UsageError(f"{entry.where}: predictions of task {entry.input.task!r} lack {name!r}")
        names, rows = [str(name) for name in given["categories"]], np.asarray(given[column])
        if rows.ndim != 2 or rows.shape[1] != len(names) or rows.dtype.kind not in "biuf":
            raise UsageError(
                f"{entry.where}: {column} must be numbers, a column for each of {len(names)} categories, "
                f"got {rows.shape = }, {rows.dtype = }"
            )
        return names, rows

    def classes(self, entry: Entry) -> tuple[list[str], Column]:
        """Names and (n, classes) of an input that BALANCE takes."""
        if entry.input.type == "PREDICTIONS":
            if entry.input.name == "CATEGORY_COUNT":
                return self._classes(entry, "category_count")
            return self._classes(entry, "class_distribution")
        values = self._key(entry)
        if values.ndim != 1 or values.dtype.kind == "f":
            raise UsageError(
                f"{entry.where}: BALANCE needs categories, such as texts, integers or bools, got {values.dtype = }"
            )
        names, labels = np.unique(
            np.array([_category(v) for v in values.tolist()], np.str_), return_inverse=True
        )
        return names.tolist(), np.eye(len(names), dtype=np.float32)[labels.reshape(-1)]


def _category(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_task(embeddings: Any) -> Mapping[str, Any]:
    if embeddings is None:
        return {}
    return embeddings if isinstance(embeddings, Mapping) else {"": embeddings}


def _names(known: Mapping[str, Any] | Sequence[str] | Any) -> str:
    return ", ".join(repr(str(name)) for name in known) or "none"

"""Everything that a selection of frames works on, out of an index and what is brought along."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64

from ..errors import UsageError
from ..features.framewise import COMPONENTS, frame_vectors
from ..features.given import PCA
from ..features.models import OnnxModel
from ..features.pca import pca
from ..features.pixels import Pixels
from ..features.unit import unit_rows
from ..index import Index
from ..machine import load_kernels
from ..progress import ProgressCallback, silent
from ..selection.candidates import Candidates, gather
from ..selection.choice import _rows_of
from ..selection.duplicates import near_duplicates
from ..source_store import STATISTICS
from .brought import Brought, read_metadata, read_objects, read_predictions, read_table
from .config import Config
from .datapool import Datapool, Joined, index_queries, read_pool
from .embeddings import as_array, object_tasks, objects_of
from .inputs import Data
from .names import common_folder, sample_names, source_names
from .quality import MEASURED, QUALITY, corruptness, quality, statistic
from .relevant import locate, read_relevant

Bools = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]


@dataclass(slots=True, kw_only=True)
class Prepared:
    """Rows to select from: those of the index, and after them those of other inputs that were selected before."""

    made: Index
    """What is selected from."""
    joined: Index
    """With the datapool and the queries after it."""
    rules: Config
    brought: Brought
    seed: int
    device: str
    candidates: Candidates
    """Of the index and of the datapool."""
    before: I64
    """Rows selected before, increasing."""
    reasons: dict[str, Bools] = field(default_factory=dict)
    """Rows that are left out, by reason: those that `gather` does not know."""
    queries: dict[str, Any] = field(default_factory=dict)
    """By tag: arrays, or rows of *joined*."""
    faults: list[str] = field(default_factory=list)
    """Files that could not be used, and why."""
    n_pools: int = 0
    """Inputs that only what was selected before is of."""
    said: Any = None
    """Where vectors come from that are no principal components."""
    _names: dict[str | None, list[str]] = field(default_factory=dict)
    _vectors: F32 | None = None

    @property
    def n(self) -> int:
        """Rows of the index."""
        return self.made.n_rows

    def names(self, root: str | None) -> Sequence[str]:
        """What all candidates are called; those of other inputs have names that no file has."""
        if root not in self._names:
            self._names[root] = sample_names(self.made, root)
        others = len(self.candidates) - self.n
        return [*self._names[root], *(f"\N{BULLET}/{i}.png" for i in range(others))]

    @property
    def components(self) -> F32:
        """(rows, d) principal components of the thumbnails of all of *joined*."""
        pixels = Pixels(self.joined, list(range(len(self.joined.records))), load_kernels(self.device))
        return pca(pixels, COMPONENTS, np.random.Generator(np.random.Philox(self.seed)))

    @property
    def vectors(self) -> F32:
        """(rows, d) embeddings of all of *joined*: its components, of unit length if they are to be."""
        if self._vectors is None and isinstance(self.brought.vectors, str) and self.brought.vectors == PCA:
            self._vectors = unit_rows(self.components) if self.normalize else self.components
        elif self._vectors is None:
            self._check_alone("vectors of one's own or by a model")
            found, self.said = frame_vectors(
                self.made, self.brought.vectors, load_kernels(self.device), **self._how(silent)
            )
            self._vectors = as_array(found)
        assert self._vectors is not None
        return self._vectors

    @property
    def normalize(self) -> bool:
        """Vectors are brought to unit length."""
        return self.rules.normalize and self.brought.normalize

    def _check_alone(self, what: str) -> None:
        if self.joined is not self.made:
            raise UsageError(
                f"{what} are of the frames of the input, and there are frames of other inputs (preselected, or pictures as "
                "queries): leave one out"
            )

    def _how(self, progress: ProgressCallback) -> dict[str, Any]:
        return {
            "normalize": self.normalize,
            "seed": self.seed,
            "device": self.device,
            "threads": self.brought.threads,
            "progress": progress,
        }

    def _embeddings(self, progress: ProgressCallback) -> dict[str, Any] | None:
        """By task, ``""`` those of whole pictures: what strategies need."""
        entries = [e.input for e in self.rules.strategies if e.input.type == "EMBEDDINGS"]
        found: dict[str, Any] = {}
        if any(not given.task for given in entries):
            found[""] = self.vectors[: len(self.candidates)]
        if object_tasks(self.rules):
            self._check_alone("embeddings of objects")
            if self.rules.sequence_length > 1:
                raise UsageError("embeddings of objects are of frames: leave selected_sequence_length out")
            predicted, faults = read_objects(self.rules, self.brought, self.made, self.names, progress)
            self.faults += faults
            model = self.brought.vectors if isinstance(self.brought.vectors, OnnxModel) else None
            found |= objects_of(self.made, self.rules, predicted, model, self._how(progress))
        return found or None

    def data(self, progress: ProgressCallback = silent) -> Data:
        """What the strategies' inputs name, a row a candidate."""
        predicted, faults = read_predictions(self.rules, self.brought, self.made, self.names, progress)
        metadata, more = self._metadata()
        self.faults += faults + more
        scores = predicted.get("scores", {})
        if self.brought.scores is not None:
            table = read_table(self.brought.scores, self.names(self.brought.root)[: self.n])
            scores = scores | {name: self._padded(column) for name, column in table.items()}
        needed = any(e.input.type == "EMBEDDINGS" and not e.input.task for e in self.rules.strategies)
        return Data(
            embeddings=self._embeddings(progress),
            queries=self._query_vectors() if needed else None,
            scores=scores,
            metadata=metadata,
            predictions=predicted.get("predictions", {}),
        )

    def _padded(self, column: Column) -> Column:
        """A column of the index, with 0 for what is not in it."""
        return np.concatenate([column, np.zeros(len(self.candidates) - len(column), column.dtype)])

    def _metadata(self) -> tuple[dict[str, Column], list[str]]:
        """Columns of the index, and those that are brought along."""
        keys = {e.input.key for e in self.rules.strategies if e.input.type == "METADATA"}
        rows = Joined([self.made, *self._pool()])
        own: dict[str, Column] = {name: statistic(rows, name) for name in STATISTICS}
        own |= quality(rows, tuple(name for name in QUALITY if name in keys or name not in MEASURED))
        sources = np.array([record.name for record in rows.records], np.str_)
        own["source"] = sources[self.candidates.source]
        brought, faults = read_metadata(self.rules, self.brought, self.made, self._rooted, own)
        return own | {key: self._padded(column) for key, column in brought.items()}, faults

    def _rooted(self, root: str | None) -> Sequence[str]:
        return self.names(self.brought.root if root is None else root)

    def _pool(self) -> list[Index]:
        return self.joined.parts[1 : 1 + self.n_pools] if isinstance(self.joined, Joined) else []

    def _query_vectors(self) -> Any:
        if not self.queries:
            return None
        found = {
            tag: self.vectors[given] if isinstance(given, slice) else given
            for tag, given in self.queries.items()
        }
        return found[""] if list(found) == [""] else found

    def screen(self) -> None:
        """Leave out what is not relevant, corrupt, or a near duplicate; `candidates` says how many of each."""
        relevant = self.brought.relevant or self.rules.relevant_filenames
        if relevant:
            path = locate(relevant, self.brought.root or common_folder(self.made))
            self._leave_out("irrelevant", ~self._is_relevant(str(path)))
        if self.rules.sequence_length > 1:
            return
        if self.rules.corruption_threshold is not None:
            self._leave_out("corrupt", corruptness(self.made) > self.rules.corruption_threshold)
        if self.brought.near_distance is not None:
            self._leave_out("near duplicate", self._is_near(self.brought.near_distance))

    def _leave_out(self, reason: str, rows: Bools) -> None:
        usable, n = self.candidates.usable, len(rows)
        hit = np.zeros(len(usable), np.bool_)
        hit[:n] = rows & usable[:n]
        self.reasons[reason] = hit[: self.n]
        self.candidates.dropped[reason] = int(np.count_nonzero(hit))
        usable[hit] = False

    def _is_relevant(self, path: str) -> Bools:
        """Whether a sample is named, or the video, zip or folder that it is of."""
        relevant = read_relevant(path)
        sources = np.array([name in relevant for name in source_names(self.made, self.brought.root)])
        found: Bools = sources[self.candidates.source[: self.n]]
        named = self.names(self.brought.root)
        for row in np.flatnonzero(~found).tolist():
            found[row] = named[row] in relevant
        if not found.any():
            raise UsageError(f"{path} names none of {self.n} samples; the first is {named[0]!r}")
        return found

    def _is_near(self, distance: float) -> Bools:
        """Of usable rows those that lie near an earlier one, or near one selected before."""
        usable = np.flatnonzero(self.candidates.usable[: self.n])
        rows = np.concatenate([self.before, usable])
        groups = near_duplicates(self.vectors[rows], distance)
        leads = np.zeros(len(rows), np.bool_)
        leads[groups.leaders] = True
        found = np.zeros(self.n, np.bool_)
        found[usable[~leads[len(self.before) :]]] = True
        return found


def prepare(
    made: Index,
    rules: Config,
    brought: Brought,
    excluded: dict[int, set[int]],
    stack: ExitStack,
    *,
    keep_duplicates: bool = False,
    seed: int = 0,
    device: str = "cpu",
) -> Prepared:
    """Join what is selected from, what was selected before, and what samples are to be similar to; leave out the rest.

    *stack* closes what is opened for it.
    """
    names: list[str] = sample_names(made, brought.root) if brought.preselected else []
    pool = read_pool(brought.preselected, made, names, stack)
    for source, frames in excluded.items():
        pool.frames.setdefault(source, set()).update(frames)
    queries, pictures = _queries(brought, made, stack)
    parts = [made, *pool.others, *pictures]
    joined = made if len(parts) == 1 else Joined(parts)
    n_candidates = sum(len(part.records) for part in parts[: 1 + len(pool.others)])
    candidates = _gather(joined, n_candidates, pool, made, keep_duplicates)
    found = Prepared(
        made=made,
        joined=joined,
        rules=rules,
        brought=brought,
        seed=seed,
        device=device,
        candidates=candidates,
        before=np.unique(_rows_of(candidates, pool.frames)),
        n_pools=len(pool.others),
    )
    start = sum(part.n_rows for part in parts[: 1 + len(pool.others)])
    for tag, part in zip(queries, pictures, strict=False):
        found.queries[tag] = slice(start, start + part.n_rows)
        start += part.n_rows
    found.queries |= {tag: given for tag, given in (brought.queries or {}).items() if tag not in queries}
    found.screen()
    return found


def _gather(joined: Index, n: int, pool: Datapool, made: Index, keep_duplicates: bool) -> Candidates:
    """The candidates; rows of other inputs are taken as excluded, and so copies of them are, but do not count."""
    for source in range(len(made.records), n):
        pool.frames[source] = set(joined.reader(source).frames().tolist())
    found = gather(joined, list(range(n)), pool.frames, keep_duplicates=keep_duplicates)
    others = len(found) - made.n_rows
    for reason, count in found.dropped.items():
        if reason == "excluded":
            found.dropped[reason] = max(0, count - others)
    return found


def _queries(brought: Brought, made: Index, stack: ExitStack) -> tuple[list[str], list[Index]]:
    """Tags whose queries are pictures, and an index of the pictures of each."""
    tags, found = [], []
    for tag, given in (brought.queries or {}).items():
        if isinstance(given, list | tuple) and given and all(hasattr(p, "__fspath__") for p in given):
            tags.append(tag)
            found.append(index_queries(list(given), made, stack))
    return tags, found

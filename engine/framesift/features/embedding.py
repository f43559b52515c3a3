"""Index and model → vectors of every frame, in the store."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64, U8

from ..cores import count_threads
from ..errors import UsageError
from ..machine import load_kernels
from ..progress import Progress, ProgressCallback, silent
from ..source_store import Flag
from .models import OnnxModel, PathLike, read_model
from .onnx import OnnxRunner, Runner, resolve_device
from .preparing import Box, box_of
from .small import PIXELS, PixelRunner
from .stored import VectorFolder, key_of
from .stream import prepared
from .unit import unit_rows

if TYPE_CHECKING:
    from ..index import Index

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Embedding:
    """(n, d) vectors of all frames of an index, in its store: read by slices, as a zarr array is.

    `framesift.kcenter_greedy`, `kmeans` and their like take it as it is; ``np.asarray`` reads all of it.
    """

    folders: tuple[VectorFolder, ...]
    """One for each source, in the order of the index."""
    facts: dict[str, Any]
    """What made them: model, its digest, declared options, device."""
    normalize: bool = True
    """Rows are of unit length (or zero, of frames that cannot be decoded)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and dimensions."""
        return sum(folder.shape[0] for folder in self.folders), self.folders[0].shape[1]

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """float32."""
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, int]:
        """Rows and dimensions that are read at once."""
        return self.folders[0].chunk_rows, self.shape[1]

    def __getitem__(self, rows: slice) -> F32:
        """Rows of a slice without a step."""
        start, stop, step = rows.indices(self.shape[0])
        if step != 1:
            raise UsageError("vectors are read by slices without a step; use np.asarray for others")
        out = np.empty((max(0, stop - start), self.shape[1]), np.float32)
        offset = 0
        for folder in self.folders:
            n = folder.shape[0]
            first, last = max(start, offset), min(stop, offset + n)
            if first < last:
                out[first - start : last - start] = folder.read(first - offset, last - offset)
            offset += n
        return unit_rows(out) if self.normalize else out

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)


def embed(
    index: "Index",
    model: OnnxModel | PathLike,
    *,
    options: PathLike | Mapping[str, Any] | None = None,
    normalize: bool = True,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Embedding:
    """Run a model over every frame of an index, in full colour, and keep the vectors in its store.

    Frames are decoded once more, as a stream, and proven to be those of the index. A source whose vectors by the same
    model, options and device are in the store already is not run again, and what an interrupted run left is resumed.

    Parameters
    ----------
    index
        From `index` or `open_index`. Where it was made with ``crop``, the model sees that rectangle.
    model
        The path of an ``.onnx`` file, or `OnnxModel`, which says how pictures become its input.
    options
        For a path: a JSON file or dict of the fields of `OnnxModel`, or ``preprocessor_config.json`` of transformers;
        by default such a file beside the model.
    normalize
        Give rows of unit length, so that distances lie between 0 and 2.
    device
        ``"cpu"``, ``"cuda"`` or ``"auto"``, where the model does not say.
    threads
        Of decoding, and of the model on a CPU; all cores by default.
    progress
        Called after every batch, with the stage ``"embed"``.

    Returns
    -------
    Embedding
        (n, d): a row for each row of the index. Frames that cannot be decoded have zeros.

    Raises
    ------
    UsageError
        onnxruntime is not installed, the model cannot be used as declared, or gives numbers that are not finite.
    SourceError, IntegrityError
        A source is gone, or has changed.

    Notes
    -----
    Memory: the model; a batch of inputs; 16 prepared pictures a thread; 512 vectors. Vectors are kept as directions
    in float16 and lengths in float32, 2 d + 4 bytes a frame.
    """
    if not isinstance(model, OnnxModel):
        model = read_model(model, options)
    work = Work(index, model, resolve_device(model, device), count_threads(threads), progress)
    folders = tuple(work.frames(at) for at in range(len(index.records)))
    if len({folder.shape[1] for folder in folders}) > 1:
        raise UsageError(f"the model {model.file.name} gives vectors of different dimensions")
    work.finish()
    return Embedding(folders, work.facts, normalize)


def _facts_of(model: OnnxModel) -> dict[str, Any]:
    declared = {k: list(v) if isinstance(v, tuple) else v for k, v in model.declared().items()}
    return {"model": model.file.name, "digest": model.digest(), "declared": declared}


class Work:
    """A model (None: small pictures), run over what the store does not have."""

    def __init__(
        self,
        index: "Index",
        model: OnnxModel | None,
        device: str,
        threads: int,
        progress: ProgressCallback,
    ) -> None:
        self._index, self._model, self._device = index, model, device
        self._threads, self._progress = threads, progress
        self._changed: list[str] = []
        made_by = PIXELS if model is None else _facts_of(model)
        self.facts: dict[str, Any] = {"schema": SCHEMA, **made_by, "device": device}

    @cached_property
    def runner(self) -> Runner:
        """The model, loaded when it is needed."""
        if self._model is None:
            return PixelRunner()
        return OnnxRunner(self._model, self._device, self._threads)

    def frames(self, at: int) -> VectorFolder:
        """Vectors of all frames of a source."""
        record, reader = self._index.records[at], self._index.reader(at)
        frames = reader.frames()
        crop = record.options.get("crop")
        whole = box_of(tuple(crop)) if crop else None
        sound = reader.read("flags") & Flag.DAMAGED == 0
        boxes = None if whole is None else {frame: [whole] for frame in frames.tolist()}
        return self._vectors(at, np.flatnonzero(sound), frames[sound], len(frames), boxes, {})

    def objects(self, at: int, frames: I64, boxes: list[Box]) -> VectorFolder:
        """Vectors of what boxes hold, a row each: *frames* are theirs, which do not decrease."""
        by_frame: dict[int, list[Box | None]] = {}
        for frame, box in zip(frames.tolist(), boxes, strict=True):
            by_frame.setdefault(frame, []).append(box)
        table = np.concatenate([frames[:, None].astype(np.float64), np.array(boxes).reshape(-1, 4)], axis=1)
        facts = {"boxes": hashlib.blake2b(table.tobytes(), digest_size=16).hexdigest()}
        return self._vectors(at, np.arange(len(frames)), frames, len(frames), by_frame, facts)

    def finish(self) -> None:
        """Send to the bucket what was added, where the store stands for one in a bucket."""
        if self._index.uri and self._changed:
            from ..packed_store import PackedStore

            assert self._index.room is not None
            packed = PackedStore(self._index.uri, self._index.room, create=False)
            try:
                packed.commits(self._changed)
                for source_id in self._changed:
                    packed.send(source_id)
                packed.finish()
            finally:
                packed.close()

    def _vectors(
        self,
        at: int,
        rows: I64,
        frames: I64,
        n: int,
        boxes: dict[int, list[Any]] | None,
        facts: dict[str, Any],
    ) -> VectorFolder:
        """Vectors of *n* rows, of which *rows* are of *frames*, in order."""
        record = self._index.records[at]
        depends = {**self.facts, **facts, "fingerprint": record.fingerprint, "options": record.options}
        folder = VectorFolder.of(self._index.store, record.id, key_of(depends))
        if not folder.is_whole:
            with self._index.store.writing():
                folder.create(n, self._dimensions)
                self._fill(at, folder, rows, frames, boxes)
                folder.commit({**depends, "n_rows": n, "n_dimensions": folder.shape[1]})
            self._changed.append(record.id)
        self._report(at, n, n)
        return folder

    def _fill(
        self, at: int, folder: VectorFolder, rows: I64, frames: I64, boxes: dict[int, list[Any]] | None
    ) -> None:
        """Run the model over what is missing."""
        first, n = folder.first_missing(), folder.shape[0]
        left = rows >= first
        chunks = _Chunks(folder, self.runner, first)
        wanted = zip(rows[left].tolist(), frames[left].tolist(), strict=True)
        items = prepared(
            self._index,
            at,
            np.unique(frames[left]),
            self.runner.shape,
            load_kernels("cpu"),
            self._threads,
            boxes,
        )
        self._report(at, first, n)
        try:
            with closing(items):
                for row, picture in _in_rows(items, wanted, _begun(frames, rows, first)):
                    if chunks.take(row, picture):
                        self._report(at, row, n)
                chunks.close()
        except _NotFiniteError as e:
            where = f"row {e.row} of {self._index.records[at].uri}"
            raise UsageError(
                f"the model {self.facts['model']} gives numbers that are not finite in {where}"
            ) from None

    @cached_property
    def _dimensions(self) -> int:
        """Of the model's vectors: those of a black picture."""
        shape = self.runner.shape
        black = np.zeros((shape.height, shape.width, shape.n_channels), np.uint8)
        return int(self.runner.run([black]).shape[1])

    def _report(self, at: int, done: int, n: int) -> None:
        record = self._index.records[at]
        before, total = int(self._index.offsets[at]), self._index.n_rows
        if n != record.n_rows:  # objects, of which nobody knows how many there will be
            before, total = 0, n
        self._progress(Progress(stage="embed", done=before + done, total=total, source=record.name))


def _begun(frames: I64, rows: I64, first: int) -> dict[int, int]:
    """How many boxes are done of the frame that a resumed run begins in."""
    done, left = frames[rows < first], frames[rows >= first]
    if not len(done) or not len(left) or done[-1] != left[0]:
        return {}
    return {int(left[0]): int(np.count_nonzero(done == left[0]))}


def _in_rows(
    items: Iterator[tuple[int, list[U8]]], wanted: Iterator[tuple[int, int]], begun: dict[int, int]
) -> Iterator[tuple[int, U8]]:
    """Row and input of what came, in order; what did not come is left out."""
    row, expected = next(wanted, (-1, -1))
    for frame, pictures in items:
        while expected != frame and row >= 0:
            row, expected = next(wanted, (-1, -1))
        for picture in pictures[begun.get(frame, 0) :]:
            yield row, picture
            row, expected = next(wanted, (-1, -1))


class _NotFiniteError(Exception):
    def __init__(self, row: int) -> None:
        self.row = row


class _Chunks:
    """Gathers batches, and writes a chunk when it is whole. No batch reaches from one chunk into the next."""

    def __init__(self, folder: VectorFolder, runner: Runner, first: int) -> None:
        self._folder, self._runner = folder, runner
        self._start = first
        self._rows: list[int] = []
        self._pictures: list[U8] = []
        self._chunk = self._empty()

    def _empty(self) -> F32:
        """Rows of the chunk from `_start` on; zeros are those of frames that cannot be decoded."""
        n, d = self._folder.shape
        return np.zeros((max(0, min(self._folder.chunk_rows, n - self._start)), d), np.float32)

    def take(self, row: int, picture: U8) -> bool:
        """Take the next input; true if a batch was run."""
        while row >= self._start + len(self._chunk):
            self._end_chunk()
        self._rows.append(row)
        self._pictures.append(picture)
        if len(self._rows) < self._runner.batch:
            return False
        self._run()
        return True

    def _run(self) -> None:
        if not self._rows:
            return
        found = self._runner.run(self._pictures)
        rows = np.array(self._rows)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(np.sqrt(np.einsum("ij,ij->i", found, found)))
        if not finite.all():
            raise _NotFiniteError(int(rows[np.argmin(finite)]))
        self._chunk[rows - self._start] = found
        self._rows, self._pictures = [], []

    def _end_chunk(self) -> None:
        self._run()
        self._folder.write(self._start // self._folder.chunk_rows, self._chunk)
        self._start += len(self._chunk)
        self._chunk = self._empty()

    def close(self) -> None:
        """Run and write what is left."""
        while len(self._chunk):
            self._end_chunk()


def describe(facts: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a selection says of vectors by a model."""
    return {"path": str(path), **{k: facts[k] for k in ("model", "digest", "declared", "device")}}

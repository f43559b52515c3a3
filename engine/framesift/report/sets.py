"""The rows of an index that a report compares: all, evenly spaced, random, and chosen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..errors import IntegrityError
from ..index import Index
from ..selection.result import Selection
from ..source_store import Flag

ALL, EVEN, RANDOM, CHOSEN = "all", "evenly spaced", "random", "chosen"

_LEAST_ROWS, _MOST_ROWS = 64, 4096
_MOST_BYTES = 64 << 20
"""Of the vectors of one set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """Rows of the index, increasing, by the name of the set; damaged and black frames are in none."""

    rows: dict[str, I64]
    """Of `ALL`, as many of `EVEN`, `RANDOM` and `CHOSEN` as were chosen."""
    source: I64
    """(n,) position in ``index.records`` of each row of the index."""
    frame: I64
    """(n,) frame index of each row."""
    n_damaged: int
    n_black: int

    def compared(self, dimensions: int) -> dict[str, I64]:
        """Of each set at most 4096 rows, or 64 MB of them, spread evenly: the same whenever it is asked."""
        most = int(np.clip(_MOST_BYTES // max(1, dimensions), _LEAST_ROWS, _MOST_ROWS))
        return {name: rows[spread(len(rows), most)] for name, rows in self.rows.items()}


def spread(n: int, k: int) -> I64:
    """The middle of each of *k* equal parts of ``range(n)``; all of it where there are no more."""
    if n <= k:
        return np.arange(n)
    return (2 * np.arange(k) + 1) * n // (2 * k)


def find_sets(selection: Selection, index: Index) -> Sets:
    """Find the rows of the frames chosen, and of as many evenly spaced and random frames.

    Raises
    ------
    IntegrityError
        The index has not the frames that were chosen, or they have other contents.
    """
    readers = list(index.readers())
    frames = [reader.frames() for reader in readers]
    flags = np.concatenate([reader.read("flags") for reader in readers])
    unfit = (flags & (Flag.DAMAGED | Flag.BLACK)) > 0
    everything = np.flatnonzero(~unfit)
    chosen = _rows_of(selection, index, frames)
    n = min(len(chosen), len(everything))
    rng = np.random.Generator(np.random.Philox(selection.seed))
    return Sets(
        rows={
            ALL: everything,
            EVEN: everything[spread(len(everything), n)],
            RANDOM: everything[np.sort(rng.choice(len(everything), n, replace=False))]
            if n
            else everything[:0],
            CHOSEN: chosen,
        },
        source=np.repeat(np.arange(len(frames)), [len(f) for f in frames]),
        frame=np.concatenate(frames),
        n_damaged=int(np.count_nonzero(flags & Flag.DAMAGED)),
        n_black=int(np.count_nonzero((flags & (Flag.DAMAGED | Flag.BLACK)) == Flag.BLACK)),
    )


def _rows_of(selection: Selection, index: Index, frames: list[npt.NDArray[np.int64]]) -> I64:
    """Rows of the chosen frames, increasing; sees that the index was made of the same frames."""
    positions = {record.id: at for at, record in enumerate(index.records)}
    hashes: dict[int, npt.NDArray[np.uint64]] = {}
    found = []
    for frame in selection.frames:
        source = selection.sources[frame.source]
        at = positions.get(source.id)
        row = -1 if at is None else int(np.searchsorted(frames[at], frame.index))
        if at is None or row == len(frames[at]) or frames[at][row] != frame.index:
            raise IntegrityError(
                f"the index does not hold frame {frame.index} of {source.uri}, which was chosen"
            )
        if frame.content_hash is not None:
            if at not in hashes:
                hashes[at] = index.reader(at).read("content_hash")
            if int(hashes[at][row]) != int(frame.content_hash, 16):
                raise IntegrityError(
                    f"frame {frame.index} of {source.uri} is not the frame that was chosen: "
                    "the source has changed, or the index was made with other options"
                )
        found.append(int(index.offsets[at]) + row)
    return np.unique(np.array(found, np.int64))

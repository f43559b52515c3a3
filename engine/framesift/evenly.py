"""Evenly spaced frames without an index of all: only what they need is decoded."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import NotEnoughFramesError
from .index import Index
from .ingest.options import Even

if TYPE_CHECKING:
    from .selection.result import Selection

_AROUND = (0, 12)
"""Frames on either side of each that are looked at: none, and some where one of them is black or a repeated one."""


def choose_evenly(
    make: Callable[[Even], Index], choose: "Callable[[Index], Selection]", n: int
) -> "tuple[Index, Selection] | None":
    """Choose *n* frames of each source by ``"uniform"``, from an index of those frames and some around them.

    Parameters
    ----------
    make, choose
        What makes an index and what chooses from it.
    n
        Frames of each source.

    Returns
    -------
    index, selection
        Or None, where it is not sure that these frames are those that an index of all frames gives: one that stands
        for another was found beyond those that were looked at, or none was.
    """
    spent = {"index_s": 0.0, "frames_decoded": 0.0}
    for around in _AROUND:
        made = make(Even(n=n, around=around))
        try:
            selection = choose(made)
            if _is_sure(made, selection, n, around):
                for name, value in spent.items():
                    selection.stats[name] += value
                return made, selection
        except NotEnoughFramesError:
            if _is_whole(made):
                made.close()
                raise
        except BaseException:
            made.close()
            raise
        for name in spent:
            spent[name] += made.stats[name]
        made.close()
    return None


def _is_whole(made: Index) -> bool:
    """All of its sources had to be decoded in full."""
    return all(record.n_listed is None for record in made.records)


def _is_sure(made: Index, selection: "Selection", n: int, around: int) -> bool:
    """Every frame nearer to the middle of a part than the one chosen was looked at."""
    from .ingest.window import middles  # late: it brings NumPy

    if _is_whole(made):
        return True
    if len(selection.set_aside) > len(made.set_aside):  # too few could be had of some source
        return False
    for at, record in enumerate(made.records):
        if record.n_listed is None:
            continue
        window = range(record.start, record.stop, record.step)
        chosen = sorted((f.rank, f.index) for f in selection.frames if f.source == at)
        places = [(index - window.start) // window.step for _, index in chosen]
        wanted = middles(n, len(window)).tolist()
        if len(places) != n or any(abs(a - b) > around for a, b in zip(places, wanted, strict=True)):
            return False
    return True

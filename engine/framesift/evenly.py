"""Evenly spaced or random frames without an index of all: only what they need is decoded."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from .errors import NotEnoughFramesError
from .index import Index
from .ingest.options import Drawn, Even

if TYPE_CHECKING:
    from .selection.result import Selection

_AROUND = (0, 12)
"""Frames on either side of each that are looked at: none, and some where one of them is black or a repeated one."""
_MORE = (0, 24)
"""Frames that are looked at after those drawn first: none, and some where one of them is black or a repeated one."""
Make = Callable[[Even | Drawn], Index]
"""What makes an index of some frames."""
Choose: TypeAlias = "Callable[[Index], Selection]"


def choose_evenly(make: Make, choose: Choose, n: int) -> "tuple[Index, Selection] | None":
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
    return _choose([Even(n=n, around=around) for around in _AROUND], make, choose)


def choose_at_random(make: Make, choose: Choose, n: int, seed: int) -> "tuple[Index, Selection] | None":
    """Choose *n* frames of each source by ``"random"``, from an index of the first ones of the random order.

    As `choose_evenly`, where *choose* keeps no frames apart.
    """
    return _choose([Drawn(n=n, seed=seed, more=more) for more in _MORE], make, choose)


def _choose(tried: Iterable[Even | Drawn], make: Make, choose: Choose) -> "tuple[Index, Selection] | None":
    spent = {"index_s": 0.0, "frames_decoded": 0.0}
    for some in tried:
        made = make(some)
        try:
            selection = choose(made)
            if _is_sure(made, selection, some):
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


def _is_sure(made: Index, selection: "Selection", some: Even | Drawn) -> bool:
    """Every frame that would be chosen before one that was is among those that were looked at."""
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
        if len(places) != some.n or not (isinstance(some, Drawn) or _are_near(places, some, len(window))):
            return False
    return True


def _are_near(places: list[int], even: Even, n_places: int) -> bool:
    """Each is as near to the middle of its part as those that were looked at."""
    from .ingest.window import middles  # late: it brings NumPy

    wanted = middles(even.n, n_places).tolist()
    return all(abs(a - b) <= even.around for a, b in zip(places, wanted, strict=True))

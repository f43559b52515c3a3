"""What the rows of an index are called in other people's files, and which of their rows is which frame."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from framesift_kernels import I64

from ..errors import UsageError

if TYPE_CHECKING:
    from ..index import Index


def match_names(expected: Sequence[str], given: Sequence[str], what: str) -> I64:
    """(n,) which of *given* is each of *expected*; -1: none.

    Names are compared as they are; with indices of frames as numbers, however they are padded; and without their
    folders, where no two are then alike: in the first of these ways that finds most.

    Raises
    ------
    UsageError
        A name is given twice, or none is found.
    """
    if len(set(given)) < len(given):
        seen: set[str] = set()
        twice = next(name for name in given if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise UsageError(f"{what} has {twice!r} twice; expected each frame once")
    found = np.full(len(expected), -1, np.int64)
    for key in (_as_it_is, _by_number, _without_folder):
        wanted, there = [key(name) for name in expected], [key(name) for name in given]
        if len(set(wanted)) < len(wanted) or len(set(there)) < len(there):
            continue
        places = {name: at for at, name in enumerate(there)}
        order = np.array([places.get(name, -1) for name in wanted], np.int64)
        if np.count_nonzero(order >= 0) > np.count_nonzero(found >= 0):
            found = order
        if (found >= 0).all():
            break
    if (found >= 0).any():
        return found
    sample = repr(given[0]) if len(given) else "no name"
    raise UsageError(
        f"{what} names none of the {len(expected)} frames: it has {sample}, expected names such as {expected[0]!r}; "
        "without names, rows are taken in the order of the frames"
    )


def match_order(index: "Index", n: int, what: str) -> I64:
    """(n,) which of *n* rows without names is each row of the index.

    They are the rows of the index, or all frames of its sources, one source after the other.

    Raises
    ------
    UsageError
        There are as many of neither.
    """
    if n == index.n_rows:
        return np.arange(n)
    totals = [record.n_frames for record in index.records]
    if n == sum(totals):
        offsets = np.cumsum([0, *totals])
        return np.concatenate(
            [index.reader(at).frames() + offsets[at] for at in range(len(index.records))]
        ).astype(np.int64)
    shown = ", ".join(f"{record.name} {record.n_frames}" for record in index.records[:5])
    more = f" and {len(totals) - 5} more" if len(totals) > 5 else ""
    frames = (
        f"{index.n_rows} frames" if index.n_rows == sum(totals) else f"{index.n_rows} of {sum(totals)} frames"
    )
    raise UsageError(
        f"{what} has {n} rows without names, the index has {frames} ({shown}{more}): expected a row for each, in their "
        "order, or names"
    )


def name_of(index: "Index") -> Callable[[int], str]:
    """Says what a row of the index is called in an error."""

    def name(row: int) -> str:
        at = int(np.searchsorted(index.offsets, row, side="right")) - 1
        frame = int(index.reader(at).frames()[row - int(index.offsets[at])])
        return f"frame {frame} of {PurePosixPath(index.records[at].uri).name}"

    return name


def _as_it_is(name: str) -> str:
    return name


def _by_number(name: str) -> str:
    from ..predictions.lightly.names import (
        parse_frame_name,  # late: its package reads every format of predictions
    )

    name = name.replace("\\", "/").removeprefix("./").lstrip("/")
    frame = parse_frame_name(name)
    return name if frame is None else f"{frame.video}\0{frame.frame}"


def _without_folder(name: str) -> str:
    return _by_number(name.replace("\\", "/").rsplit("/", 1)[-1])

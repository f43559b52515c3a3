"""What every strategy is given and gives back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from framesift_kernels import F32, I64, Kernels

from ..features.vectors import Vectors
from .candidates import Candidates
from .chooser import Chooser


class Pick(NamedTuple):
    """One row chosen."""

    row: int
    score: float | None = None
    """What it was chosen by; its meaning is the strategy's."""
    cluster: int | None = None
    why: str | None = None
    """In words, why it was chosen."""
    distance: float | None = None
    """Of the nearest other pick, or frame chosen earlier: root mean square, in grey levels for pixels."""
    instead_of: int | None = None
    """Row whose place it took, being sharper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Choose *n* of the candidates' rows."""

    n: int
    candidates: Candidates
    chooser: Chooser
    vectors: Vectors
    """A row for each row of the candidates."""
    preselected: I64
    """Rows that were chosen earlier and may not be again."""
    rng: np.random.Generator
    kernels: Kernels
    order: int = 4
    """Of coverage."""
    are_pixels: bool = True
    """The vectors are thumbnails: distances are told in grey levels, as root mean squares over the pixels."""

    @property
    def usable(self) -> I64:
        """Rows that may be chosen."""
        return np.flatnonzero(self.chooser.open)

    @property
    def earlier(self) -> F32:
        """(p, d) what was chosen earlier looks like."""
        if not len(self.preselected):
            return np.empty((0, self.vectors.shape[1]), np.float32)
        return self.vectors.take(self.preselected).astype(np.float32)

    def take_first(self, rows: Iterable[int]) -> int | None:
        """The first of *rows* that can be taken, now taken."""
        return next((int(row) for row in rows if self.chooser.take(int(row), self.n)), None)

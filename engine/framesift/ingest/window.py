"""Which frames of a source options ask for."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..times import resolve, times_s
from .options import Drawn, Even, IndexOptions


def window(options: IndexOptions, pts: npt.NDArray[np.int64], time_base: Fraction) -> range:
    """Frame indices wanted of a source whose frames are shown at *pts*.

    Raises
    ------
    SourceError
        None is wanted.
    """
    times = times_s(pts, time_base)
    start = 0 if options.start is None else resolve(options.start, times, end=False)
    stop = len(pts) if options.stop is None else resolve(options.stop, times, end=True)
    if start >= stop:
        raise SourceError(
            f"no frame lies between start={options.start or 0} and stop={options.stop or 'the end'}: "
            f"it has {len(pts)} frames, {times[-1] if len(pts) else 0:.3f} s"
        )
    return range(start, stop, options.step)


def even_frames(even: Even | Drawn, window: range) -> npt.NDArray[np.int64]:
    """Indices of the frames, increasing, that *even* asks for among those of *window*."""
    if isinstance(even, Drawn):
        drawn = np.sort(random_order(len(window), even.seed)[: even.n + even.more])
        return window.start + window.step * drawn
    near = np.add.outer(middles(even.n, len(window)), np.arange(-even.around, even.around + 1))
    places = np.unique(near[(near >= 0) & (near < len(window))])
    return window.start + window.step * places


def middles(n: int, n_places: int) -> npt.NDArray[np.int64]:
    """(n,) the place in the middle of each of n equal parts of so many places."""
    return (2 * np.arange(n) + 1) * n_places // (2 * n)


def random_order(n_places: int, seed: int) -> npt.NDArray[np.int64]:
    """(n_places,) so many places, shuffled: as ``np.random.Philox`` of the seed does it first of all."""
    return np.random.Generator(np.random.Philox(seed)).permutation(n_places)

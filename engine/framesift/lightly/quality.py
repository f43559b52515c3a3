"""What LightlyOne's worker measures of pictures, measured on the thumbnails of an index."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from framesift_kernels import U8

from ..features.vectors import in_threads
from ..index import Index
from ..source_store import STATISTICS, SourceReader

F32Array = npt.NDArray[np.float32]

LUMINANCE, SHARPNESS, SNR, UNIFORM_ROWS = (
    "lightly.luminance",
    "lightly.sharpness",
    "lightly.snr",
    "lightly.uniformRowRatio",
)
MEASURED = (SNR, UNIFORM_ROWS)
"""What takes a pass over the thumbnails."""
QUALITY = (LUMINANCE, SHARPNESS, *MEASURED)
_FLAT = 5.0
"""Grey levels below which a Laplacian is that of a uniform pixel."""
_FLAT_SHARE = 0.97
"""Of the pixels of a row that is uniform."""
_BATCH = 64


def uniform_rows(pictures: U8) -> npt.NDArray[np.bool_]:
    """Which rows of pictures are uniform: blank, or lost in transmission.

    Parameters
    ----------
    pictures : (n, h, w) uint8

    Returns
    -------
    (n, max(0, h - 2)) bool
        A row is, if of its pixels more than 97 % are: those that differ by less than 5 grey levels from the sum of
        their eight neighbours, less seven times themselves, as a 3 x 3 Laplacian tells. Rows and columns at the
        border have no neighbours and do not count.

    Notes
    -----
    The ratio of such rows is LightlyOne's ``uniformRowRatio``, as its authors describe it where they publish it: they
    take pictures of up to 400 rows, here thumbnails are.
    """
    n, h, w = pictures.shape
    if h < 3 or w < 3:
        return np.zeros((n, max(0, h - 2)), np.bool_)
    found = np.empty((n, h - 2), np.bool_)

    def measure(s: slice) -> None:
        x = pictures[s].astype(np.int16)
        rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
        around = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
        flat = np.abs(9 * x[:, 1:-1, 1:-1] - around) < _FLAT
        found[s] = flat.sum(axis=2) > _FLAT_SHARE * (w - 2)

    in_threads(measure, n, _BATCH)
    return found


def signal_to_noise(pictures: U8) -> F32Array:
    """(n,) mean over standard deviation of the pixels of each picture; 0 where they are all equal."""
    n = len(pictures)
    found = np.zeros(n, np.float32)

    def measure(s: slice) -> None:
        x = pictures[s].reshape(len(pictures[s]), -1).astype(np.float32)
        deviation = x.std(axis=1, dtype=np.float64)
        mean = x.mean(axis=1, dtype=np.float64)
        found[s] = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0)

    in_threads(measure, n, _BATCH)
    return found


def quality(index: Index, names: tuple[str, ...] = QUALITY) -> dict[str, F32Array]:
    """Columns of some of `QUALITY`, a row a row of the index.

    ``lightly.luminance`` is from 0 to 100, ``lightly.sharpness`` the variance of the Laplacian in grey levels squared,
    ``lightly.snr`` as `signal_to_noise`, ``lightly.uniformRowRatio`` from 0 to 1.
    """
    found: dict[str, F32Array] = {}
    if LUMINANCE in names:
        found[LUMINANCE] = statistic(index, "luminance") * np.float32(100 / 255)
    if SHARPNESS in names:
        found[SHARPNESS] = statistic(index, "sharpness")
    for name in (name for name in MEASURED if name in names):
        parts = [
            _measured(name, pictures) for reader in index.readers() for _, pictures in reader.thumbnails()
        ]
        found[name] = np.concatenate(parts)
    return found


def _measured(name: str, pictures: U8) -> F32Array:
    if name == SNR:
        return signal_to_noise(pictures)
    rows = uniform_rows(pictures)
    return rows.mean(axis=1, dtype=np.float32) if rows.shape[1] else np.zeros(len(rows), np.float32)


def statistic(index: Index, name: str) -> F32Array:
    """One of the statistics of the index, of all its rows."""
    assert name in STATISTICS
    return np.concatenate([reader.statistic(name) for reader in index.readers()])


def corruptness(index: Index) -> F32Array:
    """(n,) share of the rows of each picture that are uniform, but in less than half of its source's pictures.

    Bars above and below a film, or a blank wall, are no damage: they are uniform all the time.
    """
    return np.concatenate([np.concatenate(list(_of_source(reader))) for reader in index.readers()])


def _of_source(reader: SourceReader) -> Iterator[F32Array]:
    total: npt.NDArray[np.int64] | None = None
    for _, pictures in reader.thumbnails():
        rows = uniform_rows(pictures).sum(axis=0)
        total = rows if total is None else total + rows
    assert total is not None
    n = reader.record.n_rows
    always = (2 * total >= n) & (n > 2)
    for _, pictures in reader.thumbnails():
        rows = uniform_rows(pictures) & ~always
        yield rows.mean(axis=1, dtype=np.float32) if rows.shape[1] else np.zeros(len(rows), np.float32)

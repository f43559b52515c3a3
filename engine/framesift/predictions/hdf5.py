"""HDF5 files of strangers: opened so that they reach no other file, and read within limits."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError, UsageError
from .limits import MAX_TEXT_BYTES, check_bytes


def load_h5py() -> Any:
    """The h5py module.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise UsageError("HDF5 files need h5py; install it with: pip install 'framesift[pose]'") from None
    return h5py


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """A file, for reading."""
    h5py = load_h5py()
    with h5py.File(path, "r") as file:
        yield file


def member(group: Any, name: str) -> Any:
    """A member of *group*, which must lie in the same file.

    Raises
    ------
    KeyError
        There is none.
    SourceError
        It leads to another place or another file.
    """
    h5py = load_h5py()
    for part in name.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            raise KeyError(f"there is no {name!r}")
        if not isinstance(link, h5py.HardLink):
            raise SourceError(
                f"{group.file.filename} has a link to elsewhere at {name!r}, which is not followed"
            )
        group = group[part]
    return group


def has(group: Any, name: str) -> bool:
    """Whether there is such a member, or a link of that name."""
    return group.get(name, getlink=True) is not None


def read_array(
    group: Any, name: str, rows: slice = slice(None), max_bytes: int | None = None
) -> npt.NDArray[Any]:
    """Some rows of a dataset that lies in the file itself.

    Raises
    ------
    SourceError
        It is too large, or its data lie in another file.
    """
    data = member(group, name)
    if not hasattr(data, "shape") or data.shape is None:
        raise ValueError(f"{name!r} is no array")
    if data.external or data.is_virtual:
        raise SourceError(f"{group.file.filename} keeps {name!r} in another file, which is not followed")
    n = len(range(*rows.indices(data.shape[0]))) if data.shape else 1
    n_bytes = n * int(np.prod(data.shape[1:], dtype=np.int64)) * data.dtype.itemsize
    path = Path(group.file.filename)
    if max_bytes is None:
        check_bytes(n_bytes, path)
    else:
        check_bytes(n_bytes, path, max_bytes)
    return np.asarray(data[rows] if data.shape else data[()])


def read_text(value: Any) -> str:
    """Text of an attribute or an item, however it was stored.

    Raises
    ------
    ValueError
        It is none, or too long.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str | bytes) and len(value) > MAX_TEXT_BYTES:
        raise ValueError("a text that is too long")
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    raise ValueError(f"{type(value).__name__} where a text was expected")


def read_texts(group: Any, name: str) -> list[str]:
    """A one-dimensional dataset of texts; empty where it holds none (SLEAP stores that as floats)."""
    array = read_array(group, name, max_bytes=MAX_TEXT_BYTES)
    if array.size == 0:
        return []
    return [read_text(item) for item in array.reshape(-1)]

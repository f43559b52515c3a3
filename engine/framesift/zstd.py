"""Zstandard, out of the library that numcodecs brings.

Importing numcodecs takes as long as decoding a hundred small frames: it loads every codec, and asks every installed
distribution for more. But its compiled module holds the functions of libzstd, in most builds by their names.

Source: the Zstandard manual (zstd.h), "Simple Core API".
"""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import pages

_SIZE, _ADDRESS = ctypes.c_size_t, ctypes.c_void_p


def compress(data: npt.NDArray[np.uint8], level: int) -> npt.NDArray[np.uint8]:
    """One frame, which says its size, of the bytes *data*, C-contiguous."""
    library = _library()
    if library is None:
        from numcodecs.zstd import compress

        return np.frombuffer(compress(data, level), np.uint8)
    out = pages.zeros(library.ZSTD_compressBound(data.size))
    n = library.ZSTD_compress(out.ctypes.data, out.size, data.ctypes.data, data.size, level)
    if library.ZSTD_isError(n):
        raise RuntimeError(f"Zstandard cannot compress {data.size} bytes")
    return out[:n]


def decompress(frame: bytes, n_bytes: int) -> bytes | None:
    """The *n_bytes* bytes of which *frame* was made; None if it was made of others, or is damaged."""
    library = _library()
    if library is None:
        from numcodecs.zstd import decompress

        try:
            data: bytes = decompress(frame)
        except (RuntimeError, ValueError):
            return None
        return data if len(data) == n_bytes else None
    out = np.empty(n_bytes, np.uint8)
    n = library.ZSTD_decompress(out.ctypes.data, n_bytes, frame, len(frame))
    return out.tobytes() if n == n_bytes else None  # an error is a number larger than any size


@cache
def _library() -> Any:
    """The compiled module of numcodecs, or None where its functions cannot be called from outside."""
    package = find_spec("numcodecs")
    if package is None or package.origin is None:
        return None
    found = [p for s in EXTENSION_SUFFIXES if (p := Path(package.origin).with_name(f"zstd{s}")).exists()]
    try:
        library = ctypes.CDLL(str(found[0]))
        library.ZSTD_compressBound.argtypes = library.ZSTD_isError.argtypes = [_SIZE]
        library.ZSTD_compress.argtypes = [_ADDRESS, _SIZE, _ADDRESS, _SIZE, ctypes.c_int]
        library.ZSTD_decompress.argtypes = [_ADDRESS, _SIZE, ctypes.c_char_p, _SIZE]
        library.ZSTD_compressBound.restype = library.ZSTD_isError.restype = _SIZE
        library.ZSTD_compress.restype = library.ZSTD_decompress.restype = _SIZE
    except (IndexError, OSError, AttributeError):
        return None
    return library

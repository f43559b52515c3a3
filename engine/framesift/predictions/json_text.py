"""JSON of strangers: no more of it than is allowed, no numbers that JSON has not."""

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from ..errors import SourceError
from .limits import MAX_TEXT_BYTES


def read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """The content of a regular file of at most *max_bytes*; never waits on a pipe or a device.

    Raises
    ------
    ValueError
        It is larger, or no regular file.
    OSError
        It cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("expected a regular file")
        if found.st_size > max_bytes:
            raise ValueError(f"{found.st_size} bytes, more than the {max_bytes} allowed")
        data = os.read(handle, found.st_size + 1)
        while len(data) < found.st_size and (more := os.read(handle, found.st_size - len(data))):
            data += more
        return data
    finally:
        os.close(handle)


def parse_json(data: bytes) -> Any:
    """JSON in UTF-8.

    Raises
    ------
    ValueError
        It is none, is nested too deeply, or holds NaN or infinity.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> Any:
    """JSON of one file.

    Raises
    ------
    SourceError
        It does not exist, is too large, or is no JSON.
    """
    try:
        return parse_json(read_bytes(path, max_bytes))
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except OSError as e:
        raise SourceError(f"{path} cannot be read ({e.strerror or e})") from None
    except ValueError as e:
        raise SourceError(f"{path} is not JSON ({e})") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")

"""What a file of a stranger may cost, and how its faults are told."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import FramesiftError, SourceError

MAX_BYTES = 2 << 30
"""Largest text file, and largest array, that is read."""
MAX_TEXT_BYTES = 64 << 20
"""Largest JSON or list of names."""


def check_bytes(n_bytes: int, path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Refuse what would need more than *max_bytes*.

    Raises
    ------
    SourceError
        It would.
    """
    if n_bytes > max_bytes:
        raise SourceError(
            f"{path} would need {n_bytes / 2**30:.1f} GiB in memory, more than {max_bytes / 2**30:.1f}; "
            "read fewer frames at a time (start, stop)"
        )


@contextlib.contextmanager
def faults_of(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong in reading a file into one sentence: it comes from a stranger.

    Raises
    ------
    SourceError
        Something went wrong.
    """
    try:
        yield
    except FramesiftError:
        raise
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except OSError as e:
        raise SourceError(f"{path} cannot be read as {what} ({e.strerror or e})") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, RuntimeError) as e:
        raise SourceError(f"{path} is not {what} ({type(e).__name__}: {e})") from None

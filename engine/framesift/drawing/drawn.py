"""What commands that draw have made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import FramesiftError, NothingUsableError, UsageError
from ..sources import SetAside

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Drawn:
    """Files that were made."""

    files: list[Path] = field(default_factory=list)
    skipped: list[SetAside] = field(default_factory=list)
    """What is there already."""
    set_aside: list[SetAside] = field(default_factory=list)
    """What could not be used, and why."""

    def to_json(self) -> dict[str, Any]:
        """What the commands print with ``--json``."""
        return {
            "files": [str(path) for path in self.files],
            "skipped": [{"uri": item.uri, "reason": item.reason} for item in self.skipped],
            "set_aside": [{"uri": item.uri, "reason": item.reason} for item in self.set_aside],
        }


def each(items: Iterable[_T], name: Callable[[_T], str], make: Callable[[_T, Drawn], None]) -> Drawn:
    """Make something of each item; one that cannot be used is set aside, and the rest goes on.

    Raises
    ------
    UsageError
        An option makes no sense, or there is one item only and it cannot be used.
    NothingUsableError
        None could be used.
    """
    found, listed = Drawn(), list(items)
    for item in listed:
        try:
            make(item, found)
        except FramesiftError as e:
            if isinstance(e, UsageError) or len(listed) == 1:
                raise
            found.set_aside.append(SetAside(name(item), str(e)))
    if found.set_aside and not found.files and not found.skipped:
        raise NothingUsableError("; ".join(f"{s.uri}: {s.reason}" for s in found.set_aside[:3]))
    return found

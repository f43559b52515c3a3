"""LightlyOne's files of relevant file names.

Source: "Specifying Relevant Files" of its documentation: a name a line, or a prefix that ends in ``*``, which patterns
of gitignore may follow, for what below it is not relevant after all.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import UsageError
from ..sources import find_sources

_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class _Line:
    prefix: str
    patterns: tuple[tuple[re.Pattern[str], bool], ...]
    """And whether names that match are relevant again."""

    def has(self, name: str) -> bool:
        if not name.startswith(self.prefix):
            return False
        found = True
        for pattern, again in self.patterns:  # the last one that matches decides
            if pattern.match(name):
                found = again
        return found


@dataclass(frozen=True, slots=True)
class Relevant:
    """Which names are relevant."""

    names: frozenset[str]
    lines: tuple[_Line, ...]

    def __contains__(self, name: object) -> bool:
        return name in self.names or any(line.has(str(name)) for line in self.lines)

    def has_frames_of(self, video: str) -> bool:
        """Whether frames of a video may be relevant."""
        start = video.rpartition(".")[0] + "-"
        return any(name.startswith(start) for name in self.names) or any(
            line.prefix.startswith(start) for line in self.lines
        )


def read_relevant(path: str | os.PathLike[str]) -> Relevant:
    """Read a file of relevant names, which are relative to the input.

    Raises
    ------
    UsageError
        It cannot be read, holds no name, or a name that is absolute or has ``./`` or ``../`` in it.
    """
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is too large to be a list of file names")
        text = Path(path).read_text(encoding="utf-8")
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except ValueError as e:
        raise UsageError(f"{path} is no text ({e})") from None
    names, lines = set(), []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        prefix, star, rest = line.partition("*")
        if wrong := _fault(prefix if star else line.strip()):
            raise UsageError(
                f"{path}: line {number}: {line.strip()!r} {wrong}; names are relative to the input"
            )
        if star:
            lines.append(_Line(prefix, tuple(_pattern(p, f"{path}: line {number}") for p in rest.split())))
        else:
            names.add(line.strip())
    if not names and not lines:
        raise UsageError(f"{path} holds no file name")
    return Relevant(frozenset(names), tuple(lines))


def locate(path: str | os.PathLike[str], root: str | None) -> str | os.PathLike[str]:
    """*path* as it is, or else in *root*: the worker's is relative to the folder of ``.lightly``."""
    inside = os.path.join(root or "", path)
    return inside if root and not os.path.exists(path) and os.path.exists(inside) else path


def _fault(name: str) -> str | None:
    if name.startswith("/"):
        return "is absolute"
    return "has './' or '../' in it" if {".", ".."} & {*name.split("/")} else None


def _pattern(text: str, where: str) -> tuple[re.Pattern[str], bool]:
    again = text.startswith("!")
    try:
        return re.compile(_regex(text[again:])), again
    except re.error as e:
        raise UsageError(f"{where}: {text!r} is no pattern of gitignore ({e})") from None


def _regex(pattern: str) -> str:
    """A pattern of gitignore as a regular expression: with a slash from the top, else at any depth.

    Source: gitignore(5), "PATTERN FORMAT".
    """
    folder = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    found, at = "" if anchored else "(?:.*/)?", 0
    while at < len(pattern):
        for token, regex in _TOKENS:
            if match := token.match(pattern, at):
                found += regex(match)
                at = match.end()
                break
    return found + ("/.*" if folder else "(?:/.*)?") + r"\Z"


_TOKENS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?:^|(?<=/))\*\*/"), lambda m: "(?:.*/)?"),
    (re.compile(r"(?<=/)\*\*\Z"), lambda m: ".*"),
    (re.compile(r"\*+"), lambda m: "[^/]*"),
    (re.compile(r"\?"), lambda m: "[^/]"),
    (re.compile(r"\[([!^]?)((?:\]|[^\]/])[^\]/]*)\]"), lambda m: f"[{'^' if m[1] else ''}{_set(m[2])}]"),
    (re.compile(r"\\(.)"), lambda m: re.escape(m[1])),
    (re.compile(r"[\s\S]"), lambda m: re.escape(m[0])),
)


def _set(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("^", "\\^")


def relevant_inputs(inputs: Any, relevant: Relevant, root: str | None) -> tuple[Any, str | None]:
    """Of *inputs* the videos that are named, or frames of which may be; all of them, if not all are videos on disk.

    Returns
    -------
    The inputs, and what names are relative to: *root*, or the folder that all videos have in common.

    Raises
    ------
    UsageError
        No video is named.
    """
    sources, set_aside = find_sources(inputs)
    if set_aside or any(source.kind != "video" or source.remote is not None for source in sources):
        return inputs, root
    top = root or os.path.commonpath([os.path.dirname(source.uri) for source in sources])
    names = {PurePosixPath(os.path.relpath(source.uri, top)).as_posix(): source.uri for source in sources}
    kept = [uri for name, uri in names.items() if name in relevant or relevant.has_frames_of(name)]
    if not kept:
        raise UsageError(f"no file of {len(names)} is relevant; the first is {next(iter(names))!r}")
    return kept, top

"""What is looked for in LightlyOne's terms, slowly and obviously."""

import re
from typing import Any

import numpy as np


def uniform_row_ratio(picture: Any) -> float:
    """Share of the inner rows, of which more than 97 % of the inner pixels have a Laplacian below 5 grey levels."""
    x = picture.astype(float)
    rows = 0
    for i in range(1, len(x) - 1):
        flat = 0
        for j in range(1, x.shape[1] - 1):
            neighbours = x[i - 1 : i + 2, j - 1 : j + 2].sum() - x[i, j]
            flat += abs(8 * x[i, j] - neighbours) < 5
        rows += flat / (x.shape[1] - 2) > 0.97
    return rows / max(1, len(x) - 2)


def is_ignored(name: str, patterns: list[str]) -> bool:
    """Whether gitignore's patterns leave out a path: the last that matches it or a folder that it is in decides."""
    ignored = False
    for pattern in patterns:
        again = pattern.startswith("!")
        plain = pattern.removeprefix("!")
        parts = name.split("/")
        for n in range(1, len(parts) + 1):
            is_folder = n < len(parts)
            if plain.endswith("/") and not is_folder:
                continue
            if _matches(parts[:n], plain.rstrip("/")):
                ignored = not again
    return ignored


def _matches(parts: list[str], pattern: str) -> bool:
    if "/" not in pattern:
        return _segment(parts[-1], pattern)
    return _path(parts, pattern.removeprefix("/").split("/"))


def _path(parts: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        least = 1 if len(patterns) == 1 else 0
        return any(_path(parts[n:], patterns[1:]) for n in range(least, len(parts) + 1))
    return bool(parts) and _segment(parts[0], patterns[0]) and _path(parts[1:], patterns[1:])


def _segment(text: str, pattern: str) -> bool:
    regex = "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, text) is not None


def pooled(column: Any, length: int, bounds: list[tuple[int, int]]) -> list[Any]:
    """Means of so many numbers or rows that follow one another, of each source; what is left is dropped."""
    found = []
    for start, stop in bounds:
        for at in range(start, stop - length + 1, length):
            found.append(np.mean(column[at : at + length], axis=0))
    return found

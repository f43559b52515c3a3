"""Tables on the terminal and in markdown."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

END = "<!-- end -->"
_FIGURE = re.compile(r"[-+±]?[\d.]|nan|inf")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text, a column for every key that one of them has; rows of another ``table`` in one of its own."""
    return "\n\n".join((f"{name}\n\n" if name else "") + _table(part) for name, part in parts(rows).items())


def parts(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by the name of the table that they are of; ``""`` where they do not say."""
    found: dict[str, list[dict[str, Any]]] = {} if rows else {"": []}
    for row in rows:
        found.setdefault(row.get("table", ""), []).append({k: v for k, v in row.items() if k != "table"})
    return found


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "(nothing)"
    names = columns(rows)
    cells = [names, *([cell(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    texts = [at == 0 or is_text(row.get(name) for row in rows) for at, name in enumerate(names)]
    lines = [
        "  ".join(
            text.ljust(width) if left else text.rjust(width)
            for text, width, left in zip(line, widths, texts, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def is_text(values: Iterable[Any]) -> bool:
    """Most cells of a column say something in words, not in figures."""
    said = [text for value in values if (text := cell(value))]
    return 2 * sum(not _FIGURE.match(text) for text in said) > len(said)


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """Keys of all rows, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row))


def cell(value: Any) -> str:
    """One value: three digits of small numbers, two after the point of others."""
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < 0.095 else f"{value:.2f}"
    return "" if value is None else str(value)


def put(path: Path, suite: str, title: str, rows: list[dict[str, Any]], cut: str = "") -> bool:
    """Replace what stands in *path* between ``<!-- bench SUITE -->`` and ``<!-- end -->``; False if nothing does.

    Between ``<!-- bench SUITE: TABLE -->`` and the end goes the table of that name alone, and none that has a name
    between the others. *cut* comes after the table.
    """
    text, found = path.read_text(), parts(rows)
    mark = re.compile(rf"<!-- bench {re.escape(suite)}(?:: ([^>]*?))? -->.*?{re.escape(END)}", re.DOTALL)
    said = f"\n{cut}\n" if cut else ""

    def filled(match: re.Match[str]) -> str:
        begin = match[0].partition("-->")[0] + "-->"
        return f"{begin}\n{title}\n\n```\n{table(found.get(match[1] or '', []))}\n```\n{said}{END}"

    changed, n = mark.subn(filled, text)
    if n:
        path.write_text(changed)
    return n > 0

"""Tables on the terminal and in markdown."""

from pathlib import Path
from typing import Any

END = "<!-- end -->"


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text, a column for every key that one of them has."""
    if not rows:
        return "(nothing)"
    names = columns(rows)
    cells = [names, *([cell(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = [
        "  ".join(
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


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

    *cut* comes after the table.
    """
    begin = f"<!-- bench {suite} -->"
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(END)
    if not found:
        return False
    said = f"\n{cut}\n" if cut else ""
    path.write_text(f"{before}{begin}\n{title}\n\n```\n{table(rows)}\n```\n{said}{END}{after}")
    return True

"""Plots as inline SVG: a few shapes, colours by CSS variables so that they follow the page into the dark."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 900
_LINE = 20
_CHAR = 6.6
"""Width of a character of the labels, in pixels, about."""
_SERIES = 8
_FEW = 6
_MANY_DECADES = 1000
"""Ratio of the ends of a scale from which on it has a tick a decade."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value, kept within the scale."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values, some four to eight of them."""
        if not self.log:
            return _round_steps(self.low, self.high)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1, 2, 5) if self.high / self.low < _MANY_DECADES else (1,)
        step = max(1, len(decades) // 7)
        found = [factor * 10.0**decade for decade in decades[::step] for factor in factors]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]


def scale(
    values: Sequence[float], start: float, stop: float, *, log: bool = False, zero: bool = False
) -> Scale:
    """A scale around values, with some air; *zero* begins it at 0."""
    low, high = min(values), max(values)
    if log:
        air = max(1.15, (high / low) ** 0.05)
        return Scale(low / air, high * air, start, stop, log=True)
    if zero:
        return Scale(0, high * 1.05 or 1, start, stop)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1
    return Scale(low - air, high + air, start, stop)


def _round_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number in three digits."""
    if value == 0:
        return "0"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def dots(rows: Mapping[str, Sequence[tuple[str, float]]], caption: str) -> str:
    """A line of dots a row on a logarithmic axis around 1: right of it ahead, left of it behind; a tick at the mean."""
    values = [value for points in rows.values() for _, value in points]
    left = _label_width(rows)
    x = scale([*values, 0.5, 2], left, WIDTH - 70, log=True)
    parts = [_axis_x(x, len(rows) * _LINE + 8, caption, suffix="x")]
    one = x(1)
    parts.append(_line(one, 0, one, len(rows) * _LINE + 8, "one"))
    for number, (label, points) in enumerate(rows.items()):
        y = number * _LINE + 15
        parts.append(_text(left - 10, y + 4, _within(label, left), "end"))
        for name, value in points:
            side = "ahead" if value >= 1 else "behind"
            parts.append(_dot(x(value), y, side, f"{name}: {short(value)}x"))
        mean = math.exp(sum(math.log(value) for _, value in points) / len(points))
        parts.append(_line(x(mean), y - 7, x(mean), y + 7, "mean"))
        parts.append(_text(WIDTH - 62, y + 4, f"{short(mean)}x", "start", "strong"))
    return _svg(parts, len(rows) * _LINE + 52)


def marks(rows: Mapping[str, Mapping[str, float]], caption: str) -> str:
    """A row a label with a dot for each series, all on one logarithmic axis, and a legend."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    bottom = len(rows) * _LINE + 8
    x = scale([v for row in rows.values() for v in row.values()], _label_width(rows), WIDTH - 20, log=True)
    parts = [_axis_x(x, bottom, caption)]
    for number, (label, row) in enumerate(rows.items()):
        y = number * _LINE + 15
        parts.append(_text(x.start - 10, y + 4, _within(label, x.start), "end"))
        parts.append(_line(x(min(row.values())), y, x(max(row.values())), y, "grid"))
        for name, value in row.items():
            css = f"s{names.index(name) % _SERIES}"
            parts.append(_dot(x(value), y, css, f"{label}, {name}: {short(value)}"))
    legend, lines = _legend(names, WIDTH, round(bottom) + 58)
    return _svg([*parts, legend], bottom + 52 + lines * 16)


def bars(columns: Mapping[str, Mapping[str, float]], *, ours: str, mark: float | None = None) -> str:
    """Horizontal bars, one row a name, one column of them a quantity, each with its own scale from 0.

    *columns* is {quantity: {name: value}}; names that begin with *ours* are in our colour. *mark* draws a line.
    """
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    left = _label_width(names)
    wide = (WIDTH - left) / len(columns)
    parts = [
        _text(left - 10, number * _LINE + 38, _within(name, left), "end", "strong" if name == ours else "")
        for number, name in enumerate(names)
    ]
    for at, (title, column) in enumerate(columns.items()):
        start = left + at * wide
        parts.append(_text(start, 14, title, "start", "dim"))
        finite = [value for value in column.values() if math.isfinite(value)]
        values = [*finite, *([mark] if mark is not None else [])] or [1.0]
        x = scale(values, start, start + wide - 62, zero=True)
        for number, name in enumerate(names):
            value = column.get(name, math.nan)
            if math.isfinite(value):
                side = "ours" if name.startswith(ours) else "peer"
                y = number * _LINE + 27
                parts.append(_bar(start, y, max(1.5, x(value) - start), side, f"{name}: {short(value)}"))
                parts.append(_text(max(start, x(value)) + 5, y + 11, short(value), "start", "dim"))
        if mark is not None:
            parts.append(_line(x(mark), 22, x(mark), len(names) * _LINE + 26, "one"))
    return _svg(parts, len(names) * _LINE + 34)


def curves(
    lines: Mapping[str, Sequence[Point]],
    *,
    x_title: str,
    y_title: str,
    log: bool = True,
    labels: Sequence[str] = (),
    one: bool = False,
    width: int = 430,
) -> str:
    """Lines with their points, and a legend; *labels* name the places on the x axis instead of numbers.

    With *one* a line is drawn at 1, and what is less than a tenth from it looks like little.
    """
    height, left, foot = 250, 58, 200
    points = [point for line in lines.values() for point in line]
    x = scale([p[0] for p in points], left, width - 14, log=log and not labels)
    y = scale([*(p[1] for p in points), *([0.9, 1.1] if one else [])], foot, 26, log=log)
    parts = [_text(8, 14, y_title, "start", "dim")]
    if one:
        parts.append(_line(left, y(1), width - 14, y(1), "one"))
    for tick in y.ticks():
        parts += [
            _line(left, y(tick), width - 14, y(tick), "grid"),
            _text(left - 6, y(tick) + 4, short(tick), "end", "dim"),
        ]
    for number, label in enumerate(labels):
        if number % max(1, len(labels) // 8) == 0:
            parts.append(_text(x(number), foot + 16, label[:7], "middle", "dim"))
    places = sorted({p[0] for p in points})  # those measured say more than round ones, if they are few
    for tick in [] if labels else places if len(places) <= _FEW else x.ticks():
        parts += [
            _line(x(tick), foot, x(tick), foot + 4, "grid"),
            _text(x(tick), foot + 16, short(tick), "middle", "dim"),
        ]
    parts.append(_text((left + width) / 2, foot + 32, x_title, "middle", "dim"))
    for number, (name, line) in enumerate(lines.items()):
        css = f"s{number % _SERIES}"
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        parts.append(f'<polyline class="curve {css}" points="{path}"/>')
        parts += [_dot(x(a), y(b), css, f"{name}: {short(b)} at {short(a)}") for a, b in line]
    legend, rows = _legend(list(lines), width, height)
    return _svg([*parts, legend], height + rows * 16, width)


def _legend(names: Sequence[str], width: int, top: int) -> tuple[str, int]:
    parts, at, row = [], 10.0, 0
    for number, name in enumerate(names):
        wide = 24 + _CHAR * len(name)
        if at + wide > width and at > 10:
            at, row = 10.0, row + 1
        y = top + row * 16
        parts.append(_dot(at + 4, y - 4, f"s{number % _SERIES}", name))
        parts.append(_text(at + 13, y, name))
        at += wide
    return "".join(parts), row + 1


def _axis_x(x: Scale, bottom: float, caption: str, suffix: str = "") -> str:
    parts = [_text((x.start + x.stop) / 2, bottom + 36, caption, "middle", "dim")]
    for tick in x.ticks():
        parts.append(_line(x(tick), 0, x(tick), bottom, "grid"))
        parts.append(_text(x(tick), bottom + 17, short(tick) + suffix, "middle", "dim"))
    return "".join(parts)


def _label_width(names: Sequence[str] | Mapping[str, object]) -> float:
    return min(max(len(name) for name in names) * _CHAR + 18, WIDTH / 2)


def _within(label: str, width: float) -> str:
    """A label without its middle, where it is wider than what `_label_width` gives it."""
    n = int((width - 18) / _CHAR)
    return label if len(label) <= n else f"{label[: n // 2]}…{label[len(label) - (n - n // 2 - 1) :]}"


def _dot(x: float, y: float, css: str, title: str) -> str:
    return (
        f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{html.escape(title)}</title></circle>'
    )


def _bar(x: float, y: float, width: float, css: str, title: str) -> str:
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="14" rx="2">'
        f"<title>{html.escape(title)}</title></rect>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", css: str = "") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(parts: Sequence[str], height: float, width: int = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
        f'style="max-width:{width}px" role="img">{"".join(parts)}</svg>'
    )

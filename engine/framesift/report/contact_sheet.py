"""One picture of a whole selection."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..files import write_atomically
from ..selection.result import SelectedFrame, Selection

_TILE = 240
"""Width and height at most of a picture on the sheet, in pixels."""
_MARGIN, _LABEL, _HEADER = 8, 20, 34
_MOST_TILES = 400
_MOST_PIXELS = 40_000_000
_PNG_LEVEL = 2
"""A third of the time of zlib's default for a few percent more bytes: everything else is done by then."""
_INK, _PAPER, _FAINT = (32, 33, 36), (255, 255, 255), (112, 117, 122)


class ContactSheet:
    """Collects small versions of the chosen frames' pictures and lays them out.

    At most 400 of them, spread evenly over the selection: about 60 MB, and 180 MB for the sheet, whose worst case are
    400 sources with one frame each.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        every = math.ceil(len(selection.frames) / _MOST_TILES)
        self.frames = selection.frames[:: max(1, every)]
        """Those that are shown."""
        self._wanted = {(f.source, f.index) for f in self.frames}
        self.tiles: dict[tuple[int, int], Image.Image] = {}
        """Small pictures by (source, index)."""

    def add(self, key: tuple[int, int], picture: Image.Image) -> None:
        """Keep a small version of the picture of (source, index), if it is to be shown; from any thread."""
        if key in self._wanted:
            small = picture.copy()
            small.thumbnail((_TILE, _TILE), Image.Resampling.BOX, reducing_gap=None)
            self.tiles[key] = small

    def write(self, path: Path) -> None:
        """Write the sheet: the chosen frames in order, each with its index and time, grouped by source."""
        shown = [f for f in self.frames if (f.source, f.index) in self.tiles]
        columns = _columns(Counter(f.source for f in shown))
        rows = _rows(shown, columns)
        width = _MARGIN + columns * (_TILE + _MARGIN)
        heights = [self._height(row) for row in rows]
        sheet = Image.new("RGB", (width, sum(heights) + _MARGIN), _PAPER)
        draw, y = ImageDraw.Draw(sheet), 0
        for row, height in zip(rows, heights, strict=True):
            self._draw(sheet, draw, row, y, self._selection)
            y += height
        write_atomically(path, lambda file: sheet.save(file, "PNG", compress_level=_PNG_LEVEL))

    def _height(self, row: "list[SelectedFrame] | int") -> int:
        if isinstance(row, int):
            return _HEADER
        return max(self.tiles[f.source, f.index].height for f in row) + _LABEL + _MARGIN

    def _draw(
        self,
        sheet: Image.Image,
        draw: ImageDraw.ImageDraw,
        row: "list[SelectedFrame] | int",
        y: int,
        selection: Selection,
    ) -> None:
        if isinstance(row, int):
            n = sum(f.source == row for f in selection.frames)
            # A name may hold line breaks, and what is no character at all.
            name = "".join(
                c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in selection.sources[row].name
            )
            draw.text((_MARGIN, y + 9), name, _INK, font=_font(17))
            left = _MARGIN + draw.textlength(name, font=_font(17)) + 10
            draw.text(
                (left, y + 12), f"{n} of {selection.sources[row].n_frames} frames", _FAINT, font=_font(14)
            )
            return
        for column, frame in enumerate(row):
            tile = self.tiles[frame.source, frame.index]
            x = _MARGIN + column * (_TILE + _MARGIN)
            sheet.paste(tile, (x, y + _MARGIN))
            draw.text((x, y + _MARGIN + tile.height + 2), f"#{frame.index}", _INK, font=_font(14))
            if frame.time_s is not None:
                label = timecode(frame.time_s)
                left = x + tile.width - draw.textlength(label, font=_font(14))
                draw.text((left, y + _MARGIN + tile.height + 2), label, _FAINT, font=_font(14))


def timecode(seconds: float) -> str:
    """``1:02:03.45``; without hours where there are none."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{text}" if hours else text


@cache
def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    return ImageFont.load_default(size)


def _columns(n_shown: Mapping[int, int]) -> int:
    """Of a sheet with so many frames of each source: eight at most, fewer where most of it would be empty."""
    columns = max(2, min(8, math.ceil(math.sqrt(sum(n_shown.values()) * 1.3))))
    while columns > 2 and _pixels(n_shown, columns) > _MOST_PIXELS:
        columns -= 1
    return columns


def _pixels(n_shown: Mapping[int, int], columns: int) -> int:
    """Of a sheet with so many columns, at most."""
    n_rows = sum(math.ceil(n / columns) for n in n_shown.values())
    return (len(n_shown) * _HEADER + n_rows * (_TILE + _LABEL + _MARGIN)) * columns * (_TILE + _MARGIN)


def _rows(frames: list[SelectedFrame], columns: int) -> "list[list[SelectedFrame] | int]":
    rows: list[list[SelectedFrame] | int] = []
    for source in sorted({f.source for f in frames}):
        here = [f for f in frames if f.source == source]
        rows.append(source)
        rows += [here[at : at + columns] for at in range(0, len(here), columns)]
    return rows

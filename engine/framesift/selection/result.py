"""A selection: what was chosen, from what, by what, and its ``selection.json``."""

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import UsageError
from ..index import Index
from ..sources import SetAside
from ..video.container import SHORTCUTS

MAX_JSON_BYTES = 256 << 20


@dataclass(slots=True, kw_only=True)
class SelectedFrame:
    """One frame chosen."""

    source: int
    """Position in `Selection.sources`."""
    index: int
    """Frame index in the source."""
    pts: int
    """In the source's time base."""
    time_s: float | None
    """Seconds from the source's first frame; None for images."""
    rank: int
    """Position in the order in which the frames were chosen; the first r are a selection too for coreset; for coverage the best come first."""
    score: float | None = None
    """What it was chosen by: distance to the nearest chosen before (coreset) or to its centre (k-means); share of the
    frames that it is nearest to (coverage)."""
    cluster: int | None = None
    content_hash: str | None = None
    """16 hex digits over the decoded planes, by which the export checks itself."""
    file: str | None = None
    """Picture, relative to the folder of ``selection.json``."""
    why: str | None = None
    """In words, why it was chosen, where the method can tell."""
    distance: float | None = None
    """To the nearest other frame chosen, or labelled before: root mean square, in grey levels."""
    instead_of: int | None = None
    """Frame index of the frame of the same source whose place it took, being sharper."""
    hard: bool | None = None
    """Chosen because predictions look wrong on it; None where none were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedSource:
    """A source of a selection: enough to open it again and to see whether it is still the same."""

    id: str
    uri: str
    name: str
    kind: str
    n_frames: int
    width: int
    """As shown, in pixels."""
    height: int
    rotation: int
    frame_rate: float
    time_base: tuple[int, int]
    codec: str
    n_bytes: int
    fingerprint: str
    n_errors: int
    warnings: list[str]
    decoded: str = "exact"
    """How its index was made."""
    shortcuts: dict[str, str] = field(default_factory=dict)
    """Decoder options that the content hashes go with."""


@dataclass(slots=True, kw_only=True)
class Selection:
    """Frames chosen, ordered by source and index."""

    method: str
    seed: int
    options: dict[str, Any]
    """Every option that shaped it."""
    sources: list[SelectedSource]
    frames: list[SelectedFrame]
    set_aside: list[SetAside] = field(default_factory=list)
    stats: dict[str, float] = field(default_factory=dict)
    """Seconds, frames, bytes: ``index_s``, ``select_s``, ``export_s``, ``frames_decoded``, ``peak_rss_bytes``."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Frames that could not be chosen, by reason."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known: sources that show the same, say."""
    index: Index | None = None
    """Where it was made, while that is open."""

    def __len__(self) -> int:
        return len(self.frames)

    def indices(self, source: int = 0) -> list[int]:
        """Frame indices chosen of one source, increasing."""
        return [frame.index for frame in self.frames if frame.source == source]

    def to_json(self) -> dict[str, Any]:
        """The object of ``selection.json``."""
        from .. import __version__

        return {
            "framesift": __version__,
            "method": self.method,
            "seed": self.seed,
            "options": self.options,
            "sources": [_plain(source) for source in self.sources],
            "frames": [_plain(frame) for frame in self.frames],
            "set_aside": [{"uri": _text(item.uri), "reason": _text(item.reason)} for item in self.set_aside],
            "dropped": self.dropped,
            "notes": [_text(note) for note in self.notes],
            "stats": self.stats,
        }


def _plain(item: SelectedFrame | SelectedSource) -> dict[str, Any]:
    return {name: _json(getattr(item, name)) for name in type(item).__slots__}


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return _text(value)
    return list(value) if isinstance(value, tuple) else value


def _text(value: str) -> str:
    """Names that are no UTF-8 are percent-encoded, since JSON cannot hold them (`os.fsencode` undoes nothing)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return "".join(f"%{b:02X}" if b > 127 else chr(b) for b in os.fsencode(value))
    return value


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def uri(self) -> str: ...


def folder_names(sources: Sequence[_Named]) -> list[str]:
    """A name for the files of each source: its own, and its parent's before it where two have one name."""
    counts = Counter(source.name.casefold() for source in sources)
    names: list[str] = []
    taken: set[str] = set()
    for source in sources:
        alone = counts[source.name.casefold()] == 1
        name = source.name if alone else f"{Path(source.uri).parent.name}_{source.name}"
        unique, n = name, 2
        while unique.casefold() in taken:
            unique, n = f"{name}_{n}", n + 1
        taken.add(unique.casefold())
        names.append(unique)
    return names


def read_selection(path: str | os.PathLike[str]) -> Selection:
    """Read a ``selection.json``.

    Raises
    ------
    UsageError
        It does not exist, is no JSON, or is no selection.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UsageError(f"{path} is too large to be a selection")
        text = path.read_text(encoding="utf-8")
        data = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{path} is not JSON ({e})") from None
    try:
        selection = Selection(
            method=str(data["method"]),
            seed=int(data["seed"]),
            options=dict(data["options"]),
            sources=[_source(item) for item in data["sources"]],
            frames=[_frame(item) for item in data["frames"]],
            set_aside=[SetAside(str(i["uri"]), str(i["reason"])) for i in data.get("set_aside", [])],
            stats={str(name): float(value) for name, value in data.get("stats", {}).items()},
            dropped={str(name): int(value) for name, value in data.get("dropped", {}).items()},
            notes=[str(note) for note in data.get("notes", [])],
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as e:
        raise UsageError(f"{path} is not a selection of framesift ({type(e).__name__}: {e})") from None
    for frame in selection.frames:
        if not 0 <= frame.source < len(selection.sources):
            raise UsageError(
                f"{path} has a frame of source {frame.source}, but {len(selection.sources)} sources"
            )
        if not 0 <= frame.index < selection.sources[frame.source].n_frames:
            raise UsageError(f"{path} has frame {frame.index} of a source without such a frame")
    return selection


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


def _source(item: dict[str, Any]) -> SelectedSource:
    earlier = {"decoded": "exact", "shortcuts": {}}  # of versions that had no modes
    known = {name: item[name] for name in SelectedSource.__slots__ if name in item or name not in earlier}
    known = earlier | known
    texts = ("id", "uri", "name", "kind", "codec", "fingerprint", "decoded")
    numbers = ("n_frames", "width", "height", "rotation", "n_bytes", "n_errors")
    _check(known, texts, str)
    _check(known, numbers, int)
    if known["kind"] not in ("video", "images", "zip"):
        raise ValueError(f"kind {known['kind']!r}")
    # It becomes a folder below the one that is written to, and a stranger may have written it.
    if known["name"] in ("", ".", "..") or {"/", "\\", "\0"} & set(known["name"]):
        raise ValueError(f"name {known['name']!r} is no file name")
    known["time_base"] = (int(item["time_base"][0]), int(item["time_base"][1]))
    known["frame_rate"] = float(item["frame_rate"])
    for name, value in dict(known["shortcuts"]).items():  # which go to the decoder
        if value not in SHORTCUTS.get(name, ()):
            raise ValueError(f"shortcut {name}={value}")
    known["warnings"] = [str(warning) for warning in item["warnings"]]
    return SelectedSource(**known)


def _frame(item: dict[str, Any]) -> SelectedFrame:
    known = {name: item.get(name) for name in SelectedFrame.__slots__}
    _check(known, ("source", "index", "pts", "rank"), int)
    _check(known, ("time_s", "score", "distance"), float, int, type(None))
    _check(known, ("cluster", "instead_of"), int, type(None))
    _check(known, ("hard",), bool, type(None))
    _check(known, ("content_hash", "file", "why"), str, type(None))
    if known["content_hash"] is not None:
        int(known["content_hash"], 16)
    return SelectedFrame(**known)  # type: ignore[arg-type]


def _check(item: dict[str, Any], names: tuple[str, ...], *types: type) -> None:
    for name in names:
        if type(item[name]) not in types:
            raise TypeError(f"{name} is {item[name]!r}")

"""``report.html``: a selection in one self-contained file."""

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..files import write_atomically
from ..selection.result import SelectedFrame, SelectedSource, Selection
from .charts import pooled, timeline
from .contact_sheet import timecode
from .style import PAGE

if TYPE_CHECKING:
    from .measuring import Measured

_MOST_SOURCES = 200

Pictures = Mapping[tuple[int, int], Image.Image]


def write_report(
    path: Path, selection: Selection, pictures: Pictures, measured: "Measured | None" = None
) -> None:
    """Write the report: of each source a timeline with the chosen frames and their pictures, and what was measured.

    Parameters
    ----------
    path
        File to write.
    selection
        What was chosen.
    pictures
        Small pictures by (source, index).
    measured
        How good it is, if that is to be shown.
    """
    chosen = sorted({frame.source for frame in selection.frames})
    total = sum(source.n_frames for source in selection.sources)
    title = f"{len(selection)} frames of {len(chosen)} source{'s' * (len(chosen) != 1)}"
    sections = [_section(selection, at, pictures, measured) for at in chosen[:_MOST_SOURCES]]
    if len(chosen) > _MOST_SOURCES:
        sections.append(f"<p>And {len(chosen) - _MOST_SOURCES} more sources, which are not shown.</p>")
    if len(pictures) < len(selection):
        sections.append(f"<p>{len(pictures)} of the {len(selection)} pictures are shown.</p>")
    above = below = ""
    if measured is not None:
        from .sections import findings, headline  # late: most pages go without

        above, below = headline(measured.json), findings(selection, measured, data_url)
    text = PAGE.format(
        title=title,
        summary=f"Chosen by {html.escape(selection.method)} among {total} frames.",
        headline=above,
        sources="\n".join(sections),
        findings=below,
        facts=_facts(selection),
    )
    write_atomically(path, lambda file: file.write(text.encode(errors="xmlcharrefreplace")))


def _section(selection: Selection, at: int, pictures: Pictures, measured: "Measured | None") -> str:
    source = selection.sources[at]
    frames = [frame for frame in selection.frames if frame.source == at]
    figures = "".join(
        f'<figure><img alt="frame {frame.index}" loading="lazy" src="{data_url(pictures[at, frame.index])}">'
        f"<figcaption><span>#{frame.index}</span>"
        f"<span>{'' if frame.time_s is None else timecode(frame.time_s)}</span></figcaption>{_why(frame)}</figure>"
        for frame in frames
        if (at, frame.index) in pictures
    )
    moving = None if measured is None else _motion(source, measured)
    ends = f"<span>{timecode(0)}</span><span>{_length(source)}</span>" if source.frame_rate else ""
    return (
        f"<h2>{html.escape(source.name)} <small>{len(frames)} of {source.n_frames} frames, "
        f"{source.width}x{source.height}, {html.escape(source.codec)}</small></h2>"
        f"{timeline(source.n_frames, (f.index for f in frames), moving)}"
        f'<div class="ends">{ends}</div><div class="grid">{figures}</div>'
    )


def _why(frame: SelectedFrame) -> str:
    kind = {True: "hard: ", False: "easy: ", None: ""}[frame.hard]
    return f'<p class="why">{kind}{html.escape(frame.why)}</p>' if frame.why else ""


def _length(source: SelectedSource) -> str:
    return timecode(source.n_frames / source.frame_rate)


def _motion(source: SelectedSource, measured: "Measured") -> Any:
    for at, record in enumerate(measured.index.records):
        if record.id == source.id:
            reader = measured.index.reader(at)
            return pooled(reader.statistic("motion"), reader.frames(), source.n_frames)
    return None


def data_url(picture: Image.Image) -> str:
    """The picture as a JPEG within the page."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _facts(selection: Selection) -> str:
    rows: list[tuple[str, object]] = [("method", selection.method), ("seed", selection.seed)]
    rows += list(selection.options.items())
    rows += [(f"not chosen: {reason}", count) for reason, count in selection.dropped.items() if count]
    rows += [("note", note) for note in selection.notes]
    rows += [(f"set aside: {item.uri}", item.reason) for item in selection.set_aside]
    rows += [
        (name, f"{value:.2f}" if name.endswith("_s") else f"{value:.0f}")
        for name, value in selection.stats.items()
    ]
    return "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows)

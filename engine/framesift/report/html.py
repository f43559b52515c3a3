"""``report.html``: a selection in one self-contained file."""

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from ..files import write_atomically
from ..selection.result import SelectedSource, Selection
from .contact_sheet import timecode

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>framesift: {title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --dim: #777; --mark: #d9480f }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }}
h1 {{ font-size: 1.4rem }} h2 {{ font-size: 1.05rem; margin-top: 2rem }}
.grid {{ display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)) }}
figure {{ margin: 0 }} figure img {{ width: 100%; border-radius: 4px; display: block }}
figcaption {{ display: flex; justify-content: space-between; font-size: .8rem; color: var(--dim) }}
svg {{ width: 100%; height: 26px; display: block }}
table {{ border-collapse: collapse; font-size: .85rem }}
td, th {{ border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }}
</style></head><body>
<h1>{title}</h1><p>{summary}</p>
{sources}
<h2>How</h2><table>{facts}</table>
</body></html>
"""


def write_report(path: Path, selection: Selection, pictures: Mapping[tuple[int, int], Image.Image]) -> None:
    """Write the report: of each source a timeline with the chosen frames and their pictures.

    Parameters
    ----------
    path
        File to write.
    selection
        What was chosen.
    pictures
        Small pictures by (source, index).
    """
    n_sources = len({frame.source for frame in selection.frames})
    total = sum(source.n_frames for source in selection.sources)
    title = f"{len(selection)} frames of {n_sources} source{'s' * (n_sources != 1)}"
    text = _PAGE.format(
        title=title,
        summary=f"Chosen by {html.escape(selection.method)} among {total} frames.",
        sources="\n".join(
            _section(selection, at, source, pictures) for at, source in enumerate(selection.sources)
        ),
        facts=_facts(selection),
    )
    write_atomically(path, lambda file: file.write(text.encode(errors="xmlcharrefreplace")))


def _section(
    selection: Selection, at: int, source: SelectedSource, pictures: Mapping[tuple[int, int], Image.Image]
) -> str:
    frames = [frame for frame in selection.frames if frame.source == at]
    if not frames:
        return ""
    ticks = "".join(
        f'<rect x="{1000 * frame.index / max(1, source.n_frames):.1f}" y="3" width="3" height="20" '
        f'fill="var(--mark)"><title>#{frame.index}</title></rect>'
        for frame in frames
    )
    figures = "".join(
        f'<figure><img alt="frame {frame.index}" src="{_data_url(pictures[at, frame.index])}">'
        f"<figcaption><span>#{frame.index}</span>"
        f"<span>{'' if frame.time_s is None else timecode(frame.time_s)}</span></figcaption></figure>"
        for frame in frames
        if (at, frame.index) in pictures
    )
    return (
        f"<h2>{html.escape(source.name)} <small>{len(frames)} of {source.n_frames} frames, "
        f"{source.width}x{source.height}, {html.escape(source.codec)}</small></h2>"
        '<svg viewBox="0 0 1000 26" preserveAspectRatio="none"><rect y="11" width="1000" height="4" '
        f'fill="var(--line)"/>{ticks}</svg><div class="grid">{figures}</div>'
    )


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _facts(selection: Selection) -> str:
    rows: list[tuple[str, object]] = [("method", selection.method), ("seed", selection.seed)]
    rows += list(selection.options.items())
    rows += [(f"not chosen: {reason}", count) for reason, count in selection.dropped.items() if count]
    rows += [(f"set aside: {item.uri}", item.reason) for item in selection.set_aside]
    rows += [
        (name, f"{value:.2f}" if name.endswith("_s") else f"{value:.0f}")
        for name, value in selection.stats.items()
    ]
    return "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows)

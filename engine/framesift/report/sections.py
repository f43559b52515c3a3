"""What was measured, in HTML."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from ..index import Index
from ..selection.result import Selection
from .charts import histogram, scatter
from .measuring import Measured
from .sets import ALL, CHOSEN, EVEN, RANDOM, spread

DataUrl = Callable[[Image.Image], str]
_Named = Mapping[str, Any]

_SETS = (ALL, EVEN, RANDOM, CHOSEN)
_MEASURES = {"mean": "mean", "min": "min", "max": "max", "p10": "10th percentile", "p90": "90th percentile"}
_MAPS = {"pca": "Principal components", "umap": "UMAP", "pacmap": "PaCMAP"}
_UNITS = {"luminance": "grey levels", "contrast": "grey levels", "sharpness": "", "motion": ""}
_MOST_PAIRS = 12


def headline(report: _Named) -> str:
    """The few numbers that say most."""
    ours = report["framesift"]
    pixels, storage = ours["distances"]["pixels"], ours["storage"]
    cards = []
    if CHOSEN in pixels["coverage"]:
        radius = {name: c["radius"] for name, c in pixels["coverage"].items()}
        cards.append(
            (
                f"{radius[CHOSEN]:.1f}",
                f"coverage radius, in grey levels (evenly spaced {radius[EVEN]:.1f}, random {radius[RANDOM]:.1f})",
            )
        )
    unit = ours["distances"]["unit"]["pairs"]
    if unit[CHOSEN]["min"] is not None:
        cards.append(
            (
                f"{unit[CHOSEN]['min']:.3f}",
                f"least distance of two chosen frames, of 2 (evenly spaced {unit[EVEN]['min']:.3f}, "
                f"random {unit[RANDOM]['min']:.3f})",
            )
        )
    if storage["png_ratio"] is not None:
        cards.append(
            (
                f"{storage['png_ratio']:.1f}x",
                "as much storage would all frames as PNG beside the sources take (estimated)",
            )
        )
    return '<div class="cards">' + "".join(_card(*card) for card in cards) + "</div>" if cards else ""


def _card(number: str, words: str) -> str:
    return f'<div class="card"><strong>{number}</strong><span>{words}</span></div>'


def findings(selection: Selection, measured: Measured, data_url: DataUrl) -> str:
    """All sections."""
    report, ours = measured.json, measured.json["framesift"]
    pictures = _Pictures(selection, measured.index, data_url)
    return "\n".join(
        [
            _distances(ours),
            _histograms(report["datasetAnalysis"]["metadataInformation"]["lightlyNumeric"]),
            _maps(ours["maps"], selection),
            _uncovered(ours["least_covered"], pictures),
            _neighbours(ours["removed_neighbours"], pictures),
            _storage(ours["storage"]),
        ]
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], ours: int | None = None) -> str:
    """A table of numbers; column *ours* stands out."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = ""
    for name, cells in rows:
        marked = "".join(
            f'<td class="ours">{cell}</td>' if at == ours else f"<td>{cell}</td>"
            for at, cell in enumerate(cells)
        )
        body += f"<tr><th>{name}</th>{marked}</tr>"
    return f'<div class="wide"><table class="numbers"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _distances(ours: _Named) -> str:
    words = {
        "unit": (
            "Between thumbnails as vectors of unit length",
            "Euclidean distances of the first 128 principal components, brought to unit length: from 0 to 2.",
            4,
        ),
        "pixels": (
            "Between thumbnails as they are",
            "Root mean square difference of two thumbnails, in grey levels of 255.",
            2,
        ),
    }
    parts = ["<h2>Distances</h2>"]
    for name, (title, note, digits) in words.items():
        found = ours["distances"][name]
        rows = [("frames", [str(ours["sampling"][at]["n"]) for at in _SETS])]
        rows += [
            (label, [_number(found["pairs"][at][key], digits) for at in _SETS])
            for key, label in _MEASURES.items()
        ]
        cover = found["coverage"]
        rows += [
            (label, ["", *(_number(cover.get(at, {}).get(key), digits) for at in _SETS[1:])])
            for key, label in (("radius", "coverage radius"), ("mean", "mean to cover"))
        ]
        parts.append(f'<h3>{title}</h3><p class="note">{note}</p>{_table(["", *_SETS], rows, 3)}')
    parts.append(f'<p class="note">{_sampling(ours["sampling"])}</p>')
    return "".join(parts)


def _sampling(sampling: _Named) -> str:
    text = (
        "Mean to 90th percentile: of the distances of every two frames of a set. Coverage: from every frame to the "
        "nearest of the set; the radius is the farthest. Damaged and black frames are left out."
    )
    short = [
        f"{s['compared']} of {s['n']} ({name})" for name, s in sampling.items() if s["compared"] < s["n"]
    ]
    pairs = [f"{s['paired']} of {s['n']} ({name})" for name, s in sampling.items() if s["paired"] < s["n"]]
    if short:
        text += f" Frames that were compared, spread evenly: {', '.join(short)}."
    if pairs:
        text += f" With each other: {', '.join(pairs)}."
    return text


def _histograms(numeric: _Named) -> str:
    charts = []
    for name, found in numeric.items():
        low, high = found["range"]
        unit = f" ({_UNITS[name]})" if _UNITS.get(name) else ""
        medians = [_number(found[at]["metrics"]["median"], 1) for at in ("input", "selected")]
        charts.append(
            f"<div><h3>{name}{unit}</h3>{histogram(found['input']['counts'], found['selected']['counts'])}"
            f'<div class="ends"><span>{low:.4g}</span><span>median {medians[0]} &rarr; {medians[1]}</span>'
            f"<span>{high:.4g}</span></div></div>"
        )
    return (
        '<h2>Before and after</h2><p class="key"><em></em>all frames<em class="mark"></em>chosen frames; '
        f'shares of each</p><div class="charts">{"".join(charts)}</div>'
    )


def _maps(maps: _Named, selection: Selection) -> str:
    labels = [_label(frame, selection) for frame in maps["frames"]]
    drawn = "".join(
        f"<div><h3>{_MAPS[name]}</h3>{scatter(found['all'], found['chosen'], labels)}</div>"
        for name, found in maps.items()
        if name in _MAPS
    )
    return (
        '<h2>Map</h2><p class="key"><em></em>all frames<em class="mark"></em>chosen frames; frames that look alike lie '
        f'together</p><div class="maps">{drawn}</div>'
    )


def _label(frame: Mapping[str, int], selection: Selection) -> str:
    if len(selection.sources) == 1:
        return f"#{frame['index']}"
    name = selection.sources[frame["source"]].name if frame["source"] >= 0 else ""
    return f"{html.escape(name)} #{frame['index']}"


class _Pictures:
    """Figures of thumbnails in the index."""

    def __init__(self, selection: Selection, index: Index, data_url: DataUrl) -> None:
        self._selection, self._index, self._data_url = selection, index, data_url
        self._positions = {record.id: at for at, record in enumerate(index.records)}

    def figure(self, frame: Mapping[str, int], words: str) -> str:
        """A frame's thumbnail, its number, and *words*."""
        picture = ""
        if frame["source"] >= 0:
            found = self._read(self._positions[self._selection.sources[frame["source"]].id], frame["index"])
            picture = f'<img alt="frame {frame["index"]}" loading="lazy" src="{self._data_url(found)}">'
        label = _label(frame, self._selection)
        return f"<figure>{picture}<figcaption><span>{label}</span><span>{words}</span></figcaption></figure>"

    def _read(self, source: int, frame: int) -> Image.Image:
        reader = self._index.reader(source)
        row = int(reader.frames().searchsorted(frame))
        luma = Image.fromarray(reader.read("thumbnails", row, row + 1)[0])
        if not reader.record.color:
            return luma
        blue, red = (Image.fromarray(plane) for plane in reader.read("chroma", row, row + 1)[0])
        return Image.merge("YCbCr", (luma, blue, red))


def _uncovered(frames: Sequence[_Named], pictures: _Pictures) -> str:
    if not frames:
        return ""
    figures = "".join(pictures.figure(frame, f"{frame['distance']:.1f}") for frame in frames)
    return (
        '<h2>Least covered</h2><p class="note">The frames least like any chosen one, each unlike those before it, and '
        "how far they are, in grey levels. If one of them matters, choose more frames.</p>"
        f'<div class="grid">{figures}</div>'
    )


def _neighbours(pairs: Sequence[_Named], pictures: _Pictures) -> str:
    if not pairs:
        return ""
    shown = [pairs[at] for at in spread(len(pairs), _MOST_PAIRS)]
    cards = "".join(
        f'<div class="pair"><div>{pictures.figure(pair["selected"], "")}'
        f"{pictures.figure(pair['removed'], _away(pair))}</div></div>"
        for pair in shown
    )
    some = f"{len(shown)} of {len(pairs)} are shown. " if len(shown) < len(pairs) else ""
    return (
        f'<h2>Nearest frames left out</h2><p class="note">{some}Left the chosen frame, right the frame most like it that was '
        f'not chosen, and how far it is, in grey levels.</p><div class="pairs">{cards}</div>'
    )


def _away(pair: _Named) -> str:
    return f"{pair['distance']:.2f}"


def _storage(storage: _Named) -> str:
    def megabytes(value: int | None) -> str:
        return "unknown" if value is None else f"{value / 1e6:,.1f} MB"

    video = storage["video_bytes"]
    rows = [("sources", [megabytes(video), ""])]
    for kind, label in (("png", "PNG"), ("jpeg", "JPEG")):
        ratio = storage[f"{kind}_ratio"]
        rows.append(
            (
                f"all {storage['n_frames']} frames as {label}, estimated",
                [megabytes(storage[f"{kind}_bytes"]), "" if ratio is None else f"{ratio:.2f}x"],
            )
        )
    rows.append((f"{storage['n_written']} pictures written", [megabytes(storage["written_bytes"]), ""]))
    return (
        f"<h2>Storage</h2>{_table(['', 'size', 'with the sources, against the sources'], rows)}"
        f'<p class="note">All frames: estimated from {storage["n_sampled"]} of the pictures written (PNG at level 3, '
        "JPEG at quality 95), by their bytes a pixel. Chosen frames differ more than others do, so it is no more than "
        "an estimate.</p>"
    )

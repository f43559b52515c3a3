"""``bench-report.html``: one self-contained page that tells where framesift is ahead, where it is not, and by how much."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import plots, scale, suites
from .record import OURS
from .results import Result, by, middle_of
from .tables import cell, columns, is_text, parts

Row = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfb; --ink: #1c1c1a; --dim: #6b6a66; --grid: #e4e3df;
  --ours: #0b7a75; --peer: #b9b6ae; --behind: #c4501b;
  --s0: #0b7a75; --s1: #c4501b; --s2: #5c4db1; --s3: #a87900; --s4: #2f6fb7; --s5: #b03a6f; --s6: #5f7a1f; --s7: #77736a }
@media (prefers-color-scheme: dark) { :root { --ground: #191917; --ink: #ecebe6; --dim: #a09e97; --grid: #383733;
  --ours: #35b5ad; --peer: #6a6861; --behind: #f0844c;
  --s0: #35b5ad; --s1: #f0844c; --s2: #a598f0; --s3: #d9ac3c; --s4: #74abea; --s5: #e57fac; --s6: #a5c25c; --s7: #aeaba2 } }
body { background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2.8rem 0 .3rem } h3 { font-size: .95rem }
p, li { max-width: 48rem } .dim, figcaption { color: var(--dim); font-size: .85rem }
svg { display: block; width: 100%; height: auto; font: 11.5px system-ui, sans-serif }
svg text { fill: var(--ink) } svg text.dim { fill: var(--dim); font-size: 11px } svg text.strong { font-weight: 600 }
line.grid { stroke: var(--grid) } line.one { stroke: var(--dim); stroke-dasharray: 3 3 }
line.mean { stroke: var(--ink); stroke-width: 2 }
.ours, .ahead { fill: var(--ours) } .peer { fill: var(--peer) } .behind { fill: var(--behind) }
.ahead, .behind { fill-opacity: .75 } .curve { fill: none; stroke-width: 2 }
.two { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)) }
.wide, figure { overflow-x: auto } figure > svg { min-width: 40rem } .cut { color: var(--behind) }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums }
td, th { border-bottom: 1px solid var(--grid); padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap }
td:first-child, th:first-child, .text { text-align: left } th { color: var(--dim); font-weight: 500 }
figure { margin: 1rem 0 } summary { cursor: pointer; color: var(--dim); font-size: .85rem; margin: .5rem 0 }
""" + "".join(
    f".s{n} {{ fill: var(--s{n}) }} .curve.s{n} {{ fill: none; stroke: var(--s{n}) }} " for n in range(8)
)


def write_page(
    path: Path,
    found: dict[str, Result],
    history: dict[str, list[tuple[str, float]]] | None = None,
    commits: Sequence[str] = (),
    note: str = "",
) -> None:
    """Write the page: where it stands, then plots and table of each suite, then how it went over *commits*, with a *note*."""
    parts = [_head(found), _METHOD, _standing(found)]
    parts += [_section(run) for run in found.values()]
    if history and any(len(line) > 1 for line in history.values()):
        parts.append(_history(history, commits, note))
    body = "\n".join(parts)
    path.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>framesift: benchmarks</title><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


LIKE = {"DeepLabCut uniform": f"{OURS} random"}
"""Peers that do what not our default does, but another way of ours: DeepLabCut's "uniform" draws at random."""
_METHOD = """<details><summary>how it is measured</summary><ul>
<li>Programs are whole, fresh processes: start-up, reading and writing are in their time. Kernels are calls in a process for
each program. Ours and the peers take turns, after a round that does not count.</li>
<li>Figures are medians; <code>±</code> is half of the range over the median, and empty for what was run once, because it takes
long.</li>
<li>Memory is the sum of the peaks of a program's processes, ours and the peers' alike; what two processes share is counted
twice. framesift decodes in a second process. Processor time is of all of them.</li>
<li>A suite has a time; cases that it had none for are named below its table.</li>
</ul></details>"""


def comparisons(found: dict[str, Result], figure: str = "wall_s") -> list[tuple[str, str, str, float]]:
    """(suite, peer, case, the peer's over ours) of every *figure*, less of which is better, that both have of a case."""
    ratios = []
    for suite, run in found.items():
        if suite == "scale":
            continue
        cases: dict[str, dict[str, float]] = {}
        given = [{**row, "_case": row.get("case") or row.get("clip", "")} for row in run.measurements]
        for (case, program), rows in by(given, "_case", "program").items():
            value = middle_of(rows, figure)
            if value > 0:
                cases.setdefault(case, {})[program] = value
        for case, programs in cases.items():
            for peer, theirs in programs.items():
                like = LIKE.get(peer, OURS)
                if not peer.startswith(OURS) and like in programs:
                    ours = f" (ours: {like.removeprefix(OURS).strip()})" if like != OURS else ""
                    ratios.append((suite, f"{peer}{ours}", case, theirs / programs[like]))
    return ratios


def _head(found: dict[str, Result]) -> str:
    runs = list(found.values())
    header = runs[-1].header
    machine = header["machine"]
    took = sum(run.header["took_s"] for run in runs) / 60
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    sizes = ", ".join(sorted({run.header["settings"]["size"] for run in runs}))
    facts = (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}. Commit {machine['commit']}, {header['at']}, "
        f"size {sizes}, {took:.1f} minutes. {versions}."
    )
    return f'<h1>framesift beside its peers</h1><p class="dim">{html.escape(facts)}</p>'


_FIGURES_COMPARED = {
    "wall_s": ("wall clock", "times faster than the peer", "the time"),
    "peak_rss_bytes": ("peak memory", "times less memory than the peer", "the memory"),
    "radius": ("coverage radius", "the peer's coverage radius over ours", "the radius"),
    "mean_distance": (
        "mean distance to the nearest pick",
        "the peer's mean distance over ours",
        "the mean distance",
    ),
}


def _standing(found: dict[str, Result]) -> str:
    parts = [_compared(comparisons(found, name), *texts) for name, texts in _FIGURES_COMPARED.items()]
    return f"<h2>Where it stands</h2>{''.join(parts)}" if any(parts) else ""


def _compared(ratios: list[tuple[str, str, str, float]], what: str, axis: str, of_peer: str) -> str:
    """How many comparisons of one figure are ahead, a plot of them, and those that are behind."""
    if not ratios:
        return ""
    rows: dict[str, list[tuple[str, float]]] = {}
    for suite, peer, case, ratio in ratios:
        rows.setdefault(f"{suite}: {peer}", []).append((case, ratio))
    behind = sorted((ratio, suite, peer, case) for suite, peer, case, ratio in ratios if ratio < 1)
    listed = "".join(
        f"<li>{html.escape(f'{suite}, {case}: {1 / ratio:.2f}x {of_peer} of {peer}')}</li>"
        for ratio, suite, peer, case in behind
    )
    whole = f"{len(ratios) - len(behind)} of {len(ratios)} comparisons of {what} are ahead or even, {len(behind)} behind."
    more = (
        f"<details{' open' * (what == 'wall clock')}><summary>behind in</summary><ul>{listed}</ul></details>"
        if behind
        else ""
    )
    picture = plots.dots(rows, f"{axis}: a dot a case, a bar at their geometric mean")
    return f"<p>{whole}</p><figure>{picture}</figure>{more}"


def _section(run: Result) -> str:
    suite = suites.load(run.suite)
    shown = suite.rows(run.measurements)
    figures = _FIGURES.get(run.suite, lambda _: "")(run.measurements)
    intro, *columns_said = (" ".join(text.split()) for text in suite.doc.split("\n\n"))
    said = "".join(f"<p>{_code(html.escape(text))}</p>" for text in columns_said)
    noted = f"<details><summary>what the columns say</summary>{said}</details>" if said else ""
    what = html.escape(intro.partition(": ")[2] or intro)
    table = "".join(
        (f"<h3>{html.escape(name)}</h3>" if name else "") + _table(part)
        for name, part in parts(shown).items()
    )
    cut = f'<p class="cut">{html.escape(run.cut)}</p>' if run.cut else ""
    drawn = f"<figure>{figures}</figure>" if figures else ""
    if 'class="peer"' in figures:
        what += " In the plots ours is in colour, peers are grey, and shorter is better."
    return f'<h2>{run.suite}</h2><p class="dim">{what}</p>{drawn}{table}{cut}{noted}'


def _code(text: str) -> str:
    pieces = text.split("``")
    return "".join(f"<code>{piece}</code>" if at % 2 else piece for at, piece in enumerate(pieces))


def _table(rows: list[Row]) -> str:
    names = columns(rows)
    css = {name: ' class="text"' if is_text(row.get(name) for row in rows) else "" for name in names}
    head = "".join(f"<th{css[name]}>{html.escape(name)}</th>" for name in names)
    lines = "".join(
        "<tr>"
        + "".join(f"<td{css[name]}>{html.escape(cell(row.get(name, '')))}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _decode(measurements: list[Row]) -> str:
    out = []
    for (clip,), rows in by([row for row in measurements if "wall_s" in row], "clip").items():
        wall = {name: middle_of(made, "wall_s") for (name,), made in by(rows, "program").items()}
        if len(wall) > 1:
            memory = {
                name: middle_of(made, "peak_rss_bytes") / 2**20
                for (name,), made in by(rows, "program").items()
            }
            out.append(f"<h3>{html.escape(clip)}</h3>")
            out.append(plots.bars({"seconds": wall, "peak memory, MB": memory}, ours=OURS))
    return "".join(out)


def _select(measurements: list[Row]) -> str:
    out = []
    for (clip,), rows in by(measurements, "clip").items():
        programs = {name: made for (name,), made in by(rows, "program").items() if "left_out" not in made[0]}
        fields = {
            "seconds": "wall_s",
            "peak memory, MB": "peak_rss_bytes",
            "radius": "radius",
            "mean distance": "mean_distance",
        }
        figures = {
            title: {
                name: middle_of(made, key) / (2**20 if key == "peak_rss_bytes" else 1)
                for name, made in programs.items()
            }
            for title, key in fields.items()
        }
        out.append(f"<h3>{html.escape(clip)}</h3>{plots.bars(figures, ours=OURS)}")
    return "".join(out)


def _kernels(measurements: list[Row]) -> str:
    shares = {}
    for (case, program), rows in by(measurements, "case", "program").items():
        if program == OURS and "floor_s" in rows[0]:
            shares[case] = rows[0]["floor_s"] / middle_of(rows, "wall_s")
    if not shares:
        return ""
    caption = "share of the roofline: what the plain procedure takes at least, over what ours took (above 1: less was done)"
    return f"<figcaption>{caption}</figcaption>{plots.bars({'': shares}, ours='', mark=1)}"


def _scale(measurements: list[Row]) -> str:
    cases: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for (case, program), rows in by(measurements, "case", "program").items():
        points = [point for point in scale.curve(rows, "wall_s") if point[1] > 0]
        if len(points) > 1:
            slope = scale.fit(points)[0]
            cases.setdefault(case, {})[f"{program}, slope {slope:.2f}"] = points
    drawn = [
        plots.curves(
            lines, x_title=case.partition(", by ")[2], y_title=f"seconds of {case.partition(', by ')[0]}"
        )
        for case, lines in cases.items()
    ]
    return f'<div class="two">{"".join(drawn)}</div>'


def _storage(measurements: list[Row]) -> str:
    lines: dict[str, dict[str, float]] = {}
    for (clip,), rows in by(measurements, "clip").items():
        sizes = {row["what"]: row["stored_bytes"] / row["n_frames"] for row in rows}
        store = sum(value for what, value in sizes.items() if what.startswith("store: "))
        others = {what: sizes[what] for what in ("video", "JPEG", "PNG") if what in sizes}
        lines[f"{clip} ({rows[0]['codec']})"] = {"store": store, **others}
    return plots.marks(lines, "bytes a frame")


def _memory(measurements: list[Row]) -> str:
    peaks = {
        row["clip"] + ", in colour" * (row.get("color") == "yes"): row["peak_rss_bytes"] / 2**20
        for row in measurements
        if "peak_rss_bytes" in row
    }
    return plots.bars({"peak memory, MB": peaks}, ours="") if peaks else ""


def _history(history: dict[str, list[tuple[str, float]]], given: Sequence[str], note: str) -> str:
    there = [commit for line in history.values() for commit, _ in line]
    commits = [commit for commit in dict.fromkeys([*given, *there]) if commit in there]
    kinds: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for what, line in history.items():
        suite, _, kind = what.rpartition(", ")
        if len(line) > 1:
            kinds.setdefault(kind, {})[suite] = [(commits.index(commit), value) for commit, value in line]
    drawn = [
        plots.curves(
            lines,
            x_title="commit",
            y_title=f"{kind}, over the first commit",
            log=False,
            labels=commits,
            one=True,
        )
        for kind, lines in kinds.items()
    ]
    said = "Ours at each commit over the first, geometric mean of all cases; times are divided by what the peers took, which stand for the machine. Less is better."
    said += f" {note[:1].upper()}{note[1:]}"
    return f'<h2>Over commits</h2><p class="dim">{said}</p><div class="two">{"".join(drawn)}</div>'


_FIGURES: dict[str, Callable[[list[Row]], str]] = {
    "decode": _decode,
    "select": _select,
    "kernels": _kernels,
    "scale": _scale,
    "storage": _storage,
    "memory": _memory,
}

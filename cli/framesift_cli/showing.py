"""What commands print, and where they write."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from framesift import Selection
    from framesift.sources import SetAside


def place(text: str) -> Path | str:
    """A folder as a path; an address as it is, for a path would lose one of its slashes."""
    return text if "://" in text else Path(text)


def inside(out: str, file: str) -> str:
    return f"{out.rstrip('/')}/{file}" if "://" in out else str(Path(out) / file)


def show_selection(selection: "Selection", out: str, *, as_json: bool, quiet: bool) -> int:
    """Paths or JSON of what was chosen; the exit code."""
    if as_json:
        print_json(selection.to_json())
    else:
        for frame in selection.frames:
            if frame.file:
                typer.echo(inside(out, frame.file))
    if not quiet:
        seconds = sum(selection.stats.get(f"{stage}_s", 0) for stage in ("index", "select", "export"))
        n_sources = len({frame.source for frame in selection.frames})
        say(
            f"{count(len(selection), 'frame')} of {count(n_sources, 'source')} in {seconds:.1f} s; "
            f"look at {inside(out, 'contact-sheet.png')}"
        )
    if ignored := selection.options.get("ignored"):
        say(f"warning: these options of the configuration mean nothing here: {', '.join(map(str, ignored))}")
    for note in selection.notes:
        say(f"note: {note}")
    return exit_code(selection.set_aside, [(s.uri, s.warnings) for s in selection.sources])


def show_plan(plan: dict[str, Any], *, as_json: bool) -> int:
    """A table of memory, disk and time, or JSON; the exit code."""
    if as_json:
        print_json(plan)
    else:
        typer.echo(
            f"{count(plan['n_chosen'], 'frame')} of {plan['n_frames']} in {count(len(plan['sources']), 'source')}"
        )
        for name, free in (("memory", "memory"), ("disk", "disk")):
            parts = {part: _megabytes(size) for part, size in plan[f"{name}_bytes"].items()}
            there = plan["free_bytes"][free]
            typer.echo(_parts(name, parts) + ("" if there is None else f"; {_megabytes(there)} are free"))
        typer.echo(_parts("time", {part: f"{s:.1f} s" for part, s in plan["seconds"].items()}))
    for item in plan["set_aside"]:
        say(f"set aside: {item['uri']}: {item['reason']}")
    return 3 if plan["set_aside"] else 0


def _parts(name: str, parts: dict[str, str]) -> str:
    rest = ", ".join(f"{part} {text}" for part, text in parts.items() if part != "total")
    return f"{name + ':':8}about {parts['total']} ({rest})"


def _megabytes(size: float) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"


def exit_code(set_aside: "list[SetAside]", warnings: list[tuple[str, list[str]]]) -> int:
    for uri, sentences in warnings:
        for sentence in sentences:
            say(f"warning: {uri}: {sentence}")
    for item in set_aside:
        say(f"set aside: {item.uri}: {item.reason}")
    return 3 if set_aside else 0


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def line(source: dict[str, Any]) -> str:
    size = f"{source['width']}x{source['height']}"
    rate = f" at {source['frame_rate']:.6g} frames/s" if source.get("frame_rate") else ""
    codec = f", {source['codec']} {source['pixel_format']}" if "codec" in source else ""
    keys = f", {source['n_keyframes']} keyframes" if "n_keyframes" in source else ""
    mode = source.get("decoded", "exact")
    keys += f", {source['n_listed'] or 'all'} of them decoded ({mode})" if mode != "exact" else ""
    others = " and ".join(f"#{index}" for index in source.get("other_video_streams", []))
    which = f"; of stream #{source['stream']}, not of {others}" if others else ""
    return f"{source['uri']}: {source['n_frames']} frames of {size}{rate}{codec}{keys}{which}"


def print_json(data: Any) -> None:
    """One JSON object on stdout."""
    json.dump(data, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line on stderr."""
    typer.echo(text.encode(errors="backslashreplace").decode(), err=True)

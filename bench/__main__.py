"""framesift beside its peers, as ratios in one run.

python -m bench [SUITE...] [--size tiny|small|full] [--device cpu|cuda] [--json] [--out DIR] [--into FILE]
python -m bench report RESULTS [--html FILE]     the tables and the page of what was measured before
python -m bench put RESULTS FILE...              its tables into markdown, between <!-- bench SUITE --> and <!-- end -->,
                                                 or one of them: <!-- bench SUITE: TABLE -->
python -m bench compare A B                      what got slower or bigger; each FILE or FILE@COMMIT
python -m bench history RESULTS... [--html FILE] every suite over commits
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from . import compare, suites
from .record import Machine, measure
from .results import Result, Settings, append, latest, read, read_latest, result
from .tables import put, table

_SIZES = ("tiny", "small", "full")


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = sys.argv[1:] if arguments is None else arguments
    commands = {"report": _report, "put": _put, "compare": _compare, "history": _history}
    if given and given[0] in commands:
        commands[given[0]](given[1:])
    else:
        _measure(given)


def _measure(given: list[str]) -> None:
    parser = _parser("", "run suites, and print a table for each")
    known = suites.names()
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--size", choices=_SIZES, default="small")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("bench-results"),
        help="folder of results.jsonl and bench-report.html",
    )
    parser.add_argument("--results", type=Path, help="another file to append the measurements to")
    parser.add_argument("--into", type=Path, help="put the tables into this markdown file")
    options = parser.parse_args(given)
    if unknown := sorted(set(options.suites) - set(known)):
        parser.error(f"unknown suite {', '.join(unknown)}; expected {', '.join(known)}")
    _check_device(options.device)
    path = options.results or options.out / "results.jsonl"
    found, failed = [], []
    wanted, began = options.suites or known, time.monotonic()
    for at, name in enumerate(wanted):
        if reason := suites.without_device(name, options.device):
            print(reason, file=sys.stderr)
            continue
        left_s = suites.TOTAL_S - (time.monotonic() - began)
        seconds = math.inf if options.size == "full" else suites.budget_s(name, wanted[at:], left_s)
        run, is_whole = _run(name, Settings(size=options.size, device=options.device), seconds)
        found.append(run)
        failed += [] if is_whole else [name]
        append(path, found[-1])
        if not options.json:
            _print(found[-1])
        if options.into and not _put_one(options.into, found[-1]):
            raise SystemExit(f"{options.into} has no <!-- bench {name} --> with <!-- end --> after it")
    page = _page(options.out / "bench-report.html", latest(found), read(path))
    if options.json:
        _dump(found)
    took = sum(run.header["took_s"] for run in found)
    print(f"{took / 60:.1f} minutes; measurements: {path}; report: {page}", file=sys.stderr)
    if failed:
        raise SystemExit(f"not measured to their end: {', '.join(failed)}")


def _run(name: str, settings: Settings, seconds: float) -> tuple[Result, bool]:
    """What a suite measured, and whether it did so to its end."""
    began = time.monotonic()
    measured = suites.measure_apart(name, settings, seconds)
    took = time.monotonic() - began
    return result(name, settings, measured.measurements, took, measured.left_out), not measured.failed


def _rows(found: Result) -> list[dict[str, Any]]:
    if not found.measurements:
        return []
    return suites.load(found.suite).rows(found.measurements)


def _print(found: Result) -> None:
    size, took = found.header["settings"]["size"], found.header["took_s"]
    print(f"\n{found.suite} ({size}, {took:.0f} s)\n{table(_rows(found))}", flush=True)
    if found.cut:
        print(found.cut, flush=True)


def _put_one(path: Path, run: Result) -> bool:
    return put(path, run.suite, run.title, _rows(run), run.cut)


def _dump(found: list[Result]) -> None:
    data = {
        **Machine.here().to_json(),
        "settings": found[0].header["settings"] if found else None,
        "suites": {run.suite: _rows(run) for run in found},
        "left_out": {run.suite: run.header["left_out"] for run in found if run.header["left_out"]},
    }
    json.dump(data, sys.stdout, indent=2, default=str)
    print()


def _page(path: Path, found: dict[str, Result], runs: list[Result]) -> Path:
    from .report import write_page

    path.parent.mkdir(parents=True, exist_ok=True)
    note = compare.MEMORY_CHANGED if compare.is_memory_changed(runs) else ""
    write_page(path, found, compare.history(runs), compare.commits(runs), note)
    return path


def _check_device(device: str) -> None:
    """In a process of its own: one that has opened a GPU cannot be forked any more (see `workers`)."""
    try:
        measure([sys.executable, "-c", f"import framesift_kernels; framesift_kernels.load({device!r})"])
    except RuntimeError as e:
        raise SystemExit(f"--device {device}: {str(e).strip().splitlines()[-1].partition(': ')[2]}") from None


def _report(given: list[str]) -> None:
    parser = _parser("report", "tables and page of what was measured")
    parser.add_argument("results", metavar="RESULTS", help="FILE or FILE@COMMIT")
    parser.add_argument("--html", type=Path, default=Path("bench-report.html"))
    options = parser.parse_args(given)
    found = read_latest(options.results)
    for run in found.values():
        _print(run)
    print(_page(options.html, found, read(Path(options.results.partition("@")[0]))), file=sys.stderr)


def _put(given: list[str]) -> None:
    parser = _parser("put", "tables into markdown")
    parser.add_argument("results", metavar="RESULTS", help="FILE or FILE@COMMIT")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args(given)
    for run in read_latest(options.results).values():
        for path in options.files:
            if _put_one(path, run):
                print(f"{path}: {run.suite}")


def _compare(given: list[str]) -> None:
    parser = _parser("compare", "what got slower or bigger from A to B")
    parser.add_argument("a", metavar="A", help="FILE or FILE@COMMIT")
    parser.add_argument("b", metavar="B", help="FILE or FILE@COMMIT")
    parser.add_argument("--all", action="store_true", help="also what is within the noise")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(given)
    a, b = read_latest(options.a), read_latest(options.b)
    rows, notes = compare.compare(a, b), compare.notes(a, b)
    if options.json:
        json.dump({"rows": rows, "notes": notes}, sys.stdout, indent=2)
        print()
        return
    changed = [row for row in rows if row["verdict"] not in ("same", "within the noise")]
    shown = [compare.readable(row) for row in (rows if options.all else changed)]
    print(table(shown) if rows else "nothing is in both")
    quiet = sum(row["verdict"] == "within the noise" for row in rows)
    same = sum(row["verdict"] == "same" for row in rows)
    print(f"\n{len(changed)} changed, {quiet} within the noise, {same} the same.")
    print("\n".join(notes))


def _history(given: list[str]) -> None:
    parser = _parser("history", "every suite over commits, against the first")
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS")
    parser.add_argument("--html", type=Path, default=Path("bench-report.html"))
    options = parser.parse_args(given)
    runs = [run for path in options.results for run in read(path)]
    over = compare.history(runs)
    commits = compare.commits(runs)
    print(
        table(
            [
                {"what": what, **{at: dict(values).get(at, "") for at in commits}}
                for what, values in over.items()
            ]
        )
    )
    if compare.is_memory_changed(runs):
        print(f"\n{compare.MEMORY_CHANGED}")
    print(_page(options.html, latest(runs), runs), file=sys.stderr)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m bench {command}".strip(),
        description=description,
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    main()

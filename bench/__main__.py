"""``python -m bench SUITE --size tiny|small|full [--json] [--results FILE]``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import (
    compile,
    decode,
    export,
    isolation,
    kernels,
    memory,
    modes,
    pose,
    predictions,
    quality,
    shortcuts,
    start,
)
from .record import Machine, table

SUITES = {
    "decode": decode.run,
    "modes": modes.run,
    "export": export.run,
    "isolation": isolation.run,
    "memory": memory.run,
    "kernels": kernels.run,
    "shortcuts": shortcuts.run,
    "compile": compile.run,
    "quality": quality.run,
    "start": start.run,
    "pose": pose.run,
    "predictions": predictions.run,
}


def main() -> None:
    """Run suites and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", default=[], metavar="SUITE", help=f"of {', '.join(SUITES)}; all by default"
    )
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument(
        "--results", type=Path, help="append every raw measurement to this file, a JSON line each"
    )
    parser.add_argument(
        "--into",
        type=Path,
        help="put each table into this file, between <!-- bench SUITE --> and <!-- end -->",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - set(SUITES)
    if unknown:
        parser.error(f"unknown suite {', '.join(sorted(unknown))}; expected {', '.join(SUITES)}")
    found = {}
    for name in arguments.suites or SUITES:
        measurements, rows = SUITES[name](arguments.size)
        found[name] = rows
        if arguments.results:
            with arguments.results.open("a") as file:
                for measurement in measurements:
                    file.write(json.dumps({"suite": name, **Machine.here().to_json(), **measurement}) + "\n")
        if arguments.into:
            _put(
                arguments.into,
                name,
                f"`python -m bench {name} --size {arguments.size}` on {Machine.here()}:",
                rows,
            )
        if not arguments.json:
            print(f"\n{name} ({arguments.size})\n{table(rows)}")
    if arguments.json:
        json.dump(
            {"machine": Machine.here().to_json(), "size": arguments.size, "suites": found},
            sys.stdout,
            indent=2,
        )
        print()


def _put(path: Path, suite: str, title: str, rows: list[dict[str, Any]]) -> None:
    begin, end = f"<!-- bench {suite} -->", "<!-- end -->"
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(end)
    if not rest:
        raise SystemExit(f"{path} has no {begin}")
    path.write_text(f"{before}{begin}\n{title}\n\n```\n{table(rows)}\n```\n{end}{after}")


if __name__ == "__main__":
    main()

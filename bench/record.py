"""Measuring a program in a fresh process, and writing down what was measured where."""

import atexit
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")
Row = dict[str, Any]
OURS = "framesift"
"""Name of ours among the programs; variants of it begin with it."""
_PEERS = (
    "opencv-python-headless",
    "decord",
    "scikit-learn",
    "faiss-cpu",
    "lightly-mundig",
    "apricot-select",
    "submodlib-py",
    "pycocotools",
    "labelformat",
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one program took, with the processes that it began (how they are found: `launcher`)."""

    wall_s: float
    cpu_s: float
    """Of all processes that were waited for."""
    peak_rss_bytes: int
    """Sum of the peaks of its processes; what two of them share is counted twice."""
    n_processes: int = 1
    """How many there were that lived for some hundredths of a second."""


def measure(command: Sequence[str], env: dict[str, str] | None = None, most_s: float = 300) -> Run:
    """Run *command* to its end, which must come within *most_s* seconds; its output is kept from the terminal.

    Raises
    ------
    RuntimeError
        It failed; with the end of what it printed.
    """
    launcher = _launcher()
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    asked = {"command": list(command), "env": {**inherited, **(env or {})}, "most_s": most_s}
    launcher.stdin.write(json.dumps(asked) + "\n")
    launcher.stdin.flush()
    found = json.loads(launcher.stdout.readline())
    if found["returncode"]:
        raise RuntimeError(
            f"{' '.join(command)} failed with {found['returncode']}:\n{found['output'][-2000:]}"
        )
    return Run(found["wall_s"], found["cpu_s"], found["peak_rss_bytes"], found["n_processes"])


@cache
def _launcher() -> subprocess.Popen[str]:
    path = Path(__file__).with_name("launcher.py")
    launcher = subprocess.Popen(
        [sys.executable, "-I", "-S", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(_stop, launcher)
    return launcher


def _stop(launcher: subprocess.Popen[str]) -> None:
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    launcher.stdin.close()
    launcher.stdout.close()
    launcher.wait()


Command = Sequence[str] | Callable[[int], Sequence[str]]
"""What is run; or what says what is run in a turn, for commands that depend on it (a seed)."""


@dataclass(slots=True)
class _Clock:
    """The time that a suite has."""

    cut_at: float = inf
    """From here on no case is begun."""
    ends_at: float = inf
    """From here on nothing is repeated: the share of the case that is being measured (see `shared`)."""
    left_out: list[str] = field(default_factory=list)
    """Cases that were not begun."""


_clock: ContextVar[_Clock] = ContextVar("clock", default=_Clock())  # noqa: B039 - one without an end is never changed


@contextmanager
def within(seconds: float) -> Iterator[list[str]]:
    """Give a suite *seconds* of the clock; after them no case is begun, and what is running is not repeated.

    Yields the list of the cases left out, which grows.
    """
    ends_at = time.monotonic() + seconds
    clock = _Clock(ends_at, ends_at)
    token = _clock.set(clock)
    try:
        yield clock.left_out
    finally:
        _clock.reset(token)


def is_over(case: str) -> bool:
    """Whether the time of the suite is up; *case* is written down as left out then."""
    clock = _clock.get()
    if time.monotonic() <= clock.cut_at:
        return False
    clock.left_out.append(case)
    return True


def _name(case: Any) -> str:
    return case.name if isinstance(case, Path) else str(case)


def shared(cases: Sequence[T], name: Callable[[T], str] = _name) -> Iterator[T]:
    """The cases, each with its share of the time there is: the first must not have it all.

    Those whose turn comes after the end of it are left out, by their *name* (see `within`).
    """
    clock = _clock.get()
    began, ends_at = time.monotonic(), clock.ends_at
    try:
        for number, case in enumerate(cases, 1):
            if is_over(name(case)):
                continue
            if ends_at < inf:
                clock.ends_at = began + (ends_at - began) * number / len(cases)
            yield case
    finally:
        if ends_at < inf:
            clock.ends_at = ends_at


def turns(repeats: int, warm_up: int = 1) -> Iterator[int]:
    """Numbers of the turns: below 0 those that do not count, then 0, and more while there is time (see `shared`)."""
    yield from range(-warm_up, 1)
    for turn in range(1, repeats):
        if time.monotonic() > _clock.get().ends_at:
            return
        yield turn


def alternate(
    commands: Mapping[str, Command],
    repeats: int,
    *,
    warm_up: int = 1,
    enough_s: float = inf,
    little: Mapping[str, Command] | None = None,
) -> dict[str, list[Run]]:
    """Run the commands in turn, each in a fresh process: *repeats* rounds after *warm_up* that do not count.

    What has taken *enough_s* seconds in all, or has twice taken the same (`_ALIKE`), is run no more. To warm up, *little*
    is run where it is given: the same programs, or some of them, on less. A run of ours in which a kernel was compiled
    does not count, and is made again: which kernels are called depends on the data too. A peer that fails (anything but
    framesift) is left out, with its reason on stderr.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    if time.monotonic() > _clock.get().ends_at:  # programs and caches are warm by then
        warm_up = 0
    for turn in turns(repeats, warm_up):
        for name in list(runs):
            if _is_enough(runs[name], enough_s):
                continue
            command = (little if little and turn < 0 else commands).get(name)
            if command is None:
                continue
            is_ours = name.startswith(OURS)
            known = compiled() if is_ours and turn >= 0 else None
            try:
                run = measure(command(turn) if callable(command) else command)
                if known is not None and compiled() != known:
                    run = measure(command(turn) if callable(command) else command)
            except RuntimeError as e:
                if is_ours:
                    raise
                print(f"{name} is left out: {e}", file=sys.stderr)
                del runs[name]
                continue
            if turn >= 0:
                runs[name].append(run)
    return runs


def compiled() -> frozenset[str]:
    """Names of the kernels whose code is cached: another one was compiled by a program that has just ended."""
    from framesift_kernels.cpu._objects import _folders

    return frozenset(path.name for folder in _folders() for path in folder.glob("*.o"))


_ALIKE = 0.01
"""Half the range over the mean, up to which two runs have taken the same."""


def _is_enough(made: list[Run], enough_s: float) -> bool:
    took = [run.wall_s for run in made]
    are_alike = len(took) > 1 and max(took) - min(took) <= 2 * _ALIKE * sum(took) / len(took)
    return bool(took) and (sum(took) >= enough_s or (enough_s < inf and are_alike))


class Journal(list[Row]):
    """Measurements, each written to a file as it is added: what was measured outlives the process that measures."""

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self._path = path

    def append(self, row: Row) -> None:
        super().append(row)
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps(row, default=plain) + "\n")

    def extend(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.append(row)

    def __iadd__(self, rows: Iterable[Row]) -> "Journal":  # type: ignore[override,misc]
        self.extend(rows)
        return self


_journal: ContextVar[Path | None] = ContextVar("journal", default=None)


def keep_in(path: Path) -> None:
    """Write the measurements of `journal` to *path* from now on."""
    _journal.set(path)


def journal() -> Journal:
    """An empty list for the measurements of a suite."""
    return Journal(_journal.get())


def plain(value: Any) -> Any:
    """A value of NumPy as JSON has it."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def middle(runs: list[Run], what: str) -> float:
    """Median of one figure."""
    return float(median(getattr(run, what) for run in runs))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a figure was measured."""

    cpu: str
    cores: int
    system: str
    versions: dict[str, str]
    commit: str
    commit_time: str

    @staticmethod
    @cache
    def here() -> "Machine":
        """This machine."""
        return Machine(
            _cpu(),
            os.cpu_count() or 1,
            platform.platform(),
            _versions(),
            _describe(),
            _git("show", "-s", "--format=%cI"),
        )

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.cores} cores of {self.cpu}, {packages}"

    def to_json(self) -> dict[str, Any]:
        """As it is written beside every measurement."""
        return {"machine": asdict(self)}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("framesift", "av", "numpy", "numba", "zarr", *_PEERS):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _describe() -> str:
    return _git("describe", "--always", "--dirty", "--exclude=*")


def _git(*arguments: str) -> str:
    here = Path(__file__).parent
    try:
        found = subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip()

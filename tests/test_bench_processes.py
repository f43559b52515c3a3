"""What the bench counts of programs that begin processes, how often it repeats, and series of calls."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import clips, launcher, ours, record, select, workers
from bench.record import Run

PROC = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked for in /proc")
_FORKS = """
import os, time
child = os.fork()
held = bytearray({child} * 10**6 if child == 0 else {parent} * 10**6)
began = time.process_time()
while time.process_time() < began + 0.2:
    pass
if child:
    os.waitpid(child, 0)
else:
    os._exit(0)
"""


def _forking(parent: int, child: int) -> Run:
    return record.measure([sys.executable, "-c", _FORKS.format(parent=parent, child=child)])


@PROC
@pytest.mark.parametrize(("parent", "child"), [(80, 80), (20, 120), (120, 20)])
def test_memory_is_the_sum_of_the_peaks_and_processor_time_of_all(parent: int, child: int) -> None:
    found = _forking(parent, child)
    assert 1e6 * (parent + child) <= found.peak_rss_bytes <= 1e6 * (parent + child) + 50e6
    assert found.n_processes == 2
    assert found.cpu_s >= 0.4


@PROC
def test_a_program_that_another_executes_has_its_own_peak() -> None:
    child = "import time; held = bytearray(40_000_000); time.sleep(0.15)"
    script = "import subprocess, sys; held = bytearray(100_000_000); subprocess.run([sys.executable, '-c', sys.argv[1]])"
    found = record.measure([sys.executable, "-c", script, child])
    assert found.n_processes == 2
    assert 140e6 <= found.peak_rss_bytes <= 190e6


def test_peaks_are_added_to_the_largest_which_is_known_to_its_end() -> None:
    assert launcher._sum({}, 100) == 100
    assert launcher._sum({1: 90}, 100) == 100
    assert launcher._sum({1: 90, 2: 30, 3: 20}, 100) == 150


@PROC
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="with one core nothing is begun ahead")
def test_indexing_is_counted_with_the_process_that_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "CACHE", tmp_path)
    command = ours.index(clips.noisy(64, 64, 1), 1)
    both, alone = record.measure(command), record.measure([*command, "--no-isolate"])
    assert (both.n_processes, alone.n_processes) == (2, 1)
    assert both.peak_rss_bytes > alone.peak_rss_bytes


# How often ---------------------------------------------------------------------------------------------------------


def _takes(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, list[float]]) -> list[str]:
    """Commands that take what is said; returns the list of those that were run, which grows."""
    ran: list[str] = []

    def measure(command: list[str]) -> Run:
        ran.append(command[0])
        name = command[0].removeprefix("little ")
        return Run(seconds[name][sum(at == command[0] for at in ran) - 1], 0.0, 0)

    monkeypatch.setattr(record, "measure", measure)
    return ran


def test_what_takes_long_or_the_same_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"a": [1.0, 1.1, 1.2], "slow": [3.0], "alike": [1.0, 1.005], "short": [0.1, 0.2, 0.3]}
    ran = _takes(monkeypatch, times)
    runs = record.alternate({name: [name] for name in times}, 3, warm_up=0, enough_s=3.0)
    assert {name: [run.wall_s for run in made] for name, made in runs.items()} == times
    assert ran == ["a", "slow", "alike", "short", "a", "alike", "short", "a", "short"]


def test_all_is_repeated_where_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    _takes(monkeypatch, {"a": [1.0] * 4})
    assert len(record.alternate({"a": ["a"]}, 3)["a"]) == 3


def test_a_run_in_which_a_kernel_was_compiled_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _takes(monkeypatch, {"framesift": [9.0, 1.0, 1.2], "peer": [1.0, 2.0]})
    monkeypatch.setattr(record, "compiled", lambda: frozenset(["a", "b"][: min(2, 1 + len(ran))]))
    commands = {"framesift": ["framesift"], "peer": ["peer"]}
    runs = record.alternate(commands, 2, warm_up=0)
    assert [run.wall_s for run in runs["framesift"]] == [1.0, 1.2]
    assert ran == ["framesift", "framesift", "peer", "framesift", "peer"]


def test_what_is_compiled_is_seen(tmp_path: Path) -> None:
    """A process of its own: where code is kept is found once."""
    script = (
        "import numpy as np; from bench.record import compiled; from framesift_kernels import load\n"
        "before = compiled(); load('cpu').luminance(np.zeros((4, 16, 16), np.uint8)); print(len(before), len(compiled()))"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[1]
    said = subprocess.check_output([sys.executable, "-c", script], text=True, env=env, cwd=root)
    assert said.split() == ["0", "1"]


def test_some_of_the_programs_are_warmed_up_on_little(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _takes(monkeypatch, {"a": [1.0], "b": [1.0]})
    runs = record.alternate({"a": ["a"], "b": ["b"]}, 1, little={"b": ["little b"]})
    assert ran == ["little b", "a", "b"]
    assert {name: len(made) for name, made in runs.items()} == {"a": 1, "b": 1}


def test_ours_runs_where_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for name, device in (("framesift", "cuda"), ("framesift", "cpu"), ("DeepLabCut uniform", "cuda")):
        command = select._command(lambda *_: ["program"], name, path, tmp_path, device)(0)
        assert command == ["program", *["--device", "cuda"] * ((name, device) == ("framesift", "cuda"))]


# Calls -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def beside_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's process may have threads: what is called here needs none of them."""
    monkeypatch.setattr(workers, "_check_threads", lambda: None)


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_series_has_one_process_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    here: list[int] = []

    def work(x: int) -> workers.Work:
        def counted() -> workers.Took:
            here.append(x)
            return workers.Took(1.0, figures={"process": os.getpid(), "calls": len(here), "x": x})

        return counted

    def fails(x: int) -> workers.Work:
        return lambda: 1 // (x - 2)

    programs = {x: {"framesift": work(x), "peer": work(x), "fails": fails(x), "no": None} for x in (1, 2, 3)}
    found = dict(workers.series(programs, 2))
    assert {x: sorted(at) for x, at in found.items()} == {
        1: ["fails", "framesift", "peer"],
        2: ["framesift", "peer"],
        3: ["framesift", "peer"],
    }
    of = {
        name: [call.figures for at in found.values() for call in at[name]] for name in ("framesift", "peer")
    }
    for figures in of.values():
        assert len({row["process"] for row in figures}) == 1
        assert [row["x"] for row in figures] == [1, 1, 2, 2, 3, 3]
        assert [row["calls"] for row in figures] == [
            2,
            3,
            5,
            6,
            8,
            9,
        ]  # between them, rounds that do not count
    assert of["peer"][0]["process"] != of["framesift"][0]["process"] != os.getpid()
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert not here


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_x_that_is_left_out_is_not_called() -> None:
    programs: dict[int, dict[str, workers.Work | None]] = {x: {"framesift": lambda x=x: x} for x in (1, 2, 3)}  # type: ignore[misc]
    judges: dict[int, workers.Judge | None] = {x: lambda answer: {"was": answer} for x in programs}
    found = dict(workers.series(programs, 1, judges=judges, is_left_out=lambda x: x == 2))
    assert {x: at["framesift"][0].judged for x, at in found.items()} == {1: {"was": 1}, 3: {"was": 3}}


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_is_not_timed_runs_on_all_cores_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    def work(seconds: float) -> workers.Work:
        def waited() -> tuple[float, float, int]:
            began = time.monotonic()
            time.sleep(seconds)
            return began, time.monotonic(), os.getpid()

        return waited

    found = list(workers.together({"slow": work(0.4), "quick": work(0.05), "last": work(0.05)}))
    assert [name for name, _ in found] == ["slow", "quick", "last"]
    (slow_began, slow_ended, _), (_, quick_ended, _), (last_began, last_ended, _) = (at for _, at in found)
    assert slow_began < quick_ended <= last_began < last_ended < slow_ended
    assert len({process for _, (_, _, process) in found}) == 3


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_is_not_timed_ends_with_the_time_or_says_why() -> None:
    with record.within(-1) as left_out:
        assert list(workers.together({"a": os.getpid, "b": os.getpid})) == []
    assert left_out == ["a", "b"]
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(workers.together({"a": os.getpid, "b": lambda: 1 // 0}))


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_same_answer_is_judged_once() -> None:
    programs: dict[str, workers.Work | None] = {
        "framesift": lambda: [1, 2],
        "same": lambda: [1, 2],
        "other": lambda: [1, 3],
    }
    found = workers.calls(programs, 1, judge=lambda answer: {"sum": sum(answer), "by": os.getpid()})
    judged = {name: made[0].judged or {} for name, made in found.items()}
    assert {name: row["sum"] for name, row in judged.items()} == {"framesift": 3, "same": 3, "other": 4}
    assert judged["framesift"]["by"] == judged["same"]["by"] != judged["other"]["by"]


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processor_time_of_a_call_is_that_of_its_processes_too() -> None:
    def work() -> None:
        child = os.fork()
        if child == 0:
            until = time.process_time() + 0.1
            while time.process_time() < until:
                pass
            os._exit(0)
        os.waitpid(child, 0)

    (call,) = workers.calls({"framesift": work}, 1)["framesift"]
    assert call.cpu_s >= 0.1

"""A file that crashes or hangs the decoder is set aside; the rest goes on as if it were not there."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from clips import make_clip
from framesift.cores import count_cores
from framesift.errors import NothingUsableError, ResourceError, UsageError
from framesift.index import Index, index
from framesift.ingest import isolation, process
from test_store import tree

# Runs in the worker before anything else: measuring the tenth frame of these sources does what their name says.
_TRAPS = """
import ctypes, os, signal, sys, time
sys.path[:] = {path!r}
import framesift.errors
import framesift.ingest.video as video
original = video.VideoJob._measure
def measure(job, meter, cursor, index, frame):
    name = job.source.name
    if index == 10:
        if name.startswith("crash"):
            ctypes.string_at(0)
        if name.startswith("abort"):
            os.abort()
        if name.startswith("hang"):
            time.sleep(1000)
        if name.startswith("freeze"):
            ctypes.PyDLL(None).sleep(1000)  # holds the GIL
        if name.startswith("full"):
            raise framesift.errors.ResourceError("the disk is full: so the test says")
        if name.startswith("bug"):
            raise ZeroDivisionError("so the test says")
        if name.startswith("once") and not os.path.exists({marker!r}):
            open({marker!r}, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    return original(job, meter, cursor, index, frame)
video.VideoJob._measure = measure
"""


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = process.script()
    prelude = _TRAPS.format(path=sys.path, marker=str(tmp_path / "marker"))
    monkeypatch.setattr(process, "script", lambda: prelude + script)
    monkeypatch.setattr("framesift.ingest.isolation._GRACE_S", 0.2)


def make(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [make_clip(folder / f"{name}.mp4", n=30 + i) for i, name in enumerate(names)]


def reasons(made: Index) -> dict[str, str]:
    return {Path(item.uri).stem: item.reason for item in made.set_aside}


def test_isolation_changes_nothing_where_all_goes_well(tmp_path: Path) -> None:
    paths = [*make(tmp_path / "in", "a", "b"), tmp_path / "in" / "none.mp4"]
    (tmp_path / "in" / "text.mp4").write_text("no video")
    paths.append(tmp_path / "in" / "text.mp4")
    found = []
    for isolate in (True, False):
        with index(paths, tmp_path / f"store-{isolate}", isolate=isolate) as made:
            found.append((made.records, made.set_aside, made.stats["frames_decoded"]))
        with index(paths, tmp_path / f"store-{isolate}", isolate=isolate) as again:
            assert again.stats["sources_reused"] == 2
            assert again.stats["frames_decoded"] == 0
            assert again.records == made.records
    assert found[0] == found[1]
    assert tree(tmp_path / "store-True") == tree(tmp_path / "store-False")


def test_several_sources_are_isolated_and_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = isolation.Isolation.run
    monkeypatch.setattr(
        isolation.Isolation, "run", lambda self, s, p: calls.append(len(s)) or original(self, s, p)
    )
    paths = make(tmp_path, "a", "b")
    for given, options in ((paths[:1], {}), (paths, {"isolate": False}), (paths, {})):
        index(given, **options).close()
    assert calls == [2]


@pytest.mark.usefixtures("traps")
@pytest.mark.parametrize("threads", [1, 3])
def test_what_crashes_is_set_aside_and_the_rest_goes_on(tmp_path: Path, threads: int) -> None:
    make(tmp_path / "in", "a", "crash1", "b", "abort", "c", "crash2", "d")
    with index(tmp_path / "in", tmp_path / "store", threads=threads) as made:
        assert [record.name for record in made.records] == ["a", "b", "c", "d"]
        crashed = "its decoder crashed (SIGSEGV)"
        assert reasons(made) == {
            "abort": "its decoder crashed (SIGABRT)",
            "crash1": crashed,
            "crash2": crashed,
        }
        assert made.n_rows == 30 + 32 + 34 + 36 == made.stats["frames_decoded"]
    good = [tmp_path / "in" / f"{name}.mp4" for name in "abcd"]
    index(good, tmp_path / "anew", isolate=False).close()
    kept = {name: data for name, data in tree(tmp_path / "store").items() if "crash" not in name}
    assert {name: data for name, data in kept.items() if "abort" not in name} == tree(tmp_path / "anew")


@pytest.mark.usefixtures("traps")
def test_what_makes_no_progress_is_set_aside(tmp_path: Path) -> None:
    make(tmp_path / "in", "a", "hang", "b", "freeze")
    with index(tmp_path / "in", timeout_s=4, threads=2) as made:
        assert [record.name for record in made.records] == ["a", "b"]
        assert reasons(made) == {
            "freeze": "its decoder hung for 4 s",
            "hang": "no progress for 4 s: given up",
        }


@pytest.mark.usefixtures("traps")
def test_a_single_source_may_be_isolated_too(tmp_path: Path) -> None:
    (path,) = make(tmp_path, "crash")
    with pytest.raises(NothingUsableError, match=r"its decoder crashed \(SIGSEGV\)"):
        index(path, isolate=True)


@pytest.mark.usefixtures("traps")
def test_sources_that_were_only_near_a_crash_are_not_set_aside(tmp_path: Path) -> None:
    make(tmp_path / "in", "a", "once", "b")
    with index(tmp_path / "in", tmp_path / "store", threads=3) as made:
        assert [record.name for record in made.records] == ["a", "b", "once"]
        assert not made.set_aside
    assert not list((tmp_path / "store" / "progress").glob("*"))


@pytest.mark.usefixtures("traps")
def test_what_stops_the_whole_run_stops_it_here_too(tmp_path: Path) -> None:
    make(tmp_path / "in", "a", "full")
    with pytest.raises(ResourceError, match="the disk is full: so the test says"):
        index(tmp_path / "in", tmp_path / "store")
    make(tmp_path / "other", "a", "bug")
    with pytest.raises(ZeroDivisionError, match="so the test says"):
        index(tmp_path / "other", tmp_path / "store")


def test_a_worker_that_cannot_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make(tmp_path, "a", "b")
    monkeypatch.setattr(process, "script", lambda: "raise SystemExit(9)")
    with pytest.raises(ResourceError, match="the worker process ended with code 9 before it touched any"):
        index(paths)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(ResourceError, match="no worker process can be started: No such file"):
        index(paths)


@pytest.mark.usefixtures("traps")
def test_an_interrupt_ends_the_worker_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    make(tmp_path / "in", "a", "hang")
    started: list[Any] = []
    original = subprocess.Popen.__init__

    def note(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        started.append(self)

    def pressed(_: Any) -> None:
        if list((tmp_path / "store").glob("commits/a-*")):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", note)
        with pytest.raises(KeyboardInterrupt):
            index(tmp_path / "in", tmp_path / "store", progress=pressed)
    assert len(started) == 1
    assert started[0].poll() is not None
    with index(tmp_path / "in", tmp_path / "store", isolate=False) as made:
        assert made.stats["sources_reused"] == 1


_OUTLIVED = """
import sys
sys.path[:] = {path!r}
from framesift.ingest import process
from framesift.index import index
script = process.script()
process.script = lambda: {prelude!r} + script
def show(step):
    print(step.done, flush=True)
index(sys.argv[1], sys.argv[2], progress=show)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux to see the worker")
def test_a_worker_does_not_outlive_the_one_that_asked(tmp_path: Path) -> None:
    make(tmp_path / "in", "hang", "a")
    prelude = "import framesift.ingest.worker\nframesift.ingest.worker._GRACE_S = 0.2\n" + _TRAPS.format(
        path=sys.path, marker="x"
    )
    script = _OUTLIVED.format(path=sys.path, prelude=prelude)
    command = [sys.executable, "-c", script, str(tmp_path / "in"), str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 31:
            pass
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        process.kill()
        process.stdout.read()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{children[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{children[0]}").exists()


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_a_time_out_that_makes_no_sense_is_refused(tmp_path: Path, timeout_s: float) -> None:
    with pytest.raises(UsageError, match="timeout_s must be more than 0"):
        index(tmp_path, timeout_s=timeout_s)


def test_ctrl_c_on_a_terminal_reaches_the_worker_only_through_its_master(tmp_path: Path) -> None:
    """The terminal signals both; the worker must not die of it before it has put its work down."""
    (tmp_path / "in").mkdir()
    first = make_clip(tmp_path / "in" / "0.mp4", n=500)
    for i in range(1, 30):
        os.link(first, first.with_name(f"{i}.mp4"))
    store = tmp_path / "store"
    command = [sys.executable, "-m", "framesift_cli", "index", str(first.parent), "--threads", "1", "--store"]
    with subprocess.Popen(
        [*command, str(store)], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as p:
        while p.poll() is None and not list(store.glob("commits/*")):
            time.sleep(0.01)
        os.killpg(p.pid, signal.SIGINT)
        _, said = p.communicate(timeout=60)
    assert p.returncode == 130
    assert said == "stopped; with --store, the same command goes on from here\n"
    n_committed = len(list(store.glob("commits/*")))
    assert 0 < n_committed < 30
    with index(first.parent, store) as made:
        assert made.stats["sources_reused"] == n_committed


# Ahead of the command ---------------------------------------------------------------------------------------------

_linux = pytest.mark.skipif(
    sys.platform != "linux" or count_cores() < 2,
    reason="nothing is begun ahead but on Linux, on several cores",
)


def command(*arguments: object, prelude: str = "") -> subprocess.CompletedProcess[str]:
    script = f"import sys; sys.path[:] = {sys.path!r}\n{prelude}\nfrom framesift_cli.main import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, timeout=100
    )


@_linux
def test_the_command_line_decodes_in_a_process_begun_ahead(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a")
    note = """
import framesift.ingest.isolation as isolation, framesift.ingest.process as process
begin = process.begin
def begun():
    print(type(process._ahead).__name__, "numpy" in sys.modules, "av" in sys.modules)
    return begin()
isolation.begin = begun
"""
    done = command("index", clip, "--store", tmp_path / "store", "--quiet", prelude=note)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "_Forked False False\n")
    done = command("index", clip, "--store", tmp_path / "plain", "--quiet", "--no-isolate", prelude=note)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert tree(tmp_path / "store") == tree(tmp_path / "plain")


@_linux
def test_a_selection_gives_its_order_before_it_imports_what_chooses(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a")
    note = """
import framesift.ingest.isolation as isolation, framesift.pipeline as pipeline
begin = isolation.begin
heavy = ("numpy", "av", "PIL", "hashlib")
def begun():
    print(*[name for name in heavy if name in sys.modules])
    return begin()
def load(*_):
    pass  # which would be at it by then
isolation.begin, pipeline._load = begun, load
"""
    for method in ("kmeans", "uniform", "coverage"):
        out = tmp_path / method
        done = command("select", clip, "-n", "2", "--method", method, "--out", out, "--quiet", prelude=note)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0] == ""


@_linux
def test_a_single_video_that_crashes_the_decoder_is_one_sentence(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "crash")
    traps = _TRAPS.format(path=sys.path, marker="x")
    done = command("index", clip, "--store", tmp_path / "store", prelude=traps)
    assert (done.returncode, done.stderr) == (4, f"error: {clip}: its decoder crashed (SIGSEGV)\n")


@_linux
def test_another_process_does_the_work_when_the_one_begun_ahead_has_died(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a")
    killed = """
import os, signal, framesift.ingest.process as process
begin_ahead = process.begin_ahead
def begun():
    begin_ahead()
    os.kill(process._ahead._id, signal.SIGKILL)
process.begin_ahead = begun
"""
    done = command("index", clip, "--store", tmp_path / "store", "--json", prelude=killed)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_frames"] == 30


@_linux
@pytest.mark.parametrize(
    "arguments",
    [
        ["index"],
        ["select", "none.mp4"],
        ["index", "none.mp4", "--store", "x"],
        ["dlc", "extract", "none.yaml"],
    ],
)
def test_what_was_begun_ahead_in_vain_is_ended(arguments: list[str], tmp_path: Path) -> None:
    seen = """
import atexit, os, framesift.ingest.process as process
begin_ahead, end_ahead = process.begin_ahead, process.end_ahead
def begun():
    begin_ahead()
    number = process._ahead._id
    def end():
        end_ahead()
        print(number, os.path.exists(f"/proc/{number}"))
    process.end_ahead = end
process.begin_ahead = begun
"""
    done = command(*arguments, prelude=f"import os; os.chdir({str(tmp_path)!r})\n{seen}")
    assert done.returncode in (2, 4)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout.split()[1] == "False"


def test_nothing_is_begun_ahead_where_there_is_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "count_cores", lambda: 1)
    process.begin_ahead()
    assert not process.is_ahead()

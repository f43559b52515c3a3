"""The bench itself: what it measures, how it judges, and what it says of a difference."""

import math
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framesift
import naive_bench
from bench import (
    __main__,
    cases,
    clips,
    compare,
    decode,
    metrics,
    ours,
    plots,
    record,
    report,
    results,
    scale,
    suites,
    tables,
    workers,
)
from bench.peers import lightning_pose

F32 = np.float32


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clips, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("FRAMESIFT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# What selections are judged by ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.data())
def test_distances_are_those_of_loops(n: int, d: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    features = rng.normal(size=(n, d)).astype(F32)
    picks = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=8))
    expected = naive_bench.nearest(features.tolist(), picks)
    np.testing.assert_allclose(metrics.distance_to_nearest(features, picks), expected, atol=1e-5)
    assert metrics.radius(features, picks) == pytest.approx(max(expected), abs=1e-5)
    assert metrics.mean_distance(features, picks) == pytest.approx(sum(expected) / n, abs=1e-5)
    apart = naive_bench.pairs(features.tolist(), picks)
    found = metrics.pick_distances(features, picks)
    if apart:
        assert found["least"] == pytest.approx(apart[0], abs=1e-5)
        assert found["largest"] == pytest.approx(apart[-1], abs=1e-5)
        assert found["mean"] == pytest.approx(sum(apart) / len(apart), abs=1e-5)
    else:
        assert all(math.isnan(value) for value in found.values())
    inertia = naive_bench.inertia(features.tolist(), features[picks].tolist())
    assert metrics.inertia(features, features[picks]) == pytest.approx(inertia, abs=1e-4)


@pytest.mark.parametrize("n", [1, 4095, 4096, 4097, 70_000])
def test_distances_do_not_depend_on_blocks(n: int) -> None:
    features = np.arange(n, dtype=F32)[:, None]
    assert metrics.radius(features, [0]) == n - 1


def test_scenes_and_spread() -> None:
    scenes = [0, 0, 1, 1, 1, -1, 2, 2]
    assert metrics.scenes_found(scenes, [0, 1, 5]) == (1, 3)
    assert metrics.scenes_found(scenes, [0, 7, 3]) == (3, 3)
    assert metrics.temporal_spread(100, [10, 30, 50, 70, 90]) == pytest.approx(
        {"least gap": 1.0, "longest gap": 1.05}
    )
    close = metrics.temporal_spread(100, [0, 1])
    assert close["least gap"] == pytest.approx(0.02)
    assert close["longest gap"] > 3.9


def test_features_tell_scenes_apart(cache: Path) -> None:
    path = clips.screen(160, 96, 60)
    features, scenes = metrics.features_of(path), clips.scenes(path)
    assert scenes is not None
    assert len(features) == len(scenes) == 60
    one_each = [int(np.flatnonzero(scenes == scene)[0]) for scene in np.unique(scenes)]
    assert metrics.radius(features, one_each) < 0.25 * metrics.radius(features, [0])
    judged = metrics.judge(features, one_each, scenes)
    assert judged["scenes_found"] == judged["n_scenes"] == clips.N_SCREENS
    assert np.array_equal(metrics.features_of(path), features)  # from the cache


# Processes and calls ----------------------------------------------------------------------------------------------


def test_peak_memory_is_not_that_of_the_bench() -> None:
    held = np.ones(40_000_000, np.uint8)
    assert record.measure(["true"]).peak_rss_bytes < len(held)


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)failed with 3:.*so it is"):
        record.measure(["sh", "-c", "echo so it is; exit 3"])
    with pytest.raises(RuntimeError, match="failed with 127"):
        record.measure(["no-such-program"])


@pytest.mark.parametrize("untouched", [False, True])
def test_ours_is_the_command_and_untouched_measures_nothing(cache: Path, untouched: bool) -> None:
    path = clips.noisy(64, 64, 6)
    command = ours.index(path, 1, untouched=untouched)
    record.measure(command)
    with framesift.index(path, command[3]) as index:
        hashes = index.reader(0).read("content_hash")
    assert len(hashes) == 6
    assert hashes.any() != untouched


def test_rows_of_decode_have_the_columns_that_the_readme_explains() -> None:
    took = {
        "framesift": 2.0,
        "ffmpeg": 1.0,
        "framesift fast": 1.5,
        "framesift untouched": 1.6,
        "pyav": 4.0,
    }
    raw = [
        {
            "clip": clip,
            "program": name,
            "n_frames": 100,
            "wall_s": s,
            "cpu_s": s,
            "peak_rss_bytes": 2**20,
        }
        for clip in ("a", "b")
        for name, s in took.items()
    ]
    raw.append({**raw[0], "clip": "(one frame)", "wall_s": 0.5})
    shown = {row["clip"]: row for row in decode.rows(raw)}
    assert shown["a"] == pytest.approx(
        {
            "clip": "a",
            "framesift s": 2.0,
            "of it start-up": 0.5,
            "cpu ms/frame": 20.0,
            "peak MB": 1.0,
            "/ ffmpeg": 2.0,
            "fast / ffmpeg": 1.5,
            "decode/ffmpeg": 1.5,
            "/ untouched": 1.25,
            "/ pyav": 0.5,
            "±": "",
        }
    )
    assert shown["geometric mean"]["/ pyav"] == pytest.approx(0.5)


def test_commands_alternate_and_failing_peers_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    runs = record.alternate(
        {
            "framesift": lambda turn: ["sh", "-c", f"echo ours {turn} >> {log}"],
            "broken": ["false"],
            "peer": ["sh", "-c", f"echo peer >> {log}"],
        },
        2,
    )
    assert log.read_text().split("\n")[:-1] == ["ours -1", "peer", "ours 0", "peer", "ours 1", "peer"]
    assert {name: len(made) for name, made in runs.items()} == {"framesift": 2, "peer": 2}
    assert "broken is left out" in capsys.readouterr().err
    with pytest.raises(RuntimeError):
        record.alternate({"framesift fast": ["false"]}, 1)


def test_repeats_end_with_the_time_but_one_is_made() -> None:
    assert list(record.turns(3)) == [-1, 0, 1, 2]
    with record.within(-1):
        assert list(record.turns(3)) == [-1, 0]
    assert list(record.turns(2, warm_up=0)) == [0, 1]


def test_no_case_takes_the_time_of_the_others() -> None:
    with record.within(3600) as left_out:
        made = [(case, record._clock.get().ends_at) for case in record.shared("abcd")]
        spans = np.diff([ends for _, ends in made])
        assert [case for case, _ in made] == list("abcd")
        np.testing.assert_allclose(spans, 900, atol=1)
        assert record._clock.get().ends_at == pytest.approx(made[-1][1])
    assert left_out == []
    assert record._clock.get().ends_at == math.inf
    assert list(record.shared([])) == []


def test_cases_after_the_end_are_left_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("bench.record.time.monotonic", lambda: now)
    measured = []
    with record.within(10) as left_out:
        for case in record.shared([tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"]):
            measured.append(case.name)
            now += 7
        assert not left_out[1:]
        assert record.is_over("a row")
        assert list(record.turns(3)) == [-1, 0]
    assert measured == ["a.mp4", "b.mp4"]
    assert left_out == ["c.mp4", "a row"]
    assert not record.is_over("what has no end")


def test_all_suites_together_end_in_time() -> None:
    assert sum(suites.BUDGET_S.values()) + 45 <= suites.TOTAL_S <= 0.9 * 15 * 60  # 45: to make the clips
    names, spent = list(suites.BUDGET_S), 0.0
    for at, name in enumerate(names):  # each takes half as long again as it may
        spent += 1.5 * suites.budget_s(name, names[at:], suites.TOTAL_S - spent)
    assert spent <= 15 * 60
    assert suites.budget_s("decode", ["decode"], 1e9) == 1.5 * suites.BUDGET_S["decode"]
    assert suites.budget_s("decode", ["decode", "scale"], -5) == 0


class _Impatient(subprocess.Popen[bytes]):
    """Its time is up as soon as something was measured."""

    def wait(self, timeout: float | None = None) -> int:
        assert isinstance(self.args, list)
        while timeout is not None:
            if Path(self.args[-1], "journal.jsonl").exists():
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return super().wait()


_SUITE = """
import os, time
from bench.record import journal, shared

def measure(settings):
    found = journal()
    for case in shared("abc"):
        found += [{"case": case, "program": "framesift", "wall_s": 1.0}]
        %s
    return found

def rows(measurements):
    \"""What it says.\"""
    return measurements
"""


@pytest.mark.parametrize(
    ("does", "seconds", "cases", "said"),
    [
        ("pass", math.inf, "abc", []),
        ("time.sleep(1.2)", 1, "a", ["b", "c"]),
        ("1 // (case == 'a')", math.inf, "ab", ["what came after it failed with 1"]),
        ("os._exit(7)", math.inf, "a", ["what came after it failed with 7"]),
        ("time.sleep(60)", 50, "a", ["what came after 130 s, when it was stopped"]),
    ],
)
def test_what_was_measured_is_kept_whatever_becomes_of_the_suite(
    does: str, seconds: float, cases: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "bench"
    root.mkdir()
    for path in Path(suites.__file__).parent.glob("*.py"):
        (root / path.name).write_text(path.read_text())
    (root / "decode.py").write_text(_SUITE % does)
    monkeypatch.chdir(tmp_path)
    if "60" in does:
        monkeypatch.setattr(suites.subprocess, "Popen", _Impatient)
    found = suites.measure_apart("decode", results.Settings(size="tiny"), seconds)
    assert "".join(row["case"] for row in found.measurements) == cases
    assert found.left_out == said
    assert found.failed == any("came after" in text for text in said)


def test_what_was_left_out_is_said_everywhere(tmp_path: Path) -> None:
    run = results.result("quality", results.Settings(), [], 12.3, ["b.mp4", "c.mp4"])
    assert run.cut == "Left out after 12 s: b.mp4; c.mp4."
    path = tmp_path / "README.md"
    path.write_text("<!-- bench quality -->\n<!-- end -->\n")
    assert tables.put(path, "quality", "title", [{"x": 1}], run.cut)
    assert path.read_text().endswith("```\n\nLeft out after 12 s: b.mp4; c.mp4.\n<!-- end -->\n")
    report.write_page(tmp_path / "page.html", {"quality": run})
    assert "Left out after 12 s: b.mp4; c.mp4." in (tmp_path / "page.html").read_text()
    results.append(tmp_path / "results.jsonl", run)
    assert results.read(tmp_path / "results.jsonl")[0].cut == run.cut


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)failed with -9:.*stopped after 0.2 s"):
        record.measure(["sleep", "60"], most_s=0.2)


@pytest.fixture
def beside_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's process may have threads: what is called here needs none of them."""
    monkeypatch.setattr(workers, "_check_threads", lambda: None)


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_calls_have_processes_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    here: list[int] = []

    def ours() -> tuple[int, int]:
        here.append(0)
        np.ones(100_000_000, np.uint8)  # more than malloc ever keeps for later
        return len(here), os.getpid()

    programs: dict[str, workers.Work | None] = {
        "framesift": ours,
        "says itself": lambda: workers.Took(7.0, "answer"),
        "fails": lambda: 1 // 0,
        "dies": lambda: os._exit(9),
        "missing": None,
    }
    found = workers.calls(programs, 2, judge=lambda answer: {"answer": answer, "judge": os.getpid()})
    assert sorted(found) == ["framesift", "says itself"]
    first, last = found["framesift"]
    assert first.judged is not None
    assert last.judged is None
    assert first.judged["answer"] == (3, first.judged["judge"])  # the warm-up was the first
    assert first.judged["judge"] != os.getpid()
    assert first.extra_rss_bytes > 90_000_000
    assert [call.wall_s for call in found["says itself"]] == [7.0, 7.0]
    assert (found["says itself"][0].judged or {})["answer"] == "answer"
    assert not here
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "ended with 9" in said
    with pytest.raises(RuntimeError):
        workers.calls({"framesift": lambda: 1 // 0}, 1)
    assert workers.apart(os.getpid) != os.getpid()
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        workers.apart(lambda: 1 // 0)


@pytest.mark.usefixtures("beside_threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_takes_long_is_warmed_up_on_little_and_called_once() -> None:
    asked: list[float] = []

    def work(seconds: float) -> list[float]:
        asked.append(seconds)
        time.sleep(seconds)
        return asked

    programs: dict[str, workers.Work | None] = {
        "framesift": lambda: [7.0],
        "slow": workers.Given(work, (0.2,), (0.01,)),
    }
    found = workers.calls(programs, 3, enough_s=0.1, judge=lambda answer: {"answer": answer})
    assert [len(made) for made in found.values()] == [3, 1]
    (call,) = found["slow"]
    assert call.wall_s >= 0.2
    assert call.judged == {"answer": [0.01, 0.2]}
    rows = [
        {"case": "a", "program": program, "wall_s": made.wall_s}
        for program, calls in found.items()
        for made in calls
    ]
    assert [row["calls"] for row in cases.rows(rows)] == ["3:1"]


_FORKING = """
import threading, warnings
from bench import workers
warnings.simplefilter("ignore")  # threads and forks: it is what is tested
print(workers.apart(lambda: "alone"))
until = threading.Event()
threading.Thread(target=until.wait, name="pool", daemon=True).start()
try:
    workers.apart(lambda: "not alone")
finally:
    until.set()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_no_process_with_threads_is_forked() -> None:
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", _FORKING], capture_output=True, text=True, cwd=root)
    assert done.stdout == "alone\n"
    assert "1 more threads" in done.stderr
    assert "'pool'" in done.stderr


_KILLED = """
import os, signal
from bench import workers
workers._LOOK_S = 0.1
worker, other = (workers._Worker([workers._Judged(os.getpid)]) for _ in range(2))
print(worker.ask("call") and worker.ask("answer"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_workers_end_when_the_bench_is_killed() -> None:
    root = Path(__file__).parents[1]
    # The output ends when the last worker, which has inherited it, has ended.
    done = subprocess.run(
        [sys.executable, "-c", _KILLED], capture_output=True, text=True, cwd=root, timeout=60
    )
    assert done.returncode < 0
    assert int(done.stdout) > 0


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[1].rglob("*.md")), ids=lambda path: path.name)
def test_every_block_of_a_document_is_of_a_suite(path: Path) -> None:
    text = path.read_text()
    blocks = re.findall(
        r"^<!-- bench (\w+)(?:: \w+)? -->$(.*?)^<!-- end -->$", text, re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == len(re.findall(r"^<!-- bench", text, re.MULTILINE))
    assert {name for name, _ in blocks} <= set(suites.names())
    assert not any("<!-- bench" in body for _, body in blocks)


def test_every_suite_has_what_the_bench_asks_for() -> None:
    assert suites.names() == list(suites.BUDGET_S)
    for name in suites.names():
        suite = suites.load(name)
        assert callable(suite.measure), name
        assert suite.rows is not None, name
        assert suite.doc.strip(), name


# Results and what is said of them ---------------------------------------------------------------------------------


def _result(commit: str, ours: list[float], peer: list[float], n_bytes: int = 100) -> results.Result:
    rows: list[dict[str, Any]] = [{"case": "a", "program": "framesift", "wall_s": s} for s in ours]
    rows += [{"case": "a", "program": "peer", "wall_s": s} for s in peer]
    rows += [{"case": "kept", "stored_bytes": n_bytes}]
    made = results.result("kernels", results.Settings(size="tiny"), rows, 1.0)
    machine = {**made.header["machine"], "commit": commit, "commit_time": commit}
    return replace(made, header={**made.header, "machine": machine})


def _verdicts(a: results.Result, b: results.Result) -> dict[str, str]:
    rows = compare.compare({"kernels": a}, {"kernels": b})
    return {f"{row['what']}: {row['figure']}": row["verdict"] for row in rows}


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    first, second = _result("1", [1.0], [2.0]), _result("2", [3.0], [2.0])
    results.append(path, first)
    results.append(path, second)
    assert [run.measurements for run in results.read(path)] == [first.measurements, second.measurements]
    assert results.read_latest(str(path))["kernels"].commit == "2"
    assert results.read_latest(f"{path}@1")["kernels"].measurements == first.measurements
    with pytest.raises(SystemExit, match="no run of commit 3"):
        results.read_latest(f"{path}@3")
    path.write_text("nonsense")
    with pytest.raises(SystemExit, match=r"is not a results\.jsonl"):
        results.read(path)


def test_slower_bigger_and_noise() -> None:
    before = _result("1", [1.0, 1.02, 0.98], [2.0, 2.02, 1.98])
    same = _verdicts(before, _result("2", [1.01, 1.03, 0.99], [2.0, 2.02, 1.98]))
    assert same == {"a, framesift: wall_s": "within the noise", "kept: stored_bytes": "same"}
    slower = _verdicts(before, _result("2", [1.5, 1.52, 1.48], [2.0, 2.02, 1.98], n_bytes=101))
    assert slower == {"a, framesift: wall_s": "slower", "kept: stored_bytes": "bigger"}
    assert _verdicts(before, _result("2", [0.5, 0.5], [2.0, 2.0]))["a, framesift: wall_s"] == "faster"


def test_a_slower_machine_is_not_a_slower_framesift() -> None:
    before, after = _result("1", [1.0, 1.0], [2.0, 2.0]), _result("2", [1.5, 1.5], [3.0, 3.0])
    assert _verdicts(before, after)["a, framesift: wall_s"] in ("same", "within the noise")
    (note,) = compare.notes({"kernels": before}, {"kernels": after})
    assert "1.50x as long" in note


def test_one_run_and_scattered_runs_prove_less() -> None:
    once = _verdicts(_result("1", [1.0], [2.0]), _result("2", [1.1], [2.0]))
    assert once["a, framesift: wall_s"] == "within the noise"
    scattered = _verdicts(_result("1", [0.7, 1.0, 1.3], [2.0] * 3), _result("2", [1.3, 1.3, 1.3], [2.0] * 3))
    assert scattered["a, framesift: wall_s"] == "within the noise"


def test_history_is_over_the_first_commit() -> None:
    runs = [_result("2", [3.0], [2.0], 50), _result("1", [2.0], [2.0], 100), _result("3", [1.0], [2.0], 50)]
    assert compare.history(runs) == {
        "kernels, time": [("1", 1.0), ("2", pytest.approx(1.5)), ("3", pytest.approx(0.5))],
        "kernels, size": [("1", 1.0), ("2", pytest.approx(0.5)), ("3", pytest.approx(0.5))],
    }


@given(st.floats(-2, 2), st.floats(1e-6, 1e3))
def test_slopes_of_powers_are_their_exponents(exponent: float, factor: float) -> None:
    slope, error = scale.fit([(x, factor * x**exponent) for x in (10, 20, 50, 400)])
    assert slope == pytest.approx(exponent, abs=1e-6)
    assert error == pytest.approx(0, abs=1e-6)


def test_a_slope_needs_two_points() -> None:
    assert math.isnan(scale.fit([(10, 1.0), (20, -1.0)])[0])


# Tables, plots and the page ---------------------------------------------------------------------------------------


def test_tables_go_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(
        "a\n<!-- bench kernels -->\nold\n<!-- end -->\nb\n<!-- bench decode -->\nkept\n<!-- end -->\n"
    )
    assert tables.put(path, "kernels", "title", [{"x": 1}, {"y": 0.5}])
    text = path.read_text()
    assert text.startswith("a\n<!-- bench kernels -->\ntitle\n\n```\nx     y\n")
    assert text.endswith("```\n<!-- end -->\nb\n<!-- bench decode -->\nkept\n<!-- end -->\n")
    assert not tables.put(path, "select", "title", [])
    assert path.read_text() == text


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e6), st.booleans())
def test_ticks_lie_in_the_scale(low: float, factor: float, log: bool) -> None:
    made = plots.scale([low, low * factor], 0, 100, log=log)
    assert 1 <= len(made.ticks()) <= 25 or (log and factor < 3)
    assert all(-0.1 <= made(tick) <= 100.1 for tick in made.ticks())
    assert 0 < made(low) < made(low * factor) < 100


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    runs = [_result("1", [1.0, 1.1], [2.0, 2.0]), _result("2", [3.0, 3.3], [2.0, 2.1])]
    path = tmp_path / "report.html"
    report.write_page(path, {"kernels": runs[1]}, compare.history(runs))
    text = path.read_text()
    assert "0 of 1 comparisons of wall clock are ahead or even, 1 behind." in text
    assert "1.54x the time of peer" in text
    assert "prefers-color-scheme: dark" in text
    assert "Over commits" in text
    assert "href" not in text
    assert "src=" not in text
    svgs = text.split("<svg")[1:]
    assert len(svgs) == 3  # where it stands, time and size over commits
    for svg in svgs:
        ElementTree.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")


def test_plots_escape_what_they_are_told() -> None:
    for made in (
        plots.bars({"s": {"<a&b>": 1.0, "framesift": 0.0}}, ours="framesift"),
        plots.dots({"<a&b>": [("x<y", 2.0)]}, "times"),
        plots.marks({"<a&b>": {"<s>": 1.0, "t": 10.0}}, "bytes"),
        plots.curves({"<a&b>": [(1, 1.0), (2, 4.0)]}, x_title="x", y_title="y"),
    ):
        assert "<a&b>" in "".join(ElementTree.fromstring(made).itertext())


# Suites -----------------------------------------------------------------------------------------------------------


def test_suites_of_both_kinds_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        @staticmethod
        def run(size: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            return [{"case": size, "wall_s": 1.0}], [{"shown": size}]

    monkeypatch.setattr(suites, "import_module", lambda *_: Old)
    suite = suites.load("memory")
    measured = suite.measure(results.Settings(size="tiny"))
    assert suite.rows(measured) == [{"shown": "tiny"}]
    assert list(results.series(measured)) == [((("case", "tiny"),), "wall_s")]
    page = tmp_path / "report.html"
    made = results.result("memory", results.Settings(size="tiny"), measured, 1.0)
    report.write_page(page, {"memory": made})
    assert '<th class="text">shown</th>' in page.read_text()


def test_the_budgets_of_all_suites_are_a_quarter_of_an_hour() -> None:
    assert sum(suites.BUDGET_S.values()) <= 15 * 60


def test_what_does_not_run_on_a_device_is_said() -> None:
    assert suites.without_device("kernels", "cuda") == suites.without_device("select", "cuda") == ""
    assert "decode" in suites.without_device("decode", "cuda")


def test_one_suite_from_command_line_to_comparison(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        __main__.main(["storage", "--size", "tiny", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "thumbnails" in said
    __main__.main(["compare", str(tmp_path / "results.jsonl"), str(tmp_path / "results.jsonl"), "--all"])
    assert "0 changed, 0 within the noise" in capsys.readouterr().out
    readme = tmp_path / "README.md"
    readme.write_text("<!-- bench storage -->\n<!-- end -->\n")
    __main__.main(["put", str(tmp_path / "results.jsonl"), str(readme)])
    assert "python -m bench storage --size tiny" in readme.read_text()
    assert "L2 Distance" not in readme.read_text()
    readme.write_text(
        "<!-- bench storage: distances -->\nold\n<!-- end -->\n<!-- bench storage: dumps --><!-- end -->"
    )
    __main__.main(["put", str(tmp_path / "results.jsonl"), str(readme)])
    assert all(text in readme.read_text() for text in ("L2 Distance (Min)", "0.2353", "70.84x", "ours, JPEG"))
    assert "thumbnails" not in readme.read_text()
    assert "old" not in readme.read_text()
    with pytest.raises(SystemExit):
        __main__.main(["nonsense"])


def test_known_scenes_of_made_clips_are_of_their_frames(cache: Path) -> None:
    path = clips.static(160, 96, 120)
    scenes = clips.scenes(path)
    assert scenes is not None
    assert len(scenes) == clips.count(path) == 120
    assert sorted(set(scenes.tolist())) == list(range(clips.N_EVENTS + 1))
    assert (scenes == 0).mean() > 0.7
    assert clips.scenes(clips.noisy(64, 64, 2)) is None
    assert [clips.count(file) for file in sorted(clips.short(2, 5).iterdir())] == [5, 5]


def test_lightning_pose_picks_moving_frames() -> None:
    rng = np.random.default_rng(0)
    frames = np.zeros((80, 48))
    frames[40:] = rng.normal(size=(40, 48)) * 50
    np.random.seed(0)  # noqa: NPY002 - the procedure draws from the global state
    picks = lightning_pose._select(frames, 5)
    assert len(picks) == 5
    assert min(picks) >= 40


def test_series_keep_sizes_apart_and_leave_out_what_is_no_result() -> None:
    rows = [
        {"case": "a", "program": "framesift", "x": x, "wall_s": s, "floor_s": 1.0}
        for x, s in ((1, 2.0), (2, 3.0))
    ]
    rows += [
        {"case": "a", "program": "framesift", "x": 2, "wall_s": s, "n": 3} for s in (4.0, -1.0, math.nan)
    ]
    found = results.series(rows)
    assert list(found.values()) == [[2.0], [3.0, 4.0]]
    assert [name for _, name in found] == ["wall_s", "wall_s"]

"""What the bench says of results of different commits: drift by its own figure, what is a peer, memory, units, plots."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench import __main__, compare, plots, record, report, results, suites, tables
from bench.peers import opencv


def _result(commit: str, rows: list[dict[str, Any]], suite: str = "start") -> results.Result:
    made = results.result(suite, results.Settings(), rows, 1.0)
    machine = {**made.header["machine"], "commit": commit, "commit_time": commit}
    return results.Result(
        suite=suite, header={**made.header, "run": commit, "machine": machine}, measurements=rows
    )


def _run(command: str, wall_s: float, cpu_s: float, **more: Any) -> dict[str, Any]:
    return {"command": command, "wall_s": wall_s, "cpu_s": cpu_s, **more}


def _compared(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = compare.compare({"start": _result("a", a)}, {"start": _result("b", b)})
    return {(row["what"], row["figure"]): row for row in rows}


def test_a_loaded_machine_changes_no_processor_time() -> None:
    """Two runs on a machine that waits three times as long in the second: nothing of ours has changed."""
    before = [
        _run("python", 0.01, 0.01),
        _run("import av, numpy", 0.1, 0.1),
        _run("index one frame", 0.2, 0.2),
    ]
    after = [
        _run("python", 0.03, 0.01),
        _run("import av, numpy", 0.3, 0.1),
        _run("index one frame", 0.6, 0.2),
    ]
    found = _compared(before, after)
    assert {what for what, _ in found} == {"index one frame"}
    assert found["index one frame", "wall_s"]["B / A"] == pytest.approx(1)
    assert found["index one frame", "cpu_s"]["B / A"] == pytest.approx(1)
    assert {row["verdict"] for row in found.values()} <= {"same", "within the noise"}
    notes = compare.notes({"start": _result("a", before)}, {"start": _result("b", after)})
    assert notes == ["start: the peers took 3.00x as long (±0 %); taken out of B / A."]
    over = compare.history([_result("a", before), _result("b", after)])
    assert over["start, time"] == [("a", 1.0), ("b", pytest.approx(1))]
    assert over["start, processor time"] == [("a", 1.0), ("b", pytest.approx(1))]


def test_what_takes_more_of_the_processor_is_found_on_a_faster_machine() -> None:
    before = [_run("python", 0.02, 0.02), _run("index one frame", 0.4, 0.4)]
    after = [_run("python", 0.01, 0.01), _run("index one frame", 0.2, 0.4)]
    found = _compared(before, after)
    assert found["index one frame", "wall_s"]["verdict"] in ("same", "within the noise")
    assert found["index one frame", "cpu_s"]["verdict"] == "slower"
    assert found["index one frame", "cpu_s"]["B / A"] == pytest.approx(2)


def test_memory_of_one_process_and_of_all_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _result("a", [_run("index one frame", 0.2, 0.2, peak_rss_bytes=60 * 2**20)])
    new = _result("b", [_run("index one frame", 0.2, 0.2, peak_rss_bytes=75 * 2**20, n_processes=2)])
    none = _result("c", [_run("index one frame", 0.2, 0.2)])
    assert compare.is_memory_changed([old, none, new])
    assert not compare.is_memory_changed([new, none, new])
    assert any(compare.MEMORY_CHANGED in note for note in compare.notes({"start": old}, {"start": new}))
    assert not compare.notes({"start": new}, {"start": new})
    path = tmp_path / "results.jsonl"
    for run in (old, new):
        results.append(path, run)
    page = tmp_path / "page.html"
    __main__.main(["history", str(path), "--html", str(page)])
    assert compare.MEMORY_CHANGED in capsys.readouterr().out
    assert compare.MEMORY_CHANGED[1:] in page.read_text()
    __main__.main(["compare", f"{path}@a", f"{path}@b"])
    said = capsys.readouterr().out
    assert "peak memory, MB" in said
    assert "75.0" in said


def test_commits_are_in_the_order_of_time() -> None:
    def of(commit: str, when: str) -> results.Result:
        run = _result(commit, [_run("index one frame", 0.2, 0.2)])
        run.header["machine"]["commit_time"] = when
        return run

    runs = [of("c", "2026-03"), of("a", "2026-01"), of("b", "2026-02"), of("a", "2026-01")]
    assert compare.commits(runs) == ["a", "b", "c"]


def test_pages_that_malloc_keeps_are_no_change() -> None:
    def of(n_bytes: int) -> dict[str, results.Result]:
        return {"start": _result("a", [_run("index one frame", 0.2, 0.2, extra_rss_bytes=n_bytes)])}

    for before, after, verdict in (
        (4096, 700_000, "same"),
        (1 << 20, 5 << 20, "bigger"),
        (9 << 20, 5 << 20, "smaller"),
    ):
        (row,) = [r for r in compare.compare(of(before), of(after)) if r["figure"] == "extra_rss_bytes"]
        assert row["verdict"] == verdict


def test_a_peer_alone_does_not_tell_how_far_peers_are_apart() -> None:
    before, after = ({"start": _result(c, [_run("python", s, s)])} for c, s in (("a", 0.2), ("b", 0.4)))
    notes = compare.notes(before, after)
    assert "start: the peers took 2.00x as long (±15 %); taken out of B / A." in notes


def test_columns_of_words_begin_at_the_left() -> None:
    rows = [
        {"a": "x", "what": "time of it", "n": 1.5, "±": "2 %"},
        {"a": "long", "what": "b", "n": 12.25, "±": ""},
    ]
    assert tables.table(rows).splitlines() == [
        "a     what            n    ±",
        "----  ----------  -----  ---",
        "x     time of it   1.50  2 %",
        "long  b           12.25",
    ]


def test_long_labels_lose_their_middle() -> None:
    picture = plots.bars({"": {"a" * 60 + "b" * 60: 1.0, "short": 2.0}}, ours="")
    assert "…" in picture
    assert "a" * 61 not in picture.replace("a" * 60 + "b" * 60, "")
    assert "short</text>" in picture


def test_a_peer_is_compared_with_what_does_the_same() -> None:
    took = {"framesift": 2.0, "framesift random": 1.0, "DeepLabCut uniform": 1.5, "DeepLabCut kmeans": 4.0}
    run = _result("a", [{"clip": "c.mp4", "program": name, "wall_s": s} for name, s in took.items()])
    assert report.comparisons({"select": run}) == [
        ("select", "DeepLabCut uniform (ours: random)", "c.mp4", 1.5),
        ("select", "DeepLabCut kmeans", "c.mp4", 2.0),
    ]


def test_figures_are_shown_in_units() -> None:
    row = {"suite": "s", "what": "w", "B / A": 2.0, "noise": "", "verdict": ""}
    shown = [
        compare.readable({**row, "figure": name, "A": a, "B": b})
        for name, a, b in (
            ("wall_s", 0.01234, 0.02),
            ("cpu_s", 0.5, 12.345),
            ("peak_rss_bytes", 2**20, 3.5 * 2**20),
            ("stored_bytes", 102_799.0, 5.0),
            ("radius", 1.5, 2.0),
        )
    ]
    assert [(row["figure"], row["A"], row["B"]) for row in shown] == [
        ("wall clock, ms", "12.3", "20.0"),
        ("processor time, s", "0.50", "12.35"),
        ("peak memory, MB", "1.0", "3.5"),
        ("stored, bytes", "102,799", "5"),
        ("radius", "1.50", "2.00"),
    ]


def test_little_looks_like_little_over_commits() -> None:
    def texts(**more: Any) -> set[str]:
        line = {"storage": [(0.0, 1.0), (1.0, 0.995)]}
        made = plots.curves(line, x_title="x", y_title="y", log=False, labels=["a", "b"], **more)
        return {text.text or "" for text in ElementTree.fromstring(made).iter() if text.tag.endswith("text")}

    assert {"0.9", "1", "1.1"} <= texts(one=True)
    assert not {"0.9", "1.1"} & texts()


def test_few_places_are_named_as_they_are() -> None:
    made = plots.curves({"s": [(16, 1.0), (64, 2.0), (128, 4.0)]}, x_title="x", y_title="y")
    texts = [text.text for text in ElementTree.fromstring(made).iter() if text.tag.endswith("text")]
    assert {"16", "64", "128"} <= set(texts)


def test_a_suite_that_uses_the_time_of_others_leaves_them_theirs() -> None:
    names = suites.names()
    assert suites.budget_s("scale", ["scale"], suites.TOTAL_S) == 1.5 * suites.BUDGET_S["scale"]
    shares = [suites.budget_s(name, names, suites.TOTAL_S) for name in names]
    assert sum(shares) == pytest.approx(suites.TOTAL_S)


def test_opencv_that_reads_nothing_is_no_peer(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    path = tmp_path / "none.mp4"
    path.write_bytes(b"nothing")
    command = opencv.thumbnails(path)
    assert command is not None
    assert command[0] == sys.executable
    with pytest.raises(RuntimeError, match="reads no frame"):
        record.measure(command)

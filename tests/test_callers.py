"""What people and programs do to the library that its own tests would not think of."""

import gc
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift as fs
from clips import make_clip
from framesift.errors import NotEnoughFramesError, UsageError
from framesift.ingest.outcome import Known, progress_of
from framesift.positions import Position, parse_position
from framesift.report import contact_sheet
from framesift.report.contact_sheet import ContactSheet
from framesift.sources import find_sources
from framesift_cli.main import run


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=40)


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("something was decoded")

    monkeypatch.setattr(import_module("framesift.pipeline"), "make_index", fail)
    monkeypatch.setattr(import_module("framesift.outliers.extracting"), "index", fail)


# Numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_may_be_of_numpy(clip: Path, tmp_path: Path) -> None:
    i, f = np.int64, np.float32
    options: dict[str, Any] = {
        "start": i(2),
        "stop": f(0.75),
        "crop": (i(0), i(64), i(0), i(32)),
        "context": i(1),
    }
    options |= {
        "size": i(32),
        "step": i(1),
        "threads": i(1),
        "seed": i(3),
        "prefer_sharp": f(0.25),
        "min_gap": i(2),
    }
    found = fs.extract(clip, i(3), tmp_path, max_per_source=i(9), method="coverage", order=i(2), **options)
    assert json.loads((tmp_path / "selection.json").read_text()) == json.loads(json.dumps(found.to_json()))
    plain = fs.extract(
        clip,
        3,
        tmp_path,
        start=2,
        stop=0.75,
        crop="0,64,0,32",
        size=32,
        threads=1,
        seed=3,
        prefer_sharp=0.25,
        min_gap=2,
        max_per_source=9,
        method="coverage",
        order=2,
    )
    assert plain.indices(0) == found.indices(0)
    assert plain.options == found.options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n", "5"),
        ("n", 5.0),
        ("seed", 1.5),
        ("size", "64"),
        ("step", 2.0),
        ("threads", 2.5),
        ("context", "2"),
        ("min_per_source", "1"),
        ("max_per_source", 2.0),
    ],
)
def test_what_is_no_number_is_named_before_anything_is_decoded(
    undecoded: None, tmp_path: Path, option: str, value: Any
) -> None:
    with pytest.raises(UsageError, match=f"{option} must be a whole number, got {value!r}"):
        fs.extract("a.mp4", **{"n": 5, "out": tmp_path, option: value})


def test_positions_are_numbers_or_text() -> None:
    assert parse_position(np.uint8(7), "start") == Position("frame", 7)
    assert parse_position(np.float32(0.5), "start") == Position("fraction", 0.5)
    for wrong in (None, [3], {}, True):
        with pytest.raises(UsageError, match="start must be a frame"):
            parse_position(wrong, "start")  # type: ignore[arg-type]


# Slips --------------------------------------------------------------------------------------------------------------


def test_an_index_that_was_closed_says_so(clip: Path, tmp_path: Path) -> None:
    with fs.index(clip) as index:
        fs.select(index, 2)
    for use in (lambda: fs.select(index, 2), lambda: index.reader(0)):
        with pytest.raises(UsageError, match="the index is closed, and its temporary store deleted"):
            use()
    with fs.index(clip, tmp_path / "store") as kept:
        pass
    assert len(fs.select(kept, 2)) == 2


def test_predictions_that_are_not_there_are_named_before_anything_is_decoded(
    undecoded: None, tmp_path: Path
) -> None:
    gone = tmp_path / "clipDLC_x.h5"
    with pytest.raises(UsageError, match=r"predictions: .*clipDLC_x\.h5 is neither a file nor a folder"):
        fs.extract("a.mp4", 5, tmp_path, predictions=[gone])
    with pytest.raises(UsageError, match=r"predictions: .*clipDLC_x\.h5 is neither a file nor a folder"):
        fs.extract_outliers("a.mp4", gone, 5, tmp_path)


def test_outliers_of_no_method_are_refused_before_anything_is_decoded(
    undecoded: None, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="jmp"):
        fs.extract_outliers("a.mp4", tmp_path, 5, tmp_path, method="jmp")


def test_excluding_nothing_is_noted(clip: Path, tmp_path: Path) -> None:
    fs.extract(clip, 3, tmp_path / "a")
    (tmp_path / "other").mkdir()
    with fs.index(clip) as index:
        assert fs.select(index, 3, exclude=tmp_path / "a").notes == []
        note = fs.select(index, 3, exclude=tmp_path / "other").notes
    assert note == ["exclude names no frame of these sources: nothing is excluded"]


def test_pictures_of_an_earlier_selection_are_noted(clip: Path, tmp_path: Path) -> None:
    assert fs.extract(clip, 3, tmp_path, method="uniform").notes == []
    assert fs.extract(clip, 3, tmp_path, method="uniform").notes == []
    (note,) = fs.extract(clip, 2, tmp_path, image_format="jpeg").notes
    assert note.startswith("3 more pictures in frames are not of this selection but of an earlier one")
    again = fs.read_selection(tmp_path / "selection.json")
    fs.export(again, tmp_path)  # as PNG
    assert len(again.notes) == 1
    fs.export(again, tmp_path / "new")
    assert again.notes == []
    for _ in range(2):  # rounds of labelling add to each other
        assert fs.extract(clip, 2, tmp_path / "dlc", layout="deeplabcut", seed=_).notes == []


def test_too_few_frames_are_explained_by_what_could_not_be_used(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughFramesError, match=r"1 could not be used: .*typo\.mp4: no such file"):
        fs.extract([clip, "typo.mp4"], 99, tmp_path)


def test_a_source_that_is_gone_is_named_once(clip: Path, tmp_path: Path) -> None:
    moved = make_clip(tmp_path / "moved.mp4", n=12)
    chosen = fs.extract([clip, moved], 2, tmp_path / "out", per_source=True)
    moved.unlink()
    fs.export(chosen, tmp_path / "again")
    assert [(item.uri, item.reason) for item in chosen.set_aside] == [(str(moved), "is no longer there")]


def test_a_frozen_program_does_not_begin_itself_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_clip(tmp_path / "other.mp4", n=8)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("it did"))
    with fs.index([clip, other]) as made:
        assert made.n_rows == 48
    with pytest.raises(UsageError, match="leave isolate out"):
        fs.index([clip, other], isolate=True)


# Many sources -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are not listed")
def test_exports_of_many_sources_have_few_open(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(24):
        (tmp_path / f"{i}.mp4").write_bytes(clip.read_bytes())
    n_open: list[int] = []
    add = ContactSheet.add

    def count_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def counting(*args: Any) -> None:
        n_open.append(count_open())
        add(*args)

    monkeypatch.setattr(ContactSheet, "add", counting)
    with fs.index(tmp_path, tmp_path / "store") as index:
        chosen = fs.select(index, 1, per_source=True, keep_duplicates=True)
        gc.collect()
        gc.disable()  # as the command line all but does
        try:
            before = count_open()
            fs.export(chosen, tmp_path / "out", threads=2)
        finally:
            gc.enable()
    assert len(n_open) == 24
    assert max(n_open) - before < 12


def test_how_far_a_batch_has_come_counts_what_is_not_open_yet(clip: Path) -> None:
    (source,), _ = find_sources(clip)
    jobs = [Known(source) for _ in range(4)]
    for job, size in zip(jobs, (400, 200, 100, 100), strict=True):
        job.n_bytes = size
    assert progress_of(jobs)[1:3] == (0, 0)
    jobs[0].n_done, jobs[0].n_total = 10, 40
    assert progress_of(jobs)[1:4] == (10, 80, "clip")
    jobs[0].n_done, jobs[0].reused = 40, True
    jobs[0].reason = ""
    jobs[1].n_done, jobs[1].n_total, jobs[1].reason = 5, 60, "its decoder crashed"
    jobs[2].reason = "empty"
    assert progress_of(jobs)[1:3] == (45, 45 + 45 * 100 // 600)
    jobs[3].n_done = jobs[3].n_total = 7
    assert progress_of(jobs)[1:3] == (52, 52)


def test_a_batch_shows_all_of_its_frames_from_early_on(clip: Path, tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"{i}.mp4").write_bytes(clip.read_bytes())
    for isolate in (False, True):
        steps: list[fs.Progress] = []
        with fs.index(tmp_path, isolate=isolate, threads=1, progress=steps.append):
            assert {step.total for step in steps} <= {0, 480}
            assert (steps[-1].done, steps[-1].total) == (480, 480)


@pytest.mark.parametrize("n_shown", [{0: 1}, {0: 20}, {0: 400}, {0: 20, 1: 20, 2: 20}])
def test_sheets_of_few_sources_are_as_wide_as_they_were(n_shown: dict[int, int]) -> None:
    n = sum(n_shown.values())
    assert contact_sheet._columns(n_shown) == max(2, min(8, int(np.ceil(np.sqrt(n * 1.3)))))


def test_sheets_of_many_sources_are_bounded() -> None:
    for n_shown in (
        dict.fromkeys(range(400), 1),
        dict.fromkeys(range(200), 2),
        {0: 8} | dict.fromkeys(range(1, 392), 1),
    ):
        assert contact_sheet._pixels(n_shown, contact_sheet._columns(n_shown)) < 62e6


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a\nb", "tab\there", "b\udcffd", "é日本"])
def test_a_video_of_any_name_has_a_contact_sheet_and_a_report(clip: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.mp4"
    try:
        path.write_bytes(clip.read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("the file system has no such names")
    found = fs.extract(path, 2, tmp_path / "out", report=True)
    assert {"contact-sheet.png", "report.html", "selection.json"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    assert len(fs.read_selection(tmp_path / "out/selection.json")) == len(found) == 2


def test_a_file_goes_by_one_name_from_any_folder(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "videos/raw").mkdir(parents=True)
    (tmp_path / "work/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work/deep", target_is_directory=True)
    (tmp_path / "videos/raw/a.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "videos/raw/b.mp4").symlink_to(tmp_path / "videos/raw/a.mp4")
    plain = fs.describe(tmp_path / "videos/raw")[0]
    for folder, given in (
        ("work", "../videos/raw"),
        ("link", "../../videos/raw"),
        ("videos/raw/.", "../raw"),
    ):
        monkeypatch.chdir(tmp_path / folder)
        assert fs.describe(given)[0] == fs.describe([f"{given}/a.mp4", f"{given}/*"])[0] == plain
    monkeypatch.chdir(tmp_path / "videos/raw")
    (tmp_path / "videos/c.mp4").write_bytes(clip.read_bytes())
    assert [d["uri"] for d in fs.describe("..")[0]] == [
        str(tmp_path / "videos/c.mp4"),
        *[d["uri"] for d in plain],
    ]


# The command line ---------------------------------------------------------------------------------------------------


def test_groups_of_commands_show_their_help(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("dlc", "predictions"):
        assert run([group]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("Usage: ")
        assert run([group, "--help"]) == 0
        assert capsys.readouterr().out == err


def test_the_list_of_commands_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["--help"], ["dlc", "--help"], ["predictions", "--help"]):
        assert run(arguments) == 0
        assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError("libllvmlite.so: failed to map segment from shared object"), "out of memory"),
        (OSError(12, "Cannot allocate memory"), "out of memory"),
        (RuntimeError("can't start new thread"), "the system starts no more threads"),
        (OSError(28, "No space left on device"), "the disk is full: what is printed could not be written"),
    ],
)
@pytest.mark.parametrize("is_cause", [False, True])
def test_7_when_the_machine_has_too_little(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    sentence: str,
    is_cause: bool,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        if is_cause:
            raise SystemError("no such library") from error
        raise error

    monkeypatch.setattr(fs, "extract", fail)
    assert run(["select", "a.mp4"]) == 7
    assert capsys.readouterr().err.startswith(f"error: {sentence}")

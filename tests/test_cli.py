"""Every command is one library call; its exit code, stdout and stderr are what scripts rely on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift
from clips import make_clip
from framesift import Selection, index
from framesift.store import Store
from framesift_cli.main import run

SLOW = """
import sys, time
from framesift.ingest.video import VideoJob
from framesift_cli import main
measure = VideoJob._measure
def slowly(*args):
    time.sleep({pause})
    measure(*args)
VideoJob._measure = slowly
sys.argv = ["framesift", *{arguments!r}]
main()
"""
"""The command line, at a pace at which it can be watched and stopped."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=40)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "framesift_cli", *map(str, arguments)]


# One library call -------------------------------------------------------------------------------------------------


class Recorder:
    """Takes a call down and gives *answer*."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **options: Any) -> Any:
        assert "progress" not in options or callable(options.pop("progress"))
        self.calls.append((args, options))
        return self.answer


@pytest.fixture
def nothing() -> Selection:
    return Selection(method="kmeans", seed=0, options={}, sources=[], frames=[])


SELECT_DEFAULTS = {
    "store": None,
    "method": "kmeans",
    "per_source": False,
    "seed": 0,
    "min_gap": None,
    "exclude": None,
    "at_most": False,
    "keep_duplicates": False,
    "order": 4,
    "min_per_source": 0,
    "max_per_source": None,
    "foreground": False,
    "prefer_sharp": 0.0,
    "predictions": None,
    "hard": 0.5,
    "vectors": "thumbnails",
    "normalize": True,
    "preprocess": None,
    "config": None,
    "skip_near": False,
    "metadata": None,
    "scores": None,
    "queries": None,
    "preselected": None,
    "relevant_filenames": None,
    "near_duplicates": None,
    "root": None,
    "size": 64,
    "start": None,
    "stop": None,
    "step": 1,
    "crop": None,
    "decode": "exact",
    "color": False,
    "layout": "images",
    "context": None,
    "image_format": "png",
    "picture_crop": None,
    "report": False,
    "stream": False,
    "scratch": None,
    "scratch_bytes": None,
    "device": "cpu",
    "threads": None,
    "isolate": None,
    "timeout_s": 300.0,
}
EXPORT_DEFAULTS = {
    name: SELECT_DEFAULTS[name]
    for name in ("layout", "context", "image_format", "picture_crop", "device", "threads")
} | {"inputs": None}
INDEX_DEFAULTS = {
    name: SELECT_DEFAULTS[name]
    for name in "size start stop step crop decode color stream scratch scratch_bytes device threads isolate timeout_s".split()
}


@pytest.mark.parametrize(
    ("arguments", "inputs", "n", "out", "options"),
    [
        ("a.mp4", ["a.mp4"], 20, "framesift-out", {}),
        (
            "a.mp4 b* -n 7 --method motion-kmeans --per-source --seed 4 --min-gap 0.5s --exclude x --exclude y",
            ["a.mp4", "b*"],
            7,
            "framesift-out",
            {
                "method": "motion-kmeans",
                "per_source": True,
                "seed": 4,
                "min_gap": "0.5s",
                "exclude": ["x", "y"],
            },
        ),
        (
            "a.mp4 -n 200 --min-per-source 2 --max-per-source 9 --foreground --prefer-sharp 0.1 -p x.h5 --hard 0.25",
            ["a.mp4"],
            200,
            "framesift-out",
            {
                "min_per_source": 2,
                "max_per_source": 9,
                "foreground": True,
                "prefer_sharp": 0.1,
                "predictions": [Path("x.h5")],
                "hard": 0.25,
            },
        ),
        (
            "a.mp4 --start 5% --stop 00:01:30 --step 3 --crop 0,640,0,480 --size 32 --store s --threads 3 --stream "
            "--scratch t --scratch-bytes 20G --no-isolate --timeout 9 --decode keyframes --color",
            ["a.mp4"],
            20,
            "framesift-out",
            {
                "start": "5%",
                "stop": "00:01:30",
                "step": 3,
                "crop": "0,640,0,480",
                "size": 32,
                "store": Path("s"),
                "threads": 3,
                "isolate": False,
                "timeout_s": 9.0,
                "stream": True,
                "scratch": Path("t"),
                "scratch_bytes": "20G",
                "decode": "keyframes",
                "color": True,
            },
        ),
        (
            "a.mp4 --out o --layout lightning-pose --context 1 --image-format jpeg --picture-crop 0,9,0,9 "
            "--at-most --keep-duplicates --device cpu --config c.json --skip-near --report "
            "--vectors m.onnx --preprocess p.json --raw-vectors",
            ["a.mp4"],
            20,
            "o",
            {
                "layout": "lightning-pose",
                "context": 1,
                "image_format": "jpeg",
                "picture_crop": "0,9,0,9",
                "at_most": True,
                "keep_duplicates": True,
                "config": Path("c.json"),
                "skip_near": True,
                "report": True,
                "vectors": "m.onnx",
                "preprocess": Path("p.json"),
                "normalize": False,
            },
        ),
        (
            "a.mp4 --config c.json --predictions p --metadata m.csv --scores s.csv --query q.png --query b=r --query b=t "
            "--preselected x.json --preselected y.txt --relevant-filenames f --near-duplicates 0.1 --root /in",
            ["a.mp4"],
            20,
            "framesift-out",
            {
                "config": Path("c.json"),
                "predictions": [Path("p")],
                "metadata": Path("m.csv"),
                "scores": Path("s.csv"),
                "queries": {"": [Path("q.png")], "b": [Path("r"), Path("t")]},
                "preselected": [Path("x.json"), Path("y.txt")],
                "relevant_filenames": Path("f"),
                "near_duplicates": 0.1,
                "root": Path("/in"),
            },
        ),
    ],
)
def test_select_is_one_call_of_extract(
    monkeypatch: pytest.MonkeyPatch,
    nothing: Selection,
    arguments: str,
    inputs: list[str],
    n: int,
    out: str,
    options: dict[str, Any],
) -> None:
    extract = Recorder(nothing)
    monkeypatch.setattr(framesift, "extract", extract)
    assert run(["select", *arguments.split()]) == 0
    assert extract.calls == [((inputs, n, Path(out)), SELECT_DEFAULTS | options)]


def test_index_is_one_call_of_index(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Recorder(index(clip, tmp_path / "store"))
    monkeypatch.setattr(framesift, "index", call)
    assert run(["index", "a", "b", "--store", "s"]) == 0
    assert (
        run(
            "index a --store s --size 32 --start 1 --stop 2 --step 3 --crop 0,1,0,1 --threads 2 --decode fast --color".split()
        )
        == 0
    )
    options = {
        "decode": "fast",
        "color": True,
        "size": 32,
        "start": "1",
        "stop": "2",
        "step": 3,
        "crop": "0,1,0,1",
        "threads": 2,
    }
    assert call.calls == [
        ((["a", "b"], Path("s")), INDEX_DEFAULTS),
        ((["a"], Path("s")), INDEX_DEFAULTS | options),
    ]


def test_export_is_one_call_of_export(monkeypatch: pytest.MonkeyPatch, nothing: Selection) -> None:
    read, export = Recorder(nothing), Recorder([])
    monkeypatch.setattr(framesift, "read_selection", read)
    monkeypatch.setattr(framesift, "export", export)
    assert run(["export", "x.json"]) == 0
    assert (
        run("export x.json --out o --layout deeplabcut --context 2 --image-format jpeg --threads 1".split())
        == 0
    )
    options = {"layout": "deeplabcut", "context": 2, "image_format": "jpeg", "threads": 1}
    assert read.calls == [((Path("x.json"),), {})] * 2
    assert export.calls == [
        ((nothing, Path("framesift-out")), EXPORT_DEFAULTS),
        ((nothing, Path("o")), EXPORT_DEFAULTS | options),
    ]


def test_verify_info_and_demo_are_one_call_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import framesift.demo

    verify = Recorder({"sources": 1, "frames": 2, "damaged": []})
    describe, describe_store = Recorder(([], [])), Recorder({"sources": []})
    demo = Recorder({"summary": "fine"})
    monkeypatch.setattr(framesift, "verify", verify)
    monkeypatch.setattr(framesift, "describe", describe)
    monkeypatch.setattr(framesift, "describe_store", describe_store)
    monkeypatch.setattr(framesift.demo, "demo", demo)
    Store(tmp_path / "store")
    assert run(["verify", "s"]) == run(["info", "a", "b"]) == run(["info", str(tmp_path / "store")]) == 0
    assert run(["demo"]) == run(["demo", "--out", "o"]) == 0
    assert verify.calls == [((Path("s"),), {})]
    assert describe.calls == [((["a", "b"],), {})]
    assert describe_store.calls == [((str(tmp_path / "store"),), {})]
    assert demo.calls == [((Path("framesift-demo"),), {}), ((Path("o"),), {})]


# Exit codes -------------------------------------------------------------------------------------------------------


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: Any) -> str:
    """The one line on stderr of a command that ends in *code* and prints nothing else."""
    assert run([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err


def test_0_when_all_is_well(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["select", str(clip), "-n", "3", "--out", "o"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert all(Path(line).is_file() for line in out.splitlines())
    assert err.startswith("3 frames of 1 source in ")
    assert err.count("\n") == 1


def test_3_when_inputs_were_set_aside(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.mp4").write_bytes(b"no video")
    assert run(["select", str(clip), "broken.mp4", "none.mp4", "-n", "3"]) == 3
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "set aside: none.mp4: no such file or folder\n" in err
    assert "broken.mp4: not a video" in err
    assert run(["index", str(clip), "none.mp4", "--store", "s", "--quiet"]) == 3
    assert run(["info", str(clip), "none.mp4"]) == 3


@pytest.mark.parametrize("name", ["select", "index", "info"])
def test_4_when_nothing_is_usable(capsys: pytest.CaptureFixture[str], name: str) -> None:
    Path("broken.mp4").write_bytes(b"no video")
    store = ["--store", "s"] if name == "index" else []
    assert "no such file or folder" in fails(capsys, 4, name, "none.mp4", *store)
    assert "not a video" in fails(capsys, 4, name, "broken.mp4", *store)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--crop 1,2,3", "x1,x2,y1,y2"),
        ("--crop 5,5,0,9", "0 <= x1 < x2"),
        ("--picture-crop a,b,c,d", "x1,x2,y1,y2"),
        ("--picture-crop 0,97,0,64", "reaches outside the 96x64 frames"),
        ("--start 9 --stop 9", "start must be before stop"),
        ("--start soon", "start must be"),
        ("-n 41", "41 frames were asked for, 40 distinct ones can be had"),
        ("-n 0", "n must be at least 1"),
        ("-n few", "'-n'"),
        ("--method oracle", "'oracle'"),
        ("--layout sleap", "'sleap'"),
        ("--seed -1", "seed must not be negative"),
        ("--min-gap x", "min_gap"),
        ("--size 4", "size must be from 8 to 512"),
        ("--step 0", "step must be at least 1"),
        ("--threads 0", "threads must be at least 1"),
        ("--context -1", "context must not be negative"),
        ("--device tpu", "'tpu'"),
        ("--exclude /no/such", "neither a folder"),
        ("--frobnicate", "--frobnicate"),
        ("--out {clip}/out", "cannot be written"),
        ("--store {clip}", "not a framesift store"),
    ],
)
def test_2_when_the_usage_is_wrong(
    clip: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    assert message in fails(capsys, 2, "select", clip, *arguments.format(clip=clip).split())


@pytest.mark.parametrize("arguments", ["select", "index a.mp4", "frobnicate", "export", "verify", "info"])
def test_2_when_an_argument_is_missing_or_unknown(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    fails(capsys, 2, *arguments.split())


def test_2_when_a_store_or_selection_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    fails(capsys, 2, "export", tmp_path / "x.json")
    fails(capsys, 2, "export", tmp_path / "y.json")
    fails(capsys, 2, "verify", tmp_path)
    fails(capsys, 2, "verify", tmp_path / "nowhere")


def test_2_when_another_version_wrote_the_store(
    clip: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    index(clip, store)
    group = json.loads((store / "zarr.json").read_text())
    group["attributes"]["framesift"]["schema_version"] = 999
    (store / "zarr.json").write_text(json.dumps(group))
    for arguments in (["select", clip, "--store", store], ["verify", store], ["info", store]):
        assert "schema version 999" in fails(capsys, 2, *arguments)


def test_5_while_another_process_writes_the_store(
    clip: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Store(tmp_path / "store").writing():
        assert "is being written by" in fails(capsys, 5, "select", clip, "--store", tmp_path / "store")
    assert run(["select", str(clip), "-n", "1", "--store", str(tmp_path / "store")]) == 0


def test_6_when_stored_data_is_damaged(
    clip: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    made = index(clip, store)
    assert run(["verify", str(store)]) == 0
    assert capsys.readouterr().err == "1 source, 40 frames, 0 damaged\n"
    chunk = store / "sources" / made.records[0].id / "thumbnails" / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    assert run(["verify", str(store), "--json"]) == 6
    out, err = capsys.readouterr()
    assert len(json.loads(out)["damaged"]) == 1
    assert err.startswith("damaged: ")
    assert err.count("\n") == 1
    assert "is damaged" in fails(capsys, 6, "select", clip, "--store", store)


def test_6_when_a_source_changed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = make_clip(tmp_path / "own.mp4", n=12)
    assert run(["select", str(path), "-n", "2"]) == 0
    capsys.readouterr()
    make_clip(path, n=13)
    assert "has changed" in fails(capsys, 6, "export", "framesift-out/selection.json")


def test_7_when_memory_is_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(framesift, "extract", fail)
    assert "out of memory" in fails(capsys, 7, "select", "a.mp4")


def test_1_when_it_is_our_fault(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(framesift, "extract", fail)
    assert run(["select", "a.mp4"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("internal error: a wheel came off (this is a bug in framesift")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_goes_on_where_it_was(
    clip: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    store = tmp_path / "store"
    arguments = [
        "select",
        str(clip),
        "-n",
        "3",
        "--store",
        str(store),
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    script = SLOW.format(pause=0.25, arguments=arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(store.glob("progress/*")):
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert err == "stopped; with --store, the same command goes on from here\n"
    assert not list(store.glob("commits/*"))
    assert run(arguments) == 0


def test_a_reader_that_had_enough_is_no_error(clip: Path) -> None:
    process = subprocess.Popen(
        command("select", clip, "-n", 40, "--json", "--quiet"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


# Output -----------------------------------------------------------------------------------------------------------


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out, _ = capsys.readouterr()
    found: dict[str, Any] = json.loads(out)
    return found


def test_json_is_one_object(clip: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["select", str(clip), "-n", "3", "--json", "--out", "o"]) == 0
    chosen = printed(capsys)
    assert chosen == json.loads(Path("o/selection.json").read_text())
    assert run(["index", str(clip), "--store", "s", "--json"]) == 0
    assert printed(capsys)["n_frames"] == 40
    assert run(["export", "o/selection.json", "--out", "again", "--json"]) == 0
    assert printed(capsys)["frames"] == chosen["frames"]
    assert run(["info", str(clip), "--json"]) == 0
    assert printed(capsys)["sources"][0]["n_frames"] == 40
    assert run(["info", "s", "--json"]) == 0
    assert printed(capsys)["sources"][0]["n_frames"] == 40
    assert run(["verify", "s", "--json"]) == 0
    assert printed(capsys) == {"sources": 1, "frames": 40, "damaged": []}


def test_info_says_what_is_there_in_words(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(clip)]) == 0
    assert capsys.readouterr().out.startswith(f"{clip}: 40 frames of 96x64 at 25 frames/s, h264 yuv420p, ")
    index(clip, "s")
    assert run(["info", "s"]) == 0
    assert f"{clip}: 40 frames of 96x64" in capsys.readouterr().out
    index(clip, "s", decode="coarse")
    assert run(["info", "s"]) == 0
    assert " of them decoded (coarse)" in capsys.readouterr().out


def test_quiet_is_quiet(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", str(clip), "--store", "s", "-q"]) == 0
    assert run(["verify", "s", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_long_run_away_from_a_terminal_says_a_line_every_30_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framesift_cli import progress

    seconds: Iterator[float] = iter(np.arange(0, 1000, 7.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with progress.reporting() as show:
        for done in range(10):
            show(framesift.Progress(stage="index", done=done, total=10, source="a"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Indexing (a): 4 of 10 frames", "Indexing (a): 9 of 10 frames"]


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_a_terminal_sees_a_bar_with_the_rate_and_stdout_stays_clean(clip: Path) -> None:
    import pty

    master, slave = pty.openpty()
    script = SLOW.format(pause=0.05, arguments=["select", str(clip), "-n", "2", "--json"])
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=slave, env=environment
    )
    os.close(slave)
    seen = b""
    while chunk := _read(master):
        seen += chunk
    out, _ = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 0
    assert len(json.loads(out)["frames"]) == 2
    text = seen.decode()
    for expected in ("Indexing", "Writing", "frames/s", "40/40", "2/2", "clip"):
        assert expected in text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other side has closed it
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX shells")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(clip: Path, closed: str, tmp_path: Path) -> None:
    words = command("index", clip, "--store", tmp_path / "store")
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "store" / "commits").iterdir())) == 1


# Starting up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["select", "--help"], [], ["--version"]])
def test_help_is_there_at_once(arguments: list[str]) -> None:
    script = (
        "import sys; from framesift_cli.main import run; code = run(sys.argv[1:]); "
        "heavy = {'numba', 'numpy', 'zarr', 'av', 'PIL', 'sklearn', 'framesift'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("framesift 0." if "--version" in arguments else "Usage: framesift") in done.stdout


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-h"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for word in ("select", "index", "export", "info", "verify", "demo", "130/143", "6 integrity"):
        assert word in text
    assert run(["select", "-h"]) == 0
    text = capsys.readouterr().out
    assert all(method in text for method in ("kmeans", "coreset", "uniform", "random", "motion-kmeans"))


def test_names_that_are_no_text_are_no_trouble(clip: Path) -> None:
    path = os.fsencode(Path.cwd()) + b"/caf\xe9.mp4"
    Path(os.fsdecode(path)).write_bytes(clip.read_bytes())
    done = subprocess.run([*command("select", "-n", 2, "--json"), path], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sources"][0]["uri"].endswith("caf%E9.mp4")
    gone = subprocess.run([*command("select", "-n", 2), b"gon\xe9.mp4"], capture_output=True)
    assert gone.returncode == 4
    assert gone.stderr == b"error: gon\\udce9.mp4: no such file or folder\n"

"""The store: whole or not there, resumed where it was left, and never silently wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clips import CLIPS, make_clip, painted
from framesift.errors import (
    IntegrityError,
    NothingUsableError,
    StoreBusyError,
    StoreVersionError,
    UsageError,
)
from framesift.index import index, open_index
from framesift.ingest.job import Job
from framesift.ingest.memory import chunk_bytes
from framesift.ingest.rows import Rows
from framesift.source_store import SourceWriter, chunk_rows, rows_a_chunk
from framesift.store import Store
from framesift.video.decode import Decoder
from framesift_kernels import load

ROWS_A_CHUNK = 7


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine chunks and five segments in a clip of 60 frames."""
    monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _: ROWS_A_CHUNK)
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return CLIPS["h264_open_gop"].make(tmp_path / "clip.mp4")


def tree(store: Path) -> dict[str, bytes]:
    """Every file of a store but the lock, which says who wrote last."""
    files = (p for p in store.rglob("*") if p.is_file() and p.name != "writer.lock")
    return {str(p.relative_to(store)): p.read_bytes() for p in files}


def fill(store: Path, *inputs: Path, **options: Any) -> dict[str, float]:
    with index(inputs, store, **options) as made:
        return made.stats


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sources whose frames were measured, once for each frame."""
    names: list[str] = []
    for name in ("VideoJob._measure", "ImagesJob._run"):
        _count(monkeypatch, name, names)
    return names


def _count(monkeypatch: pytest.MonkeyPatch, name: str, names: list[str]) -> None:
    kind, method = name.split(".")
    module = import_module("framesift.ingest.video" if kind == "VideoJob" else "framesift.ingest.images")
    original = getattr(getattr(module, kind), method)

    def counted(job: Job, *args: Any) -> Any:
        before = job.n_done
        done = original(job, *args)
        names.extend([job.source.name] * (job.n_done - before))
        return done

    monkeypatch.setattr(getattr(module, kind), method, counted)


# Reuse ------------------------------------------------------------------------------------------------------------


def test_what_is_in_the_store_is_not_decoded_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fill(tmp_path / "store", clip)["sources_reused"] == 0
    before = tree(tmp_path / "store")
    monkeypatch.setattr(Decoder, "_decode", lambda *_: pytest.fail("decoded again"))
    stats = fill(tmp_path / "store", clip)
    assert (stats["sources_reused"], stats["frames_decoded"]) == (1, 0)
    assert tree(tmp_path / "store") == before


def test_a_touched_file_is_reused_and_a_changed_one_rebuilt(clip: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    fill(store, clip)
    clip.touch()
    assert fill(store, clip)["sources_reused"] == 1
    make_clip(clip, n=20)
    stats = fill(store, clip)
    assert (stats["sources_reused"], stats["frames_decoded"]) == (0, 20)
    fill(tmp_path / "anew", clip)
    assert tree(store) == tree(tmp_path / "anew")


@pytest.mark.parametrize(
    "options",
    [{"size": 32}, {"start": 3}, {"stop": 0.5}, {"step": 2}, {"crop": (0, 48, 0, 64)}, {"decode": "coarse"}],
)
def test_other_options_rebuild_the_source(clip: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    fill(tmp_path / "store", clip)
    assert fill(tmp_path / "store", clip, **options)["sources_reused"] == 0
    fill(tmp_path / "anew", clip, **options)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")
    assert fill(tmp_path / "store", clip, **options)["sources_reused"] == 1


def test_a_source_is_added_beside_those_that_are_there(
    clip: Path, tmp_path: Path, measured: list[str]
) -> None:
    other = make_clip(tmp_path / "other.mp4", n=10)
    fill(tmp_path / "store", clip)
    measured.clear()
    stats = fill(tmp_path / "store", clip, other, isolate=False)
    assert measured == ["other"] * 10
    assert stats["sources_reused"] == 1
    with open_index(tmp_path / "store") as opened:
        assert sorted(record.name for record in opened.records) == ["clip", "other"]


def test_stores_are_alike_byte_by_byte_whatever_the_threads(clip: Path, tmp_path: Path) -> None:
    for threads in (1, 2, 4):
        fill(tmp_path / f"store{threads}", clip, threads=threads)
    assert tree(tmp_path / "store1") == tree(tmp_path / "store2") == tree(tmp_path / "store4")


def test_a_temporary_store_is_deleted(clip: Path) -> None:
    made = index(clip)
    assert made.store.path.exists()
    made.close()
    assert not made.store.path.exists()


def test_a_temporary_store_is_deleted_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NothingUsableError):
        index(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(NothingUsableError):
        index(tmp_path / "text.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["text.mp4"]


# Interruption -----------------------------------------------------------------------------------------------------


class Stop(BaseException):
    """Stands for whatever may end a run at any place."""


def interrupt(monkeypatch: pytest.MonkeyPatch, method: str, call: int, *, after: bool) -> None:
    """Have the given call of a method of `SourceWriter` end the run, before it or after it."""
    original: Callable[..., Any] = getattr(SourceWriter, method)
    n_calls = 0

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        is_the_one = n_calls == call
        if is_the_one and not after:
            raise Stop
        done = original(*args, **kwargs)
        if is_the_one:
            raise Stop
        return done

    monkeypatch.setattr(SourceWriter, method, interrupted)


PLACES = [
    ("write", 1, False),
    ("write", 1, True),
    ("write", 4, False),
    ("write", 8, True),
    ("write", 9, True),
    ("write_motion", 3, False),
    ("commit", 1, False),
    ("commit", 1, True),
]


@pytest.mark.parametrize(("method", "call", "after"), PLACES)
@pytest.mark.parametrize(
    ("name", "threads"), [("h264_open_gop", 2), ("h264_one_keyframe", 1), ("h264_raw", 1)]
)
def test_an_interrupted_run_is_resumed_and_ends_bit_identical(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    threads: int,
    method: str,
    call: int,
    after: bool,
) -> None:
    path = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    fill(tmp_path / "store", path)
    expected = tree(tmp_path / "store")
    Store(tmp_path / "store").discard(next(iter(Store(tmp_path / "store").records())))
    with monkeypatch.context() as patch:
        interrupt(patch, method, call, after=after)
        with pytest.raises(Stop):
            fill(tmp_path / "store", path, threads=threads)
    assert bool(Store(tmp_path / "store").records()) == (method == "commit" and after)
    fill(tmp_path / "store", path, threads=threads)
    assert tree(tmp_path / "store") == expected


def test_chunks_that_are_whole_are_not_measured_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, "write", 5, after=True)
        with pytest.raises(Stop):
            fill(tmp_path / "store", clip, threads=1)
    measured.clear()
    fill(tmp_path / "store", clip, threads=1)
    assert len(measured) == 60 - 5 * ROWS_A_CHUNK


def test_segments_of_whole_chunks_are_not_decoded_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, "write", 5, after=True)
        with pytest.raises(Stop):
            fill(tmp_path / "store", clip, threads=1)
    starts: list[int] = []
    original = Decoder.segment

    def noted(self: Decoder, segment: Any, *others: Any) -> Any:
        starts.append(segment.start)
        return original(self, segment, *others)

    monkeypatch.setattr(Decoder, "segment", noted)
    fill(tmp_path / "store", clip, threads=1)
    assert starts == [24, 36, 48]


def test_images_are_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[str]) -> None:
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "0.5.png").write_text("no image")
    for number in range(150):
        Image.fromarray(painted(number, (32, 24))).save(tmp_path / "shots" / f"{number}.png")
    fill(tmp_path / "anew", tmp_path / "shots")
    with monkeypatch.context() as patch:
        interrupt(patch, "write", 12, after=True)
        with pytest.raises(Stop):
            fill(tmp_path / "store", tmp_path / "shots", threads=1)
    measured.clear()
    fill(tmp_path / "store", tmp_path / "shots", threads=1)
    assert len(measured) < 100
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


@pytest.mark.parametrize("torn", ["3", "x", "\0\0\0", "\n\n"])
def test_a_torn_line_of_the_journal_counts_for_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    fill(tmp_path / "anew", clip)
    for call in (1, 2, 1):  # interrupted three times, so that lines come after the torn one
        with monkeypatch.context() as patch:
            interrupt(patch, "write", call, after=True)
            with pytest.raises(Stop):
                fill(tmp_path / "store", clip, threads=1)
        (journal,) = (tmp_path / "store" / "progress").iterdir()
        with journal.open("a") as file:
            file.write(torn)
    fill(tmp_path / "store", clip, threads=1)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


@pytest.mark.parametrize("change", ["content", "options", "chunks"])
def test_what_an_interrupted_run_left_of_another_plan_is_not_used(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, "write", 4, after=True)
        with pytest.raises(Stop):
            fill(tmp_path / "store", clip, threads=1)
    options = {"size": 32} if change == "options" else {}
    if change == "content":
        make_clip(clip, n=60, gop=10)
    if change == "chunks":
        monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _: 5)
    fill(tmp_path / "store", clip, threads=1, **options)
    fill(tmp_path / "anew", clip, threads=1, **options)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


def test_ctrl_c_stops_the_threads_and_the_run_can_be_resumed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    def pressed(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "store", clip, progress=pressed)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("framesift-worker")]
    fill(tmp_path / "store", clip)
    fill(tmp_path / "anew", clip)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


_KILLED = """
import importlib, os, signal, sys
import framesift.ingest.video, framesift.source_store as store
from framesift.index import index
store.chunk_rows = lambda _: 7
framesift.ingest.video._MIN_SEGMENT_FRAMES = 1
path, out, place, name, call = sys.argv[1:]
module = importlib.import_module(place)
original, n_calls = getattr(module, name), 0
def killed(*args, **kwargs):
    global n_calls
    n_calls += 1
    if n_calls == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(module, name, killed)
index(path, out, threads=2)
"""


@pytest.mark.parametrize(
    ("place", "name", "call"),
    [
        ("framesift.arrays", "write_document", 5),  # some arrays are described
        ("framesift.arrays", "write_atomically", 12),  # a chunk is half there
        ("framesift.source_store", "disk_errors", 4),  # a chunk is there, its line in the journal is not
        ("framesift.source_store", "write_json", 1),  # all but the commit record
    ],
)
def test_a_killed_run_is_resumed_and_ends_bit_identical(
    clip: Path, tmp_path: Path, place: str, name: str, call: int
) -> None:
    fill(tmp_path / "anew", clip)
    command = [sys.executable, "-c", _KILLED, str(clip), str(tmp_path / "store"), place, name, str(call)]
    assert subprocess.run(command, timeout=180, check=False).returncode == -signal.SIGKILL
    assert Store(tmp_path / "store").records() == {}
    fill(tmp_path / "store", clip)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


# What else lies at the path ---------------------------------------------------------------------------------------


def test_a_second_writer_is_told_who_holds_the_store(clip: Path, tmp_path: Path) -> None:
    with (
        Store(tmp_path / "store").writing(),
        pytest.raises(StoreBusyError, match=r"is being written by process \d+ on"),
    ):
        fill(tmp_path / "store", clip)
    assert fill(tmp_path / "store", clip)["frames_decoded"] == 60


def test_a_store_can_be_read_while_it_is_written(clip: Path, tmp_path: Path) -> None:
    fill(tmp_path / "store", clip)
    with Store(tmp_path / "store").writing(), open_index(tmp_path / "store") as opened:
        assert opened.reader(0).read("flags").shape == (60,)


def test_what_is_in_a_store_is_used_while_another_writes_to_it(clip: Path, tmp_path: Path) -> None:
    fill(tmp_path / "store", clip)
    (tmp_path / "empty.mp4").touch()
    with Store(tmp_path / "store").writing():
        with index([clip, tmp_path / "empty.mp4"], tmp_path / "store") as made:
            assert (made.n_rows, made.stats["sources_reused"]) == (60, 1)
            assert [item.reason for item in made.set_aside] == ["the file is empty"]
        with pytest.raises(StoreBusyError):
            index(clip, tmp_path / "store", step=2)
        other = make_clip(tmp_path / "other.mp4", n=8)
        with pytest.raises(StoreBusyError):
            index([clip, other], tmp_path / "store")


def test_a_store_that_is_read_only_is_used_but_not_added_to(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "store", clip)
    before, opened = tree(tmp_path / "store"), os.open

    def read_only(path: Any, flags: int, *args: Any) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *args)

    monkeypatch.setattr("framesift.locking.os.open", read_only)
    assert fill(tmp_path / "store", clip)["sources_reused"] == 1
    with pytest.raises(UsageError, match=r"writer\.lock cannot be written: Read-only file system"):
        index(clip, tmp_path / "store", step=2)
    assert tree(tmp_path / "store") == before


def test_a_file_system_without_locks_is_named(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(UsageError, match=r"cannot lock files \(Function not implemented\): put the store"):
        index(clip, tmp_path / "store")


def test_a_store_of_another_version_is_left_alone(clip: Path, tmp_path: Path) -> None:
    fill(tmp_path / "store", clip)
    meta = tmp_path / "store" / "zarr.json"
    data = json.loads(meta.read_text())
    data["attributes"]["framesift"]["schema_version"] = 999
    meta.write_text(json.dumps(data))
    before = tree(tmp_path / "store")
    for use in (lambda: index(clip, tmp_path / "store"), lambda: open_index(tmp_path / "store")):
        with pytest.raises(
            StoreVersionError, match="has schema version 999, this framesift reads 1; give another"
        ):
            use()
    assert tree(tmp_path / "store") == before


def test_another_folder_or_file_is_not_written_to(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    for name in ("photos", "file"):
        with pytest.raises(
            UsageError, match="exists and is not a framesift store; give an empty or new folder"
        ):
            index(clip, tmp_path / name)
    assert tree(tmp_path / "photos") == {"a.jpg": b"mine"}
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_another_zarr_group_is_not_written_to(clip: Path, tmp_path: Path) -> None:
    import zarr

    zarr.create_group(tmp_path / "other", attributes={"mine": 1})
    with pytest.raises(UsageError, match="is not a framesift store"):
        index(clip, tmp_path / "other")


def test_an_empty_folder_becomes_a_store(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert fill(tmp_path / "store", clip)["frames_decoded"] == 60


def test_nothing_is_made_where_only_reading_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a framesift store"):
        open_index(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_a_whole_source_says_so(tmp_path: Path) -> None:
    Store(tmp_path / "store")
    with pytest.raises(NothingUsableError, match="holds no whole source yet"):
        open_index(tmp_path / "store")


# Damage -----------------------------------------------------------------------------------------------------------

ARRAYS = ["thumbnails", "statistics", "content_hash", "flags", "pts", "segments"]


def chunk_files(store: Path, name: str) -> list[Path]:
    return sorted(p for p in store.glob(f"sources/*/{name}/c/**/*") if p.is_file())


@pytest.mark.parametrize("at", [0, 0.5, -1])
@pytest.mark.parametrize("name", ARRAYS)
def test_a_flipped_bit_is_an_error_and_not_a_wrong_value(
    clip: Path, tmp_path: Path, name: str, at: float
) -> None:
    fill(tmp_path / "store", clip)
    path = chunk_files(tmp_path / "store", name)[-1]
    data = bytearray(path.read_bytes())
    data[int(at * len(data)) if at > 0 else int(at)] ^= 4
    path.write_bytes(data)
    with open_index(tmp_path / "store") as opened, pytest.raises(IntegrityError, match=f"{name} is damaged"):
        opened.reader(0).read(name)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_lost_or_cut_chunk_is_an_error_and_not_zeros(clip: Path, tmp_path: Path, name: str) -> None:
    fill(tmp_path / "store", clip)
    path = chunk_files(tmp_path / "store", name)[0]
    path.write_bytes(path.read_bytes()[:-3])
    with open_index(tmp_path / "store") as opened:
        with pytest.raises(IntegrityError, match=f"{name} is damaged"):
            opened.reader(0).read(name)
        path.unlink()
        with pytest.raises(IntegrityError, match=f"{name} has lost chunk 0; rebuild it with framesift index"):
            opened.reader(0).read(name)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"id": 1}', "null"])
def test_a_damaged_commit_record_is_an_error(clip: Path, tmp_path: Path, text: str) -> None:
    fill(tmp_path / "store", clip)
    (record,) = (tmp_path / "store" / "commits").iterdir()
    record.write_text(text)
    with pytest.raises(IntegrityError, match=r"the commit record .* cannot be read"):
        open_index(tmp_path / "store")


def test_damage_in_one_chunk_leaves_the_others_readable(clip: Path, tmp_path: Path) -> None:
    fill(tmp_path / "store", clip)
    with open_index(tmp_path / "store") as opened:
        whole = opened.reader(0).read("thumbnails")
        path = next(p for p in chunk_files(tmp_path / "store", "thumbnails") if p.parts[-3] == "3")
        path.write_bytes(b"\0" * path.stat().st_size)
        np.testing.assert_array_equal(opened.reader(0).read("thumbnails", 0, 21), whole[:21])
        with pytest.raises(IntegrityError):
            opened.reader(0).read("thumbnails", 20, 22)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((1, 1), 4096), ((32, 32), 2048), ((64, 64), 512), ((43, 64), 512), ((512, 512), 256)],
)
def test_a_chunk_is_a_power_of_two_of_rows_and_a_few_megabytes(shape: tuple[int, int], rows: int) -> None:
    assert chunk_rows(shape) == rows


def test_what_a_killed_process_had_begun_to_write_is_removed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "anew", clip)
    with monkeypatch.context() as patched:
        interrupt(patched, "write", 4, after=True)
        with pytest.raises(Stop):
            index(clip, tmp_path / "store", threads=1)
    (source,) = (p for p in (tmp_path / "store" / "sources").iterdir() if p.is_dir())
    folders = [source, source / "flags" / "c", *(tmp_path / "store" / n for n in ("", "sources", "progress"))]
    for folder in folders:
        (folder / ".0.abc123.partial").write_bytes(b"half")
    fill(tmp_path / "store", clip)
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


# Memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", [False, True])
def test_rows_on_their_way_to_the_store_keep_to_their_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color: bool
) -> None:
    """One thread: a chunk that is full and stored, one shared with the next segment, all of noise."""
    monkeypatch.undo()
    monkeypatch.setattr("framesift.pages._LEAST_BYTES", 1 << 60)  # what malloc does not know is not traced
    shape = (48, 64)
    n = rows_a_chunk(shape, color=color)
    noise = np.random.Generator(np.random.Philox(1)).integers(0, 256, (n, *shape), np.uint8)
    with Store(tmp_path / "store") as store, store.writing():
        writer = SourceWriter(store, "a", n_rows=2 * n, shape=shape, key={}, color=color)
        rows = Rows(writer, load("cpu"))
        tracemalloc.start()
        _store_chunk(rows, noise)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    whole = chunk_bytes(shape, 1, color=color)
    assert 0.7 * whole < peak <= whole, f"{peak / whole:.2f} of the formula"


def _store_chunk(rows: Rows, pictures: np.ndarray) -> None:
    """Fill the first chunk but for its last row, begin the second, then hand in that row: so that it is stored."""
    first, second = rows.cursor(), rows.cursor()
    second.at(rows.writer.rows_a_chunk)
    for number, picture in enumerate(pictures):
        chunk, at = first.at(number)
        chunk.thumbnails[at] = picture
        if chunk.chroma is not None:
            chunk.chroma[at] = picture, picture[::-1]
    first.close()

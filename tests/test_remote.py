"""Sources that are elsewhere: a real S3 protocol, and servers that fail."""

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift
from clips import CLIPS, make_clip, painted_number
from framesift import Index, index
from framesift.errors import IntegrityError, NothingUsableError, ResourceError, SourceError, UsageError
from framesift.ingest.video import VideoJob
from framesift.remote import client as client_module
from framesift.remote import reader as reader_module
from framesift.remote.address import parse_address
from framesift.remote.content import FileObject, RemoteObject
from framesift.remote.reader import RangeReader
from framesift.remote.scratch import Scratch, parse_bytes
from framesift.sources import find_sources, fingerprint
from framesift_cli.main import run
from s3server import BLOCK, Server, boto, cut, header, shorter, status

pytestmark = pytest.mark.usefixtures("remote")

ARRAYS = ("thumbnails", "statistics", "content_hash", "flags", "pts", "segments")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=60, gop=10)


def assert_same(ours: Index, theirs: Index) -> None:
    """Two indices hold the same arrays, bit for bit, and say the same of their sources."""
    for a, b in zip(ours.readers(), theirs.readers(), strict=True):
        for name in ARRAYS:
            np.testing.assert_array_equal(a.read(name), b.read(name), err_msg=name, strict=True)
        for name in (
            "name",
            "kind",
            "n_bytes",
            "n_frames",
            "codec",
            "seekable",
            "doubt",
            "n_errors",
            "warnings",
        ):
            assert getattr(a.record, name) == getattr(b.record, name), name


def refused(given: Any, **options: Any) -> str:
    with pytest.raises(NothingUsableError) as error:
        index(given, **options)
    text = str(error.value)
    assert "\n" not in text
    return text.split(": ", 1)[1]


# The same as a file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["h264_faststart", "hevc_open_gop", "h264_mkv", "h264_ts", "mpeg4_avi"])
def test_an_index_is_the_same_wherever_the_video_is(
    put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, threads: int, stream: bool
) -> None:
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    path = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    uri = put(f"a folder/clip{CLIPS[name].suffix}", path)
    with index(path, threads=threads) as local, index(uri, threads=threads, stream=stream) as made:
        assert_same(made, local)
        assert made.records[0].uri == uri
        assert ("bytes_fetched" in made.stats) != stream


@pytest.mark.parametrize("stream", [False, True])
def test_a_zip_of_frames_is_read_wherever_it_is(put: Any, tmp_path: Path, stream: bool) -> None:
    import zipfile

    from PIL import Image

    path = tmp_path / "shots.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5):
            file = io.BytesIO()
            Image.fromarray(np.full((40, 60, 3), 40 * number, np.uint8)).save(file, "PNG")
            archive.writestr(f"{number}.png", file.getvalue())
    with index(path) as local, index(put("shots.zip", path), stream=stream) as made:
        assert_same(made, local)


def test_a_web_address_is_a_source(web: Server, clip: Path) -> None:
    web.files["/v/my clip.mp4"] = clip.read_bytes()
    for stream in (False, True):
        with index(clip) as local, index(f"{web.url}/v/my clip.mp4#t=3", stream=stream) as made:
            assert made.records[0].name == "my clip"
            assert made.records[0].uri == f"{web.url}/v/my%20clip.mp4"
            np.testing.assert_array_equal(
                made.reader(0).read("thumbnails"), local.reader(0).read("thumbnails")
            )


def test_a_google_address_is_a_source(
    web: Server, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"gcs_base_url": web.url, "disable_oauth": True, "client_email": "", "private_key": ""}
    (tmp_path / "account.json").write_text(json.dumps({**account, "private_key_id": ""}))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    web.files["/lab/clip.mp4"] = clip.read_bytes()
    web.always.append(header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"))
    with index("gs://lab/clip.mp4") as made:
        assert (made.records[0].uri, made.n_rows) == ("gs://lab/clip.mp4", 60)


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_object_is_a_source(clip: Path, stream: bool, tmp_path: Path) -> None:
    file = io.BytesIO(clip.read_bytes())
    file.name = "/from/memory.mp4"  # type: ignore[attr-defined]
    with index(clip) as local, index([file], stream=stream) as made:
        record = made.records[0]
        assert (record.name, record.uri) == ("memory", "file-object:memory.mp4")
        np.testing.assert_array_equal(made.reader(0).read("pts"), local.reader(0).read("pts"))
        chosen = framesift.select(made, 2)
        framesift.export(chosen, tmp_path / "out")
    again = framesift.read_selection(tmp_path / "out" / "selection.json")
    with pytest.raises(NothingUsableError, match="it was a Python file object: give it again"):
        framesift.export(again, tmp_path / "again")
    again = framesift.read_selection(tmp_path / "out" / "selection.json")
    assert len(framesift.export(again, tmp_path / "again", inputs=file)) == 2
    assert not file.closed


def test_an_open_file_is_the_file_at_its_path(clip: Path) -> None:
    with clip.open("rb") as file:
        (source,), _ = find_sources(file)
    assert source.path == clip


def test_file_objects_that_cannot_be_told_apart_or_read_are_named(clip: Path) -> None:
    files = [io.BytesIO(clip.read_bytes()) for _ in range(2)]
    assert "a file object needs a name" in refused(files[0])
    for file in files:
        file.name = "a.mp4"  # type: ignore[attr-defined]
    sources, (aside,) = find_sources([files[0], files[1]])
    assert len(sources) == 1
    assert aside.reason == "another file object is named 'a.mp4' too; name them differently"
    text = io.StringIO("no bytes")
    text.name = "b.mp4"  # type: ignore[attr-defined]
    assert refused(text) == "a file object must be opened in binary mode"


# What an address stands for ---------------------------------------------------------------------------------------


def names(*inputs: str) -> list[str]:
    sources, set_aside = find_sources(inputs)
    assert set_aside == []
    return [s.uri.removeprefix("s3://lab/") for s in sources]


def test_a_prefix_gives_what_a_folder_gives(put: Any) -> None:
    for key in (
        "d/b10.mp4 d/b2.MP4 d/notes.txt d/.hidden.mp4 d/mouse/m1.avi d/mouse/.secret/x.mp4 d/old.zarr/x.mp4 "
        "d/more/shots.zip d/a/deep/er/x.mkv other.mp4 dd/x.mp4"
    ).split():
        put(key, b"x")
    found = ["d/b2.MP4", "d/b10.mp4", "d/a/deep/er/x.mkv", "d/more/shots.zip", "d/mouse/m1.avi"]
    assert names("s3://lab/d/") == names("s3://lab/d") == found
    assert names("s3://lab/d/mouse", "s3://lab/d/") == [found[-1], *found[:-1]]
    assert names("s3://lab") == names("s3://lab/") == ["other.mp4", *found, "dd/x.mp4"]


def test_a_pattern_gives_what_a_glob_gives(put: Any) -> None:
    for key in ("v/a1.mp4", "v/a10.mp4", "v/a2.mp4", "v/x/a3.mp4", "v/b.txt", "v/[c].mp4", "w/a.mp4"):
        put(key, b"x")
    assert names("s3://lab/v/a*.mp4") == ["v/a1.mp4", "v/a2.mp4", "v/a10.mp4"]
    assert names("s3://lab/v/a?.mp4") == ["v/a1.mp4", "v/a2.mp4"]
    assert names("s3://lab/v/a[!1]*") == ["v/a2.mp4"]
    assert names("s3://lab/**/a*.mp4") == ["v/a1.mp4", "v/a2.mp4", "v/a10.mp4", "v/x/a3.mp4", "w/a.mp4"]
    assert names("s3://lab/v/x*") == ["v/x/a3.mp4"], "a folder that matches"
    assert names("s3://lab/v/[c].mp4") == ["v/[c].mp4"], "an object of that very name"


def test_a_key_of_any_name_is_that_object(put: Any, clip: Path) -> None:
    for key in ("a b%20+#?&=.mp4", "日本語.mp4", "50%.mp4", "no suffix", "quote'\".mp4"):
        with index(put(key, clip)) as made:
            assert (made.records[0].uri, made.n_rows) == (f"s3://lab/{key}", 60)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://lab/gone.mp4", "there is no such object"),
        ("s3://lab/gone/", "nothing lies below it in the bucket 'lab'"),
        ("s3://lab/gone*.mp4", "the pattern matches no video and no zip"),
        ("s3://no-such-bucket/x.mp4", "there is no bucket 'no-such-bucket'"),
        ("s3://no-such-bucket/x/", "there is no bucket 'no-such-bucket'"),
        ("s3://", "no bucket in the address; expected s3://BUCKET/KEY"),
        ("s3://lab/a//b.mp4", "its key cannot be addressed: no empty parts, . or .. between slashes"),
        ("ftp://host/x.mp4", "ftp:// is not read; expected a path, s3://, gs:// or https://"),
        ("http://example.com/x.mp4", "http:// is read from this machine only, since anyone on the way"),
        ("https://example.com/", "a web address names one file; folders of a web server cannot be listed"),
        ("https://user:pw@example.com/x.mp4", "a user or a password in an address is not used"),
        ("https://nowhere.invalid/x.mp4", "the host nowhere.invalid cannot be found, 7 times in a row"),
        ("http://127.0.0.1:1/x.mp4", "127.0.0.1:1 cannot be reached, 7 times in a row"),
    ],
)
def test_an_address_without_a_source_is_set_aside_with_the_reason(
    s3: Server, put: Any, clip: Path, uri: str, reason: str
) -> None:
    good = put("good.mp4", clip)
    put("only/notes.txt", b"x")
    with index([uri, good]) as made:
        assert [r.uri for r in made.records] == [good]
        (aside,) = made.set_aside
    assert aside.reason.startswith(reason)
    assert "pw" not in aside.uri


def test_a_prefix_without_videos_is_named(put: Any) -> None:
    put("only/notes.txt", b"x")
    assert refused("s3://lab/only/") == "no video and no zip lies below it"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>sign in</html>" * 500, "not a video that can be opened (Invalid data"),
        (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/evil.ts\n#EXT-X-ENDLIST\n",
            "not a video that can be opened",
        ),
    ],
)
def test_what_is_no_video_is_named_and_what_points_elsewhere_is_not_followed(
    web: Server, content: bytes, reason: str, stream: bool
) -> None:
    port = web.url.rsplit(":", 1)[1].encode()
    for name in ("x.mp4", "x.m3u8"):
        web.files[f"/{name}"] = content.replace(b"{port}", port)
        assert refused(f"{web.url}/{name}", stream=stream).startswith(reason)
    assert not any("evil" in r.path for r in web.requests)


def test_without_obstore_an_address_is_an_error_with_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UsageError, match=re.escape("need obstore: pip install 'framesift[s3]'")):
        index("s3://lab/x.mp4")
    assert run(["info", "s3://lab/x.mp4"]) == 2


def test_files_need_no_obstore(clip: Path) -> None:
    code = (
        f"import sys, framesift; framesift.index({str(clip)!r}).close(); assert 'obstore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Faults -----------------------------------------------------------------------------------------------------------

FAULTS = {
    "503": [
        status(503, b"<Error><Code>SlowDown</Code></Error>"),
        None,
        status(503),
        status(429),
        status(500),
    ],
    "cut": [cut(0), cut(1500), cut(7), None, cut(3000), cut(100)],
    "reset": [cut(2500, reset=True), cut(0, reset=True), cut(900, reset=True)],
    "mixed": [
        status(503),
        cut(1000),
        cut(500, reset=True),
        None,
        status(408),
        cut(5000),
        status(502),
        cut(1),
    ],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_now_and_then_is_read_all_the_same(
    s3: Server, put: Any, clip: Path, fault: str, stream: bool
) -> None:
    uri = put("clip.mp4", clip)
    s3.each = FAULTS[fault]
    with index(clip) as local, index(uri, stream=stream, threads=2) as made:
        assert_same(made, local)
        assert made.set_aside == []
    assert s3.n_faults > 0


def test_a_download_that_breaks_off_goes_on_where_it_was_by_the_same_version(
    s3: Server, put: Any, clip: Path
) -> None:
    uri = put("clip.mp4", clip)
    s3.faults = [cut(5000), cut(5000)]
    with index(uri) as made:
        assert made.stats["bytes_fetched"] == clip.stat().st_size
    starts = [int(r.range.removeprefix("bytes=").split("-")[0]) for r in s3.reads()]
    assert starts[:2] == [0, 5000]
    assert starts[2] == 10_000
    tag = f'"{hashlib.md5(clip.read_bytes()).hexdigest()}"'
    assert {r.headers["if-match"] for r in s3.reads()} == {tag}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (status(503), "its server answers 503, 7 times in a row"),
        (cut(0), "the connection to its server breaks off, 7 times in a row"),
        (cut(0, reset=True), "the connection to its server breaks off, 7 times in a row"),
        (status(403), "access to it is denied; check the credentials (AWS_… variables)"),
        (status(404), "there is no such object"),
        (status(400, b"very-secret"), "its server refuses the request (400)"),
        (status(501), "its server refuses the request (501)"),
        (status(412), "it has changed while it was being read; run again"),
    ],
)
def test_what_fails_for_good_is_set_aside_and_the_rest_goes_on(
    s3: Server, put: Any, clip: Path, tmp_path: Path, fault: Any, reason: str, stream: bool
) -> None:
    bad, good = put("bad.mp4", clip), put("good.mp4", clip)

    def only_bad(request: Any, answer: Any) -> None:
        if "bad" in request.path and request.method == "GET":
            fault(request, answer)

    s3.always.append(only_bad)
    arguments = ["index", bad, good, "--store", tmp_path / "store", "--quiet", *["--stream"] * stream]
    assert run([str(a) for a in arguments]) == 3
    with index([bad, good], tmp_path / "store", stream=stream) as made:
        assert [r.uri for r in made.records] == [good]
        assert [aside.uri for aside in made.set_aside] == [bad]
        assert made.set_aside[0].reason.startswith(reason)
        assert list(made.store.records()) == [made.records[0].id], "nothing of the bad one counts"


@pytest.mark.parametrize("after", [1, 2, 5, 9])
def test_a_stream_that_dies_on_the_way_is_never_taken_for_a_shorter_video(
    s3: Server, put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("framesift.remote.reader.BLOCK_BYTES", 2000)
    path = CLIPS["h264_ts"].make(tmp_path / "clip.ts")  # which may end anywhere
    uri = put("clip.ts", path)
    s3.faults = [*[None] * after, *[status(503)] * 200]
    assert refused(uri, stream=True, threads=1).startswith("its server answers 503")


def test_a_read_that_failed_without_anyone_noticing_keeps_the_record_back(
    put: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = VideoJob._finish

    def late(self: VideoJob, pts: Any) -> Any:
        assert self.source.remote is not None
        self.source.remote.failure = SourceError("the line went dead")
        return finish(self, pts)

    monkeypatch.setattr(VideoJob, "_finish", late)
    assert refused(put("clip.mp4", clip), stream=True) == "the line went dead"


@pytest.mark.parametrize("stream", [False, True])
def test_an_object_replaced_while_it_is_read_is_set_aside(
    s3: Server, put: Any, clip: Path, moto: tuple[str, int], stream: bool
) -> None:
    uri = put("clip.mp4", clip)
    other = clip.read_bytes()[:-1] + b"x"

    def replace(_: Any, __: Any) -> None:
        if len(s3.reads()) == 1:
            boto(moto).put_object(Bucket="lab", Key="clip.mp4", Body=other)

    s3.always.append(replace)
    assert refused(uri, stream=stream) == "it has changed while it was being read; run again"


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_ignores_if_match_is_found_out_by_its_tag(
    web: Server, clip: Path, stream: bool
) -> None:
    web.files["/x.mp4"] = clip.read_bytes()

    def another(_: Any, answer: Any) -> None:
        answer.headers["ETag"] = f'W/"{len(web.reads())}"'

    web.always.append(another)
    assert refused(f"{web.url}/x.mp4", stream=stream) == "it has changed while it was being read; run again"


def test_a_body_shorter_than_the_range_is_noticed(web: Server, clip: Path) -> None:
    web.files["/x.mp4"] = clip.read_bytes()
    web.always.append(lambda r, a: shorter(1)(r, a) if r.range != "bytes=0-0" else None)
    assert refused(f"{web.url}/x.mp4") == "its server sends less than it promises, 7 times in a row"
    assert (
        refused(f"{web.url}/x.mp4", stream=True) == "its server sends less than it promises, 7 times in a row"
    )


def test_a_server_without_ranges_is_downloaded_and_not_streamed(web: Server, clip: Path) -> None:
    web.files["/x.mp4"] = clip.read_bytes()

    def whole(_: Any, answer: Any) -> None:
        data = web.files["/x.mp4"]
        answer.status, answer.body = 200, data
        answer.headers = {"Content-Length": str(len(data)), "ETag": '"1"'}

    web.always.append(whole)
    web.faults = [None, None, cut(5000), cut(5000)]
    with index(clip) as local, index(f"{web.url}/x.mp4") as made:
        np.testing.assert_array_equal(made.reader(0).read("thumbnails"), local.reader(0).read("thumbnails"))
        assert made.stats["bytes_fetched"] == clip.stat().st_size
    assert refused(f"{web.url}/x.mp4", stream=True).startswith("its server sends whole files only")


def test_redirects_are_followed_but_not_for_ever(web: Server, clip: Path) -> None:
    web.files["/real.mp4"] = clip.read_bytes()

    def redirect(request: Any, answer: Any) -> None:
        if "loop" in request.path or "moved" in request.path:
            target = "/loop" if "loop" in request.path else "/real.mp4"
            answer.status, answer.body = 302, b""
            answer.headers = {"Location": target, "Content-Length": "0"}

    web.always.append(redirect)
    with index(f"{web.url}/moved.mp4") as made:
        assert (made.n_rows, made.records[0].name) == (60, "moved")
    assert refused(f"{web.url}/loop.mp4").startswith("its server redirects in a circle")


def test_what_waits_for_the_network_stops_when_it_is_told_to(s3: Server, put: Any, clip: Path) -> None:
    uri = put("clip.mp4", clip)
    s3.always.append(lambda r, a: status(503)(r, a) if r.method == "GET" else None)
    client_module.WAITS_S = (20.0,)  # the fixture puts it back

    def interrupt(step: framesift.Progress) -> None:
        if s3.reads():
            raise KeyboardInterrupt

    for stream in (False, True):
        s3.requests.clear()
        with pytest.raises(KeyboardInterrupt):
            index(uri, stream=stream, progress=interrupt)
        assert len({r.range for r in s3.reads()}) == len(s3.reads()), "none was tried again after its pause"


# Reuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_unchanged_is_reused_without_reading_it(
    s3: Server, put: Any, clip: Path, tmp_path: Path, stream: bool
) -> None:
    uri = put("clip.mp4", clip)
    index(uri, tmp_path / "store", stream=stream).close()
    s3.requests.clear()
    with index(uri, tmp_path / "store") as made:
        assert made.stats["sources_reused"] == 1
    assert s3.reads() == []
    put("clip.mp4", clip.read_bytes() + b"\0")
    with index(uri, tmp_path / "store", stream=stream) as made:
        assert made.stats["sources_reused"] == 0


def test_a_source_without_a_version_is_known_by_its_content(web: Server, clip: Path, tmp_path: Path) -> None:
    web.files["/x.mp4"] = clip.read_bytes()
    web.always.append(header("ETag", None))
    (source,), _ = find_sources(f"{web.url}/x.mp4")
    (local,), _ = find_sources(clip)
    assert fingerprint(source) == fingerprint(local)
    index(f"{web.url}/x.mp4", tmp_path / "store").close()
    with index(f"{web.url}/x.mp4", tmp_path / "store", stream=True) as made:
        assert made.stats["sources_reused"] == 1


# Scratch space ----------------------------------------------------------------------------------------------------


def test_at_most_a_few_copies_are_there_and_never_more_than_the_room(
    put: Any, clip: Path, monkeypatch: pytest.MonkeyPatch, remote: Path
) -> None:
    size = clip.stat().st_size
    uris = [put(f"many/{i}.mp4", clip) for i in range(9)]
    most: list[tuple[int, int]] = []
    reserve = Scratch.reserve

    def watched(self: Scratch, *args: Any, **options: Any) -> Path:
        path = reserve(self, *args, **options)
        n_bytes = 0
        for copy in self.path.iterdir():
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                n_bytes += copy.stat().st_size
        most.append((self.n_held, n_bytes))
        return path

    monkeypatch.setattr(Scratch, "reserve", watched)
    with index(uris, threads=2) as made:
        assert made.n_rows == 9 * 60
    assert max(n for n, _ in most) <= 4
    most.clear()
    with index(uris, threads=2, scratch_bytes=int(2.5 * size)) as made:
        assert made.n_rows == 9 * 60
    assert max(n for n, _ in most) <= 2
    assert max(n_bytes for _, n_bytes in most) <= 2.5 * size


def test_what_never_fits_is_set_aside(put: Any, clip: Path) -> None:
    uri = put("clip.mp4", clip)
    assert "do not fit the scratch space of 0 MB; raise FRAMESIFT_SCRATCH_BYTES, or use --stream" in refused(
        uri, scratch_bytes="10K"
    )


def test_a_full_disk_ends_the_run(put: Any, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = put("clip.mp4", clip)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("framesift.remote.download._part", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        index(uri)


def test_the_scratch_of_a_killed_process_is_swept_and_that_of_a_living_one_is_not(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.remote.scratch._YOUNG_S", 0)
    code = "import os, framesift.remote.scratch as s; x = s.Scratch(); (x.path / 'big').touch(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = remote.iterdir()
    with Scratch() as living, Scratch():
        assert living.path.exists()
        assert not left.exists()


@pytest.mark.parametrize(
    ("text", "n"), [("1", 1), (5, 5), ("2K", 2048), ("3 MB", 3 << 20), ("20GiB", 20 << 30), ("1t", 1 << 40)]
)
def test_sizes_are_read(text: str | int, n: int) -> None:
    assert parse_bytes(text, "it") == n
    with pytest.raises(UsageError, match="it must be a number of bytes such as 500M or 20G, got"):
        parse_bytes(f"-{text}", "it")


# Reading by ranges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bytes", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 70_001])
def test_a_range_reader_reads_what_a_file_reads(n_bytes: int) -> None:
    data = np.random.default_rng(n_bytes).bytes(n_bytes)
    file = io.BytesIO(data)
    file.name = "x"  # type: ignore[attr-defined]
    rng = np.random.default_rng(1)
    with RangeReader(FileObject(file)) as reader, io.BufferedReader(RangeReader(FileObject(file))) as whole:
        assert whole.read() == data
        for _ in range(300):
            at, n = int(rng.integers(0, n_bytes + 10)), int(rng.integers(1, 6000))
            assert reader.seek(at) == at
            found = reader.read(n)
            assert found == data[at : at + len(found)]
            assert found or at >= n_bytes
        assert len(reader_module._cache._blocks) <= 16 + 8 * 2 + 4
        assert reader.seek(-min(3, n_bytes), os.SEEK_END) == n_bytes - min(3, n_bytes)
        with pytest.raises(OSError, match="before the beginning"):
            reader.seek(-1)


def test_reading_on_makes_few_requests_and_jumping_about_reads_little(put: Any, s3: Server) -> None:
    put("x.bin", bytes(100 * BLOCK))
    (remote,) = (s.path for s in find_sources("s3://lab/x.bin")[0])
    assert isinstance(remote, RemoteObject)
    s3.requests.clear()
    with RangeReader(remote) as reader:
        while reader.read(1000):
            pass
    assert len(s3.reads()) <= 100 // 4 + 3
    (remote,) = (s.path for s in find_sources("s3://lab/x.bin")[0])  # of which nothing is kept
    assert isinstance(remote, RemoteObject)
    s3.requests.clear()
    with RangeReader(remote) as reader:
        for block in (90, 3, 50, 7):
            reader.seek(block * BLOCK)
            reader.read(10)
    assert len(s3.reads()) == 4


# Secrets ----------------------------------------------------------------------------------------------------------

SIGNED = "X-Amz-Signature=5ec2e7&X-Amz-Credential=5ec2e7&X-Amz-Expires=60"


def test_a_signed_address_is_written_down_without_its_signature(
    web: Server, clip: Path, tmp_path: Path
) -> None:
    web.files["/v.mp4"] = clip.read_bytes()

    def guarded(request: Any, answer: Any) -> None:
        if "5ec2e7" not in request.path or request.method == "HEAD":
            status(403)(request, answer)

    web.always.append(guarded)
    uri, out = f"{web.url}/v.mp4?{SIGNED}&versionId=7", tmp_path / "out"
    assert (
        run(["select", uri, "-n", "3", "--out", str(out), "--quiet", "--store", str(tmp_path / "store")]) == 0
    )
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"5ec2e7" not in path.read_bytes(), path
    chosen = framesift.read_selection(out / "selection.json")
    assert chosen.sources[0].uri == f"{web.url}/v.mp4?versionId=7"
    with pytest.raises(NothingUsableError, match="access to it is denied: the address may need a signature"):
        framesift.export(chosen, tmp_path / "again")
    chosen = framesift.read_selection(out / "selection.json")
    assert len(framesift.export(chosen, tmp_path / "again", inputs=uri)) == 3
    arguments = [
        "export",
        str(out / "selection.json"),
        "--input",
        uri,
        "--out",
        str(tmp_path / "3"),
        "--quiet",
    ]
    assert run(arguments) == 0


def test_no_secret_is_told_by_an_error(web: Server, s3: Server, capfd: pytest.CaptureFixture[str]) -> None:
    web.always.append(status(400, b"5ec2e7"))
    for uri in (
        f"{web.url}/v.mp4?{SIGNED}",
        f"{web.url}/?{SIGNED}",
        f"http://example.com/v.mp4?{SIGNED}",
        "https://me:5ec2e7@example.com/v.mp4",
        f"https://[x/v.mp4?{SIGNED}",
        f"http://127.0.0.1:1/v.mp4?token=5ec2e7&{SIGNED}",
    ):
        assert run(["info", uri]) == 4
        assert run(["index", uri, "--store", "store", "--json"]) == 4
    s3.always.append(status(400, b"5ec2e7"))
    assert run(["info", "s3://lab/x.mp4"]) == 4
    out, err = capfd.readouterr()
    assert "5ec2e7" not in out + err
    assert "very-secret" not in out + err
    assert "5ec2e7" not in repr(parse_address(f"https://example.com/v.mp4?{SIGNED}"))


def test_addresses_are_told_apart_by_a_digest_of_what_may_be_secret() -> None:
    one, other = (parse_address(f"https://h/get?file={name}&sig=1&se=2") for name in "ab")
    assert one.uri != other.uri
    assert re.fullmatch(r"https://h/get\?file=~[0-9a-f]{12}", one.uri)
    assert parse_address("https://h/get?se=2&sig=7&file=a").uri == one.uri
    with pytest.raises(SourceError, match="its query was secret and not kept; give the address again"):
        parse_address(one.uri)


# The whole job ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_the_whole_job_on_a_video_that_is_elsewhere(
    put: Any, clip: Path, tmp_path: Path, stream: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = put("day 1/clip.mp4", clip)
    out = tmp_path / "out"
    arguments = ["select", uri, "-n", "4", "--out", out, "--layout", "deeplabcut", *["--stream"] * stream]
    assert run([str(a) for a in arguments]) == 0
    chosen = framesift.read_selection(out / "selection.json")
    assert chosen.sources[0].uri == uri
    local = framesift.extract(clip, 4, tmp_path / "local", layout="deeplabcut")
    assert chosen.indices() == local.indices()
    for frame in chosen.frames:
        ours, theirs = out / str(frame.file), tmp_path / "local" / str(frame.file)
        assert ours.read_bytes() == theirs.read_bytes()
    again = framesift.export(chosen, tmp_path / "again")
    assert [painted_number(np.asarray(open_picture(p))) for p in again] == chosen.indices()
    put("day 1/clip.mp4", clip.read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match="has changed since it was indexed"):
        framesift.export(chosen, tmp_path / "again")


def open_picture(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")


def test_pictures_of_a_source_that_fails_are_left_out(
    s3: Server, put: Any, clip: Path, tmp_path: Path
) -> None:
    uris = [put("bad.mp4", clip), put("good.mp4", clip)]
    chosen = framesift.extract(uris, 4, tmp_path / "out", per_source=True)
    s3.always.append(lambda r, a: status(503)(r, a) if "bad" in r.path and r.method == "GET" else None)
    framesift.export(chosen, tmp_path / "again")
    assert [aside.uri for aside in chosen.set_aside] == [uris[0]]
    assert [frame.file is None for frame in chosen.frames] == [True] * 4 + [False] * 4


def test_info_describes_what_is_elsewhere(put: Any, clip: Path) -> None:
    (ours,), _ = framesift.describe(put("clip.mp4", clip))
    (theirs,), _ = framesift.describe(clip)
    assert ours == theirs | {"uri": "s3://lab/clip.mp4"}


def test_progress_counts_what_is_fetched(put: Any, clip: Path) -> None:
    steps: list[framesift.Progress] = []
    index(put("clip.mp4", clip), progress=steps.append).close()
    last = [step for step in steps if step.stage == "download"][-1]
    assert last.done == last.total == clip.stat().st_size

"""Results and stores in a bucket."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift
from clips import make_clip
from framesift import index, open_index
from framesift.errors import IntegrityError, NothingUsableError, StoreBusyError, StoreVersionError, UsageError
from framesift.remote.output import below, parse_folder
from framesift_cli.main import run
from s3server import Server, boto, cut, status

pytestmark = pytest.mark.usefixtures("remote")

STORE = "s3://lab/some/index"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=30, gop=10)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "other.mp4", n=20, gop=10)


class Bucket:
    """What is in ``lab``, seen by another client."""

    def __init__(self, moto: tuple[str, int]) -> None:
        self._client = boto(moto)

    def keys(self, prefix: str = "") -> list[str]:
        found = self._client.list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def read(self, key: str) -> bytes:
        return self._client.get_object(Bucket="lab", Key=key)["Body"].read()

    def write(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket="lab", Key=key, Body=content)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket="lab", Key=key)


@pytest.fixture
def bucket(s3: Server, moto: tuple[str, int]) -> Bucket:
    return Bucket(moto)


def puts(server: Server) -> list[str]:
    return [r.path.removeprefix("/lab/") for r in server.requests if r.method == "PUT"]


# Output -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["images", "lightning-pose"])
def test_output_in_a_bucket_is_what_it_is_on_disk(
    s3: Server, bucket: Bucket, clip: Path, tmp_path: Path, layout: str
) -> None:
    here = framesift.extract(clip, 3, tmp_path / "out", layout=layout)
    there = framesift.extract(clip, 3, "s3://lab/my project/out/", layout=layout)
    assert [f.file for f in there.frames] == [f.file for f in here.frames]
    names = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert set(bucket.keys()) == {f"my project/out/{name}" for name in names}
    for name in names - {"selection.json", "report.html"}:  # which tell seconds
        assert bucket.read(f"my project/out/{name}") == (tmp_path / "out" / name).read_bytes(), name
    assert puts(s3)[-1].endswith("/selection.json")
    assert json.loads(bucket.read("my project/out/selection.json"))["frames"] == there.to_json()["frames"]


def test_the_command_line_writes_to_a_bucket(
    bucket: Bucket, put: Any, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = put("in/clip.mp4", clip)
    assert run(["select", uri, "-n", "2", "--out", "s3://lab/out", "--store", STORE]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.removeprefix("s3://lab/") in bucket.keys("out/") for line in lines)
    assert run(["info", STORE]) == 0
    assert f"store: {STORE}" in capfd.readouterr().out
    assert run(["verify", STORE, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"sources": 1, "frames": 30, "damaged": []}


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_decoded(
    s3: Server, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.pipeline.make_index", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(
        UsageError, match=r"no-such-bucket/out/.framesift-probe cannot be written: there is no bucket"
    ):
        framesift.extract(clip, 2, "s3://no-such-bucket/out")
    s3.always.append(lambda r, a: status(403)(r, a) if r.method == "PUT" else None)
    with pytest.raises(UsageError, match="cannot be written: access to it is denied"):
        framesift.extract(clip, 2, "s3://lab/out")
    with pytest.raises(
        UsageError, match=r"https://example.com/out cannot be written to; expected a folder, s3://"
    ):
        framesift.extract(clip, 2, "https://example.com/out?token=5ec2e7")


def test_without_its_last_file_an_output_is_not_whole(s3: Server, bucket: Bucket, clip: Path) -> None:
    s3.always.append(lambda r, a: status(503)(r, a) if "contact-sheet" in r.path else None)
    with pytest.raises(
        UsageError, match=r"contact-sheet.png cannot be written: its server answers 503, 7 times"
    ):
        framesift.extract(clip, 2, "s3://lab/out")
    assert bucket.keys("out/selection.json") == []


@pytest.mark.parametrize(
    ("text", "key"), [("s3://b", "x"), ("s3://b/", "x"), ("s3://b/a", "a/x"), ("s3://b/a/c//", "a/c/x")]
)
def test_what_lies_below_an_address_has_one_slash_before_it(text: str, key: str) -> None:
    assert below(parse_folder(text), "x").key == key


# Store ------------------------------------------------------------------------------------------------------------


def test_a_store_in_a_bucket_holds_what_one_on_disk_holds(
    s3: Server, bucket: Bucket, clip: Path, other: Path, tmp_path: Path
) -> None:
    with index([clip, other], tmp_path / "store") as here, index([clip, other], STORE) as there:
        assert there.to_json()["store"] == STORE
        assert there.records == here.records
        for name in ("thumbnails", "statistics", "content_hash", "flags", "pts", "segments"):
            for source in (0, 1):
                np.testing.assert_array_equal(here.reader(source).read(name), there.reader(source).read(name))
        picked = framesift.select(here, 5).indices()
    sent = [path for path in puts(s3) if "commits" in path or "sources" in path]
    for source in there.records:
        pack, commit = (
            next(i for i, path in enumerate(sent) if f"{kind}/{source.id}" in path)
            for kind in ("sources", "commits")
        )
        assert pack < commit, "the record comes last"
    with open_index(STORE) as opened:
        assert sorted(r.id for r in opened.records) == sorted(r.id for r in here.records)
    s3.requests.clear()
    with index([clip, other], STORE) as again:
        assert again.stats["sources_reused"] == 2
        assert framesift.select(again, 5).indices() == picked
    assert puts(s3) == []
    assert framesift.verify(STORE)["damaged"] == []
    assert framesift.describe_store(STORE)["n_frames"] == 50
    assert len(bucket.keys("some/index/")) == 5


def test_a_store_in_a_bucket_grows_by_what_is_new(bucket: Bucket, clip: Path, other: Path) -> None:
    index(clip, STORE).close()
    with index([clip, other], STORE) as made:
        assert made.stats["sources_reused"] == 1
    with index(other, STORE) as made:
        assert [r.name for r in made.records] == ["other"]


def test_other_options_replace_the_pack_and_then_the_old_one_goes(bucket: Bucket, clip: Path) -> None:
    index(clip, STORE).close()
    (before,) = bucket.keys("some/index/sources/")
    with index(clip, STORE, size=32) as made:
        assert made.stats["sources_reused"] == 0
    (after,) = bucket.keys("some/index/sources/")
    assert after != before
    with open_index(STORE) as opened:
        assert opened.records[0].options["size"] == 32


def test_what_was_sent_before_a_failure_is_reused(
    s3: Server, put: Any, bucket: Bucket, clip: Path, other: Path
) -> None:
    s3.always.append(
        lambda r, a: status(403)(r, a) if r.method == "PUT" and "sources/other" in r.path else None
    )
    with pytest.raises(UsageError, match="cannot be written: access to it is denied"):
        index([clip, other], STORE)
    s3.always.clear()
    with index([clip, other], STORE) as made:
        assert made.stats["sources_reused"] == 1


def test_a_pack_without_its_record_does_not_count(bucket: Bucket, clip: Path) -> None:
    index(clip, STORE).close()
    (record,) = bucket.keys("some/index/commits/")
    bucket.delete(record)
    with pytest.raises(NothingUsableError, match=f"the store {STORE} holds no whole source yet"):
        open_index(STORE)
    with index(clip, STORE) as made:
        assert made.stats["sources_reused"] == 0


@pytest.mark.parametrize("is_there_before", [False, True])
@pytest.mark.parametrize("is_same", [False, True])
def test_two_writers_do_not_mix_their_work(
    bucket: Bucket, clip: Path, monkeypatch: pytest.MonkeyPatch, is_there_before: bool, is_same: bool
) -> None:
    """Another process commits the same source between our reading of its record and our writing of it."""
    from framesift.packed_store import PackedStore

    if is_there_before:
        index(clip, STORE, size=16).close()
    send = PackedStore._commit_last

    def late(self: Any, *args: Any) -> None:
        monkeypatch.setattr(PackedStore, "_commit_last", send)
        index(clip, STORE, size=64 if is_same else 32).close()
        send(self, *args)

    monkeypatch.setattr(PackedStore, "_commit_last", late)
    if is_same:
        index(clip, STORE).close()
    else:
        with pytest.raises(
            StoreBusyError, match=r"another process has written .* meanwhile, with other options"
        ):
            index(clip, STORE)
    with open_index(STORE) as opened:
        assert opened.records[0].options["size"] == (64 if is_same else 32)
        opened.reader(0).check()


def test_a_store_survives_a_server_that_fails_now_and_then(s3: Server, bucket: Bucket, clip: Path) -> None:
    n = 0

    def fail(request: Any, answer: Any) -> None:
        nonlocal n
        n += 1
        if n % 3 == 1:
            (status(503) if n % 2 else cut(0))(request, answer)

    s3.always.append(fail)
    with index(clip, STORE) as made:
        thumbnails = made.reader(0).read("thumbnails")
    with open_index(STORE) as opened:
        np.testing.assert_array_equal(opened.reader(0).read("thumbnails"), thumbnails)


def test_damage_is_told(bucket: Bucket, clip: Path, other: Path) -> None:
    index([clip, other], STORE).close()
    (pack,) = bucket.keys("some/index/sources/clip")
    data = bytearray(bucket.read(pack))
    data[len(data) // 2] ^= 1
    bucket.write(pack, bytes(data))
    with pytest.raises(IntegrityError, match="is damaged; rebuild it with framesift index"):
        open_index(STORE)
    found = framesift.verify(STORE)
    assert (found["sources"], found["frames"], len(found["damaged"])) == (2, 20, 1)
    assert run(["verify", STORE, "--quiet"]) == 6
    bucket.delete(pack)
    with pytest.raises(IntegrityError, match=r"cannot be read .there is no such object.; rebuild it"):
        open_index(STORE)
    (record,) = bucket.keys("some/index/commits/clip")
    bucket.write(record, b"{")
    with pytest.raises(IntegrityError, match=r"the commit record .* cannot be read"):
        open_index(STORE)


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "c:\\escaped"])
def test_a_pack_of_a_stranger_stays_in_its_folder(
    bucket: Bucket, clip: Path, tmp_path: Path, name: str
) -> None:
    import hashlib
    import io
    import zipfile

    index(clip, STORE).close()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    digest = hashlib.blake2b(file.getvalue(), digest_size=16).hexdigest()
    (key,) = bucket.keys("some/index/commits/")
    record = json.loads(bucket.read(key))
    record["pack"] = {"n_bytes": len(file.getvalue()), "digest": digest}
    bucket.write(key, json.dumps(record).encode())
    bucket.write(f"some/index/sources/{record['record']['id']}/{digest}.zip", file.getvalue())
    with open_index(STORE) as opened:
        assert opened.room is not None
        store = opened.store.path
        found = [
            p for p in opened.room.path.parent.rglob("*escaped*") if not p.is_relative_to(store / "sources")
        ]
        assert found == []
        with pytest.raises(IntegrityError):
            opened.reader(0).check()


def test_what_is_no_store_is_told(bucket: Bucket) -> None:
    with pytest.raises(UsageError, match=r"s3://lab/none is not a framesift store"):
        open_index("s3://lab/none/")
    bucket.write("bad/framesift-store.json", b"[]")
    with pytest.raises(UsageError, match=r"s3://lab/bad is not a framesift store"):
        open_index("s3://lab/bad")
    bucket.write("new/framesift-store.json", b'{"schema_version": 99}')
    with pytest.raises(StoreVersionError, match="schema version 99, this framesift reads"):
        open_index("s3://lab/new")
    with pytest.raises(UsageError, match=r"the store s3://none-such/x cannot be .*there is no bucket"):
        open_index("s3://none-such/x")


def test_a_store_too_large_for_the_scratch_space_is_told(
    bucket: Bucket, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(clip, STORE).close()
    monkeypatch.setenv("FRAMESIFT_SCRATCH_BYTES", "1K")
    with pytest.raises(
        UsageError, match="do not fit the scratch space of 0 MB; raise FRAMESIFT_SCRATCH_BYTES"
    ):
        open_index(STORE)


def test_a_killed_run_leaves_what_was_committed(
    s3: Server, bucket: Bucket, clip: Path, other: Path, remote: Path
) -> None:
    code = (
        "import os, sys, framesift, framesift.packed_store as p\n"
        "last = p.PackedStore._commit_last\n"
        "def die(self, *args):\n"
        "    if getattr(p, 'seen', False): os._exit(9)\n"
        "    p.seen = True\n"
        "    last(self, *args)\n"
        "p.PackedStore._commit_last = die\n"
        "p.ThreadPoolExecutor = lambda n, **_: p.futures(1)\n"
        "framesift.index(sys.argv[2:], sys.argv[1], threads=1)\n"
    ).replace("p.futures(1)", "__import__('concurrent.futures').futures.ThreadPoolExecutor(1)")
    done = subprocess.run([sys.executable, "-c", code, STORE, str(clip), str(other)], check=False)
    assert done.returncode == 9
    with index([clip, other], STORE) as made:
        assert made.stats["sources_reused"] == 1
    for left in remote.iterdir():  # it is too young to be swept
        import shutil

        shutil.rmtree(left)

"""What is elsewhere is isolated too: in buckets, on the web, in file objects, copied or streamed."""

import importlib
import io
import pickle
from pathlib import Path
from typing import Any

import pytest

from clips import make_clip
from framesift import index
from framesift.index import _is_isolated
from framesift.ingest import isolation
from framesift.remote.content import RemoteObject
from framesift.sources import find_sources
from s3server import Server
from test_isolation import reasons, traps
from test_remote import assert_same

pytestmark = pytest.mark.usefixtures("remote")
__all__ = ["traps"]  # a fixture


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [make_clip(folder / f"{name}.mp4", n=n) for name, n in (("a", 30), ("b", 40))]


class File(io.BytesIO):
    def __init__(self, path: Path, name: str = "") -> None:
        super().__init__(path.read_bytes())
        self.name = name or path.name


@pytest.mark.parametrize("stream", [False, True])
def test_isolation_changes_nothing_wherever_the_videos_are(
    put: Any, web: Server, clips: list[Path], stream: bool
) -> None:
    uris = [put("a.mp4", clips[0]), web.url + "/b.mp4"]
    web.files["/b.mp4"] = clips[1].read_bytes()
    given = [*uris, File(clips[0], "c.mp4"), clips[1]]
    steps: list[Any] = []
    with (
        index(given, stream=stream, isolate=True, progress=steps.append) as made,
        index(given, stream=stream, isolate=False) as here,
    ):
        assert made.set_aside == []
        assert [record.uri for record in made.records] == [record.uri for record in here.records]
        assert_same(made, here)
        assert made.stats.get("bytes_fetched") == here.stats.get("bytes_fetched")
    assert any(step.stage == "download" for step in steps) == (not stream)


@pytest.mark.usefixtures("traps")
def test_what_crashes_elsewhere_is_set_aside_and_the_rest_goes_on(put: Any, clips: list[Path]) -> None:
    given = [put("a.mp4", clips[0]), put("crash.mp4", clips[1]), File(clips[1]), File(clips[0], "abort.mp4")]
    with index(given, isolate=True, threads=2) as made:
        assert [record.name for record in made.records] == ["a", "b"]
        assert reasons(made) == {
            "crash": "its decoder crashed (SIGSEGV)",
            "file-object:abort": "its decoder crashed (SIGABRT)",
        }


@pytest.mark.usefixtures("traps")
def test_what_hangs_elsewhere_is_set_aside(put: Any, clips: list[Path]) -> None:
    with index([put("hang.mp4", clips[1]), File(clips[0])], isolate=True, timeout_s=1.5) as made:
        assert [record.name for record in made.records] == ["a"]
        assert reasons(made) == {"hang": "no progress for 1.5 s: given up"}


def test_a_store_in_a_bucket_is_filled_by_a_worker_too(put: Any, clips: list[Path]) -> None:
    given = [put("a.mp4", clips[0]), clips[1]]
    with index(given, "s3://lab/one", isolate=True) as made, index(given, "s3://lab/two") as here:
        assert_same(made, here)
    with index(given, "s3://lab/one", isolate=True) as again:
        assert again.stats["sources_reused"] == 2
        assert "bytes_fetched" not in again.stats


def test_a_file_object_that_fails_is_set_aside(clips: list[Path]) -> None:
    class Broken(File):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 2000:
                raise ValueError("no more")
            return super().read(size if size is not None and size < 0 else min(size or 0, 1000))

    with index([Broken(clips[0]), File(clips[1])], isolate=True) as made:
        assert [record.name for record in made.records] == ["b"]
        (reason,) = reasons(made).values()
        assert reason == "the file object cannot be read (no more)"


def test_several_sources_are_isolated_wherever_they_are(
    put: Any, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("framesift.index"), "_is_isolated", _is_isolated)
    calls: list[int] = []
    original = isolation.Isolation.run

    def counted(self: Any, sources: Any, progress: Any) -> Any:
        calls.append(len(sources))
        return original(self, sources, progress)

    monkeypatch.setattr(isolation.Isolation, "run", counted)
    uri = put("a.mp4", clips[0])
    given: list[tuple[Any, dict[str, Any]]] = [
        (uri, {}),
        ([uri, clips[1]], {"isolate": False}),
        ([uri, File(clips[1])], {}),
    ]
    for inputs, options in given:
        index(inputs, **options).close()
    assert calls == [2]


def test_what_is_sent_to_a_worker_is_the_same_content(put: Any, clips: list[Path]) -> None:
    (source,), _ = find_sources(put("a.mp4", clips[0]))
    assert isinstance(source.path, RemoteObject)
    there = pickle.loads(pickle.dumps(source))
    assert there.uri == source.uri
    assert there.path.version == source.path.version
    assert there.path.read_range(10, 99) == clips[0].read_bytes()[10:99]

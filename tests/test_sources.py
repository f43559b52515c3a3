"""Inputs as people give them."""

import os
import sys
from pathlib import Path

import pytest

from clips import make_clip
from framesift.errors import NothingUsableError, SourceError
from framesift.index import index
from framesift.sources import (
    Source,
    _content_fingerprint,
    find_sources,
    fingerprint,
    list_images,
    natural_key,
)

PNG = b"\x89PNG"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Videos, images and other things, as they lie about."""
    top = tmp_path / "data"
    for name in (
        "b10.mp4 b2.MP4 notes.txt beside.png .hidden.mp4 mouse/m1.avi mouse/.secret/x.mp4 frames/10.png frames/9.png "
        "frames/label.csv frames/.thumb.png old.zarr/x.mp4 more/shots.zip empty/readme.md"
    ).split():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(name.encode())
    return top


def found(*inputs: object) -> list[tuple[str, str]]:
    sources, set_aside = find_sources(inputs)
    assert set_aside == []
    return [(s.kind, s.path.name) for s in sources]


def test_a_folder_gives_its_videos_zips_and_folders_of_images_in_natural_order(tree: Path) -> None:
    assert found(tree) == [
        ("video", "b2.MP4"),
        ("video", "b10.mp4"),
        ("images", "frames"),
        ("zip", "shots.zip"),
        ("video", "m1.avi"),
    ]


def test_what_was_made_of_sources_is_none_but_by_name(tree: Path) -> None:
    before = found(tree)
    for name in (
        "out/contact-sheet.png out/frames/b2_00000001.png out/labeled-data/b2/img1.png out/zips/b2.zip "
        "store/sources/x.png b2DLC_resnet50_labeled.mp4 project/labeled-data/b2/img1.png "
        "project/evaluation-results/test/img1.png"
    ).split():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    (tree / "store/zarr.json").write_text("{}")
    assert len(found(tree)) == len(before) + 6  # any program may have written it
    (tree / "project/config.yaml").touch()
    assert len(found(tree)) == len(before) + 4
    (tree / "out/selection.json").write_text('{\n  "framesift": "0.1.0",')
    assert found(tree, str(tree / "*"))[: len(before)] == before
    assert len(found(tree, str(tree / "o*/frames"))) == len(before) + 1
    (tree / "out/again.mp4").touch()
    assert ("video", "again.mp4") in found(tree)


def test_a_video_named_labeled_is_one(tree: Path) -> None:
    for name in ("cage_labeled.mp4", "c.mp4"):
        (tree / name).touch()
    assert ("video", "cage_labeled.mp4") in found(tree)


def test_a_folder_of_pictures_that_were_chosen_says_so(tmp_path: Path) -> None:
    (tmp_path / "selection.json").write_text('{\n  "framesift": "0.1.0",')
    (tmp_path / "contact-sheet.png").touch()
    assert "but what framesift wrote" in find_sources([tmp_path])[1][0].reason


def test_images_beside_a_video_are_not_a_source(tree: Path) -> None:
    assert ("images", "data") not in found(tree)
    (tree / "frames" / "it.mkv").touch()
    assert ("images", "frames") not in found(tree)


def test_the_order_of_the_inputs_is_kept_and_no_path_comes_twice(tree: Path) -> None:
    assert found(tree / "mouse", tree / "b10.mp4", tree, tree / "b10.mp4")[:3] == [
        ("video", "m1.avi"),
        ("video", "b10.mp4"),
        ("video", "b2.MP4"),
    ]
    assert len(found(tree, tree)) == 5


def test_a_pattern_is_expanded_in_natural_order(tree: Path) -> None:
    assert found(str(tree / "b*")) == [("video", "b2.MP4"), ("video", "b10.mp4")]
    assert found(str(tree / "**" / "*.avi")) == [("video", "m1.avi")]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "take[1]*.mp4").touch()
    assert found(tree / "take[1]*.mp4") == [("video", "take[1]*.mp4")]


def test_a_file_given_by_name_is_taken_for_a_video_whatever_its_suffix(tree: Path) -> None:
    assert found(tree / "notes.txt") == [("video", "notes.txt")]


def test_relative_and_absolute_paths_are_one_source(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert found("b2.MP4", tree / "b2.MP4", Path("b2.MP4")) == [("video", "b2.MP4")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.mp4", "no such file or folder"),
        ("gone*.mp4", "the pattern matches no video, zip or folder of images"),
        ("*.txt", "the pattern matches no video, zip or folder of images"),
        ("empty", "the folder holds no video, no zip and no image"),
        ("x" * 5000, "no such file or folder"),
        ("nul\0", "no such file or folder"),
    ],
)
def test_an_input_without_a_source_is_set_aside_with_the_reason(tree: Path, name: str, reason: str) -> None:
    sources, set_aside = find_sources([str(tree / name), tree / "b10.mp4"])
    assert [s.path.name for s in sources] == ["b10.mp4"]
    assert [(aside.uri, aside.reason) for aside in set_aside] == [(str(tree / name), reason)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_set_aside_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    _, (aside,) = find_sources(tmp_path / "pipe.mp4")
    assert aside.reason == "neither a file nor a folder"


def test_no_input_at_all_is_an_error() -> None:
    with pytest.raises(NothingUsableError, match="no input was given; expected video files"):
        find_sources([])


def test_a_loop_of_links_ends(tree: Path) -> None:
    (tree / "mouse" / "up").symlink_to(tree, target_is_directory=True)
    assert len(found(tree)) == 5


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["f10", "f2", "f1"], ["f1", "f2", "f10"]),
        (["a1b10", "a1b9", "a"], ["a", "a1b9", "a1b10"]),
        (["img²", "img2"], ["img2", "img²"]),
        (["007", "7", "08"], ["007", "7", "08"]),
    ],
)
def test_names_are_ordered_as_people_count(names: list[str], ordered: list[str]) -> None:
    assert sorted(names, key=natural_key) == ordered


def test_hidden_files_and_other_files_are_no_images(tree: Path) -> None:
    assert [p.name for p in list_images(tree / "frames")] == ["9.png", "10.png"]


# Identity ---------------------------------------------------------------------------------------------------------


def a_source(path: Path, kind: str = "video") -> Source:
    return Source(kind=kind, path=path, name=path.stem)


@pytest.mark.parametrize(
    "name", ["a b.mp4", "Ünïcödé.mp4", "日本.mp4", "..mp4", "x" * 200 + ".mp4", "a/../b:c%d.mp4"]
)
def test_an_id_is_safe_as_a_file_name(tmp_path: Path, name: str) -> None:
    found = a_source(tmp_path / name).id
    assert found.isascii()
    assert len(found) <= 61
    assert not set(found) & set("/\\:%. \0")


def test_files_of_one_name_in_different_folders_have_different_ids(tmp_path: Path) -> None:
    assert a_source(tmp_path / "a" / "x.mp4").id != a_source(tmp_path / "b" / "x.mp4").id
    assert a_source(tmp_path / "a" / "x.mp4").id == a_source(tmp_path / "a" / "x.mp4").id


@pytest.mark.parametrize("n_bytes", [1, 100, (1 << 16) + 1, 3_000_000])
@pytest.mark.parametrize("at", [0, 0.5, -1])
def test_a_changed_byte_changes_the_fingerprint_of_a_small_file(
    tmp_path: Path, n_bytes: int, at: float
) -> None:
    path = tmp_path / "file.mp4"
    data = bytearray(n_bytes)
    path.write_bytes(data)
    before = fingerprint(a_source(path))
    data[int(at * n_bytes) if at > 0 else int(at)] = 1
    path.write_bytes(data)
    assert fingerprint(a_source(path)) != before
    assert before.n_bytes == n_bytes


@pytest.mark.parametrize("n_bytes", [1, 1 << 16, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 30 << 20])
def test_a_fingerprint_reads_no_byte_twice_of_a_small_file_and_4_mb_of_others(
    tmp_path: Path, n_bytes: int
) -> None:
    read: list[tuple[int, int]] = []

    def ranges(start: int, stop: int) -> bytes:
        read.append((start, stop))
        return bytes(stop - start)

    _content_fingerprint(n_bytes, ranges)
    assert sum(stop - start for start, stop in read) == min(n_bytes, 4 << 20)
    assert (read[0][0], read[-1][1]) == (0, n_bytes)


def test_what_is_no_regular_file_is_set_aside_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    make_clip(tmp_path / "clip.mp4", n=3)
    with index(tmp_path, isolate=False) as made:
        assert [record.name for record in made.records] == ["clip"]
        assert [Path(item.uri).name for item in made.set_aside] == ["pipe.mp4"]
        assert made.set_aside[0].reason == "not a regular file"


def test_a_fingerprint_reads_4_mb_of_a_file_of_any_size(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(50 << 30)
    sizes = [fingerprint(a_source(path))]
    with path.open("r+b") as file:
        file.truncate((50 << 30) + 1)
    sizes.append(fingerprint(a_source(path)))
    assert sizes[0].digest != sizes[1].digest


def test_the_fingerprint_of_a_folder_tells_when_an_image_changes(tree: Path) -> None:
    source = a_source(tree / "frames", "images")
    before = fingerprint(source)
    (tree / "frames" / "label.csv").write_text("no image")
    assert fingerprint(source) == before
    (tree / "frames" / "9.png").write_bytes(b"longer than it was")
    assert fingerprint(source) != before


def test_an_empty_or_unreadable_file_has_no_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError, match=r"^the file is empty$"):
        fingerprint(a_source(tmp_path / "empty.mp4"))
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        fingerprint(a_source(tmp_path / "gone.mp4"))


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_a_name_that_is_not_utf8_is_a_source_all_the_same(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    Path(path).write_bytes(PNG)
    assert [s.path for s in find_sources(tmp_path)[0]] == [Path(path)]
    assert a_source(Path(path)).id.isascii()

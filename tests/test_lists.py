"""Lists of the chosen pictures for labelling tools, and what LightlyOne's worker writes beside them."""

import csv
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import yaml
from PIL import Image

import framesift
from clips import make_clip
from framesift.errors import NothingUsableError, UsageError
from framesift_cli.main import run
from peers import peer

pycoco = peer("pycocotools.coco")

N = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips in folders of their own, of one name, and a selection of 8 of their frames."""
    folder = tmp_path_factory.mktemp("lists")
    (folder / "in" / "day 1").mkdir(parents=True)
    (folder / "in" / "day#2").mkdir()
    clips = [
        make_clip(folder / "in" / "day 1" / "a.mp4", n=N),
        make_clip(folder / "in" / "day#2" / "a.mp4", n=10, size=(64, 96)),
    ]
    framesift.extract(clips, 8, folder / "out", store=folder / "store", size=16)
    return folder


def written(made: Path, *formats: str, **options: Any) -> framesift.Selection:
    path = made / "out" / "selection.json"
    framesift.write_lists(path, formats, **options)
    return framesift.read_selection(path)


def test_label_studio_gets_a_task_a_picture(made: Path) -> None:
    selection = written(made, "label-studio")
    tasks = json.loads((made / "out" / "label-studio.json").read_text())
    assert [task["id"] for task in tasks] == list(range(1, 9))
    for task, frame in zip(tasks, selection.frames, strict=True):
        place, _, file = task["data"]["image"].partition("?d=")
        assert place == "/data/local-files/"
        assert " " not in file
        assert "#" not in file
        assert unquote(file) == frame.file
        assert (made / "out" / unquote(file)).exists()
        assert task["meta"]["frame_index"] == frame.index
        folder = Path(selection.sources[frame.source].uri).parent.name
        assert task["data"]["lightlyFileName"] == f"{folder}/a-{frame.index:02d}-mp4.png"
    written(made, "label-studio", prefix="s3://bucket/")
    tasks = json.loads((made / "out" / "label-studio.json").read_text())
    assert tasks[0]["data"]["image"].startswith("s3://bucket/frames/")


def test_pycocotools_reads_the_images(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(made, "coco", categories=["mouse", "tail"])
    coco = pycoco.COCO(str(made / "out" / "coco.json"))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["mouse", "tail"]
    images = coco.loadImgs(coco.getImgIds())
    assert len(images) == 8
    for image in images:
        with Image.open(made / "out" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
    assert {(i["width"], i["height"]) for i in images} == {(96, 64), (64, 96)}


@pytest.mark.parametrize("categories", [[], ["mouse", "a: b", '"x"\n']])
def test_yolo_gets_paths_and_names(made: Path, categories: list[str]) -> None:
    selection = written(made, "yolo", categories=categories)
    lines = (made / "out" / "yolo.txt").read_text().splitlines()
    assert lines == [f"./{frame.file}" for frame in selection.frames]
    found = yaml.safe_load((made / "out" / "yolo.yaml").read_text())
    assert found == {"train": "yolo.txt", "val": "yolo.txt", "names": dict(enumerate(categories))}


def test_cvat_gets_a_manifest(made: Path) -> None:
    selection = written(made, "cvat")
    version, kind, *images = map(json.loads, (made / "out" / "manifest.jsonl").read_text().splitlines())
    assert (version, kind) == ({"version": "1.1"}, {"type": "images"})
    assert [image["name"] + image["extension"] for image in images] == [f.file for f in selection.frames]
    for image in images:
        with Image.open(made / "out" / (image["name"] + image["extension"])) as picture:
            assert picture.size == (image["width"], image["height"])


def test_what_cannot_be_listed_is_refused(made: Path, tmp_path: Path) -> None:
    path = made / "out" / "selection.json"
    with pytest.raises(UsageError, match="formats must be of label-studio, coco, yolo, cvat, got voc"):
        framesift.write_lists(path, ["coco", "voc"])
    with pytest.raises(UsageError, match="got none"):
        framesift.write_lists(path, [])
    with pytest.raises(UsageError, match="folder must be given"):
        framesift.write_lists(framesift.read_selection(path), ["coco"])
    with pytest.raises(NothingUsableError, match="none of the 8 pictures"):
        framesift.write_lists(path, ["coco"], folder=tmp_path)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_the_workers_lists_hold_every_frame_once(made: Path, tmp_path: Path) -> None:
    path = made / "out" / "selection.json"
    framesift.lightly.write_outputs(path, tmp_path, store=made / "store", embeddings=False)
    found = {
        n: lines(tmp_path / "filenames" / f"{n}_filenames.txt")
        for n in ("sampled", "removed", "duplicate", "corrupt")
    }
    everything = [f"day 1/a-{i:02d}-mp4.png" for i in range(N)] + [
        f"day#2/a-{i:02d}-mp4.png" for i in range(10)
    ]
    assert sorted(name for part in found.values() for name in part) == sorted(everything)
    folders = ("day 1", "day#2")
    chosen = framesift.read_selection(path)
    names = {Path(s.uri).parent.name: at for at, s in enumerate(chosen.sources)}
    expected = [f"{folder}/a-{i:02d}-mp4.png" for folder in folders for i in chosen.indices(names[folder])]
    assert sorted(found["sampled"]) == sorted(expected)
    assert not (tmp_path / "data" / "embeddings.csv").exists()


def test_duplicates_corrupt_frames_and_the_datapool_have_lists_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.Generator(np.random.Philox(0))
    pictures = [rng.integers(0, 256, (32, 48, 3), np.uint8) for _ in range(6)]
    for i, at in enumerate([0, 1, 1, 2, 3, 4, 5]):
        Image.fromarray(pictures[at]).save(folder / f"p{i}.png")
    (folder / "p7.png").write_bytes((folder / "p6.png").read_bytes()[:200])
    earlier = framesift.extract(folder, 1, tmp_path / "earlier", method="random")
    framesift.extract(folder, 2, tmp_path / "out", exclude=tmp_path / "earlier" / "selection.json")
    out = tmp_path / "out"
    framesift.lightly.write_outputs(
        out / "selection.json", out, exclude=tmp_path / "earlier" / "selection.json"
    )
    pool = f"p{earlier.frames[0].index}.png"
    chosen = [f"p{i}.png" for i in framesift.read_selection(out / "selection.json").indices()]
    assert lines(out / "filenames" / "sampled_filenames.txt") == sorted([pool, *chosen])
    assert lines(out / "filenames" / "sampled_filenames_excluding_datapool.txt") == chosen
    assert lines(out / "filenames" / "duplicate_filenames.txt") == ["p2.png"]
    assert lines(out / "filenames" / "corrupt_filenames.txt") == ["p7.png"]
    check = json.loads((out / "corruptness_check_information.json").read_text())
    assert check == {"corrupt_samples": {"p7.png": "OSError"}, "corrupt_videos": {}}
    sequences = json.loads((out / "data" / "sequence_information.json").read_text())
    assert [name for entry in sequences for name in entry["filenames"]] == chosen


def test_frames_that_follow_one_another_are_a_sequence(made: Path, tmp_path: Path) -> None:
    from framesift.export.worker import sequences
    from framesift.lightly.names import sample_names

    selection = framesift.read_selection(made / "out" / "selection.json")
    frame = selection.frames[0]
    place = {s.uri: at for at, s in enumerate(selection.sources)}[str(made / "in" / "day 1" / "a.mp4")]
    from dataclasses import replace

    selection.frames = [replace(frame, source=place, index=i) for i in (3, 4, 5, 9, 29)]
    with framesift.open_index(made / "store") as index:
        found = sequences(selection, index, sample_names(index))
        at = next(i for i, r in enumerate(index.records) if r.uri == selection.sources[place].uri)
        pts, base = index.reader(at).read("pts"), index.records[at].time_base
    assert [entry["frame_indices"] for entry in found] == [[3, 4, 5], [9], [29]]
    assert found[0]["video_name"] == "a.mp4"
    assert found[0]["frame_names"] == [f"day 1/a-{i:02d}-mp4.png" for i in (3, 4, 5)]
    assert found[0]["frame_timestamps_pts"] == [int(pts[i]) for i in (3, 4, 5)]
    assert found[2]["frame_timestamps_sec"] == [pytest.approx(int(pts[29]) * base[0] / base[1])]


def test_the_tables_of_embeddings_are_those_that_lightly_reads(made: Path, tmp_path: Path) -> None:
    path = made / "out" / "selection.json"
    framesift.lightly.write_outputs(path, tmp_path, store=made / "store")
    tables = {}
    for name in ("embeddings", "normalized_embeddings", "selected_embeddings"):
        with open(tmp_path / "data" / f"{name}.csv", newline="") as file:
            head, *rows = csv.reader(file)
        d = len(head) - 2
        assert head == ["filenames", *(f"embedding_{i}" for i in range(d)), "labels"]
        assert all(row[-1] == "0" for row in rows)
        tables[name] = {row[0]: np.array(row[1:-1], np.float32) for row in rows}
    assert len(tables["embeddings"]) == N + 10
    for name, x in tables["embeddings"].items():
        unit = tables["normalized_embeddings"][name]
        np.testing.assert_allclose(unit, x / np.linalg.norm(x), atol=1e-6)
    sampled = lines(tmp_path / "filenames" / "sampled_filenames.txt")
    assert list(tables["selected_embeddings"]) == sampled
    assert all(
        (tables["selected_embeddings"][n] == tables["normalized_embeddings"][n]).all() for n in sampled
    )


def test_images_of_zips_lie_below_them_and_names_are_one_line(tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.Philox(0))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (16, 16), np.uint8)).save(tmp_path / "x.png")
            archive.write(tmp_path / "x.png", f"in/p\n{i}.png")
    os.remove(tmp_path / "x.png")
    framesift.extract(tmp_path / "z.zip", 2, tmp_path / "out")
    framesift.lightly.write_outputs(tmp_path / "out" / "selection.json", tmp_path / "out", embeddings=False)
    names = lines(tmp_path / "out" / "filenames" / "sampled_filenames.txt")
    names += lines(tmp_path / "out" / "filenames" / "removed_filenames.txt")
    assert sorted(names) == [f"z/in/p%0A{i}.png" for i in range(3)]


def test_the_command_calls_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[Any] = []

    def write_lists(*arguments: Any, **options: Any) -> list[Path]:
        calls.append((arguments, options))
        return [Path("d/coco.json")]

    def write_outputs(*arguments: Any, progress: Any, **options: Any) -> list[Path]:
        calls.append((arguments, options))
        return [Path("d/x.txt")]

    monkeypatch.setattr(framesift, "write_lists", write_lists)
    monkeypatch.setattr(framesift.lightly, "write_outputs", write_outputs, raising=False)
    assert (
        run("lists d/s.json --format coco --format lightly --category a --store t --exclude e".split()) == 0
    )
    assert capsys.readouterr().out == "d/coco.json\nd/x.txt\n"
    plain = {"categories": ["a"], "prefix": "/data/local-files/?d="}
    assert calls[0] == ((Path("d/s.json"), ["coco"]), plain)
    given = {"store": Path("t"), "exclude": ["e"], "threads": None}
    assert calls[1] == ((Path("d/s.json"), Path("d")), given)
    assert run(["lists", "d/s.json"]) == 2

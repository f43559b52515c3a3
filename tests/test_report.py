"""report.html and report.json: numbers against slow ones, structure, and what strangers may put into them."""

import copy
import json
import math
import re
import types
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import framesift
import naive_report as naive
from clips import make_clip
from framesift.errors import IntegrityError, UsageError
from framesift.report import distances, maps, sets, storage
from framesift.report.charts import histogram, pooled, timeline
from framesift.report.distances import (
    least_covered,
    pair_distances,
    removed_neighbours,
    summarise,
    unit_vectors,
)
from framesift.report.histograms import BINS, distribution
from framesift.report.sets import ALL, CHOSEN, EVEN, RANDOM, spread
from framesift.report.storage import estimate_storage, open_picture, picture_path
from framesift_cli.main import run

N, PICKS = 40, 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two clips, a store of them, and a selection of 6 of 40 frames with its report."""
    folder = tmp_path_factory.mktemp("report")
    clips = [
        make_clip(folder / "a.mp4", n=N - 12, size=(96, 64)),
        make_clip(folder / "b.mp4", n=12, size=(64, 96)),
    ]
    framesift.extract(
        clips, PICKS, folder / "out", store=folder / "store", size=16, method="coreset", report=True
    )
    return folder


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    found["framesift"].pop("report_s")
    found["generalInformation"].pop("runInformation")
    return found


def vectors(made: Path) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Thumbnails of all frames, rows chosen, and (source, frame) of every row; all read anew."""
    from framesift.features.pixels import Pixels
    from framesift.machine import load_kernels

    with framesift.open_index(made / "store") as index:
        order = sorted(range(2), key=lambda at: index.records[at].name)
        x = Pixels(index, order, load_kernels("cpu")).take(np.arange(N))
    frames = [(0, i) for i in range(N - 12)] + [(1, i) for i in range(12)]
    selection = framesift.read_selection(made / "out" / "selection.json")
    return x, np.array([frames.index((f.source, f.index)) for f in selection.frames]), frames


def test_the_tables_are_what_slow_loops_find(made: Path) -> None:
    x, chosen, _ = vectors(made)
    ours = report_of(made / "out")["framesift"]
    rows_of = {
        ALL: np.arange(N),
        EVEN: np.array([(2 * i + 1) * N // (2 * PICKS) for i in range(PICKS)]),
        RANDOM: np.sort(np.random.Generator(np.random.Philox(0)).choice(N, PICKS, replace=False)),
        CHOSEN: chosen,
    }
    unit = naive.unit_components(x, N - 1)
    for name, rows, distance in (("pixels", x.tolist(), naive.rms), ("unit", unit.tolist(), math.dist)):
        found = ours["distances"][name]
        for which, at in rows_of.items():
            part = [rows[i] for i in at]
            assert found["pairs"][which] == pytest.approx(naive.pairs(part, distance), abs=2e-5), which
            if which != ALL:
                cover = naive.to_cover(rows, part, distance)
                expected = {"radius": max(cover), "mean": sum(cover) / N}
                assert found["coverage"][which] == pytest.approx(expected, abs=1e-3), which
    assert ours["sampling"][ALL] == {"n": N, "compared": N, "paired": N}


def test_neighbours_and_least_covered_frames_are_those_of_slow_loops(made: Path) -> None:
    x, chosen, frames = vectors(made)
    ours = report_of(made / "out")["framesift"]
    left = [i for i in range(N) if i not in chosen]
    for pair, row in zip(ours["removed_neighbours"], sorted(chosen), strict=True):
        apart = [naive.rms(x[row], x[i]) for i in left]
        assert pair["distance"] == pytest.approx(min(apart), abs=1e-4)
        assert (pair["selected"]["source"], pair["selected"]["index"]) == frames[row]
        removed = frames.index((pair["removed"]["source"], pair["removed"]["index"]))
        assert removed in left
        assert naive.rms(x[row], x[removed]) == pytest.approx(min(apart), abs=1e-4)
    taken = list(chosen)
    for item in ours["least_covered"]:
        cover = naive.to_cover(x, x[taken], naive.rms)
        assert item["distance"] == pytest.approx(max(cover), abs=1e-3)
        taken.append(frames.index((item["source"], item["index"])))
    assert ours["least_covered"][0]["distance"] == pytest.approx(
        ours["distances"]["pixels"]["coverage"][CHOSEN]["radius"], abs=1e-5
    )


def test_the_report_has_the_shape_of_lightlyone(made: Path) -> None:
    found = report_of(made / "out")
    sizes = found["generalInformation"]["datasetInformation"]["datasetSizes"]
    assert sizes["nInput"] == N
    assert sizes["nSelected"] == sizes["nSelectedWithDatapool"] == PICKS
    assert sizes["nRemoved"] == N - PICKS
    embedding = found["datasetAnalysis"]["embeddingInformation"]
    assert set(embedding["distanceToNearestNeighborInSet"]) == {
        "bins",
        "range",
        "input",
        "selected",
        "random",
    }
    assert set(embedding["distanceToCoverInput"]) == {"bins", "range", "selected", "random"}
    cover = embedding["distanceToCoverInput"]["selected"]
    assert sum(cover["counts"]) == N
    assert cover["metrics"]["max"] == found["framesift"]["distances"]["unit"]["coverage"][CHOSEN]["radius"]
    numeric = found["datasetAnalysis"]["metadataInformation"]["lightlyNumeric"]
    assert set(numeric) == {"luminance", "contrast", "sharpness", "motion", "snr", "uniformRowRatio"}
    for entry in numeric.values():
        assert [sum(entry[name]["counts"]) for name in ("input", "selected", "random")] == [N, PICKS, PICKS]
    assert len(found["generalInformation"]["selectedAndRemovedImageExamples"]) == PICKS


def test_histograms_count_as_slow_loops_do() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    before = rng.normal(size=300)
    after = before[::17]
    found = distribution({"input": np.append(before, [np.nan, np.inf]), "selected": after})
    low, high = min(before), max(before)
    assert found["range"] == pytest.approx([low, high], abs=1e-6)
    assert found["input"]["counts"] == naive.counts(before, low, high, BINS)
    assert found["selected"]["counts"] == naive.counts(after, low, high, BINS)
    assert found["selected"]["metrics"]["median"] == pytest.approx(float(np.median(after)), abs=1e-6)
    empty = distribution({"input": np.empty(0), "selected": np.full(3, 2.0)})
    assert empty["input"]["metrics"]["mean"] is None
    assert sum(empty["selected"]["counts"]) == 3


@pytest.mark.parametrize("m", [0, 1, 2, 3, 50])
def test_pair_distances_are_exact_for_pixels(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_DIMENSIONS", 7)
    x = np.random.Generator(np.random.Philox(m)).integers(0, 256, (m, 30), np.uint8)
    if m > 2:
        x[2] = x[0]
    exact = [math.dist(a, b) for i, a in enumerate(x.tolist()) for b in x.tolist()[i + 1 :]]
    found = pair_distances(x)
    assert found.tolist() == pytest.approx(exact, rel=1e-14)
    assert summarise(found)["min"] == (pytest.approx(min(exact), abs=1e-6) if exact else None)
    if m > 2:
        assert found[1] == 0


def test_rows_that_are_all_alike_have_no_direction() -> None:
    x = {ALL: np.full((9, 5), 7, np.uint8), CHOSEN: np.full((2, 5), 7, np.uint8)}
    unit, plane = unit_vectors(x[ALL], x)
    assert not unit[ALL].any()
    assert plane[CHOSEN].shape == (2, 2)
    assert least_covered(x, np.zeros(9, np.float32), 3) == []


def test_where_all_were_chosen_nothing_is_left_out() -> None:
    x = np.arange(12, dtype=np.uint8).reshape(4, 3)
    rows = np.arange(4)
    assert not len(removed_neighbours({ALL: x, CHOSEN: x}, {ALL: rows, CHOSEN: rows})[0])


@pytest.mark.parametrize(("n", "k"), [(0, 3), (1, 3), (5, 5), (6, 5), (65537, 4096), (10, 1)])
def test_what_is_spread_evenly_lies_in_equal_parts(n: int, k: int) -> None:
    found = spread(n, k)
    assert len(found) == len(set(found.tolist())) == min(n, k)
    if n > k:
        assert all(i * n // k <= row < (i + 1) * n / k + 1 for i, row in enumerate(found))


def test_it_is_the_same_from_a_store_from_the_videos_and_at_once(made: Path, tmp_path: Path) -> None:
    expected = report_of(made / "out")
    path = made / "out" / "selection.json"
    framesift.report(path, tmp_path / "store", store=made / "store", map_name="pca")
    framesift.report(path, tmp_path / "anew", map_name="pca")
    framesift.report(
        framesift.read_selection(path),
        tmp_path / "given",
        store=made / "store",
        folder=made / "out",
        map_name="pca",
    )
    for name in ("store", "anew", "given"):
        assert report_of(tmp_path / name) == expected, name
    pages = {(tmp_path / name / "report.html").read_bytes() for name in ("store", "anew", "given")}
    assert len(pages) == 1


def test_large_sets_are_sampled_and_the_page_says_so(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "_MOST_BYTES", 1)
    monkeypatch.setattr(distances, "_PAIR_ROWS", 10)
    monkeypatch.setattr(sets, "_LEAST_ROWS", 16)
    found = framesift.report(made / "out" / "selection.json", tmp_path, store=made / "store", map_name="pca")
    assert found["framesift"]["sampling"][ALL] == {"n": N, "compared": 16, "paired": 10}
    text = (tmp_path / "report.html").read_text()
    assert f"16 of {N} (all)" in text
    assert f"10 of {N} (all)" in text


class Page(HTMLParser):
    """Collects what a page holds, and sees that its elements close."""

    VOID = frozenset(["meta", "img", "br"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for name, v in attrs if name in ("src", "href", "data", "action", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(made: Path) -> None:
    text = (made / "out" / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    for heading in (
        "Distances",
        "Before and after",
        "Map",
        "Least covered",
        "Nearest frames left out",
        "Storage",
    ):
        assert heading in page.text
    selection = framesift.read_selection(made / "out" / "selection.json")
    assert all(f"#{frame.index}" in page.text for frame in selection.frames)
    assert not re.search(r"\b(nan|None|inf)\b", re.sub(r"base64,[^\"]+", "", text).partition("<h2>How")[0])
    assert page.tags.count("circle") == PICKS
    assert page.tags.count("img") == PICKS + 2 * PICKS + len(
        report_of(made / "out")["framesift"]["least_covered"]
    )


def test_names_of_strangers_are_text(tmp_path: Path) -> None:
    path = make_clip(tmp_path / '<script>alert(1)<b>&"x" {0} é.mp4', n=12)
    other = make_clip(tmp_path / "other.mp4", n=3)
    framesift.extract([path, other, "<i>gone</i>"], 3, tmp_path / "out", report=True, color=True)
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert page.open == []
    assert not {"script", "i", "b"} & set(page.tags)
    assert '<script>alert(1)<b>&"x" {0} é' in page.text
    assert "<i>gone</i>" in page.text
    again = framesift.report(tmp_path / "out" / "selection.json")
    assert again["framesift"]["distances"]["pixels"]["pairs"]["chosen"]["min"] > 0


@pytest.mark.parametrize("name", ["../secret.png", "frames/../../secret.png", "/etc/hostname", "a\0b", ""])
def test_pictures_outside_the_folder_are_not_shown(made: Path, tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    selection = framesift.read_selection(made / "out" / "selection.json")
    frame = copy.copy(selection.frames[0])
    frame.file = name
    (tmp_path / "out" / "frames").mkdir(parents=True)
    assert picture_path(tmp_path / "out", frame) is None
    frame.file = "link.png"
    (tmp_path / "out" / "link.png").symlink_to(tmp_path / "secret.png")
    assert picture_path(tmp_path / "out", frame) is None


def test_what_is_no_picture_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert open_picture(tmp_path / "a.png") is None
    Image.new("RGB", (90, 90)).save(tmp_path / "b.png")
    assert open_picture(tmp_path / "b.png") is not None
    monkeypatch.setattr(storage, "_MOST_PIXELS", 8000)
    assert open_picture(tmp_path / "b.png") is None


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_storage_is_estimated_by_the_bytes_a_pixel_of_the_pictures(
    made: Path, tmp_path: Path, image_format: str
) -> None:
    selection = framesift.read_selection(made / "out" / "selection.json")
    framesift.export(selection, tmp_path, image_format=image_format)
    found = estimate_storage(selection, tmp_path)
    files = {at: [tmp_path / f.file for f in selection.frames if f.source == at and f.file] for at in (0, 1)}
    sizes = {at: [path.stat().st_size for path in paths] for at, paths in files.items()}
    frames = {0: N - 12, 1: 12}
    expected = sum(frames[at] * sum(found) / len(found) for at, found in sizes.items() if found)
    key = f"{image_format}_bytes"
    if all(sizes.values()):
        assert found[key] == pytest.approx(expected, abs=1)
    assert found["written_bytes"] == sum(map(sum, sizes.values()))
    video = (made / "a.mp4").stat().st_size + (made / "b.mp4").stat().st_size
    assert found["video_bytes"] == video
    assert found[f"{image_format}_ratio"] == pytest.approx((found[key] + video) / video, abs=0.01)
    assert found["n_sampled"] == found["n_written"] == PICKS
    nothing = estimate_storage(selection, tmp_path / "elsewhere")
    assert (nothing["png_bytes"], nothing["n_sampled"], nothing["written_bytes"]) == (None, 0, 0)


def test_damaged_and_black_frames_are_in_no_set(tmp_path: Path) -> None:
    from framesift.report.sets import find_sets
    from framesift.source_store import Flag

    path = make_clip(tmp_path / "a.mp4", n=20)
    with framesift.index(path, size=16) as index:
        selection = framesift.select(index, 3, method="uniform")
        rows = {f.index for f in selection.frames}
        bad = [row for row in range(20) if row not in rows][:4]
        flags = index.reader(0).read("flags").copy()
        flags[bad] = [Flag.DAMAGED, Flag.BLACK, Flag.DAMAGED | Flag.BLACK, Flag.BLACK]
        from framesift.arrays import Array

        Array.open(index.store.path / "sources" / index.records[0].id / "flags").write(0, flags)
        found = find_sets(selection, index)
    assert (found.n_damaged, found.n_black) == (2, 2)
    assert len(found.rows[ALL]) == 16
    for part in found.rows.values():
        assert not set(bad) & set(part.tolist())


def test_other_sources_than_those_chosen_from_are_refused(made: Path, tmp_path: Path) -> None:
    selection = framesift.read_selection(made / "out" / "selection.json")
    selection.frames[0].content_hash = "0" * 16
    with pytest.raises(IntegrityError, match="is not the frame that was chosen"):
        framesift.report(selection, tmp_path, store=made / "store")
    other = make_clip(tmp_path / "c.mp4", n=5)
    framesift.index(other, tmp_path / "other").close()
    with pytest.raises(UsageError, match="does not hold"):
        framesift.report(made / "out" / "selection.json", tmp_path, store=tmp_path / "other")
    with pytest.raises(IntegrityError, match="does not hold frame"):
        framesift.report(made / "out" / "selection.json", tmp_path, inputs=other)
    selection = framesift.read_selection(made / "out" / "selection.json")
    selection.options.pop("index")
    with pytest.raises(UsageError, match="--store"):
        framesift.report(selection, tmp_path)
    with pytest.raises(UsageError, match="out must be given"):
        framesift.report(selection)
    with pytest.raises(UsageError, match="index"):
        framesift.export(selection, tmp_path / "x", report=True)


def test_one_frame_has_a_report_too(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", n=1)
    framesift.extract(path, 1, tmp_path / "out", report=True)
    found = report_of(tmp_path / "out")["framesift"]
    assert found["distances"]["pixels"]["pairs"][CHOSEN]["mean"] is None
    assert found["distances"]["pixels"]["coverage"][CHOSEN]["radius"] == 0
    assert found["removed_neighbours"] == found["least_covered"] == []
    assert Page((tmp_path / "out" / "report.html").read_text()).open == []


def test_maps_of_packages_that_are_installed(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class UMAP:
        def __init__(self, **options: Any) -> None:
            assert options["random_state"] == 0

        def fit_transform(self, x: np.ndarray) -> np.ndarray:
            return x[:, 2:4] * 7

    path = made / "out" / "selection.json"
    monkeypatch.setattr(maps, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install umap-learn"):
        framesift.report(path, tmp_path, store=made / "store", map_name="umap")
    with pytest.raises(UsageError, match="one of pca"):
        framesift.report(path, tmp_path, store=made / "store", map_name="x")
    assert set(framesift.report(path, tmp_path, store=made / "store")["framesift"]["maps"]) == {
        "pca",
        "frames",
    }
    monkeypatch.setattr(maps, "find_spec", lambda name: name == "umap")
    monkeypatch.setitem(__import__("sys").modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    found = framesift.report(path, tmp_path, store=made / "store")
    points = np.array(found["framesift"]["maps"]["umap"]["all"])
    assert points.shape == (N, 2)
    assert points.min() >= 0
    assert points.max() <= 1
    assert found["datasetAnalysis"]["embeddingInformation"]["scatterPlotData"]["umapEmbeddingData"][
        "input2dEmbeddings"
    ]
    assert (tmp_path / "report.html").read_text().count('class="map"') == 2


def test_charts_of_little() -> None:
    assert 'class="tick"' not in timeline(0, [], None)
    assert "NaN" not in histogram([0, 0], [0, 0])
    assert pooled(np.full(3, np.nan), np.arange(3), 3).tolist() == [0, 0, 0]
    values = np.array([0.0, 4, 1, 1])
    assert pooled(values, np.arange(4), 4, bins=2).tolist() == [1, pytest.approx(1 / 3.97, abs=1e-3)]


def test_the_command_is_one_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = []

    def report(*arguments: Any, progress: Any, **options: Any) -> dict[str, Any]:
        calls.append((arguments, options))
        return {"a": 1}

    monkeypatch.setattr(framesift, "report", report)
    assert run(["report", "d/selection.json"]) == 0
    assert "d/report.html" in capsys.readouterr().err
    assert run("report s.json --out o --store t --map pca --input u --threads 2 --json".split()) == 0
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    plain = {"store": None, "map_name": "auto", "inputs": None, "threads": None}
    given = {"store": Path("t"), "map_name": "pca", "inputs": ["u"], "threads": 2}
    assert calls == [((Path("d/selection.json"), None), plain), ((Path("s.json"), Path("o")), given)]

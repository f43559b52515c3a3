"""What every method promises of the frames that it chooses, and what each one is for."""

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from PIL import Image

import naive_selection as naive
from clips import CLIPS, make_clip, painted
from framesift import Index, Selection, coverage, export, extract, index, kcenter_greedy, select
from framesift.errors import NotEnoughFramesError, UsageError
from framesift.features.vectors import ArrayVectors
from framesift.selection.checks import METHODS
from framesift.selection.gaps import parse_gap
from framesift.selection.kmeans import cluster
from framesift.source_store import Flag
from framesift_kernels import load

SIZE = (64, 48)
methods = pytest.mark.parametrize("method", METHODS)


def film(path: Path, numbers: list[int], size: tuple[int, int] = SIZE) -> Path:
    """A lossless clip whose frames show these numbers; -1 is black."""
    black = np.zeros((size[1], size[0], 3), np.uint8)
    pictures = [black if number < 0 else painted(number, size) for number in numbers]
    return make_clip(path, n=len(numbers), size=size, codec="ffv1", pictures=pictures)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [
        film(folder / "a.mkv", list(range(60))),
        film(folder / "b.mkv", list(range(100, 140)), (48, 80)),
        CLIPS["h264_vfr"].make(folder / "c.mp4"),
    ]


@pytest.fixture(scope="module")
def made(films: list[Path]) -> Any:
    with index(films, size=24) as found:
        yield found


@pytest.fixture(scope="module")
def one(films: list[Path]) -> Any:
    with index(films[0], size=24) as found:
        yield found


def picked(selection: Selection) -> list[tuple[int, int]]:
    return [(frame.source, frame.index) for frame in selection.frames]


def in_order(selection: Selection) -> list[int]:
    return [frame.index for frame in sorted(selection.frames, key=lambda frame: frame.rank)]


def rows_of(made: Index) -> np.ndarray:
    thumbnails = made.reader(0).read("thumbnails")
    return thumbnails.reshape(len(thumbnails), -1)


def mark(made: Index, source: int, frames: list[int], flag: Flag) -> None:
    flags = zarr.open_array(made.store.path / "sources" / made.records[source].id / "flags", mode="r+")
    for frame in frames:
        flags[frame] |= np.uint8(flag)


# Every method -----------------------------------------------------------------------------------------------------


@methods
@pytest.mark.parametrize("n", [1, 2, 7, 59, 60])
def test_exactly_n_distinct_frames_come_out_in_order(one: Index, method: str, n: int) -> None:
    found = select(one, n, method=method)
    indices = found.indices()
    assert len(found) == len(set(indices)) == n
    assert indices == sorted(indices)
    assert set(indices) <= set(range(60))
    assert sorted(frame.rank for frame in found.frames) == list(range(n))


@methods
def test_n_frames_are_chosen_in_all_or_of_each_source(made: Index, method: str) -> None:
    assert len(select(made, 17, method=method)) == 17
    each = select(made, 6, method=method, per_source=True)
    assert [len(each.indices(source)) for source in range(3)] == [6, 6, 6]
    assert picked(each) == sorted(picked(each))


@methods
def test_what_is_chosen_of_a_source_alone_is_chosen_of_it_with_per_source(
    made: Index, one: Index, method: str
) -> None:
    alone = select(one, 6, method=method, seed=4).indices()
    assert select(made, 6, method=method, seed=4, per_source=True).indices(0) == alone


@methods
def test_threads_chunks_and_memory_change_nothing(
    films: list[Path], made: Index, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    expected = select(made, 15, method=method, seed=5).frames
    assert select(made, 15, method=method, seed=5).frames == expected
    monkeypatch.setattr("framesift.features.pixels._IN_MEMORY_BYTES", 0)
    assert select(made, 15, method=method, seed=5).frames == expected
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    for threads, rows in [(1, 11), (3, 16)]:
        monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _, rows=rows: rows)
        with index(films, size=24, threads=threads, isolate=False) as again:
            assert select(again, 15, method=method, seed=5).frames == expected


@pytest.mark.parametrize("method", ["random", "kmeans"])
def test_another_seed_chooses_other_frames(one: Index, method: str) -> None:
    assert picked(select(one, 10, method=method, seed=1)) != picked(select(one, 10, method=method, seed=2))


@methods
def test_a_range_is_selected_from_as_if_it_were_the_whole_video(tmp_path: Path, method: str) -> None:
    whole = film(tmp_path / "whole.mkv", list(range(50)))
    part = film(tmp_path / "part.mkv", list(range(20, 45)))
    with index(whole, size=24, start=20, stop=45) as a, index(part, size=24) as b:
        in_whole, in_part = select(a, 8, method=method), select(b, 8, method=method)
    assert in_whole.indices() == [20 + i for i in in_part.indices()]
    assert [f.score for f in in_whole.frames] == [f.score for f in in_part.frames]


@methods
def test_a_step_keeps_to_its_frames(films: list[Path], method: str) -> None:
    with index(films[0], size=24, start=3, step=7) as made:
        assert select(made, 9, method=method).indices() == list(range(3, 60, 7))


@methods
def test_too_many_are_refused_with_how_many_there_are(one: Index, method: str) -> None:
    with pytest.raises(NotEnoughFramesError, match=r"61 frames were asked for, 60 distinct ones can be had"):
        select(one, 61, method=method)
    assert select(one, 61, method=method, at_most=True).indices() == list(range(60))


@methods
def test_a_video_of_one_picture_gives_one_frame(tmp_path: Path, method: str) -> None:
    with index(film(tmp_path / "still.mkv", [7] * 20), size=24) as made:
        with pytest.raises(NotEnoughFramesError, match=r"1 distinct ones can be had.*19 duplicate"):
            select(made, 2, method=method)
        (found,) = select(made, 2, method=method, at_most=True).indices()
        assert method == "random" or found == (10 if method == "uniform" else 0)
        assert len(select(made, 20, method=method, keep_duplicates=True)) == 20


@methods
def test_frames_that_look_alike_but_are_not_are_chosen_without_a_warning(tmp_path: Path, method: str) -> None:
    pictures = [np.full((48, 64, 3), 90, np.uint8) for _ in range(6)]
    for number, picture in enumerate(pictures):
        picture[0, number] += 1  # which the thumbnail does not show
    path = make_clip(tmp_path / "alike.mkv", n=6, size=SIZE, codec="ffv1", pix_fmt="bgr0", pictures=pictures)
    with index(path, size=8) as made:
        assert len(np.unique(rows_of(made), axis=0)) == 1
        for n in (1, 2, 6):
            assert len(select(made, n, method=method)) == n


@methods
@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_videos_do(tmp_path: Path, method: str, n_frames: int) -> None:
    with index(film(tmp_path / "short.mkv", list(range(n_frames))), size=24) as made:
        for n in range(1, n_frames + 1):
            assert len(select(made, n, method=method)) == n


@methods
def test_duplicate_black_and_damaged_frames_are_never_chosen(tmp_path: Path, method: str) -> None:
    numbers = [-1, 0, 1, 2, 2, 2, 3, -1, 4, 0, 5, 6, 7]
    with index(film(tmp_path / "mixed.mkv", numbers), tmp_path / "store", size=24) as made:
        mark(made, 0, [6, 10], Flag.DAMAGED)
        found = select(made, 6, method=method)
        assert found.indices() == [1, 2, 3, 8, 11, 12]
        assert found.dropped == {"damaged": 2, "black": 2, "duplicate": 3}
        with pytest.raises(NotEnoughFramesError, match="2 damaged, 2 black, 3 duplicate"):
            select(made, 7, method=method)


@methods
def test_an_image_that_cannot_be_opened_is_never_chosen(tmp_path: Path, method: str) -> None:
    for number in range(5):
        Image.fromarray(painted(number, SIZE)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    with index(tmp_path, size=24) as made:
        assert select(made, 9, method=method, at_most=True).indices() == [0, 1, 3, 4]


def test_of_copies_in_several_sources_the_first_is_kept(tmp_path: Path) -> None:
    paths = [film(tmp_path / "a.mkv", [5, 1, 2]), film(tmp_path / "b.mkv", [1, 9, 5])]
    with index(paths, size=24) as made:
        assert picked(select(made, 9, at_most=True)) == [(0, 0), (0, 1), (0, 2), (1, 1)]
        assert len(select(made, 6, keep_duplicates=True)) == 6


def test_a_source_that_has_not_enough_is_set_aside(tmp_path: Path) -> None:
    paths = [film(tmp_path / "long.mkv", list(range(9))), film(tmp_path / "short.mkv", [1, 2])]
    with index(paths, size=24) as made:
        found = select(made, 3, per_source=True)
        assert [len(found.indices(source)) for source in range(2)] == [3, 0]
        assert [item.uri for item in found.set_aside] == [str(paths[1])]
        assert "2 distinct ones can be had" in found.set_aside[0].reason
        both = select(made, 3, per_source=True, at_most=True)
        assert [len(both.indices(source)) for source in range(2)] == [3, 2]
        with pytest.raises(NotEnoughFramesError):
            select(made, 10, per_source=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"method": "foo"}, "method must be one of coverage, .*, got 'foo'"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"min_gap": "-3"}, "min_gap must be frames"),
        ({"min_gap": "soon"}, "min_gap must be frames"),
        ({"min_gap": "²"}, "min_gap must be frames"),
        ({"min_gap": 1.5}, "min_gap must be frames"),
        ({"order": 0}, "order must be a whole number from 1 to 16, got 0"),
        ({"device": "tpu"}, "tpu"),
        ({"exclude": "/no/such/folder"}, "exclude: /no/such/folder is neither"),
    ],
)
def test_options_without_sense_are_refused_in_one_sentence(
    one: Index, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        select(one, **{"n": 1, **options})


def test_the_whole_job_checks_its_options_before_it_decodes(tmp_path: Path) -> None:
    for options in (
        {"n": 0},
        {"seed": -1},
        {"exclude": ["/no/such"]},
        {"layout": "x"},
        {"picture_crop": "1"},
        {"context": -1},
    ):
        with pytest.raises(UsageError):
            extract("no-such-video.mp4", **{"n": 1, "out": tmp_path, **options})


# Gaps -------------------------------------------------------------------------------------------------------------


@methods
@pytest.mark.parametrize(("gap", "n"), [(1, 60), (2, 30), (7, 9), (11, 6), (15, 3), (59, 2), (60, 1)])
def test_a_gap_in_frames_is_kept_and_n_still_reached(one: Index, method: str, gap: int, n: int) -> None:
    indices = select(one, n, method=method, min_gap=gap).indices()
    assert len(indices) == n
    assert all(b - a >= gap for a, b in itertools.pairwise(indices))


@methods
def test_a_gap_in_seconds_is_kept_on_a_variable_frame_rate(made: Index, method: str) -> None:
    found = select(made, 17, method=method, min_gap="0.4s")
    for source in range(3):
        times = [frame.time_s for frame in found.frames if frame.source == source]
        assert all(b - a >= 0.4 - 1e-6 for a, b in itertools.pairwise(times))


def test_a_gap_that_is_too_wide_says_how_many_can_be_had(one: Index) -> None:
    with pytest.raises(NotEnoughFramesError, match="6 distinct ones can be had, at least 10 frames apart"):
        select(one, 7, min_gap="10")
    assert len(select(one, 7, min_gap="10", at_most=True)) == 6


def test_images_have_no_seconds_to_keep_apart(tmp_path: Path) -> None:
    Image.fromarray(painted(1, SIZE)).save(tmp_path / "1.png")
    with index(tmp_path, size=24) as made, pytest.raises(UsageError, match="in frames for images"):
        select(made, 1, min_gap="1s")


# Frames chosen before ---------------------------------------------------------------------------------------------


def empty_pictures(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


NAMES: dict[str, Callable[[int], str]] = {
    "DeepLabCut": "labeled-data/a/img{:02d}.png".format,
    "DeepLabCut, labelled": "labeled-data/a/img{:02d}labeled.png".format,
    "Lightning Pose": "labeled-data/a/img{:08d}.jpg".format,
    "framesift": "frames/a_{:08d}.png".format,
    "a folder of its frames": "frame_{:d}.png".format,
}


@methods
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_pictures_of_an_earlier_round_are_told_by_their_names(
    one: Index, tmp_path: Path, method: str, name: Callable[[int], str]
) -> None:
    before = [0, 13, 59]
    folder = empty_pictures(tmp_path, [name(number) for number in before])
    (folder / "contact-sheet.png").touch()
    found = select(one, 57, method=method, exclude=folder)
    assert found.indices() == sorted(set(range(60)) - set(before))
    assert found.options["n_excluded"] == 3


@methods
def test_a_second_round_keeps_clear_of_the_first(one: Index, tmp_path: Path, method: str) -> None:
    first = select(one, 4, method=method, min_gap=5)
    export(first, tmp_path / "out", layout="deeplabcut")
    for before in (tmp_path / "out" / "selection.json", tmp_path / "out"):
        second = select(one, 4, method=method, min_gap=5, exclude=[before])
        together = sorted(first.indices() + second.indices())
        assert len(together) == 8
        assert all(b - a >= 5 for a, b in itertools.pairwise(together))


def test_the_gap_is_kept_to_earlier_frames_outside_the_range_and_step(
    films: list[Path], tmp_path: Path
) -> None:
    folder = empty_pictures(tmp_path, ["labeled-data/a/img17.png", "labeled-data/a/img42.png"])
    with index(films[0], size=24, start=20, step=3) as made:
        found = select(made, 60, min_gap=4, at_most=True, method="uniform", exclude=folder).indices()
        assert found
        assert all(abs(i - before) >= 4 for i in found for before in (17, 42))
        found = select(made, 60, min_gap="0.2s", at_most=True, method="uniform", exclude=folder).indices()
        assert min(abs(i - before) for i in found for before in (17, 42)) == 5


def test_pictures_of_other_videos_exclude_nothing(one: Index, tmp_path: Path) -> None:
    names = ["labeled-data/b/img03.png", "labeled-data/aa/img04.png", "frames/b_00000005.png", "a/img99.png"]
    assert select(one, 60, exclude=empty_pictures(tmp_path, names)).options["n_excluded"] == 0


@methods
def test_videos_of_one_name_are_told_apart_in_a_second_round(tmp_path: Path, method: str) -> None:
    paths = []
    for at, folder in enumerate(["left", "right"]):
        (tmp_path / folder).mkdir()
        paths.append(film(tmp_path / folder / "cam.mkv", list(range(20 * at, 20 * at + 12))))
    with index(paths, size=24) as made:
        for layout in ("images", "deeplabcut", "lightning-pose"):
            first = select(made, 4, method=method, per_source=True)
            export(first, tmp_path / layout, layout=layout, context=0)
            second = select(made, 8, method=method, per_source=True, exclude=tmp_path / layout)
            assert not set(picked(first)) & set(picked(second))
            assert len(second) == 16
    with index(paths[1], size=24) as made:  # one of them alone
        again = select(made, 8, method=method, exclude=tmp_path / "deeplabcut")
        assert again.indices() == second.indices(1)


def test_a_copy_of_an_earlier_frame_is_not_chosen_either(tmp_path: Path) -> None:
    with index(film(tmp_path / "a.mkv", [1, 2, 1, 3]), size=24) as made:
        folder = empty_pictures(tmp_path, ["a/img2.png"])
        assert select(made, 2, exclude=folder).indices() == [1, 3]


def test_a_video_that_moved_is_known_by_its_content(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", list(range(8)))
    extract(path, 3, tmp_path / "out", size=24)
    path.rename(tmp_path / "b.mkv")
    with index(tmp_path / "b.mkv", size=24) as made:
        before = json.loads((tmp_path / "out" / "selection.json").read_text())["frames"]
        found = select(made, 5, exclude=tmp_path / "out" / "selection.json").indices()
    assert sorted(found + [frame["index"] for frame in before]) == list(range(8))


# Each method ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "order"), [(1, 4), (7, 4), (20, 1)])
def test_coverage_chooses_what_fs_coverage_picks(one: Index, n: int, order: int) -> None:
    expected, distances = coverage(rows_of(one), n, order=order)
    found = select(one, n, method="coverage", order=order)
    assert in_order(found) == expected.tolist()
    assert found.options["order"] == order
    assert "order" not in select(one, n, method="uniform").options
    assert sum(frame.score or 0 for frame in found.frames) == pytest.approx(1, abs=1e-4)
    assert (distances == 0).sum() == n


def test_coverage_covers_what_earlier_frames_do_not(one: Index, tmp_path: Path) -> None:
    before = [3, 30, 31]
    folder = empty_pictures(tmp_path, [f"a/img{number}.png" for number in before])
    found = select(one, 15, method="coverage", exclude=folder)
    assert in_order(found) == coverage(rows_of(one), 15, preselected=before)[0].tolist()
    assert 0.1 < sum(frame.score or 0 for frame in found.frames) < 1


@pytest.mark.parametrize(("n", "gap"), [(5, None), (5, 3), (12, 5), (20, 3)])
def test_coverage_of_many_frames_draws_candidates_and_still_reaches_n(
    one: Index, monkeypatch: pytest.MonkeyPatch, n: int, gap: int | None
) -> None:
    monkeypatch.setattr("framesift.selection.covers._MAX_BYTES", 0)
    monkeypatch.setattr("framesift.selection.covers._LEAST_CANDIDATES", 12)
    found = select(one, n, method="coverage", min_gap=gap).indices()
    assert len(found) == n
    assert all(b - a >= (gap or 1) for a, b in itertools.pairwise(found))
    assert select(one, n, method="coverage", min_gap=gap).indices() == found


@pytest.mark.parametrize("n", [2, 12, 40])
def test_coreset_picks_what_kcenter_greedy_picks(one: Index, n: int) -> None:
    found = in_order(select(one, n, method="coreset"))
    assert found == kcenter_greedy(rows_of(one), n, first=found[0])[0].tolist()
    apart = in_order(select(one, 9, method="coreset", min_gap=5))
    for start in (1, 4):  # what is nearer than the gap to any before is passed over
        later = [row for row in range(60) if min(abs(row - pick) for pick in apart[:start]) >= 5]
        assert naive.k_center(rows_of(one), 1, later, apart[:start]) == [apart[start]]


def test_coreset_with_a_gap_breaks_ties_towards_the_lowest_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = np.random.default_rng(5).choice([20, 60, 100, 140, 180], 48)
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    path = make_clip(tmp_path / "a.mkv", n=48, size=SIZE, codec="ffv1", pix_fmt="gray", pictures=pictures)
    with index(path, size=8) as made:
        for rows in (3, 7, 1024):
            monkeypatch.setattr("framesift.features.vectors._ROWS", rows)
            found = in_order(select(made, 9, method="coreset", min_gap=3, keep_duplicates=True))
            for start in range(1, 9):
                left = [r for r in range(48) if min(abs(r - pick) for pick in found[:start]) >= 3]
                assert naive.k_center(rows_of(made), 1, left, found[:start]) == [found[start]]


@pytest.mark.parametrize("n", [1, 2, 12, 40])
def test_coreset_is_the_greedy_k_center(one: Index, n: int) -> None:
    assert in_order(select(one, n, method="coreset")) == naive.k_center(rows_of(one), n, range(60))


def test_coreset_counts_earlier_frames_as_chosen(one: Index, tmp_path: Path) -> None:
    before = [3, 30, 31]
    folder = empty_pictures(tmp_path, [f"a/img{number}.png" for number in before])
    usable = [row for row in range(60) if row not in before]
    found = select(one, 15, method="coreset", exclude=folder)
    assert in_order(found) == naive.k_center(rows_of(one), 15, usable, before)


def test_coreset_breaks_ties_towards_the_lowest_index(tmp_path: Path) -> None:
    """Flat pictures: distances are differences of grey levels, and many are equal."""
    levels = [100, 140, 60, 140, 60, 100, 180, 20, 180, 20]
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    path = make_clip(tmp_path / "a.mkv", n=10, size=SIZE, codec="ffv1", pix_fmt="gray", pictures=pictures)
    folder = empty_pictures(tmp_path, ["a/img00.png"])
    with index(path, size=8) as made:
        x = rows_of(made)
        found = select(made, 9, method="coreset", exclude=folder, keep_duplicates=True)
    assert in_order(found) == naive.k_center(x, 9, range(1, 10), [0])
    assert in_order(found)[:4] == [6, 7, 1, 2]
    ordered = sorted(found.frames, key=lambda f: f.rank)
    assert [round(f.score) for f in ordered] == [80, 80, 40, 40, 0, 0, 0, 0, 0]


def test_the_first_of_a_coreset_are_a_coreset(made: Index) -> None:
    many, few = select(made, 20, method="coreset"), select(made, 8, method="coreset")
    assert [(f.source, f.index) for f in many.frames if f.rank < 8] == picked(few)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_kmeans_chooses_the_frame_nearest_each_centre(one: Index, n: int) -> None:
    x = rows_of(one)
    clusters = cluster(ArrayVectors(x), n, np.random.Generator(np.random.Philox(9)), load("cpu"))
    expected = naive.nearest_to_means(x, clusters.labels, clusters.centers)
    found = select(one, n, method="kmeans", seed=9)
    assert found.indices() == sorted(expected)
    assert {f.index: f.cluster for f in found.frames} == {row: c for c, row in enumerate(expected)}


def test_kmeans_finds_every_scene(tmp_path: Path) -> None:
    scenes = np.repeat(np.arange(6), [40, 3, 20, 2, 30, 5])
    rng = np.random.default_rng(1)
    levels = rng.permutation(np.linspace(30, 220, 6).round()).astype(int)
    pictures = [
        (np.full((48, 64, 3), levels[scene]) + rng.integers(-5, 6, (48, 64, 1))).astype(np.uint8)
        for scene in scenes
    ]
    path = make_clip(tmp_path / "scenes.mkv", n=len(scenes), size=SIZE, codec="ffv1", pictures=pictures)
    with index(path, size=24) as made:
        for method in ("coverage", "kmeans", "coreset"):
            assert {scenes[i] for i in select(made, 6, method=method).indices()} == set(range(6))


@pytest.mark.parametrize("n", [1, 5, 20])
def test_motion_kmeans_chooses_frames_that_move(made: Index, n: int) -> None:
    motion = np.concatenate([reader.statistic("motion") for reader in made.readers()])
    offsets = made.offsets
    found = select(made, n, method="motion-kmeans")
    rows = [offsets[frame.source] + frame.index for frame in found.frames]
    assert (motion[rows] > np.median(motion)).all()


def test_motion_kmeans_takes_still_frames_only_when_it_must(one: Index) -> None:
    motion = one.reader(0).statistic("motion")
    found = select(one, 30, method="motion-kmeans", at_most=True).indices()
    assert (motion[found] > np.median(motion)).all()
    assert len(select(one, 31, method="motion-kmeans")) == 31


@pytest.mark.parametrize("n", [1, 2, 7, 13, 59, 60])
def test_uniform_is_evenly_spaced(one: Index, n: int) -> None:
    indices = select(one, n, method="uniform").indices()
    part = 60 / n
    assert all(math.floor(k * part) <= i < math.ceil((k + 1) * part) for k, i in enumerate(indices))
    assert np.diff([-part / 2, *indices, 60 + part / 2]).max() <= math.ceil(part) + 1


def test_uniform_steps_aside_for_frames_it_may_not_take(tmp_path: Path) -> None:
    with index(film(tmp_path / "a.mkv", [0, 1, -1, 3, 4, 5]), size=24) as made:
        assert select(made, 1, method="uniform").indices() == [3]
        assert select(made, 3, method="uniform").indices() == [1, 3, 5]
        assert select(made, 2, method="uniform").indices() == [1, 4]


def test_random_may_choose_any_frame(tmp_path: Path) -> None:
    with index(film(tmp_path / "a.mkv", list(range(12))), size=24) as made:
        chosen = [select(made, 1, method="random", seed=seed).indices()[0] for seed in range(80)]
    assert set(chosen) == set(range(12))
    assert max(np.bincount(chosen)) < 20


# The automatic gap ------------------------------------------------------------------------------------------------


def bursts(path: Path) -> Path:
    """400 frames of one scene, in which three others come up for six frames, of which each is unlike the last."""
    numbers = [0 if (i // 20) % 7 or i < 100 or i % 20 >= 6 else i * 5 for i in range(400)]
    rng = np.random.default_rng(0)
    pictures = [
        painted(number, SIZE)
        if number
        else np.clip(painted(0, SIZE) + rng.integers(0, 2, (SIZE[1], SIZE[0], 3)), 0, 255)
        for number in numbers
    ]
    return make_clip(path, n=400, size=SIZE, codec="ffv1", pictures=[p.astype(np.uint8) for p in pictures])


@pytest.mark.parametrize("method", ["kmeans", "coverage", "coreset"])
def test_one_event_is_not_chosen_again_and_again(tmp_path: Path, method: str) -> None:
    with index(bursts(tmp_path / "a.mkv"), size=24) as made:
        close = select(made, 6, method=method, min_gap=0)
        apart = select(made, 6, method=method, min_gap="auto")
        default = select(made, 6, method=method)
    assert min(np.diff(close.indices())) < 400 // (8 * 6) <= min(np.diff(apart.indices()))
    assert default.indices() == (close if method == "coreset" else apart).indices()
    assert (apart.options["min_gap"], close.options["min_gap"]) == ("auto", "0 frames")
    assert default.options["min_gap"] == (None if method == "coreset" else "auto")


def test_the_automatic_gap_gives_way_to_the_number_of_frames(tmp_path: Path) -> None:
    few = [0] * 150 + list(range(10)) + [3] * 150
    with index(film(tmp_path / "a.mkv", few), size=24) as made:
        assert len(select(made, 5)) == 5  # of ten in a row, 7 apart there are two
        with pytest.raises(NotEnoughFramesError, match="7 frames apart"):
            select(made, 5, min_gap=7)
    with pytest.raises(UsageError, match="min_gap must be frames"):
        parse_gap("auto")

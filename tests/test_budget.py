"""How many frames of each source, given what is labelled; the sharper of equals; hard and easy; and why."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

import framesift as fs
import naive_budget as naive
from clips import make_clip, painted
from framesift.errors import NotEnoughFramesError, UsageError
from framesift.features.vectors import ArrayVectors
from framesift.predictions.poses import Poses
from framesift.selection.checks import METHODS, Limits
from framesift.selection.chooser import Chooser
from framesift.selection.kmeans import cluster
from framesift_kernels import load
from real import prediction, video
from test_choosing import candidates, gap_of
from test_selection import film, picked

SIZE = (64, 48)
methods = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("films")
    paths = [
        film(folder / "a.mkv", [5 * i for i in range(50)]),
        film(folder / "b.mkv", list(range(300, 330))),
        film(folder / "c.mkv", [400, 401, 402, 403]),
        film(folder / "d.mkv", list(range(500, 524)), (48, 80)),
    ]
    with fs.index(paths, size=24, isolate=False) as found:
        yield found


def counts(selection: fs.Selection) -> list[int]:
    return [len(selection.indices(source)) for source in range(len(selection.sources))]


# Limits -----------------------------------------------------------------------------------------------------------


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    places = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True).map(sorted)
    sources = draw(st.lists(places, min_size=1, max_size=3))
    n_rows = sum(map(len, sources))
    least = draw(st.integers(0, 2))
    return {
        "sources": sources,
        "usable": draw(st.lists(st.sampled_from([True, True, False]), min_size=n_rows, max_size=n_rows)),
        "gap": draw(st.integers(1, 4)),
        "least": least,
        "most": draw(st.integers(max(1, least), 4)),
        "order": draw(st.permutations(range(n_rows))),
    }


@settings(max_examples=60, deadline=None)
@given(tasks(), st.data())
def test_any_order_of_taking_ends_at_a_choice_that_keeps_the_limits(task: dict[str, Any], data: Any) -> None:
    rows = candidates(task["sources"], task["usable"])
    chooser = Chooser(rows, gap_of(task["gap"], "frames"), Limits(task["least"], task["most"]))
    n = data.draw(st.integers(1, 6))
    expected = naive.choices(task["sources"], task["usable"], task["gap"], task["least"], task["most"], n)
    there = bool(
        chooser.capacity >= n and (chooser.reach >= chooser.least).all() and chooser.least.sum() <= n
    )
    assert there == bool(expected)
    if not there:
        return
    chooser.settle(n)
    for row in task["order"]:
        if chooser.take(row, n):
            assert any(set(chooser.taken) <= each for each in expected)
        if len(chooser.taken) == n:
            break
    assert set(chooser.taken) in expected


@methods
@pytest.mark.parametrize(
    ("n", "least", "most"), [(20, 3, 8), (16, 4, 4), (12, 3, None), (40, 0, 13), (3, 0, 1)]
)
def test_exactly_n_come_out_within_the_limits_of_each_source(
    made: fs.Index, method: str, n: int, least: int, most: int | None
) -> None:
    options: dict[str, Any] = {"method": method, "min_per_source": least, "max_per_source": most}
    found = fs.select(made, n, **options)
    assert len(set(picked(found))) == n
    assert all(least <= count <= (most or n) for count in counts(found))
    assert fs.select(made, n, **options).frames == found.frames
    assert (found.options["min_per_source"], found.options["max_per_source"]) == (least, most)


@methods
def test_the_limits_and_the_gap_are_kept_together(made: fs.Index, method: str) -> None:
    found = fs.select(made, 17, method=method, min_per_source=1, max_per_source=8, min_gap=4)
    assert len(found) == 17
    for source, count in enumerate(counts(found)):
        assert 1 <= count <= 8
        assert all(b - a >= 4 for a, b in zip(found.indices(source), found.indices(source)[1:], strict=False))


@methods
def test_limits_that_do_not_bind_change_nothing(made: fs.Index, method: str) -> None:
    free = fs.select(made, 12, method=method)
    low, high = min(counts(free)), max(counts(free))
    held = fs.select(made, 12, method=method, min_per_source=low, max_per_source=high)
    assert picked(held) == picked(free)


@methods
def test_limits_that_cannot_be_kept_say_why(made: fs.Index, method: str) -> None:
    with pytest.raises(NotEnoughFramesError, match=r"20 frames are too few for at least 6 .* 4 sources.* 24"):
        fs.select(made, 20, method=method, min_per_source=6, exclude=None, max_per_source=9)
    with pytest.raises(NotEnoughFramesError, match=r"at least 5 .* 4 can be had of .*c\.mkv"):
        fs.select(made, 20, method=method, min_per_source=5)
    with pytest.raises(
        NotEnoughFramesError, match=r"20 frames were asked for, 16 .* at most 4 of each source"
    ):
        fs.select(made, 20, method=method, max_per_source=4)
    found = fs.select(made, 30, method=method, min_per_source=5, max_per_source=7, at_most=True)
    assert counts(found) == [7, 7, 4, 7]


def test_limits_without_sense_are_refused(made: fs.Index) -> None:
    for least, most in ((-1, None), (3, 2), (0, 0)):
        with pytest.raises(UsageError, match=r"min_per_source must not be negative, nor above"):
            fs.select(made, 9, min_per_source=least, max_per_source=most)
    with pytest.raises(UsageError, match="leave out min_per_source"):
        fs.select(made, 9, per_source=True, min_per_source=1)


def test_coverage_swaps_across_sources_where_the_limits_let_it(made: fs.Index) -> None:
    """Better than taking the same numbers of each source on its own."""
    x = np.concatenate(
        [made.reader(s).read("thumbnails").reshape(r.n_rows, -1) for s, r in enumerate(made.records[:3])]
    )
    with fs.index([Path(r.uri) for r in made.records[:3]], size=24, isolate=False) as three:
        joint = fs.select(three, 12, method="coverage", min_per_source=2, max_per_source=7)
        alone = [fs.select(three, 4, method="coverage", per_source=True)]
        cost = [_cost(x, three.offsets, s) for s in (joint, *alone)]
        assert cost[0] < cost[1]
        assert min(counts(joint)) >= 2


def _cost(x: np.ndarray, offsets: np.ndarray, selection: fs.Selection) -> float:
    rows = [int(offsets[f.source]) + f.index for f in selection.frames]
    return float((fs.nearest(x, x[rows], 1)[1].astype(float) ** 4).sum())


# Given what is labelled -------------------------------------------------------------------------------------------


def scenes(path: Path, numbers: list[int], n: int = 8) -> Path:
    """Each number is a scene of *n* frames that differ a little."""
    pictures = []
    for number in numbers:
        for at in range(n):
            picture = painted(number, SIZE)
            picture[30:36, 4 * at : 4 * at + 3] = 200
            pictures.append(picture)
    return make_clip(path, n=len(pictures), size=SIZE, codec="ffv1", pictures=pictures)


@pytest.mark.parametrize("method", ["kmeans", "motion-kmeans", "coverage", "coreset"])
def test_scenes_that_are_labelled_get_no_more_frames(tmp_path: Path, method: str) -> None:
    with fs.index(scenes(tmp_path / "s.mkv", [3, 90, 170, 250, 400]), size=24) as made:
        first = fs.select(made, 3, method=method)
        fs.export(first, tmp_path / "first")
        second = fs.select(made, 2, method=method, exclude=tmp_path / "first" / "selection.json")
    seen = [{f.index // 8 for f in s.frames} for s in (first, second)]
    assert len(seen[0]) == 3
    assert seen[1] == set(range(5)) - seen[0]


def test_fixed_centres_stay_and_the_others_are_means_of_theirs(rng: np.random.Generator) -> None:
    x = rng.integers(0, 255, (300, 12)).astype(np.uint8)
    fixed = x[[5, 80, 200]].astype(np.float32)
    found = cluster(ArrayVectors(x), 6, np.random.Generator(np.random.Philox(1)), load("cpu"), fixed=fixed)
    np.testing.assert_array_equal(found.centers[:3], fixed)
    distances = ((x[:, None].astype(float) - found.centers[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.labels, distances.argmin(axis=1))
    for label in range(3, 9):
        np.testing.assert_allclose(found.centers[label], x[found.labels == label].mean(axis=0), atol=12)
    none = cluster(ArrayVectors(x), 6, np.random.Generator(np.random.Philox(1)), load("cpu"))
    assert none.inertia > found.inertia


# The sharper of equals --------------------------------------------------------------------------------------------


def is_sharp(frame: int) -> bool:
    return frame % 4 == frame // 4 * 3 % 4


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Twelve scenes of four frames, of which one is sharp: see `is_sharp`."""
    pictures = []
    for number in range(12):
        sharp = painted(37 * number, (96, 64))
        soft = np.asarray(Image.fromarray(sharp).filter(ImageFilter.BoxBlur(1)))
        for at in range(4):
            picture = (sharp if is_sharp(4 * number + at) else soft).copy()
            picture[-1, at] = 255
            pictures.append(picture)
    path = tmp_path_factory.mktemp("blurred") / "clip.mkv"
    with fs.index(make_clip(path, n=48, size=(96, 64), codec="ffv1", pictures=pictures), size=16) as made:
        yield made


@methods
def test_the_sharpest_of_equals_is_taken(blurred: fs.Index, method: str) -> None:
    plain = fs.select(blurred, 12, method=method)
    share = 0.3
    sharp = fs.select(blurred, 12, method=method, prefer_sharp=share)
    measure = blurred.reader(0).statistic("sharpness")
    x = blurred.reader(0).read("thumbnails").reshape(48, -1)
    by_rank = [sorted(found.frames, key=lambda f: f.rank) for found in (plain, sharp)]
    expected = naive.sharpened(x, [f.index for f in by_rank[0]], measure, share)
    assert [f.index for f in by_rank[1]] == expected
    for was, now in zip(*by_rank, strict=True):
        assert now.instead_of == (None if was.index == now.index else was.index)
        assert (f"sharper than frame {was.index}" in (now.why or "")) == (was.index != now.index)
    assert sum(map(is_sharp, sharp.indices())) >= sum(map(is_sharp, plain.indices()))
    if method in ("kmeans", "coverage"):
        assert all(map(is_sharp, sharp.indices()))


@methods
def test_the_sharper_keep_the_gap_and_the_limits(blurred: fs.Index, method: str) -> None:
    found = fs.select(blurred, 11, method=method, prefer_sharp=0.49, min_gap=4)
    assert len(found) == 11
    assert np.diff(found.indices()).min() >= 4
    assert fs.select(blurred, 11, method=method, prefer_sharp=0.49, min_gap=4).frames == found.frames
    assert len(fs.select(blurred, 1, method=method, prefer_sharp=0.2)) == 1


def test_shares_without_sense_are_refused(blurred: fs.Index) -> None:
    with pytest.raises(UsageError, match=r"prefer_sharp must be a share from 0 to below 0\.5, got 0\.5"):
        fs.select(blurred, 3, prefer_sharp=0.5)
    with pytest.raises(UsageError, match="hard must be a share from 0 to 1, got 2"):
        fs.select(blurred, 3, hard=2)


# Hard and easy ----------------------------------------------------------------------------------------------------


def walk(n: int, lost: list[int]) -> Poses:
    """A keypoint that moves evenly, and jumps away on some frames."""
    xy = np.stack([np.linspace(5, 50, n), np.full(n, 20.0)], axis=1).astype(np.float32)
    likelihood = np.full(n, 0.99, np.float32) - np.arange(n, dtype=np.float32) % 7 / 1000
    xy[lost] += 30
    likelihood[lost] = 0.1
    return Poses(
        frames=np.arange(n),
        individuals=("",),
        keypoints=("nose",),
        xy=xy[:, None, None],
        likelihood=likelihood[:, None, None],
        present=np.ones((1, 1), bool),
        scorer="",
        tool="deeplabcut",
    )


@pytest.mark.parametrize(("hard", "n_hard"), [(0.0, 0), (0.25, 3), (0.5, 5), (1.0, 10)])
def test_a_share_of_the_frames_is_hard(made: fs.Index, hard: float, n_hard: int) -> None:
    predictions = {"a": walk(50, [11, 12, 30, 41]), "b": walk(30, [7, 20])}
    options: dict[str, Any] = {"predictions": predictions, "hard": hard, "min_gap": 2, "max_per_source": 6}
    found = fs.select(made, 10, **options)
    assert len(set(picked(found))) == 10
    assert max(counts(found)) <= 6
    assert sum(f.hard is True for f in found.frames) == n_hard
    assert sum(f.hard is False for f in found.frames) == 10 - n_hard
    assert sorted(f.rank for f in found.frames) == list(range(10))
    lost = {(0, 11), (0, 12), (0, 30), (0, 41), (1, 7), (1, 20)}
    if 3 <= n_hard <= 5:
        assert {(f.source, f.index) for f in found.frames if f.hard} <= lost
    assert all(f.why for f in found.frames)
    for source in range(4):
        assert np.diff(found.indices(source)).min(initial=2) >= 2
    assert fs.select(made, 10, **options).frames == found.frames
    assert found.options["hard"] == hard
    assert not found.dropped.get("excluded")
    if n_hard:
        assert any("no hard frames" in note for note in found.notes)


def test_half_of_the_frames_of_openfield_are_hard(tmp_path: Path) -> None:
    path = video("m3v1mp4.mp4")
    given = prediction("m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5")
    with fs.index(path, step=3, size=32) as made:
        found = fs.select(made, 20, predictions=given, min_gap=10)
        hard = fs.outliers(made, given, 10, min_gap=10).selection
    assert len(found) == 20
    assert np.diff(found.indices()).min() >= 10
    assert [f.index for f in found.frames if f.hard] == hard.indices()


# Why --------------------------------------------------------------------------------------------------------------


@methods
def test_every_frame_says_why_and_how_far_the_nearest_is(blurred: fs.Index, method: str) -> None:
    found = fs.select(blurred, 9, method=method)
    x = blurred.reader(0).read("thumbnails").reshape(48, -1).astype(float)
    for frame in found.frames:
        others = [other for other in found.indices() if other != frame.index]
        apart = min(np.sqrt(((x[frame.index] - x[other]) ** 2).mean()) for other in others)
        assert frame.distance == pytest.approx(apart, abs=1e-4)
        assert frame.why is not None
        assert frame.why.endswith(f"; {frame.distance:.3g} from the nearest chosen")


def test_why_is_kept_in_the_files(made: fs.Index, tmp_path: Path) -> None:
    found = fs.select(made, 6, min_per_source=1, prefer_sharp=0.2)
    fs.export(found, tmp_path)
    again = fs.read_selection(tmp_path / "selection.json")
    assert again.frames == found.frames
    assert json.loads((tmp_path / "selection.json").read_text())["frames"][0]["why"] == found.frames[0].why
    page = (tmp_path / "report.html").read_text()
    assert all((f.why or "").split(";")[0] in page for f in found.frames)
    (path,) = fs.write_lists(tmp_path / "selection.json", ["csv"])
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["file"], int(line["index"]), line["why"]) for line in lines] == [
        (f.file, f.index, f.why) for f in found.frames
    ]

"""Synchronous cameras: one choice over all views, the same moments in each."""

from pathlib import Path

import numpy as np
import pytest

import framesift as fs
from clips import RATE, make_clip, painted
from framesift.errors import NotEnoughFramesError, UsageError
from framesift.features.pixels import Pixels
from framesift.selection.views import Joined
from framesift_cli.main import run
from framesift_kernels import load

VIEWS = ["top", "side"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    for session in ("s_1", "s_2"):
        make_clip(folder / f"{session}_top.mp4", n=50)
        make_clip(folder / f"{session}_side.mp4", n=50, size=(64, 80))
    return folder


def by_view(selection: fs.Selection) -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = {}
    for at, source in enumerate(selection.sources):
        session, view = source.name.rsplit("_", 1)
        found.setdefault(view, {})[session] = selection.indices(at)
    return found


@pytest.mark.parametrize("method", ["kmeans", "coreset", "uniform", "random"])
def test_the_same_moments_in_every_view(folder: Path, method: str) -> None:
    with fs.index(folder, isolate=False) as made:
        chosen = fs.select_views(made, 7, VIEWS, method=method, min_gap=3)
        again = fs.select_views(made, 7, VIEWS, method=method, min_gap=3)
    views = by_view(chosen)
    assert views["top"] == views["side"]
    assert sum(map(len, views["top"].values())) == 7
    assert len(chosen) == 14
    assert all(min(np.diff(frames), default=3) >= 3 for frames in views["top"].values())
    ranks = {v: {f.rank for f in chosen.frames if chosen.sources[f.source].name.endswith(v)} for v in VIEWS}
    assert ranks["top"] == ranks["side"] == set(range(7))
    assert chosen.frames == again.frames


def test_a_moment_is_what_all_views_show(tmp_path: Path) -> None:
    make_clip(tmp_path / "s_top.mp4", n=40)
    make_clip(tmp_path / "s_side.mp4", n=40, size=(64, 80))
    with fs.index(tmp_path, isolate=False) as made:
        side, top = (r.name for r in made.records)
        assert (side, top) == ("s_side", "s_top")
        kernels = load("cpu")
        pixels = [Pixels(made, [1], kernels), Pixels(made, [0], kernels)]
        rows = np.arange(40)
        joined = Joined(pixels, [rows, rows])
        whole = np.concatenate([block for _, block in joined.blocks()])
        assert whole.shape == joined.shape
        for at, pixel in zip((0, pixels[0].shape[1]), pixels, strict=True):
            np.testing.assert_array_equal(whole[:, at : at + pixel.shape[1]], pixel.take(rows))


def test_views_of_unequal_length(tmp_path: Path) -> None:
    make_clip(tmp_path / "s_top.mp4", n=40)
    make_clip(tmp_path / "s_side.mp4", n=38)
    with fs.index(tmp_path, isolate=False) as made:
        with pytest.raises(UsageError, match=r"s_top.mp4 has 40 frames and s_side.mp4 has 38.*align"):
            fs.select_views(made, 3, VIEWS)
        with pytest.raises(UsageError, match="has 38"):
            fs.select_views(made, 3, VIEWS, align="index")
        chosen = fs.select_views(made, 38, VIEWS, align="times")
        assert by_view(chosen)["top"] == by_view(chosen)["side"] == {"s": list(range(38))}
        with pytest.raises(NotEnoughFramesError, match="38 distinct ones can be had"):
            fs.select_views(made, 39, VIEWS, align="times")


def test_views_of_unequal_times(tmp_path: Path) -> None:
    """The second camera lost frame 10: from there on its index is one behind."""
    make_clip(tmp_path / "s_top.mp4", n=31)
    pts = [i for i in range(31) if i != 10]
    make_clip(tmp_path / "s_side.mp4", n=30, pts=[i * 1000 // RATE for i in pts])
    with fs.index(tmp_path, isolate=False) as made:
        chosen = fs.select_views(made, 30, VIEWS, align="times", method="uniform")
        views = by_view(chosen)
        assert views["top"]["s"] == pts
        assert views["side"]["s"] == list(range(30))
    make_clip(tmp_path / "s_top.mp4", n=30)
    with fs.index(tmp_path, isolate=False) as made:
        with pytest.raises(UsageError, match=r"frame 10 is at .* use align"):
            fs.select_views(made, 3, VIEWS)
        assert by_view(fs.select_views(made, 30, VIEWS, align="index"))["side"]["s"] == list(range(30))


def test_frames_extracted_before_in_any_view(folder: Path, tmp_path: Path) -> None:
    with fs.index(folder, isolate=False) as made:
        first = fs.select_views(made, 5, VIEWS)
        fs.export(first, tmp_path, layout="deeplabcut")
        second = fs.select_views(made, 5, VIEWS, exclude=tmp_path / "labeled-data", min_gap=2)
    for session, frames in by_view(first)["top"].items():
        assert not set(frames) & set(by_view(second)["side"].get(session, ()))


OPTIONS = {"foreground": True, "prefer_sharp": 0.2, "min_per_session": 3, "max_per_session": 5, "min_gap": 2}


@pytest.mark.parametrize("method", ["coverage", "kmeans", "coreset", "uniform", "random"])
def test_every_option_keeps_the_views_together(folder: Path, method: str) -> None:
    with fs.index(folder, isolate=False) as made:
        chosen = fs.select_views(made, 8, VIEWS, method=method, **OPTIONS)  # type: ignore[arg-type]
        again = fs.select_views(made, 8, VIEWS, method=method, **OPTIONS)  # type: ignore[arg-type]
        with pytest.raises(NotEnoughFramesError, match="9 frames are too few for at least 5 of each of 2"):
            fs.select_views(made, 9, VIEWS, method=method, min_per_session=5)
    views = by_view(chosen)
    assert views["top"] == views["side"]
    assert sorted(map(len, views["top"].values())) in ([3, 5], [4, 4])
    assert all(np.diff(frames).min() >= 2 for frames in views["top"].values())
    assert all(frame.why for frame in chosen.frames)
    assert chosen.frames == again.frames


@pytest.mark.parametrize("method", ["coverage", "kmeans", "coreset"])
def test_moments_labelled_in_a_view_are_not_covered_again(tmp_path: Path, method: str) -> None:
    for view, size in (("top", (96, 64)), ("side", (64, 80))):
        scenes = [painted(number, size) for number in (5, 120, 260, 390) for _ in range(6)]
        for at, picture in enumerate(scenes):
            picture[-1, at] = 255
        make_clip(tmp_path / f"s_{view}.mkv", n=24, size=size, codec="ffv1", pictures=scenes)
    with fs.index(tmp_path, isolate=False) as made:
        first = fs.select_views(made, 2, VIEWS, method=method)
        fs.export(first, tmp_path / "out", layout="deeplabcut")
        side_only = tmp_path / "out" / "labeled-data" / "s_side"
        second = fs.select_views(made, 2, VIEWS, method=method, exclude=side_only.parent)
    seen = [{frame.index // 6 for frame in s.frames} for s in (first, second)]
    assert seen[0] | seen[1] == {0, 1, 2, 3}


def test_what_does_not_go_together(folder: Path, tmp_path: Path) -> None:
    with fs.index(folder, isolate=False) as made:
        for views, says in (
            (["top"], "two or more"),
            (["top", "top"], "different"),
            (["top", "back"], "no view"),
        ):
            with pytest.raises(UsageError, match=says):
                fs.select_views(made, 3, views)
        with pytest.raises(UsageError, match="method"):
            fs.select_views(made, 3, VIEWS, method="motion-kmeans")
        with pytest.raises(UsageError, match="align"):
            fs.select_views(made, 3, VIEWS, align="no")
    three = [folder / f"{name}.mp4" for name in ("s_1_top", "s_1_side", "s_2_top")]
    with (
        fs.index(three, isolate=False) as made,
        pytest.raises(UsageError, match="session s_2 has no view side"),
    ):
        fs.select_views(made, 3, VIEWS)


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["select-views", str(folder), "--view", "top", "--view", "side", "-n", "4", "-q"]
    assert run([*arguments, "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    names = {v: sorted(p.name for p in tmp_path.glob(f"labeled-data/*_{v}/*.png")) for v in VIEWS}
    assert names["top"] == names["side"]

"""Evenly spaced frames, of which only what they need is decoded: the same as from an index of all frames."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import naive_selection as naive
from clips import CLIPS, Clip, corrupt, make_clip, painted, painted_number
from framesift.errors import NotEnoughFramesError
from framesift.export.exporting import export
from framesift.ingest.kept import Kept
from framesift.ingest.options import Drawn, Even
from framesift.ingest.pictures import VideoPictures
from framesift.ingest.window import even_frames
from framesift.pipeline import extract
from framesift.selection.result import Selection
from framesift.store import Store
from framesift.video.decode import Decoder

KINDS = [
    "h264_b_frames",
    "h264_b_pyramid_4_refs",
    "h264_open_gop",
    "h264_open_gop_mkv",
    "h264_one_keyframe",
    "h264_all_intra",
    "h264_intra_refresh",
    "h264_near_keyframes_open",
    "h264_10_bit",
    "h264_vfr",
    "h264_start_mkv",
    "h264_hidden_gop",
    "h264_rotated_90",
    "h264_ts",
    "h264_avi",
    "hevc_leading_frames",
    "mpeg4_b_frames_avi",
    "mjpeg_avi",
    "mpeg2_mpg",
    "vp9_alt_ref",
    "av1",
    "ffv1",
]
IN_FULL = {"h264_intra_refresh", "h264_avi"}
"""Kinds that must be decoded in full: nothing less tells which frame is which, or whole."""
LOSSLESS = {"preset": "ultrafast", "qp": "0", "x264-params": "scenecut=0"}
"""Of pictures that are equal it makes frames that are equal."""


def film(path: Path, numbers: list[int], gop: int = 6) -> Path:
    """A lossless clip that shows these numbers; -1 is black."""
    black = np.zeros((64, 96, 3), np.uint8)
    pictures = [black if number < 0 else painted(number, (96, 64)) for number in numbers]
    return make_clip(path, n=len(numbers), gop=gop, options=LOSSLESS, pictures=pictures)


def chosen(path: Any, n: int, out: Path, **options: Any) -> Selection:
    return extract(path, n, out / "out", method="uniform", **options)


def assert_alike(found: Selection, expected: Selection) -> None:
    """The same frames, but for what the index behind them is."""
    for one, other in zip(found.frames, expected.frames, strict=True):
        assert one == other
    assert found.set_aside == expected.set_aside


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_those_of_an_index_of_all(kind: str, tmp_path: Path) -> None:
    clip = CLIPS[kind]
    path = clip.make(tmp_path / f"clip{clip.suffix}")
    found = chosen(path, 2, tmp_path)
    whole = chosen(path, 2, tmp_path / "whole", store=tmp_path / "store")
    assert_alike(found, whole)
    n = clip.n - clip.hidden
    assert found.indices() == [n // 4, 3 * n // 4]
    assert found.sources[0].decoded == ("exact" if kind in IN_FULL else "even")
    for frame in found.frames:
        picture = np.asarray(Image.open(tmp_path / "out" / str(frame.file)))
        number = painted_number(picture, turns=clip.rotation // 90)
        assert number == frame.index + clip.hidden


scenes = st.lists(st.integers(-1, 9), min_size=1, max_size=9).flatmap(
    lambda few: st.tuples(st.just(few), st.lists(st.integers(1, 30), min_size=len(few), max_size=len(few)))
)
"""Numbers of pictures, -1 for a black one, and for how many frames each is shown."""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=scenes,
    n=st.integers(1, 6),
)
def test_black_frames_and_copies_are_stepped_over_as_if_all_were_decoded(
    numbers: tuple[list[int], list[int]], n: int, tmp_path: Path
) -> None:
    shown = [number for number, times in zip(*numbers, strict=True) for _ in range(times)]
    path = film(tmp_path / "film.mp4", shown)
    contents = [None if number < 0 else number for number in shown]
    if len(set(contents) - {None}) < n:
        with pytest.raises(NotEnoughFramesError, match=f"{n} frames were asked for"):
            chosen(path, n, tmp_path)
        return
    expected = naive.evenly(contents, n)
    assert chosen(path, n, tmp_path).indices() == expected
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        assert chosen(path, n, tmp_path, store=Path(folder, "store")).indices() == expected


@pytest.mark.parametrize(
    "options",
    [
        {"start": 7, "stop": 53},
        {"step": 3},
        {"start": 0.5},
        {"min_gap": 3},
        {"layout": "lightning-pose"},
        {"context": 1},
        {"threads": 1},
        {"keep_duplicates": True},
        {"crop": "10,90,4,60"},
    ],
    ids=str,
)
def test_options_mean_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    path = CLIPS["h264_open_gop"].make(tmp_path / "clip.mp4")
    found = chosen(path, 2, tmp_path, **options)
    whole = chosen(path, 2, tmp_path / "whole", store=tmp_path / "store", **options)
    assert_alike(found, whole)
    assert (found.sources[0].decoded, whole.sources[0].decoded) == ("even", "exact")
    assert found.stats["frames_decoded"] == 2


@pytest.mark.parametrize(
    "options",
    [
        {"report": True},
        {"color": True},
        {"decode": "fast"},
        {"method": "kmeans"},
        {"method": "random", "min_gap": 3},
        {"method": "random", "report": True},
    ],
    ids=str,
)
def test_all_frames_are_decoded_where_something_needs_them(options: dict[str, Any], tmp_path: Path) -> None:
    path = CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")
    found = extract(path, 2, tmp_path / "out", **{"method": "uniform", **options})
    assert found.stats["frames_decoded"] == 60


def test_each_source_by_itself_but_not_all_together(tmp_path: Path) -> None:
    given = tmp_path / "in"
    given.mkdir()
    CLIPS["h264_b_frames"].make(given / "a.mp4")
    film(given / "b.mp4", [0, 1, -1, -1, *range(4, 30)])
    CLIPS["ffv1"].make(given / "c.mkv")
    each = chosen(given, 2, tmp_path, per_source=True)
    assert [each.indices(source) for source in range(3)] == [[15, 45], [7, 22], [7, 22]]
    assert [source.decoded for source in each.sources] == ["even", "even", "even"]
    assert chosen(given, 3, tmp_path).stats["frames_decoded"] == 120


def test_too_few_of_one_source_of_several_is_said_as_ever(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [5] * 40)
    film(tmp_path / "b.mp4", list(range(40)))
    found = chosen(tmp_path, 3, tmp_path, per_source=True)
    assert [frame.source for frame in found.frames] == [1, 1, 1]
    (item,) = found.set_aside
    assert (
        "3 frames were asked for, 1 distinct ones can be had (of 40 in the index: 39 duplicate)"
        in item.reason
    )
    assert len(chosen(tmp_path / "a.mp4", 3, tmp_path, at_most=True)) == 1


def test_damage_on_the_way_is_seen(tmp_path: Path) -> None:
    path = CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")
    corrupt(path, 3, 60)
    found = chosen(path, 2, tmp_path, at_most=True)
    whole = chosen(path, 2, tmp_path / "whole", store=tmp_path / "store", at_most=True)
    assert_alike(found, whole)
    assert found.sources[0].decoded == "exact"
    assert found.sources[0].warnings == whole.sources[0].warnings != []


def test_few_packets_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Clip(n=240, gop=12, options=CLIPS["h264_b_frames"].options).make(tmp_path / "clip.mp4")
    n_fed = 0
    original = Decoder._decode

    def counted(self: Decoder, packet: Any) -> Any:
        nonlocal n_fed
        n_fed += packet is not None
        return original(self, packet)

    monkeypatch.setattr(Decoder, "_decode", counted)
    assert chosen(path, 2, tmp_path).indices() == [60, 180]
    # Both are keyframes and are decoded twice, for the pictures again; then there is the first GOP, for the proof.
    assert n_fed < 240 / 6


def test_where_most_is_needed_all_is_decoded(tmp_path: Path) -> None:
    path = CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")
    found = chosen(path, 50, tmp_path)
    assert (found.stats["frames_decoded"], found.sources[0].decoded) == (60, "exact")


def test_a_keyframe_that_gives_another_picture_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Clip(n=120, gop=12, options=CLIPS["h264_b_frames"].options).make(tmp_path / "clip.mp4")
    hashes = iter(range(1000))
    monkeypatch.setattr("framesift.ingest.video.content_hash", lambda *_: next(hashes))
    assert chosen(path, 2, tmp_path).sources[0].decoded == "exact"


# At random ----------------------------------------------------------------------------------------------------------


def drawn(path: Any, n: int, out: Path, **options: Any) -> Selection:
    return extract(path, n, out / "out", method="random", **options)


@pytest.mark.parametrize(
    "kind", ["h264_b_frames", "h264_open_gop", "h264_intra_refresh", "hevc_leading_frames", "mjpeg_avi"]
)
@pytest.mark.parametrize("options", [{}, {"seed": 7, "start": 7, "stop": 53, "step": 2}], ids=str)
def test_random_frames_are_those_of_an_index_of_all(
    kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = CLIPS[kind].make(tmp_path / f"clip{CLIPS[kind].suffix}")
    found = drawn(path, 2, tmp_path, **options)
    whole = drawn(path, 2, tmp_path / "whole", store=tmp_path / "store", **options)
    assert_alike(found, whole)
    assert pictures(tmp_path, found) == pictures(tmp_path / "whole", whole)
    assert found.sources[0].decoded in ("drawn", "exact")
    assert (found.sources[0].decoded == "drawn") == (found.stats["frames_decoded"] == 2)
    if kind == "h264_intra_refresh":
        assert found.sources[0].decoded == "exact"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=scenes,
    n=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_black_frames_and_copies_are_passed_over_as_if_all_were_decoded(
    numbers: tuple[list[int], list[int]], n: int, seed: int, tmp_path: Path
) -> None:
    shown = [number for number, times in zip(*numbers, strict=True) for _ in range(times)]
    path = film(tmp_path / "film.mp4", shown)
    contents = [None if number < 0 else number for number in shown]
    if len(set(contents) - {None}) < n:
        with pytest.raises(NotEnoughFramesError, match=f"{n} frames were asked for"):
            drawn(path, n, tmp_path, seed=seed)
        return
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(contents)).tolist()
    expected = naive.in_order(contents, order, n)
    assert drawn(path, n, tmp_path, seed=seed).indices() == expected
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        assert drawn(path, n, tmp_path, seed=seed, store=Path(folder, "store")).indices() == expected


def test_too_few_of_those_drawn_are_not_taken_for_all_there_are(tmp_path: Path) -> None:
    shown = [*[5] * 120, 1, 2, 3, 4]
    path = film(tmp_path / "film.mp4", shown)
    order = np.random.Generator(np.random.Philox(0)).permutation(len(shown)).tolist()
    found = drawn(path, 4, tmp_path, at_most=True)
    assert found.indices() == naive.in_order(shown, order, 4)


@given(st.integers(1, 40), st.integers(0, 9), st.integers(0, 9), st.integers(1, 60), st.integers(1, 4))
def test_frames_drawn_are_the_first_of_an_order(
    n: int, more: int, start: int, length: int, step: int
) -> None:
    window = range(start, start + length * step, step)
    found = even_frames(Drawn(n=n, seed=5, more=more), window).tolist()
    order = np.random.Generator(np.random.Philox(5)).permutation(length)
    assert found == sorted(window[place] for place in order[: n + more])


def test_each_frame_is_as_likely_to_be_drawn() -> None:
    counts = np.zeros(50)
    for seed in range(2000):
        counts[even_frames(Drawn(n=5, seed=seed), range(50))] += 1
    assert 150 < counts.min() <= counts.max() < 250


# Pictures that are kept ---------------------------------------------------------------------------------------------


def pictures(folder: Path, selection: Selection) -> list[bytes]:
    return [(folder / "out" / str(frame.file)).read_bytes() for frame in selection.frames]


@pytest.mark.parametrize(
    "kind", ["h264_b_frames", "h264_rotated_90", "h264_10_bit", "h264_avi", "vp9_alt_ref"]
)
@pytest.mark.parametrize("isolate", [False, True])
def test_pictures_are_decoded_once(
    kind: str, isolate: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = CLIPS[kind].make(tmp_path / f"clip{CLIPS[kind].suffix}")
    again = export(chosen(path, 4, tmp_path), tmp_path / "again" / "out")
    assert len(again) == 4
    monkeypatch.setattr(VideoPictures, "write", lambda *_: pytest.fail("decoded again"))
    found = chosen([path], 4, tmp_path / "once", isolate=isolate)
    assert pictures(tmp_path / "once", found) == [file.read_bytes() for file in again]


def test_what_is_not_kept_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames around those chosen, too large ones, and those that stand in for black ones."""
    path = film(tmp_path / "clip.mp4", [0, 1, 2, 3, 4, 5, 6, -1, 8, 9, 10, 11, 12, 13, 14, 15])
    found = chosen(path, 2, tmp_path, layout="lightning-pose")
    assert found.indices() == [4, 12]
    assert len(list((tmp_path / "out").rglob("*.png"))) >= 10
    whole = chosen(path, 2, tmp_path / "whole", store=tmp_path / "store", layout="lightning-pose")
    assert pictures(tmp_path, found) == pictures(tmp_path / "whole", whole)
    monkeypatch.setattr("framesift.ingest.kept._MAX_BYTES", 2 * 64 * 96 * 3 - 1)
    monkeypatch.setattr(Kept, "put", lambda *_: pytest.fail("kept"))
    assert pictures(tmp_path / "large", chosen(path, 2, tmp_path / "large", layout="lightning-pose"))


def test_frames_that_are_numbered_anew_are_kept_anew(tmp_path: Path) -> None:
    kept = Kept(Store(tmp_path / "store"), "a")
    kept.put(3, np.ones((2, 2, 3), np.uint8))
    assert 3 in kept
    np.testing.assert_array_equal(kept.get(3), 1)
    kept.clear()
    assert 3 not in kept


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 9), st.integers(1, 60), st.integers(1, 4))
def test_frames_wanted_lie_around_the_middles(
    n: int, around: int, start: int, length: int, step: int
) -> None:
    window = range(start, start + length * step, step)
    found = even_frames(Even(n=n, around=around), window).tolist()
    middles = [(2 * part + 1) * length // (2 * n) for part in range(n)]
    near = {place + k for place in middles for k in range(-around, around + 1)}
    assert found == [window[place] for place in range(length) if place in near]

"""The clips are what the other tests take them for."""

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import PictureType

from clips import CLIPS, corrupt, decode, make_clip, painted, painted_number, truncate


@pytest.mark.parametrize("size", [(64, 48), (96, 64), (321, 241), (64, 112)])
@pytest.mark.parametrize("number", [0, 1, 149, 2730, 4095])
def test_a_painted_number_can_be_read(size: tuple[int, int], number: int) -> None:
    picture = painted(number, size)
    assert picture.shape == (size[1], size[0], 3)
    assert painted_number(picture) == number
    assert painted_number(picture.mean(axis=2)) == number


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_painted_number_can_be_read_on_its_side(turns: int) -> None:
    assert painted_number(np.rot90(painted(1234, (96, 64)), turns), turns=turns) == 1234


def test_a_painted_number_can_be_read_from_a_crop() -> None:
    crop = painted(1234, (320, 240))[:100, :310]
    assert painted_number(crop, size=(320, 240)) == 1234


def test_a_picture_without_a_number_is_told_from_one_with() -> None:
    with pytest.raises(AssertionError, match="no number"):
        painted_number(np.zeros((64, 96), np.uint8))


@pytest.mark.parametrize("name", ["h264_open_gop", "h264_hidden_start", "vp9_alt_ref"])
def test_clips_are_alike_each_time_they_are_made(tmp_path: Path, name: str) -> None:
    clip = CLIPS[name]
    first = decode(clip.make(tmp_path / f"1{clip.suffix}"))
    second = decode(clip.make(tmp_path / f"2{clip.suffix}"))
    assert [f.to_ndarray().tobytes() for f in first] == [f.to_ndarray().tobytes() for f in second]


def test_clips_have_the_traits_they_are_named_for(tmp_path: Path) -> None:
    def made(name: str) -> list:
        clip = CLIPS[name]
        return decode(clip.make(tmp_path / f"{name}{clip.suffix}"))

    assert np.unique(np.diff([f.pts for f in made("h264_vfr")])).size > 10
    assert any(f.pict_type == PictureType.B for f in made("h264_b_frames"))
    assert made("h264_start")[0].pts * made("h264_start")[0].time_base > 1
    assert len(made("h264_hidden_start")) == CLIPS["h264_hidden_start"].n - 5
    assert [f.key_frame for f in made("h264_one_keyframe")].count(True) == 1
    assert made("h264_full_range")[0].color_range == 2
    assert made("hevc_10_bit")[0].format.name == "yuv420p10le"
    assert [made(f"h264_rotated_{turn}")[0].rotation % 360 for turn in (90, 180, 270)] == [90, 180, 270]


def test_damage_changes_what_it_says(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", n=5)
    whole = path.read_bytes()
    damaged = corrupt(path, 1, 10).read_bytes()
    assert len(damaged) == len(whole)
    assert 0 < sum(a != b for a, b in zip(damaged, whole, strict=True)) <= 10
    assert len(truncate(path, 0.5).read_bytes()) == len(whole) // 2

"""Places in a video as people write them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framesift.errors import UsageError
from framesift.positions import Position, check_order, parse_crop, parse_position
from framesift.times import resolve

TIMES = np.arange(100) / 25


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        (0, "frame", 0),
        (1200, "frame", 1200),
        ("1200", "frame", 1200),
        ("+7", "frame", 7),
        (0.25, "fraction", 0.25),
        (1.0, "fraction", 1),
        ("0.25", "fraction", 0.25),
        ("25%", "fraction", 0.25),
        ("100%", "fraction", 1),
        ("12.5s", "seconds", 12.5),
        ("12s", "seconds", 12),
        ("01:30", "seconds", 90),
        ("00:01:30.5", "seconds", 90.5),
        ("2:00:00", "seconds", 7200),
        (" 3 ", "frame", 3),
    ],
)
def test_a_position_is_read_by_how_it_is_written(text: str | float, unit: str, value: float) -> None:
    assert parse_position(text, "start") == Position(unit, value)


@pytest.mark.parametrize(
    "text", ["", "abc", "1:2:3:4", "12m", "%", "s", "1e", "٣٣x", "1;2", True, "--5", "+-3", "1_0%x", "²"]
)
def test_what_is_no_position_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_position(text, "stop")
    assert str(error.value) == (
        "stop must be a frame (1200), a fraction (0.25 or 25%), seconds (12.5s) or a timecode (00:01:30.5), "
        f"got {text!r}"
    )


@pytest.mark.parametrize(
    "text", [-1, "-1", -0.5, "-2s", 1.5, "150%", "nan", float("nan"), "-1%", "inf", "infs", "nans"]
)
def test_a_position_outside_every_video_is_refused(text: str | float) -> None:
    with pytest.raises(UsageError, match="start must"):
        parse_position(text, "start")


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        (30, 30, 30),
        (1000, 100, 100),
        (0.0, 0, 0),
        (1.0, 100, 100),
        (0.333, 33, 34),
        (0.07, 7, 7),
        ("29%", 29, 29),
        ("1s", 25, 25),
        ("1.01s", 26, 26),
        ("0.04s", 1, 1),
        ("00:10", 100, 100),
    ],
)
def test_a_position_is_resolved_to_a_frame(text: str | float, start: int, stop: int) -> None:
    position = parse_position(text, "start")
    assert resolve(position, TIMES, end=False) == start
    assert resolve(position, TIMES, end=True) == stop


@given(n=st.integers(1, 5000), index=st.integers(0, 5000))
def test_a_frame_is_found_again_by_its_time(n: int, index: int) -> None:
    times = np.arange(n) * 1001 / 30000
    at = min(index, n - 1)
    assert resolve(Position("seconds", float(times[at])), times, end=False) == at


@given(value=st.floats(0, 1), n=st.integers(0, 10**6))
def test_fractions_are_rounded_outwards_and_stay_inside(value: float, n: int) -> None:
    times = np.zeros(n)
    position = Position("fraction", value)
    start, stop = (resolve(position, times, end=end) for end in (False, True))
    assert 0 <= start <= stop <= min(n, start + 1)


@given(st.one_of(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1e6).map(lambda s: f"{s:g}s")))
def test_a_position_survives_being_written_and_read(text: str | float) -> None:
    position = parse_position(text, "start")
    assert parse_position(str(position), "start") == position


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (0.5, 0.5), ("2s", "1s")])
def test_an_empty_range_is_refused(start: str | float, stop: str | float) -> None:
    first, last = parse_position(start, "start"), parse_position(stop, "stop")
    with pytest.raises(UsageError, match="start must be before stop, got start="):
        check_order(first, last)


def test_ranges_in_different_units_are_left_to_the_video() -> None:
    check_order(parse_position(500, "start"), parse_position("1s", "stop"))
    check_order(None, parse_position(0.0, "stop"))


@pytest.mark.parametrize("crop", ["1,20,3,40", " 1, 20,3,40 ", (1, 20, 3, 40), [1, 20, 3, 40]])
def test_a_crop_is_read(crop: object) -> None:
    assert parse_crop(crop) == (1, 20, 3, 40)


@pytest.mark.parametrize(
    "crop", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", 5, (1, 2, 3), (None,) * 4]
)
def test_what_is_no_crop_is_refused(crop: object) -> None:
    with pytest.raises(UsageError) as error:
        parse_crop(crop)
    assert str(error.value) == f"crop must be x1,x2,y1,y2 in whole pixels, got {crop!r}"


@pytest.mark.parametrize("crop", ["5,5,0,9", "6,5,0,9", "-1,5,0,9", "0,5,9,9"])
def test_an_empty_or_negative_crop_is_refused(crop: str) -> None:
    with pytest.raises(UsageError, match="crop must have 0 <= x1 < x2 and 0 <= y1 < y2, got"):
        parse_crop(crop)


def test_a_frame_beyond_every_video_is_still_a_position() -> None:
    position = parse_position("9" * 400, "stop")
    assert resolve(position, TIMES, end=True) == 100
    assert str(position) == "9" * 400

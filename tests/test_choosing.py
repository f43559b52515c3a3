"""Rows are taken so that the gap is kept and n are reached whenever n can be had."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_selection as naive
from framesift.selection.candidates import Candidates
from framesift.selection.chooser import Chooser
from framesift.selection.gaps import Gap

TENTHS = 10
"""Times are tenths of a second: sums of them are not exact in floating point, and must not matter."""


def candidates(sources: list[list[int]], usable: list[bool] | None = None) -> Candidates:
    """Rows at places (frames, or tenths of a second) of several sources."""
    source = np.repeat(np.arange(len(sources)), [len(places) for places in sources])
    frame = np.array([place for places in sources for place in places], np.int64)
    return Candidates(
        index=None,  # type: ignore[arg-type]
        sources=list(range(len(sources))),
        source=source,
        frame=frame,
        time_s=frame / TENTHS,
        usable=np.ones(len(frame), bool) if usable is None else np.array(usable, bool),
        dropped={},
    )


def gap_of(width: int, unit: str) -> Gap:
    return Gap(width / (TENTHS if unit == "seconds" else 1), unit)


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    places = st.lists(st.integers(0, 14), min_size=1, max_size=7, unique=True).map(sorted)
    sources = draw(st.lists(places, min_size=1, max_size=2))
    n_rows = sum(map(len, sources))
    return {
        "sources": sources,
        "usable": draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)),
        "before": draw(st.lists(st.integers(0, 14), max_size=2)),
        "width": draw(st.integers(0, 7)),
        "unit": draw(st.sampled_from(["frames", "seconds"])),
        "order": draw(st.permutations(range(n_rows))),
    }


def prepare(task: dict[str, Any]) -> tuple[Chooser, list[list[int]]]:
    """The chooser of *task*, and for each source the places that may be taken."""
    rows = candidates(task["sources"], task["usable"])
    chooser = Chooser(rows, gap_of(task["width"], task["unit"]))
    before = np.array(task["before"], np.int64)
    chooser.block_around(0, before, before / TENTHS)
    width = task["width"] if task["width"] > 1 or task["unit"] == "seconds" else 0
    usable = iter(task["usable"])
    left = [[place for place in places if next(usable)] for places in task["sources"]]
    left[0] = [place for place in left[0] if all(abs(place - b) >= width for b in task["before"])]
    return chooser, left


@given(tasks())
def test_capacity_is_the_most_rows_that_keep_the_gap(task: dict[str, Any]) -> None:
    chooser, left = prepare(task)
    assert chooser.capacity == sum(naive.most_apart(places, task["width"]) for places in left)


@given(tasks(), st.data())
def test_any_order_of_taking_reaches_every_n_up_to_the_capacity(task: dict[str, Any], data: Any) -> None:
    chooser, left = prepare(task)
    rows = chooser.candidates
    n = data.draw(st.integers(0, chooser.capacity))
    for row in task["order"]:
        if len(chooser.taken) == n:
            break
        if chooser.take(row, n):
            assert task["usable"][row]
            assert rows.frame[row] in left[rows.source[row]]
    assert len(chooser.taken) == len(set(chooser.taken)) == n
    for a, b in itertools.combinations(chooser.taken, 2):
        if rows.source[a] == rows.source[b]:
            assert abs(rows.frame[a] - rows.frame[b]) >= task["width"]


@given(tasks())
def test_capacity_stays_true_while_rows_are_taken(task: dict[str, Any]) -> None:
    chooser, left = prepare(task)
    rows = chooser.candidates
    for row in task["order"]:
        chooser.take(row, 0)
        expected = 0
        for source, places in enumerate(left):
            taken = [rows.frame[r] for r in chooser.taken if rows.source[r] == source]
            expected += naive.most_apart(places, task["width"], [places.index(place) for place in taken])
        assert chooser.capacity == expected


def test_a_row_that_would_cost_too_many_is_refused_and_costs_nothing() -> None:
    chooser = Chooser(candidates([[0, 2, 4]]), Gap(3, "frames"))
    assert chooser.capacity == 2
    assert not chooser.take(1, 2)
    assert chooser.capacity == 2
    assert chooser.take(0, 2)
    assert chooser.take(2, 2)


@pytest.mark.parametrize("gap", [None, Gap(0, "frames"), Gap(1, "frames"), Gap(0, "seconds")])
def test_without_a_gap_every_row_can_be_taken_once(gap: Gap | None) -> None:
    chooser = Chooser(candidates([list(range(5)), list(range(3))]), gap)
    assert chooser.capacity == 8
    assert [chooser.take(row, 8) for row in range(8)] == [True] * 8
    assert not chooser.take(3, 8)


def test_the_gap_holds_within_a_source_only() -> None:
    chooser = Chooser(candidates([[0, 1], [0, 1]]), Gap(100, "frames"))
    assert chooser.capacity == 2
    assert chooser.take(1, 2)
    assert chooser.take(2, 2)


@pytest.mark.parametrize("n_rows", [1, 2, 65_537])
def test_frames_exactly_the_gap_apart_will_do(n_rows: int) -> None:
    chooser = Chooser(candidates([list(range(n_rows))]), Gap(0.3, "seconds"))
    assert chooser.capacity == -(-n_rows // 3)
    assert chooser.take(0, 1)
    assert not chooser.open[:3].any()
    assert chooser.open[3:].all()

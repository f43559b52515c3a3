"""The product of objectives picks what the plain procedure picks, and what lightly-mundig picks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import framesift.features.vectors
import naive_neighbours
from framesift import Balance, Diversity, Weights, kcenter_greedy, product_greedy
from framesift.errors import UsageError
from peers import peer

lightly_mundig = peer("lightly_mundig")

check = settings(deadline=None, max_examples=40)


def rows(n: int, d: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def pick(n: int, preselected: Any = (), **given: Any) -> list[int]:
    """`product_greedy` of objectives given as `naive_neighbours.product_greedy` takes them."""
    objectives: list[Any] = [Diversity(x=x, strength=s) for x, s in given.get("diversity", ())]
    objectives += [Weights(values=w, strength=s) for w, s in given.get("weights", ())]
    objectives += [Balance(rows=p, target=t, strength=s) for p, t, s in given.get("balance", ())]
    picks = product_greedy(objectives, n - len(preselected), preselected=preselected)
    return [*preselected, *picks.tolist()]


def peer(rows: int, n: int, preselected: Any = (), **given: Any) -> list[int]:
    selection = lightly_mundig.Selection()
    for x, strength in given.get("diversity", ()):
        selection.add_diversifying_strategy(x, strength)
    for values, strength in given.get("weights", ()):
        selection.add_weighting_strategy(values, strength)
    for shares, target, strength in given.get("balance", ()):
        selection.add_balancing_strategy(shares, [float(t) for t in target], strength)
    return list(selection.run_selection(list(preselected), rows, n))


def test_diversity_alone_is_greedy_k_center() -> None:
    x = rows(500, 7)
    expected = kcenter_greedy(x, 60)[0]
    assert_array_equal(product_greedy([Diversity(x=x)], 60), expected)
    assert_array_equal(product_greedy([Diversity(x=x, strength=0.3)], 60), expected)


@check
@given(st.data())
def test_any_objectives_pick_what_the_plain_procedure_picks(data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    n = data.draw(st.integers(1, 30))
    strength = st.sampled_from([1.0, 2.0, 0.5, -1.0, -0.3])
    several = st.lists(strength, max_size=2)
    given: dict[str, Any] = {
        "diversity": [(rng.normal(size=(n, 3)).astype(np.float32), s) for s in data.draw(several)],
        "weights": [
            ((rng.random(n) * (rng.random(n) < 0.9)).astype(np.float32), s) for s in data.draw(several)
        ],
        "balance": [
            (rng.random((n, 4)).astype(np.float32), rng.dirichlet(np.ones(4)), s) for s in data.draw(several)
        ],
    }
    if not any(given.values()):
        return
    preselected = rng.permutation(n)[: data.draw(st.integers(0, min(3, n)))].tolist()
    total = data.draw(st.integers(len(preselected), n))
    found = pick(total, preselected, **given)
    expected = naive_neighbours.product_greedy(n, total, preselected, **given)
    if found != expected:  # only where the plain procedure's rounding makes the difference
        at = next(i for i in range(total) if found[i] != expected[i])
        scores = naive_neighbours.product_scores(n, expected[:at], **given)
        assert scores[found[at]] == pytest.approx(scores[expected[at]], abs=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_threads_and_blocks_change_no_pick(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    n = 3000
    rng = np.random.default_rng(0)
    x = (30 * rng.normal(size=(n, 9)).cumsum(axis=0) % 255).astype(dtype)
    objectives = [
        Diversity(x=x),
        Weights(values=rng.random(n), strength=0.5),
        Balance(rows=rng.random((n, 5)), target=[1, 2, 3, 4, 5]),
    ]
    expected = product_greedy(objectives, 150, preselected=[5, 9])
    assert len({*expected, 5, 9}) == 152
    monkeypatch.setattr("framesift.selection.product._SCORED_AT_ONCE", 700)
    monkeypatch.setattr("framesift.selection.product._KINDS_AT_ONCE", 900)
    for threads in (1, 4):
        framesift.features.vectors._threads.cache_clear()
        monkeypatch.setattr("framesift.features.vectors.count_threads", lambda _, t=threads: t)
        assert_array_equal(product_greedy(objectives, 150, preselected=[5, 9]), expected)
    framesift.features.vectors._threads.cache_clear()


def test_many_rows_pick_what_lightly_mundig_picks_until_its_sums_round() -> None:
    n, total = 4000, 60
    rng = np.random.default_rng(3)
    given = {
        "diversity": [(rows(n, 16), 1.0)],
        "weights": [(rng.random(n).astype(np.float32), 0.7)],
        "balance": [(np.eye(6, dtype=np.float32)[rng.integers(6, size=n)], np.full(6, 1 / 6), 2.0)],
    }
    found, theirs = pick(total, [7], **given), peer(n, total, [7], **given)
    assert found == naive_neighbours.product_greedy(n, total, [7], **given)
    same = next((i for i in range(total) if found[i] != theirs[i]), total)
    if same < total:
        scores = naive_neighbours.product_scores(n, found[:same], **given)
        assert scores[theirs[same]] == pytest.approx(scores[found[same]], abs=1e-6)
    assert same > 20


def test_equal_rows_come_in_order() -> None:
    assert_array_equal(product_greedy([Diversity(x=np.ones((5, 2)))], 5), range(5))
    assert_array_equal(product_greedy([Weights(values=np.zeros(5))], 5), range(5))
    assert_array_equal(product_greedy([Balance(rows=np.zeros((5, 2)), target=[1, 1])], 5), range(5))
    assert_array_equal(product_greedy([Balance(rows=np.ones((5, 1)), target=[1])], 5), range(5))
    assert_array_equal(product_greedy([Weights(values=[0, 1, 0, 3], strength=0)], 4), range(4))


def test_only_what_is_allowed_is_picked() -> None:
    allowed = np.arange(50) % 3 == 1
    picks = product_greedy([Diversity(x=rows(50, 2))], int(allowed.sum()), allowed=allowed)
    assert sorted(picks) == np.flatnonzero(allowed).tolist()


# Ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighed", [False, True])
def test_a_minimum_distance_ends_it_as_lightly_mundig_does_or_is_kept(weighed: bool) -> None:
    x, least = rows(60, 2), 0.7
    weights = np.random.default_rng(1).random(60).astype(np.float32)
    selection = lightly_mundig.Selection()
    selection.add_diversifying_strategy(x, 1.0, least)
    if weighed:
        selection.add_weighting_strategy(weights, 1.0)
    more = [Weights(values=weights)] if weighed else []
    found = product_greedy([Diversity(x=x, min_distance=least), *more], 60)
    assert found.tolist() == selection.run_selection([], 60, 60)

    kept = product_greedy([Diversity(x=x, min_distance=least, stop_at_min_distance=False), *more], 60)
    assert kept[: len(found)].tolist() == found.tolist()
    apart = np.linalg.norm(x[kept][:, None] - x[kept], axis=2) + 9 * np.eye(len(kept))
    assert apart.min() >= least
    left = np.setdiff1d(range(60), kept)
    assert (np.linalg.norm(x[left][:, None] - x[kept], axis=2).min(axis=1) < least).all()
    assert len(kept) > len(found) or not weighed


def test_weights_end_it() -> None:
    weights = np.array([5, 4, 3, 2, 1], np.float32)
    assert product_greedy([Weights(values=weights, min_value=2.5)], 5).tolist() == [0, 1, 2]
    assert product_greedy([Weights(values=weights, max_sum=12)], 5).tolist() == [0, 1, 2]
    assert product_greedy([Weights(values=weights, max_sum=11.9)], 5).tolist() == [0, 1]
    assert product_greedy([Weights(values=weights, max_sum=11.9)], 2, preselected=[0, 1]).tolist() == []
    assert product_greedy([Weights(values=weights, target_range=(0, 11))], 5).tolist() == []
    assert product_greedy([Weights(values=weights, target_range=(10, 11))], 5).tolist() == [0, 1, 3]
    assert product_greedy([Weights(values=weights, target_range=(99, 99))], 5).tolist() == [0, 1, 2, 3, 4]


# What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objectives", "options", "says"),
    [
        ([], {}, "at least one objective"),
        ([Diversity(x=rows(5, 2)), Weights(values=[1, 2])], {}, r"same number of rows, got \[2, 5\]"),
        ([Weights(values=[1, -2, 3])], {}, "not negative, got -2 in row 1; add an offset"),
        ([Weights(values=[1, np.nan])], {}, "finite and not negative, got nan in row 1"),
        ([Weights(values=[[1, 2]])], {}, "column of numbers"),
        ([Weights(values=["a"])], {}, "column of numbers"),
        ([Weights(values=[1, 2], strength=np.inf)], {}, "strength must be finite, got inf"),
        (
            [Diversity(x=rows(5, 2), min_distance=-1)],
            {},
            "min_distance must be finite and not negative, got -1",
        ),
        ([Balance(rows=np.ones((3, 2)), target=[1])], {}, "a column for each target"),
        ([Balance(rows=-np.ones((3, 2)), target=[1, 1])], {}, "classes must be finite and not negative"),
        ([Balance(rows=np.ones((3, 2)), target=[0, 0])], {}, "not all 0"),
        ([Weights(values=[1, 2])], {"n": 3}, "got n = 3 and 2 rows"),
        ([Weights(values=[1, 2])], {"preselected": [0], "n": 2}, "got n = 2 and 1 rows"),
        ([Weights(values=[1, 2])], {"preselected": [2]}, r"from 0 to 1, got \[2\]"),
        ([Weights(values=[1, 2])], {"preselected": [1, 1]}, "each row once"),
        ([Weights(values=[1, 2])], {"preselected": [0.5]}, "list of row numbers"),
        ([Weights(values=[1, 2])], {"allowed": [1, 0]}, "allowed must be 2 bools"),
    ],
)
def test_what_makes_no_sense_is_refused(objectives: Any, options: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        product_greedy(objectives, **{"n": 1, **options})

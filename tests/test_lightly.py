"""LightlyOne's configurations select what lightly-mundig selects, and wrong ones are told what is wrong."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import framesift as fs
import naive_neighbours
from framesift.errors import UsageError
from framesift.lightly import select
from framesift.lightly.config import parse
from peers import peer

lightly_mundig = peer("lightly_mundig")

STRENGTHS = [None, 1.0, 2.0, 0.5, -0.5]
CLASSES = ["car", "bus", "bike"]


class Case:
    """A configuration, what it selects from, and the same for lightly-mundig and for the plain procedure."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.n = n = int(rng.integers(8, 40))
        self.strategies: list[Any] = []
        self.data: dict[str, Any] = {
            "embeddings": rng.normal(size=(n, 4)).astype(np.float32),
            "queries": rng.normal(size=(2, 4)).astype(np.float32),
            "scores": {"od": {"uncertainty_entropy": rng.random(n)}},
            "metadata": {"sharpness": rng.random(n) * 9, "weather": rng.choice(["sun", "rain", "snow"], n)},
            "predictions": {
                "od": {"categories": CLASSES, "class_distribution": rng.random((n, 3)).astype("f4")}
            },
        }
        self.plain: dict[str, Any] = {"diversity": [], "weights": [], "balance": []}
        kinds = ["diversity", "typicality", "similarity", "scores", "metadata", "predictions", "categories"]
        for kind in rng.choice(kinds, int(rng.integers(1, 4)), replace=False):
            getattr(self, str(kind))()
        self.least: float | None = None
        if self.plain["diversity"] and rng.random() < 0.3:
            self.least = float(rng.choice([0.5, 1.5]))
            entry = next(e for e in self.strategies if e["strategy"]["type"] == "DIVERSITY")
            entry["strategy"]["stopping_condition_minimum_distance"] = self.least
        rng.shuffle(self.strategies)
        self.preselected = rng.permutation(n)[: rng.integers(0, 4)].tolist()
        self.total = int(rng.integers(len(self.preselected), n + 1))

    def add(self, entry_input: dict[str, Any], strategy: dict[str, Any]) -> float:
        """Add an entry of some strength."""
        strength = STRENGTHS[self.rng.integers(len(STRENGTHS))]
        self.strategies.append(
            {
                "input": entry_input,
                "strategy": strategy | ({} if strength is None else {"strength": strength}),
            }
        )
        return 1.0 if strength is None else strength

    def diversity(self) -> None:
        strength = abs(self.add({"type": "EMBEDDINGS"}, {"type": "DIVERSITY"}))
        if "strength" in self.strategies[-1]["strategy"]:
            self.strategies[-1]["strategy"]["strength"] = strength
        self.plain["diversity"].append((self.data["embeddings"], strength))

    def typicality(self) -> None:
        strength = self.add({"type": "EMBEDDINGS"}, {"type": "TYPICALITY", "numNearestNeighbors": 5})
        values = lightly_mundig.Typicality(self.data["embeddings"]).calculate_typicality(5)
        self.plain["weights"].append((np.array(values, np.float32), strength))

    def similarity(self) -> None:
        strength = self.add({"type": "EMBEDDINGS", "tagName": "initial-tag"}, {"type": "SIMILARITY"})
        values = lightly_mundig.Similarity(self.data["embeddings"]).calculate_similarity(self.data["queries"])
        self.plain["weights"].append((np.array(values, np.float32), strength))

    def scores(self) -> None:
        strength = self.add(
            {"type": "SCORES", "task": "od", "score": "uncertainty_entropy"}, {"type": "WEIGHTS"}
        )
        self.plain["weights"].append(
            (self.data["scores"]["od"]["uncertainty_entropy"].astype("f4"), strength)
        )

    def metadata(self) -> None:
        strength = self.add({"type": "METADATA", "key": "sharpness"}, {"type": "WEIGHTS"})
        self.plain["weights"].append((self.data["metadata"]["sharpness"].astype("f4"), strength))

    def predictions(self) -> None:
        target = dict(zip(CLASSES, self.rng.dirichlet([1, 1, 1]).tolist(), strict=True))
        task = {"type": "PREDICTIONS", "task": "od", "name": "CLASS_DISTRIBUTION"}
        strength = self.add(task, {"type": "BALANCE", "target": target})
        rows = self.data["predictions"]["od"]["class_distribution"]
        self.plain["balance"].append((rows, list(target.values()), strength))

    def categories(self) -> None:
        strength = self.add(
            {"type": "METADATA", "key": "weather"}, {"type": "BALANCE", "target": {"sun": 0.5}}
        )
        sun = (self.data["metadata"]["weather"] == "sun").astype(np.float32)
        rows = np.stack([sun, 1 - sun], axis=1)
        self.plain["balance"].append((rows, [0.5, 0.5], strength))

    def theirs(self, preselected: list[int]) -> list[int]:
        selection = lightly_mundig.Selection()
        for x, strength in self.plain["diversity"]:
            selection.add_diversifying_strategy(x, strength, self.least)
        for values, strength in self.plain["weights"]:
            selection.add_weighting_strategy(values, strength)
        for rows, target, strength in self.plain["balance"]:
            selection.add_balancing_strategy(rows, target, strength)
        return list(selection.run_selection(preselected, self.n, self.total))

    def ours(self, preselected: list[int]) -> list[int]:
        config = {"nSamples": self.total, "strategies": self.strategies}
        return select(config, preselected=preselected, **self.data).tolist()


@pytest.mark.parametrize("block", range(10))
def test_random_combinations_select_what_lightly_mundig_selects(block: int) -> None:
    """250 of them; where two samples score the same to the last bits that float32 has, either is right."""
    ties = 0
    for seed in range(25 * block, 25 * (block + 1)):
        case = Case(seed)
        preselected = case.preselected
        while True:
            found, expected = case.ours(preselected), case.theirs(preselected)
            if found == expected:
                break
            at = next(i for i in range(case.total) if found[i] != expected[i])
            scores = naive_neighbours.product_scores(case.n, found[:at], **case.plain)
            assert scores[expected[at]] == pytest.approx(scores[found[at]], abs=3e-6), (seed, at)
            ties += 1
            preselected = expected[: at + 1]  # both go on from there
    assert ties <= 4


def test_names_in_camel_case_and_null_are_as_good() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    snake = {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.9, "strength": None}
    camel = {"type": "DIVERSITY", "stoppingConditionMinimumDistance": 0.9}
    found = [
        select(
            {name: 20, "strategies": [{"input": {"type": "EMBEDDINGS", "task": None}, "strategy": s}]},
            embeddings=x,
        )
        for name, s in (("n_samples", snake), ("nSamples", camel))
    ]
    assert_array_equal(*found)
    assert len(found[0]) < 20


def entry(entry_input: Any, **strategy: Any) -> dict[str, Any]:
    return {"input": entry_input, "strategy": strategy}


EMBEDDINGS = {"type": "EMBEDDINGS"}
DIVERSITY = entry(EMBEDDINGS, type="DIVERSITY")


def test_thresholds_come_first_and_all_must_be_met() -> None:
    a, b = np.arange(20.0), np.arange(20.0)[::-1].copy()
    a[7] = np.nan
    config = {
        "n_samples": 20,
        "strategies": [
            entry({"type": "SCORES", "score": "b"}, type="WEIGHTS"),
            entry({"type": "METADATA", "key": "a"}, type="THRESHOLD", threshold=3, operation="BIGGER"),
            entry({"type": "SCORES", "score": "b"}, type="THRESHOLD", threshold=9, operation="BIGGER_EQUAL"),
        ],
    }
    assert select(config, scores={"b": b}, metadata={"a": a}).tolist() == [4, 5, 6, 8, 9, 10]
    for operation, kept in (("SMALLER", 3), ("SMALLER_EQUAL", 4), ("BIGGER", 16), ("BIGGER_EQUAL", 17)):
        alone = entry(
            {"type": "SCORES", "score": "b"}, type="THRESHOLD", threshold=3 + 1, operation=operation
        )
        met = select({"n_samples": 20, "strategies": [alone]}, scores={"b": b + 1})
        assert len(met) == kept
        assert met.tolist() == sorted(met)


def test_counts_and_proportions() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    for wanted, n in (({"n_samples": 7}, 7), ({"n_samples": -1}, 100), ({"n_samples": 999}, 100)):
        assert len(select({**wanted, "strategies": [DIVERSITY]}, embeddings=x)) == n
    for share, n in ((0.29, 29), (0, 0), (1, 100)):
        assert len(select({"proportion_samples": share, "strategies": [DIVERSITY]}, embeddings=x)) == n
    before = [9, 3, 5]
    found = select({"n_samples": 5, "strategies": [DIVERSITY]}, embeddings=x, preselected=before)
    assert found[:3].tolist() == before
    assert len({*found.tolist()}) == 5
    assert (
        select({"n_samples": 2, "strategies": [DIVERSITY]}, embeddings=x, preselected=before).tolist()
        == before
    )


def test_random_is_seeded() -> None:
    def config(**seed: int) -> dict[str, Any]:
        return {"n_samples": 10, "strategies": [entry({"type": "RANDOM", **seed}, type="WEIGHTS")]}

    x = np.zeros((100, 1))
    assert_array_equal(select(config(), embeddings=x), select(config(random_seed=0), embeddings=x))
    assert set(select(config(random_seed=1), embeddings=x)) != set(select(config(), embeddings=x))


@pytest.mark.parametrize("distribution", ["UNIFORM", "INPUT", "TARGET"])
def test_distributions_of_a_balance(distribution: str) -> None:
    weather = np.array(["sun"] * 60 + ["rain"] * 30 + ["snow"] * 10)
    given = {"target": {"sun": 0.2, "rain": 0.2}} if distribution == "TARGET" else {}
    config = {
        "n_samples": 20,
        "strategies": [
            entry({"type": "METADATA", "key": "w"}, type="BALANCE", distribution=distribution, **given)
        ],
    }
    found = weather[select(config, metadata={"w": weather})]
    shares = {"UNIFORM": (7, 7, 6), "INPUT": (12, 6, 2), "TARGET": (5, 5, 10)}[distribution]
    for name, n in zip(("sun", "rain", "snow"), shares, strict=True):
        assert abs(np.count_nonzero(found == name) - n) <= 1


def test_classes_of_a_balance() -> None:
    flags = np.array([True, False] * 20)
    config = {
        "n_samples": 10,
        "strategies": [
            entry({"type": "METADATA", "key": "f"}, type="BALANCE", target={"true": 0.9, "false": 0.1})
        ],
    }
    assert np.count_nonzero(flags[select(config, metadata={"f": flags})]) == 9
    config["strategies"][0]["strategy"]["target"] = {"true": 0.7, "never": 0.3}  # no sample has it
    assert len(select(config, metadata={"f": flags})) == 10
    config["strategies"][0]["strategy"]["target"] = {"true": 1.0}
    assert flags[select(config, metadata={"f": flags})].all()
    counts = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 5], [0, 3, 0]])
    predictions = {"od": {"categories": CLASSES, "class_distribution": counts, "category_count": counts}}
    only = entry({"type": "PREDICTIONS", "task": "od"}, type="BALANCE", target={"car": 0.5, "bus": 0.5})
    found = select({"n_samples": 3, "strategies": [only]}, predictions=predictions)
    assert 2 not in found[:2], "a class without a target does not count"
    weighed = entry({"type": "PREDICTIONS", "task": "od", "name": "CATEGORY_COUNT"}, type="WEIGHTS")
    assert select({"n_samples": 4, "strategies": [weighed]}, predictions=predictions).tolist() == [2, 3, 0, 1]
    weighed["input"]["categories"] = ["car", "bus"]
    assert select({"n_samples": 4, "strategies": [weighed]}, predictions=predictions).tolist() == [3, 0, 1, 2]


def test_conditions_that_stop() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(50, 2)), np.arange(50.0)
    typical = entry(EMBEDDINGS, type="TYPICALITY", stoppingConditionMinimumTypicality=0.4)
    found = select({"n_samples": 50, "strategies": [typical]}, embeddings=x)
    assert_array_equal(np.sort(found), np.flatnonzero(fs.typicality(x) >= 0.4))
    weighed = entry({"type": "SCORES", "score": "w"}, type="WEIGHTS", stopping_condition_max_sum=100)
    assert select({"n_samples": 50, "strategies": [weighed]}, scores={"w": w}).tolist() == [49, 48]
    ranged = entry(
        {"type": "SCORES", "score": "w"}, type="WEIGHTS", target_range={"minSum": 100, "max_sum": 101}
    )
    assert w[select({"n_samples": 50, "strategies": [ranged]}, scores={"w": w})].sum() in (100, 101)
    near = entry(EMBEDDINGS, type="DIVERSITY", stopping_condition_minimum_distance=0.5)
    config = {"n_samples": 50, "strategies": [near, entry({"type": "SCORES", "score": "w"}, type="WEIGHTS")]}
    stopped = select(config, embeddings=x, scores={"w": w})
    skipped = select(config, embeddings=x, scores={"w": w}, skip_near=True)
    assert skipped[: len(stopped)].tolist() == stopped.tolist()
    assert len(skipped) > len(stopped)
    assert fs.nearest(x[skipped], None, 1)[1].min() >= 0.5


def test_embeddings_and_queries_by_name() -> None:
    rng = np.random.default_rng(0)
    whole, crops, queries = rng.normal(size=(20, 3)), rng.normal(size=(20, 5)), rng.normal(size=(2, 5))
    of_task = entry({"type": "EMBEDDINGS", "task": "od"}, type="DIVERSITY")
    found = select({"n_samples": 6, "strategies": [of_task]}, embeddings={"": whole, "od": crops})
    assert_array_equal(found, fs.kcenter_greedy(crops, 6)[0])
    like = entry({"type": "EMBEDDINGS", "task": "od", "tag_name": "odd ones"}, type="SIMILARITY")
    config = {"n_samples": 6, "strategies": [like]}
    found = select(config, embeddings={"": whole, "od": crops}, queries={"odd ones": queries})
    assert_array_equal(found, np.argsort(-fs.similarity(crops, queries))[:6])
    assert_array_equal(select(config, embeddings={"od": crops, "odd ones": queries}), found)


def test_the_workers_older_options() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))[rng.integers(0, 40, 60)]
    older = {
        "enable_corruptness_check": True,
        "remove_exact_duplicates": True,
        "enable_training": False,
        "method": "coreset",
        "stopping_condition": {"n_samples": 9, "min_distance": -1},
    }
    assert_array_equal(select(older, embeddings=x), fs.kcenter_greedy(x, 9)[0])
    older["stopping_condition"] = {"n_samples": -1}
    assert sorted(select(older, embeddings=x)) == fs.near_duplicates(x, 0).leaders.tolist()
    older["stopping_condition"] = {"n_samples": 0.5, "min_distance": 1.0}
    assert fs.nearest(x[select(older, embeddings=x)], None, 1)[1].min() >= 1
    found = select({"method": "random", "stopping_condition": {"n_samples": 0.25}}, embeddings=x)
    assert len(found) == 15


# What is refused --------------------------------------------------------------------------------------------------

GOOD = {"n_samples": 2, "strategies": [DIVERSITY]}


def changed(**strategy: Any) -> dict[str, Any]:
    return {"n_samples": 2, "strategies": [entry(strategy.pop("input", EMBEDDINGS), **strategy)]}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ([], "must be a dict, got list"),
        (
            {"n_sample": 3, "strategies": [DIVERSITY]},
            "Option 'n_sample' does not exist! Did you mean 'n_samples'?",
        ),
        (
            {"nSample": 3, "strategies": [DIVERSITY]},
            "Option 'nSample' does not exist! Did you mean 'n_samples'?",
        ),
        ({**GOOD, "xyzzy": 3}, "Option 'xyzzy' does not exist! Expected one of n_samples"),
        ({"n_samples": 3, "nSamples": 3, "strategies": [DIVERSITY]}, "'n_samples' is given twice"),
        ({"n_samples": 3}, "'strategies' is missing"),
        ({"n_samples": 3, "strategies": []}, "config.strategies: expected at least one"),
        ({"n_samples": 3, "strategies": {}}, "config.strategies: expected a list, got {}"),
        ({"strategies": [DIVERSITY]}, "one of 'n_samples' and 'proportion_samples' is missing"),
        ({**GOOD, "proportion_samples": 0.1}, "exclude each other"),
        ({"proportion_samples": 1.1, "strategies": [DIVERSITY]}, "expected a number from 0 to 1, got 1.1"),
        ({"n_samples": 2.5, "strategies": [DIVERSITY]}, "expected an integer, at least -1, got 2.5"),
        ({"n_samples": True, "strategies": [DIVERSITY]}, "expected an integer, at least -1, got True"),
        (
            {"n_samples": 2, "strategies": [{"input": EMBEDDINGS}]},
            "config.strategies[0]: option 'strategy' is missing",
        ),
        (
            changed(type="DIVERISTY"),
            "strategies[0].strategy.type: 'DIVERISTY' does not exist! Did you mean 'DIVERSITY'?",
        ),
        (changed(type="DIVERSITY", strenght=1), "Option 'strenght' does not exist! Did you mean 'strength'?"),
        (changed(type="DIVERSITY", strength="1"), "expected a number from -1e+09 to 1e+09, got '1'"),
        (changed(strength=1), "strategies[0].strategy: option 'type' is missing"),
        (
            changed(type="WEIGHTS"),
            "WEIGHTS takes SCORES or METADATA or PREDICTIONS or RANDOM as input, got EMBEDDINGS",
        ),
        (
            changed(type="THRESHOLD", input={"type": "SCORES", "score": "s"}),
            "THRESHOLD needs 'threshold' and 'operation'",
        ),
        (changed(type="BALANCE", input={"type": "METADATA", "key": "k"}), "BALANCE needs 'target'"),
        (
            changed(type="BALANCE", target={"a": -1}, input={"type": "METADATA", "key": "k"}),
            "target.a: expected a number",
        ),
        (changed(type="TYPICALITY", num_nearest_neighbors=1), "expected an integer, at least 2, got 1"),
        (
            changed(type="TYPICALITY", stoppingConditionMinimumTypicality=0),
            "expected a number above 0, got 0",
        ),
        (
            changed(type="WEIGHTS", target_range={"min_sum": 2, "max_sum": 1}, input={"type": "RANDOM"}),
            "at least min_sum",
        ),
        (
            changed(type="DIVERSITY", input={"type": "EMBEDDINGS", "dataset_id": "x"}),
            "expected 24 hex digits, got 'x'",
        ),
        ({**GOOD, "lightly_path_regex": "("}, "is no regular expression"),
        ({**GOOD, "auto_tasks": [{"type": "TILES", "name": "t"}]}, "Did you mean 'TILING'?"),
        ({"method": "coresets"}, "'coresets' does not exist!"),
        (
            {"method": "coreset", "stopping_condition": {"n_samples": 1.5}},
            "expected a count, a share or -1, got 1.5",
        ),
        ({"method": "coreset", "remove_exact_duplicate": True}, "Did you mean 'remove_exact_duplicates'?"),
    ],
)
def test_wrong_configurations_are_told_what_is_wrong(config: Any, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        select(config, embeddings=np.zeros((3, 2)))


def test_all_options_are_known() -> None:
    parsed = parse(
        {
            "proportionSamples": 0.5,
            "lightlyPathRegex": r"(?P<camera>\w+)/.*",
            "autoTasks": [{"type": "TILING", "name": "t", "numRows": 2, "numCols": 2, "overlap": 0.1}],
            "strategies": [
                entry(
                    {"type": "EMBEDDINGS", "datasetId": "0123456789abcdef01234567", "tagName": "initial-tag"},
                    type="SIMILARITY",
                    strength=-1e9,
                ),
                entry(
                    {
                        "type": "PREDICTIONS",
                        "task": "a/b:c",
                        "name": "CATEGORY_COUNT",
                        "categories": ["x", "y"],
                    },
                    type="WEIGHTS",
                    stoppingConditionMaxSum=3,
                    targetRange={"minSum": 1, "maxSum": 2},
                ),
                entry({"type": "RANDOM", "randomSeed": 7}, type="WEIGHTS"),
            ],
        }
    )
    assert parsed.strategies[1].strategy.target_range == (1, 2)
    assert parsed.count(9) == 4


@pytest.mark.parametrize(
    ("changes", "data", "says"),
    [
        ({"type": "DIVERSITY"}, {"embeddings": None, "scores": {"s": [1, 2]}}, "no embeddings were given"),
        ({"type": "DIVERSITY"}, {"embeddings": None}, "nothing to select from"),
        ({"type": "DIVERSITY"}, {"scores": {"s": [1, 2]}}, "3 of embeddings, 2 of score 's'"),
        ({"type": "DIVERSITY"}, {"embeddings": [[1, np.nan]] * 3}, "strategies[0]: x must be finite"),
        ({"type": "SIMILARITY"}, {}, "SIMILARITY needs queries="),
        ({"type": "WEIGHTS", "input": {"type": "SCORES"}}, {}, "SCORES needs 'score'"),
        (
            {"type": "WEIGHTS", "input": {"type": "SCORES", "score": "s"}},
            {"scores": {"t": [1] * 3}},
            "there are 't'",
        ),
        (
            {"type": "WEIGHTS", "input": {"type": "METADATA", "key": "k"}},
            {},
            "no metadata 'k' was given, there are none",
        ),
        (
            {"type": "WEIGHTS", "input": {"type": "METADATA", "key": "k"}},
            {"metadata": {"k": [1, -1, 0]}},
            "strategies[0]: weights must be finite and not negative, got -1.0 in row 1",
        ),
        (
            {"type": "WEIGHTS", "input": {"type": "METADATA", "key": "k"}},
            {"metadata": {"k": ["a"] * 3}},
            "WEIGHTS needs a number a sample",
        ),
        (
            {"type": "BALANCE", "distribution": "UNIFORM", "input": {"type": "METADATA", "key": "k"}},
            {"metadata": {"k": [0.5] * 3}},
            "BALANCE needs categories",
        ),
        (
            {"type": "BALANCE", "target": {"van": 1}, "input": {"type": "PREDICTIONS", "task": "od"}},
            {"predictions": {"od": {"categories": CLASSES, "class_distribution": np.ones((3, 3))}}},
            "no class 'van', there are 'car'",
        ),
        (
            {"type": "WEIGHTS", "input": {"type": "PREDICTIONS", "task": "od", "name": "CATEGORY_COUNT"}},
            {"predictions": {"od": {"categories": CLASSES, "class_distribution": np.ones((3, 3))}}},
            "predictions of task 'od' lack 'category_count'",
        ),
        ({"type": "DIVERSITY"}, {"preselected": [3]}, "from 0 to 2, got [3]"),
        ({"type": "DIVERSITY"}, {"preselected": [1, 1]}, "each sample once"),
    ],
)
def test_missing_and_unfit_data_is_named(changes: Any, data: Any, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        select(changed(**changes), **{"embeddings": np.zeros((3, 2)), **data})

"""Reports are of LightlyOne's shape, and plans say what a selection takes."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framesift
import lightlyfiles
import naive_lightly
from clips import make_clip, painted
from framesift.errors import UsageError
from framesift.lightly.config import parse
from framesift.planning import selection_bytes
from framesift.report.predicted import gini_imbalance, normalized_entropy
from framesift_cli.main import run

SIZE, N = (96, 64), 30
CLASSES = [{"id": 1, "name": "cat"}, {"id": 4, "name": "dog"}]
CONFIG = {
    "n_samples": 6,
    "strategies": [
        {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}},
        {
            "input": {"type": "PREDICTIONS", "task": "pets", "name": "CLASS_DISTRIBUTION"},
            "strategy": {"type": "BALANCE", "distribution": "UNIFORM"},
        },
        {
            "input": {"type": "SCORES", "task": "pets", "score": "object_frequency"},
            "strategy": {"type": "WEIGHTS"},
        },
    ],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with predictions and metadata, from which was selected twice."""
    top = tmp_path_factory.mktemp("report")
    (top / "in").mkdir()
    make_clip(top / "in/a.mkv", n=N, size=SIZE, codec="ffv1", pictures=[painted(i, SIZE) for i in range(N)])
    rng = np.random.default_rng(0)
    names = [f"a-{i:02d}-mkv.png" for i in range(N)]
    items = {
        name: [lightlyfiles.singleton(rng, "object-detection", [1, 4]) for _ in range(i % 4)]
        for i, name in enumerate(names)
    }
    lightlyfiles.write(top / "in", {"pets": ("object-detection", CLASSES, items)})
    metadata = top / "in/.lightly/metadata"
    metadata.mkdir()
    schema = [
        {"name": "speed", "path": "v", "defaultValue": 1, "valueDataType": "NUMERIC_INT"},
        {"name": "place", "path": "p", "defaultValue": "x", "valueDataType": "CATEGORICAL_STRING"},
    ]
    (metadata / "schema.json").write_text(json.dumps(schema))
    for i, name in enumerate(names):
        values = {"file_name": name, "type": "frame", "metadata": {"v": i, "p": "xy"[i % 2]}}
        (metadata / f"{name[:-4]}.json").write_text(json.dumps(values))
    framesift.extract(top / "in", 1, top / "first", config=CONFIG)
    framesift.extract(
        top / "in", 1, top / "out", config=CONFIG, preselected=top / "first/selection.json", report=True
    )
    return top


def test_the_report_has_all_keys_of_lightlyone_and_no_other(made: Path) -> None:
    found = json.loads((made / "out/report_v2.json").read_text())
    assert naive_lightly.misfits(found, naive_lightly.REPORT) == []
    ours = json.loads((made / "out/report.json").read_text())
    assert ours.pop("framesift")
    assert ours == found


def test_the_report_counts_what_was_brought_along(made: Path) -> None:
    report = json.loads((made / "out/report_v2.json").read_text())
    selection = framesift.read_selection(made / "out/selection.json")
    first = framesift.read_selection(made / "first/selection.json").indices()
    chosen = selection.indices()
    sizes = report["generalInformation"]["datasetInformation"]["datasetSizes"]
    assert [sizes[k] for k in ("nInput", "nSelected", "nPreselectedDatapool", "nSelectedWithDatapool")] == [
        N,
        6,
        6,
        12,
    ]
    task = report["predictionTaskInformation"]["pets"]
    assert task["categoryIdToName"] == {"1": "cat", "4": "dog"}
    files = {
        i: json.loads((made / f"in/.lightly/predictions/pets/a-{i:02d}-mkv.json").read_text())
        for i in range(N)
    }
    for name, frames in (
        ("input", range(N)),
        ("selected", chosen),
        ("preselectedDatapool", first),
        ("selectedWithDatapool", [*first, *chosen]),
    ):
        ids = [item["category_id"] for i in frames for item in files[i]["predictions"]]
        counts = task["categoryDistribution"][name]
        assert counts["counts"] == {"cat": ids.count(1), "dog": ids.count(4)}
        assert counts["metrics"]["giniImbalance"] == pytest.approx(
            naive_lightly.gini([ids.count(1), ids.count(4)]), abs=1e-6
        )
        having = [
            sum(any(item["category_id"] == c for item in files[i]["predictions"]) for i in frames)
            for c in (1, 4)
        ]
        assert list(task["categoryToImageWithCategoryCount"][name]["counts"].values()) == having
        assert sum(task["predictionScoreDistribution"][name]["counts"]) == len(ids)
        assert sum(task["categoryToCountsPerSample"]["cat"][name]["counts"]) == len(frames)
        speed = report["datasetAnalysis"]["metadataInformation"]["customNumeric"]["speed"][name]
        assert speed["metrics"]["mean"] == pytest.approx(np.mean(frames), abs=1e-5)
        place = report["datasetAnalysis"]["metadataInformation"]["customCategorical"]["place"][name]
        assert place["counts"]["x"] == sum(i % 2 == 0 for i in frames)
    assert set(report["datasetAnalysis"]["metadataInformation"]["lightlyNumeric"]) >= {
        "luminance",
        "snr",
        "uniformRowRatio",
    }
    examples = task["detectionTaskInformation"]["bboxExamples"]
    assert {e["filename"] for e in examples} == {f"a-{i:02d}-mkv.png" for i in chosen}
    for e in examples:
        given = files[int(e["filename"][2:4])]["predictions"]
        assert [box["bbox"] for box in e["predictions"]] == [pytest.approx(item["bbox"]) for item in given]
    pairs = report["generalInformation"]["selectedAndRemovedImageExamples"]
    assert {p["selectedImage"] for p in pairs} == {f"a-{i:02d}-mkv.png" for i in chosen}


def test_the_workers_files_know_what_was_brought_along(made: Path, tmp_path: Path) -> None:
    framesift.lightly.write_outputs(made / "out/selection.json", tmp_path)
    lists = {p.stem: p.read_text().split() for p in (tmp_path / "filenames").iterdir()}
    first = framesift.read_selection(made / "first/selection.json").indices()
    chosen = framesift.read_selection(made / "out/selection.json").indices()
    assert lists["sampled_filenames"] == [f"a-{i:02d}-mkv.png" for i in sorted([*first, *chosen])]
    assert lists["sampled_filenames_excluding_datapool"] == [f"a-{i:02d}-mkv.png" for i in chosen]
    head, *rows = (tmp_path / "data/al_score_embeddings.csv").read_text().splitlines()
    assert head.startswith("filenames,pets/uncertainty_least_confidence,")
    assert len(rows) == N
    pool = (tmp_path / "data/selected_embeddings_including_datapool.csv").read_text().splitlines()
    assert len(pool) == 1 + len(first) + len(chosen)


def test_a_report_of_no_configuration_has_the_shape_too(made: Path, tmp_path: Path) -> None:
    framesift.extract(made / "in/a.mkv", 1, tmp_path, method="random", report=True)
    found = json.loads((tmp_path / "report_v2.json").read_text())
    assert naive_lightly.misfits(found, naive_lightly.REPORT) == []


@given(st.lists(st.integers(0, 50), max_size=6))
@settings(deadline=None)
def test_how_even_counts_are(counts: list[int]) -> None:
    assert gini_imbalance(np.array(counts, np.int64)) == pytest.approx(naive_lightly.gini(counts))
    entropy = normalized_entropy(np.array(counts, np.int64))
    assert -1e-9 <= entropy <= 1 + 1e-9
    if len(counts) > 1 and sum(counts):
        p = np.array([c / sum(counts) for c in counts if c])
        assert entropy == pytest.approx(-(p * np.log(p)).sum() / np.log(len(counts)))


# Plans ----------------------------------------------------------------------------------------------------------------


def test_a_plan_is_of_the_frames_that_would_be_looked_at(made: Path, capsys: Any) -> None:
    video = str(made / "in/a.mkv")
    found = framesift.plan([video, "nowhere.mp4"], 5, start=10, step=2, context=1)
    assert (found["n_frames"], found["n_chosen"]) == (10, 5)
    assert found["sources"][0]["considered"] == 10
    assert [item["uri"] for item in found["set_aside"]] == ["nowhere.mp4"]
    for name in ("memory_bytes", "disk_bytes", "seconds"):
        assert all(value >= 0 for value in found[name].values())
    assert found["disk_bytes"]["total"] == found["disk_bytes"]["store"] + found["disk_bytes"]["pictures"]
    with framesift.index(video) as index:
        framesift.export(framesift.select(index, 5), made / "pictures")
    written = sum(path.stat().st_size for path in (made / "pictures/frames").rglob("*.png"))
    assert found["disk_bytes"]["pictures"] == pytest.approx(3 * written, rel=0.5)
    config = made / "c.json"
    config.write_text(json.dumps({**CONFIG, "n_samples": 9}))
    assert run(["select", video, "--config", str(config), "--dry-run", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n_chosen"] == 9
    assert run(["select", video, "--dry-run", "-n", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 frames of 30 in 1 source"
    assert [line.split()[0] for line in lines[1:]] == ["memory:", "disk:", "time:"]
    assert run(["select", video, "--dry-run", "-n", "0"]) == 2
    with pytest.raises(UsageError, match="Did you mean"):
        framesift.plan(video, config={"n_sample": 3})


@pytest.mark.parametrize("n", [3000, 30_000])
def test_memory_of_a_selection_is_at_most_what_the_plan_says(n: int) -> None:
    rng = np.random.default_rng(0)
    config = {
        "n_samples": 30,
        "strategies": [
            CONFIG["strategies"][0],  # type: ignore[index]
            {"input": {"type": "SCORES", "score": "s"}, "strategy": {"type": "WEIGHTS"}},
            {
                "input": {"type": "METADATA", "key": "k"},
                "strategy": {"type": "BALANCE", "target": {"a": 0.5, "b": 0.5}},
            },
        ],
    }
    given: dict[str, Any] = {
        "embeddings": rng.random((n, 64), np.float32),
        "scores": {"s": rng.random(n)},
        "metadata": {"k": rng.choice(["a", "b", "c"], n)},
    }
    framesift.lightly.select(config, **given)  # what is loaded once does not count
    tracemalloc.start()
    framesift.lightly.select(config, **given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    projected = selection_bytes(n, 64, 30, parse(config))
    assert peak <= projected
    if n > 10_000:
        assert projected - (32 << 20) <= 4 * peak


def test_equal_rows_are_found_without_distances() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 8)).astype(np.float32)[rng.integers(0, 300, 3000)]
    x[17], x[4] = 0.0, -0.0
    groups = framesift.near_duplicates(x, 0)
    kinds, first = np.unique(x + 0, axis=0, return_index=True)
    assert groups.leaders.tolist() == sorted(first.tolist())
    assert (x[groups.leaders[groups.labels]] == x).all()
    assert len(kinds) == len(groups.leaders)

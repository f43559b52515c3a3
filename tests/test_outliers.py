"""Outlier frames: measures, flags, and the frames that are left of them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import framesift as fs
import naive_pose
from clips import make_clip
from framesift.errors import NotEnoughFramesError, SourceError, UsageError
from framesift.outliers.arma import fit_arma
from framesift.outliers.measures import MEASURES, Settings
from framesift.outliers.pca import multi_view_errors, single_view_errors
from framesift.outliers.scores import score_poses
from framesift.outliers.thinning import thin
from framesift.predictions import Labels, Poses
from framesift.selection.chooser import Chooser
from framesift.selection.gaps import Gap
from framesift_cli.main import run
from framesift_kernels import load
from peers import peer
from posefiles import SCORER, frame
from real import prediction, video

KERNELS = load("cpu")
PLAIN = Settings(kernels=KERNELS)
OPENFIELD = "m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5"


class Line:
    """So many frames of one source."""

    def __init__(self, n: int) -> None:
        self.source, self.frame, self.time_s = np.zeros(n, np.int64), np.arange(n), np.zeros(n)
        self.usable = np.ones(n, bool)

    def __len__(self) -> int:
        return len(self.frame)


def make_poses(xy: np.ndarray, likelihood: np.ndarray | float = 0.99, **changes: Any) -> Poses:
    n, m, k, _ = xy.shape
    facts: dict[str, Any] = {
        "frames": np.arange(n),
        "individuals": tuple(f"i{i}" for i in range(m)) if m > 1 else ("",),
        "keypoints": tuple(f"k{i}" for i in range(k)),
        "xy": xy.astype(np.float32),
        "likelihood": np.broadcast_to(np.asarray(likelihood, np.float32), (n, m, k)).copy(),
        "present": np.ones((m, k), bool),
        "scorer": "DLC",
        "tool": "deeplabcut",
    }
    return Poses(**(facts | changes))


def walk(rng: np.random.Generator, n: int = 120, m: int = 1, k: int = 3) -> np.ndarray:
    centre = np.cumsum(rng.normal(size=(n, m, 1, 2)), axis=0)
    return 200 + centre + rng.normal(size=(1, m, k, 2)) * 20 + rng.normal(size=(n, m, k, 2)) * 0.3


def flagged(poses: Poses, method: str, **options: Any) -> list[int]:
    scores = score_poses(poses, method, settings=options.pop("settings", PLAIN), **options)
    return scores.frames[scores.scores[0].flagged].tolist()


# Measures ---------------------------------------------------------------------------------------------------------


def test_jump_is_of_each_individual_and_blames_the_later_frame(rng: np.random.Generator) -> None:
    xy = walk(rng, m=2)
    xy[50:, 1, 2] += 40
    xy[70, 0, 1] = np.nan
    values = MEASURES["jump"](make_poses(xy), PLAIN).values
    np.testing.assert_allclose(values, naive_pose.jumps(xy.astype(np.float32)), rtol=1e-5)
    assert flagged(make_poses(xy), "jump", thresholds={"jump": 20}) == [50]
    assert 50 in flagged(make_poses(xy), "jump")


def test_two_small_moves_of_two_animals_are_no_jump(rng: np.random.Generator) -> None:
    xy = np.full((20, 2, 1, 2), 100.0)
    xy[10:, :, :, 0] += 15  # 15 and 15 would be 21 together, as DeepLabCut adds them
    assert flagged(make_poses(xy), "jump", thresholds={"jump": 20}) == []


def test_no_jump_over_frames_that_are_missing(rng: np.random.Generator) -> None:
    xy = walk(rng, n=40)
    xy[20:] += 100
    poses = make_poses(xy, frames=np.concatenate([np.arange(20), np.arange(60, 80)]))
    assert flagged(poses, "jump", thresholds={"jump": 20}) == []


def test_nothing_predicted_is_uncertain(rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    poses.xy[7, 0, 1] = np.nan
    poses.likelihood[7, 0, 1] = np.nan
    poses.likelihood[9, 0, 0] = 0.001
    assert flagged(poses, "uncertain") == [7, 9]
    assert flagged(poses, "uncertain", thresholds={"uncertain": 0.01}) == [7, 9]
    assert flagged(poses, "uncertain", thresholds={"uncertain": 0.0005}) == [7]
    without = make_poses(poses.xy, np.nan)
    assert flagged(without, "uncertain") == [7]


def test_what_is_missing_half_of_the_time_is_uncertain_every_time(rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    poses.xy[::2, 0, 1] = np.nan
    assert flagged(poses, "uncertain") == list(range(0, 120, 2))


def test_an_animal_that_is_away_is_not_uncertain_but_one_that_is_lost_is(rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng, n=40, m=3))
    for row in range(40):  # a track that ends and another that begins: two of three in every frame
        poses.xy[row, 1 if row < 20 else 2] = np.nan
    poses.xy[30, 0] = np.nan
    assert flagged(poses, "uncertain") == [30]


def test_a_keypoint_that_an_individual_has_not_is_not_missing(rng: np.random.Generator) -> None:
    present = np.array([[True, True, False], [True, True, True]])
    poses = make_poses(walk(rng, n=40, m=2), present=present)
    poses.xy[:, 0, 2] = np.nan
    assert flagged(poses, "uncertain") == []


@pytest.mark.parametrize("missing", [False, True])
def test_single_view_errors_are_lightning_poses(rng: np.random.Generator, missing: bool) -> None:
    basis = rng.normal(size=(2, 10))
    good = (rng.normal(size=(60, 2)) @ basis + rng.normal(size=(60, 10)) * 0.1).reshape(60, 5, 2) * 10 + 100
    if missing:
        good[rng.random((60, 5)) < 0.1] = np.nan
    x = good.copy() + rng.normal(size=good.shape)
    np.testing.assert_allclose(
        single_view_errors(x, good, 0.99), naive_pose.reprojection(x, good, 0.99), rtol=1e-4, atol=1e-4
    )


def test_multi_view_errors_are_lightning_poses(rng: np.random.Generator) -> None:
    space = rng.normal(size=(50, 4, 3)) * 30
    cameras = rng.normal(size=(2, 3, 2))
    views = [space @ camera + 100 + rng.normal(size=(50, 4, 2)) * 0.1 for camera in cameras]
    xy = np.concatenate([views[0], views[1], rng.normal(size=(50, 1, 2))], axis=1)
    columns = [[0, 1, 2, 3], [7, 6, 5, 4]]
    xy[:, 4:8] = xy[:, [7, 6, 5, 4]]
    xy[11, 2] += 40
    errors = multi_view_errors(xy.astype(np.float32), xy, columns)
    pairs = np.stack([xy[:, a] for a in columns], axis=2).reshape(200, 2, 2)  # of every point, both views
    truth = naive_pose.reprojection(pairs.astype(np.float32), pairs, 3).reshape(50, 4, 2)
    for view in (0, 1):
        np.testing.assert_allclose(errors[:, columns[view]], truth[:, :, view], rtol=1e-3, atol=1e-3)
    assert np.isnan(errors[:, 8]).all()
    assert np.nanargmax(errors.max(axis=1, initial=-1, where=~np.isnan(errors))) == 11


def test_pca_learns_from_labels_by_name(rng: np.random.Generator) -> None:
    xy = walk(rng, n=90, k=4)
    labels = Labels(
        files=("a",) * 60,
        individuals=("",),
        keypoints=("k3", "other", "k0", "k1", "k2"),
        xy=xy[:60][:, :, [3, 0, 0, 1, 2]].astype(np.float32),
        likelihood=np.full((60, 1, 5), np.nan, np.float32),
        present=np.ones((1, 5), bool),
        scorer="me",
    )
    values = MEASURES["pca"](make_poses(xy), Settings(kernels=KERNELS, labels=labels)).values[:, 0]
    truth = naive_pose.reprojection(xy[:, 0], xy[:60, 0], 0.99)
    np.testing.assert_allclose(values, truth, rtol=2e-3, atol=2e-3)
    few = Labels(
        **{name: getattr(labels, name) for name in Labels.__slots__}
        | {"keypoints": ("a", "b", "c", "d", "e")}
    )
    with pytest.raises(UsageError, match="no keypoint 'k0'"):
        MEASURES["pca"](make_poses(xy), Settings(kernels=KERNELS, labels=few))


def test_ensemble_spread(rng: np.random.Generator) -> None:
    members = [walk(rng, n=20) for _ in range(3)]
    members[1][4] = np.nan
    members[0][5] = np.nan
    members[2][5] = np.nan
    others = [make_poses(member) for member in members[1:]]
    values = MEASURES["ensemble"](make_poses(members[0]), Settings(kernels=KERNELS, ensemble=others)).values
    truth = naive_pose.spread([member.astype(np.float32) for member in members])
    np.testing.assert_allclose(values, truth, rtol=1e-4)
    with pytest.raises(UsageError, match="other models"):
        MEASURES["ensemble"](make_poses(members[0]), PLAIN)
    with pytest.raises(UsageError, match="other frames"):
        MEASURES["ensemble"](others[0].between(0, 10), Settings(kernels=KERNELS, ensemble=others))


# Fitting ----------------------------------------------------------------------------------------------------------


def test_fitting_finds_a_point_off_its_path_and_not_the_first_frame(rng: np.random.Generator) -> None:
    t = np.arange(300)
    xy = np.stack([300 + 100 * np.sin(t / 20), 200 + 80 * np.cos(t / 30)], axis=1)[:, None, None]
    xy = np.repeat(xy, 2, axis=2) + rng.normal(size=(300, 1, 2, 2)) * 0.2
    xy[150, 0, 0] += 15
    xy[200:210] = np.nan
    values = MEASURES["fitting"](make_poses(xy), PLAIN).values[:, 0, 0]
    assert np.nanargmax(values) == 150
    assert not values[0] > 5
    assert np.isnan(values[200:210]).all()
    assert flagged(make_poses(xy), "fitting")[0] == 150


def test_fitting_knows_where_frames_are_missing(rng: np.random.Generator) -> None:
    xy = walk(rng, n=200, k=1)
    gap = np.concatenate([np.arange(50), np.arange(80, 200)])
    shorter = make_poses(xy[gap], frames=gap + 1000)
    whole = make_poses(xy)
    whole.xy[50:80] = np.nan
    a, b = (MEASURES["fitting"](p, PLAIN).values for p in (shorter, whole))
    np.testing.assert_array_equal(a, b[gap])


def test_few_values_and_a_path_that_does_not_move_have_no_outliers() -> None:
    still = make_poses(np.full((50, 1, 2, 2), 80.0))
    assert flagged(still, "fitting") == []
    assert flagged(make_poses(np.full((8, 1, 2, 2), 80.0)), "fitting") == []


@pytest.mark.parametrize(("p", "q"), [(1, 0), (3, 1), (2, 2)])
def test_no_parameters_nearby_are_more_likely(rng: np.random.Generator, p: int, q: int) -> None:
    y = np.ascontiguousarray(walk(rng, n=400, k=1)[:, 0, 0, 0])
    y[rng.random(400) < 0.05] = np.nan
    ar, ma = fit_arma(y, p, q, KERNELS)
    best = KERNELS.arma_filter(y, ar, ma)[2]
    for _ in range(40):
        other = KERNELS.arma_filter(y, ar + rng.normal(size=p) * 0.003, ma + rng.normal(size=q) * 0.01)[2]
        assert not other > best + 0.1


@pytest.mark.parametrize(("keypoint", "axis", "p_bound"), [(2, 1, 0.9)])
def test_fit_is_statsmodels(keypoint: int, axis: int, p_bound: float) -> None:
    sarimax = pytest.importorskip("statsmodels.tsa.statespace.sarimax")
    poses = fs.predictions.read(prediction(OPENFIELD))
    y = poses.xy[:, 0, keypoint, axis].astype(np.float64)
    y[poses.likelihood[:, 0, keypoint] < p_bound] = np.nan
    with threadpool_limits(1):  # of BLAS, for small matrices
        theirs = sarimax.SARIMAX(
            y, order=(3, 0, 1), seasonal_order=(0, 0, 0, 0), simple_differencing=True
        ).fit(disp=False)
    expected = theirs.get_prediction().predicted_mean
    parameters = np.ascontiguousarray(theirs.params)
    predicted, _, _, _ = KERNELS.arma_filter(y, parameters[:3], parameters[3:4])
    np.testing.assert_allclose(predicted, expected, atol=1e-6)  # pixels: the same filter
    ar, ma = fit_arma(y, 3, 1, KERNELS)
    predicted, _, likelihood, _ = KERNELS.arma_filter(y, ar, ma)
    assert likelihood > theirs.llf - 0.01
    assert np.abs(predicted - expected).max() < 0.25


# Flags ------------------------------------------------------------------------------------------------------------


def test_a_range_is_as_in_the_whole_video(rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    rows = (poses.frames >= 60) & (poses.frames < 100)
    for method in ("jump", "fitting", "pca"):
        whole = score_poses(poses, method, settings=PLAIN).scores[0]
        part = score_poses(poses, method, settings=PLAIN, rows=rows)
        assert part.frames.tolist() == list(range(60, 100))
        values = MEASURES[method](poses, PLAIN).values
        same = part.scores[0].worst == whole.worst[rows]
        np.testing.assert_array_equal(part.scores[0].value[same], whole.value[rows][same])
        assert np.isfinite(values[60]).all(), "the frame before the range is known"


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_defaults_have_no_scale(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = walk(rng, n=60)
    xy[30] += 30
    for method in ("jump", "pca"):
        assert flagged(make_poses(xy), method) == flagged(make_poses(xy * np.float32(scale)), method)


def test_tools_own_thresholds_on_the_real_openfield() -> None:
    poses = fs.predictions.read(prediction(OPENFIELD))

    def count(method: str, threshold: float) -> int:
        return len(flagged(poses, method, thresholds={method: threshold}))

    assert [count("jump", e) for e in (20, 10, 5)] == [0, 52, 962]
    assert [count("uncertain", p) for p in (0.01, 0.9, 0.98)] == [0, 10, 266]
    counts = score_poses(poses, settings=PLAIN).counts()
    assert all(0 < counts[name] <= 117 for name in ("uncertain", "jump", "fitting", "pca"))


def test_temporal_norm_is_judged_as_lightning_pose_does(rng: np.random.Generator) -> None:
    xy = walk(rng)
    xy[50:] += 10
    norm = naive_pose.jumps(xy.astype(np.float32))[:, 0]
    z = (norm - np.nanmean(norm, axis=0)) / np.nanstd(norm, axis=0)
    expected = np.flatnonzero((z > 3).any(axis=1)).tolist()
    assert flagged(make_poses(xy), "temporal", thresholds={"temporal": 3}) == expected


def test_list_and_bad_options(rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    assert flagged(poses, "list", frames=[3, 50, 9999]) == [3, 50]
    for method, thresholds in (("no", {}), ([], {}), ("jump", {"no": 1}), ("uncertain", {"uncertain": 2})):
        with pytest.raises(UsageError, match="must be"):
            score_poses(poses, method, settings=PLAIN, thresholds=thresholds)


# Choosing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "m1.mp4", n=120)


@pytest.fixture(scope="module")
def indexed(clip: Path) -> Any:
    with fs.index(clip) as made:
        yield made


def predict(poses: Poses, path: Path) -> Path:
    xyl = np.concatenate([poses.xy, poses.likelihood[..., None]], axis=3)
    frame(xyl, list(poses.individuals), list(poses.keypoints)).to_csv(path)
    return path


@pytest.mark.parametrize("diversity", ["pose", "pixels", "none"])
@pytest.mark.parametrize("n", [1, 7])
def test_exactly_n_far_apart_and_the_worst_among_them(
    indexed: Any, rng: np.random.Generator, diversity: str, n: int
) -> None:
    poses = make_poses(walk(rng))
    poses.xy[40] += 50
    found = fs.outliers(indexed, {"m1": poses}, n, diversity=diversity, min_gap=10)
    chosen = found.selection.indices()
    assert len(chosen) == n
    assert 40 in chosen or 41 in chosen
    assert n == 1 or min(np.diff(chosen)) >= 10
    assert sorted(f.rank for f in found.selection.frames) == list(range(n))
    assert all(f.why for f in found.selection.frames)
    first = min(found.selection.frames, key=lambda f: f.rank)
    assert first.score == pytest.approx(max(f.score for f in found.selection.frames))
    again = fs.outliers(indexed, {"m1": poses}, n, diversity=diversity, min_gap=10)
    assert again.selection.indices() == chosen


def test_of_many_flagged_the_worst_and_then_those_that_differ_most(rng: np.random.Generator) -> None:
    n = 200
    rank, vectors = 1 + rng.random(n), rng.random((n, 3)).astype(np.float32)
    candidates = Line(n)
    found = thin(4, rank, np.ones(n, bool), Chooser(candidates, Gap(5, "frames")), vectors)  # type: ignore[arg-type]
    free, pool = np.ones(n, bool), []
    for row in np.argsort(-rank):
        if free[row] and len(pool) < 20:
            pool.append(int(row))
            free[max(0, row - 4) : row + 5] = False
    chosen = [pool[0]]
    while len(chosen) < 4:
        away = {r: min(np.linalg.norm(vectors[r] - vectors[c]) for c in chosen) for r in pool}
        chosen.append(max(pool, key=lambda r: away[r]))
    assert found.rows == chosen
    plain = thin(4, rank, np.ones(n, bool), Chooser(candidates, None), None)  # type: ignore[arg-type]
    assert plain.rows == np.argsort(-rank)[:4].tolist()


def test_too_many_are_an_error_or_what_is_flagged(indexed: Any, rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    with pytest.raises(NotEnoughFramesError, match="12 can be had"):
        fs.outliers(indexed, {"m1": poses}, 13, min_gap=10)
    poses.xy[33, 0, 1] = np.nan
    found = fs.outliers(indexed, {"m1": poses}, 13, method="uncertain", flagged_only=True)
    assert found.selection.indices() == [33]
    assert found.selection.frames[0].why == "uncertain: k1 missing"


def test_a_second_round_gives_neither_the_same_frames_nor_their_neighbours(
    indexed: Any, rng: np.random.Generator, tmp_path: Path
) -> None:
    poses = make_poses(walk(rng))
    first = fs.outliers(indexed, {"m1": poses}, 5)
    fs.export(first.selection, tmp_path, layout="deeplabcut")
    second = fs.outliers(indexed, {"m1": poses}, 4, exclude=tmp_path / "labeled-data")
    away = np.subtract.outer(second.selection.indices(), first.selection.indices())
    assert np.abs(away).min() >= 10


def test_a_range_of_the_index(clip: Path, rng: np.random.Generator) -> None:
    poses = make_poses(walk(rng))
    poses.xy[60] += 50
    poses.xy[10] += 50
    with fs.index(clip, start=0.5) as made:
        found = fs.outliers(made, {"m1": poses}, 3)
    assert {60, 61} & set(found.selection.indices())
    assert min(found.selection.indices()) >= 60
    assert found.scores[0].frames[0] == 60


def test_lengths_offsets_and_videos_without_predictions(
    indexed: Any, clip: Path, rng: np.random.Generator, tmp_path: Path
) -> None:
    poses = make_poses(walk(rng, n=100))
    with pytest.raises(SourceError, match="100 rows"):
        fs.outliers(indexed, {"m1": poses}, 3)
    assert len(fs.outliers(indexed, {"m1": poses}, 3, partial=True).selection) == 3
    moved = make_poses(walk(rng), frames=np.arange(120) + 500)
    with pytest.raises(SourceError, match="offset=-500"):
        fs.outliers(indexed, {"m1": moved}, 3)
    assert len(fs.outliers(indexed, {"m1": moved}, 3, offset=-500).selection) == 3
    other = make_clip(tmp_path / "other.mp4", n=20)
    with fs.index([clip, other], isolate=False) as made:
        found = fs.outliers(made, {"m1": make_poses(walk(rng))}, 3, per_source=True)
    assert [Path(item.uri).name for item in found.selection.set_aside] == ["other.mp4"]


def test_two_videos_at_once(clip: Path, rng: np.random.Generator, tmp_path: Path) -> None:
    other = make_clip(tmp_path / "m10.mp4", n=60)
    a = predict(make_poses(walk(rng)), tmp_path / f"m1{SCORER}.csv")
    b = predict(make_poses(walk(rng, n=60)), tmp_path / f"m10{SCORER}.csv")
    with fs.index([clip, other], isolate=False) as made:
        for places in (tmp_path, [b, a]):
            found = fs.outliers(made, places, 8)
            assert len(found.selection) == 8
            assert {len(poses) for poses in found.poses.values()} == {120, 60}
        each = fs.outliers(made, tmp_path, 3, per_source=True)
        assert (len(each.selection.indices(0)), len(each.selection.indices(1))) == (3, 3)


# The command ------------------------------------------------------------------------------------------------------


def test_the_command_counts_and_then_writes(
    clip: Path, rng: np.random.Generator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poses = make_poses(walk(rng))
    poses.xy[40] += 50
    path = predict(poses, tmp_path / f"m1{SCORER}.csv")
    assert run(["outliers", str(clip), "-p", str(path), "--dry-run", "--json", "--start", "10"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "out").exists()
    columns = counted["sources"][str(clip)]["columns"]
    assert columns["frame"] == list(range(10, 120))
    arguments = [
        "outliers",
        str(clip),
        "-p",
        str(path),
        "-n",
        "4",
        "--start",
        "10",
        "--out",
        str(tmp_path / "out"),
    ]
    assert run([*arguments, "--layout", "deeplabcut"]) == 0
    written = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert written["flagged"] == {k: v for k, v in counted["flagged"].items() if k != "apart"}
    with (tmp_path / "out" / "scores" / "m1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(10, 120))
    assert rows[30]["jump_flagged"] == "1"
    selection = fs.read_selection(tmp_path / "out" / "selection.json")
    assert selection.frames[0].why
    assert len(list((tmp_path / "out" / "labeled-data" / "m1").iterdir())) == 4
    assert run(["outliers", str(clip), "-p", str(path), "--threshold", "jump", "--dry-run"]) == 2


def test_the_real_openfield_whole(tmp_path: Path) -> None:
    options: dict[str, Any] = {"layout": "deeplabcut", "start": 0.8}
    found = fs.extract_outliers(video("m3v1mp4.mp4"), prediction(OPENFIELD), 10, tmp_path, **options)
    chosen = found.selection.indices()
    assert len(chosen) == 10
    assert min(np.diff(chosen)) >= 10
    assert min(chosen) >= 1864
    assert all(found.scores[0].n_flags[i - 1864] for i in chosen)
    waiting = fs.export(found.selection, tmp_path / "lp", layout="lightning-pose", context=0)
    assert len([p for p in waiting if p.suffix == ".png" and p.parent.name == "m3v1mp4"]) == 10
    assert fs.write_suggestions(found.selection, tmp_path / "p.slp") == 10
    assert (
        peer("sleap_io").load_slp(str(tmp_path / "p.slp"), open_videos=False).suggestions[0].frame_idx
        == chosen[0]
    )

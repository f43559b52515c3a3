"""Predictions of DeepLabCut, Lightning Pose and SLEAP are read as they are, and nothing in them is run."""

import pickle
import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import framesift as fs
from framesift.errors import SourceError, UsageError
from framesift.predictions.literals import read_literal
from posefiles import SCORER, frame, write_slp
from real import prediction

KEYPOINTS = ["snout", "tail"]


@pytest.fixture
def xyl(rng: np.random.Generator) -> np.ndarray:
    found = rng.random((30, 2, 2, 3)) * 100
    found[3, 1, 0] = np.nan
    found[0] = np.nan  # which pandas would take for the name of the index
    return found


def same(poses: fs.predictions.Poses, xyl: np.ndarray) -> None:
    np.testing.assert_array_equal(poses.xy, xyl[..., :2].astype(np.float32))
    np.testing.assert_array_equal(poses.likelihood, xyl[..., 2].astype(np.float32))


@pytest.mark.parametrize("kind", ["fixed", "table", "csv"])
@pytest.mark.parametrize("first", [0, 42150])
@pytest.mark.parametrize("individuals", [["mus1", "mus2"], [""]])
def test_deeplabcut(tmp_path: Path, xyl: np.ndarray, kind: str, first: int, individuals: list[str]) -> None:
    xyl = xyl[:, : len(individuals)]
    table = frame(xyl, individuals, KEYPOINTS, first)
    path = tmp_path / f"m1{SCORER}_filtered{'.csv' if kind == 'csv' else '.h5'}"
    if kind == "csv":
        table.to_csv(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTables, about names
            table.to_hdf(path, key="df_with_missing", mode="w", format=kind)
    poses = fs.predictions.read(path)
    same(poses, xyl)
    assert poses.frames.tolist() == list(range(first, first + 30))
    assert (poses.individuals, poses.keypoints) == (tuple(individuals), tuple(KEYPOINTS))
    assert (poses.scorer, poses.tool) == (SCORER, "deeplabcut")
    part = fs.predictions.read(path, start=first + 5, stop=first + 9)
    same(part, xyl[5:9])
    assert part.frames.tolist() == list(range(first + 5, first + 9))


def test_a_keypoint_that_one_individual_has_alone_is_no_missing_one_of_the_others(tmp_path: Path) -> None:
    rows = "scorer,D,D,D,D\nindividuals,m1,m1,single,single\nbodyparts,nose,nose,door,door\ncoords,x,y,x,y\n"
    (tmp_path / "p.csv").write_text(rows + "0,1,2,,\n1,1,2,3,4\n")
    poses = fs.predictions.read(tmp_path / "p.csv")
    assert poses.present.tolist() == [[True, False], [False, True]]
    assert poses.missing.sum() == 1
    assert poses.missing[0, 1, 1]
    assert not poses.has_likelihood


def test_columns_of_several_blocks_keep_their_order(tmp_path: Path) -> None:
    table = frame(np.arange(18.0).reshape(3, 1, 2, 3), [""], KEYPOINTS)
    table[(SCORER, "snout", "y")] = [1, 2, 3]  # integers, in a block of their own
    for kind in ("fixed", "table"):
        path = tmp_path / f"{kind}.h5"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table.to_hdf(path, key="df_with_missing", mode="w", format=kind)
        poses = fs.predictions.read(path)
        assert poses.xy[:, 0].tolist() == table.to_numpy().reshape(3, 2, 3)[..., :2].tolist()


def test_lightning_pose(tmp_path: Path) -> None:
    head = "scorer,heatmap_mhcrnn_tracker,heatmap_mhcrnn_tracker,heatmap_mhcrnn_tracker,set\n"
    head += "bodyparts,paw,paw,paw,\ncoords,x,y,likelihood,\n"
    (tmp_path / "v.csv").write_text(head + "0,1.5,2.5,0.9,train\n1,,,,train\n")
    poses = fs.predictions.read(tmp_path / "v.csv")
    assert (poses.tool, poses.keypoints) == ("lightning-pose", ("paw",))
    np.testing.assert_array_equal(poses.xy[:, 0, 0], np.array([[1.5, 2.5], [np.nan, np.nan]], np.float32))


def test_a_name_of_the_index_is_no_row(tmp_path: Path) -> None:
    table = frame(np.ones((2, 1, 2, 3)), [""], KEYPOINTS)
    table.index.name = "frame"
    table.to_csv(tmp_path / "p.csv")
    assert fs.predictions.read(tmp_path / "p.csv").frames.tolist() == [0, 1]


def test_metrics_of_lightning_pose(tmp_path: Path) -> None:
    (tmp_path / "v_temporal_norm.csv").write_text(",paw,nose,set\n0,,,train\n1,3.5,4.5,train\n")
    metric = fs.predictions.read_metric(tmp_path / "v_temporal_norm.csv")
    assert (metric.keypoints, metric.frames.tolist()) == (("paw", "nose"), [0, 1])
    np.testing.assert_array_equal(metric.values, np.array([[np.nan] * 2, [3.5, 4.5]], np.float32))
    with pytest.raises(SourceError, match="scorer"):
        fs.predictions.read(tmp_path / "v_temporal_norm.csv")


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize("suffix", [".h5", ".csv"])
def test_labels(tmp_path: Path, xyl: np.ndarray, n_levels: int, suffix: str) -> None:
    table = frame(xyl[:4], ["m1", "m2"], KEYPOINTS)
    keys = [("labeled-data", "vidé", f"img{i:04}.png") for i in range(4)]
    table.index = (
        pd.MultiIndex.from_tuples(keys) if n_levels == 3 else pd.Index(["\\".join(key) for key in keys])
    )
    path = tmp_path / f"CollectedData_x{suffix}"
    if suffix == ".csv":
        table.to_csv(path)
    else:
        table.to_hdf(path, key="df_with_missing", mode="w")
    labels = fs.predictions.read_labels(path)
    assert labels.files == tuple("/".join(key) for key in keys)
    np.testing.assert_array_equal(labels.xy, xyl[:4, ..., :2].astype(np.float32))
    with pytest.raises(SourceError, match="labels"):
        fs.predictions.read(path)


# SLEAP ------------------------------------------------------------------------------------------------------------


def test_slp_tracks_and_untracked(tmp_path: Path) -> None:
    rows = [
        (7, 1, 1, 0.9, [(1, 2, 0.5), (3, 4, 0.6)]),
        (7, 1, -1, 0.3, [(5, 6, 0.1), (np.nan, np.nan, 0)]),
        (7, 1, -1, 0.8, [(7, 8, 0.2), (9, 10, 0.2)]),
        (3, 1, 0, 0.9, [(11, 12, 0.5), (13, 14, 0.6)]),
    ]
    poses = fs.predictions.read(write_slp(tmp_path / "p.slp", rows, shape=[20, 4, 4, 1]))
    assert poses.frames.tolist() == [3, 7]
    assert poses.individuals == ("a", "b", "untracked1", "untracked2")
    assert poses.xy[1, 2].tolist() == [[7, 8], [9, 10]], "the better one is the first"
    assert np.isnan(poses.xy[1, 3, 1]).all()
    assert np.isnan(poses.likelihood[1, 3, 1])
    assert np.isnan(poses.xy[0, 1:]).all()
    assert (poses.video, poses.n_video_frames, poses.tool) == ("clip.mp4", 20, "sleap")


def test_slp_what_a_user_corrected_counts_and_other_labels_do_not(tmp_path: Path) -> None:
    rows = [
        (0, 1, 0, 0.9, [(1, 1, 0.5), (2, 2, 0.5)]),
        (0, 0, 0, 0.0, [(5, 5, 1), (6, 6, 1)]),
        (1, 0, 0, 0.0, [(9, 9, 1), (9, 9, 1)]),
        (2, 1, 0, 0.9, [(3, 3, 0.5), (4, 4, 0.5)]),
    ]
    poses = fs.predictions.read(write_slp(tmp_path / "p.slp", rows, from_predicted={1: 0}))
    assert poses.xy[0, 0].tolist() == [[5, 5], [6, 6]]
    assert np.isnan(poses.xy[1]).all()
    only = fs.predictions.read(write_slp(tmp_path / "u.slp", rows[1:3], tracks=["a"]))
    assert len(only) == 2
    assert only.xy[1, 0].tolist() == [[9, 9], [9, 9]]


def test_slp_old_coordinates_are_half_a_pixel_off(tmp_path: Path) -> None:
    rows = [(0, 1, 0, 0.9, [(1, 1, 0.5), (2, 2, 0.5)])]
    poses = fs.predictions.read(write_slp(tmp_path / "p.slp", rows, format_id=1.0))
    assert poses.xy[0, 0].tolist() == [[0.5, 0.5], [1.5, 1.5]]


def test_slp_of_several_videos_and_of_newer_formats(tmp_path: Path) -> None:
    rows = [(0, 1, 0, 0.9, [(1, 1, 0.5), (2, 2, 0.5)])]
    path = write_slp(tmp_path / "p.slp", rows, videos=["C:\\d\\a.mp4", "/e/b.mp4"])
    with pytest.raises(SourceError, match="2 videos"):
        fs.predictions.read(path)
    assert len(fs.predictions.read(path, video="a.mp4")) == 1
    assert len(fs.predictions.read(path, video=1)) == 0
    with pytest.raises(SourceError, match="0 videos named"):
        fs.predictions.read(path, video="c.mp4")
    with pytest.raises(SourceError, match="newer"):
        fs.predictions.read(write_slp(tmp_path / "n.slp", rows, format_id=3.0))


@pytest.mark.parametrize("preset", ["old", "matlab", "standard"])
def test_analysis(tmp_path: Path, rng: np.random.Generator, preset: str) -> None:
    xy, score = rng.random((6, 3, 2, 2)).astype(np.float32), rng.random((6, 3, 2)).astype(np.float32)
    xy[2, 1] = np.nan
    score[2, 1] = np.nan
    with h5py.File(tmp_path / "x.analysis.h5", "w") as file:
        file["tracks"] = xy if preset == "standard" else xy.transpose(1, 3, 2, 0)
        file["point_scores"] = score if preset == "standard" else score.transpose(1, 2, 0)
        if preset != "old":
            standard = preset == "standard"
            file["tracks"].attrs["dims"] = (
                '["frame", "track", "node", "xy"]' if standard else '["track", "xy", "node", "frame"]'
            )
            file["point_scores"].attrs["dims"] = (
                '["frame", "track", "node"]' if standard else '["track", "node", "frame"]'
            )
        file["node_names"] = [b"head", b"tail"]
        file["track_names"] = [b"a", b"b", b"c"]
        file["video_path"] = "D:\\v\\clip.mp4"
    poses = fs.predictions.read(tmp_path / "x.analysis.h5")
    np.testing.assert_array_equal(poses.xy, xy)
    np.testing.assert_array_equal(poses.likelihood, score)
    assert poses.video == "clip.mp4"
    part = fs.predictions.read(tmp_path / "x.analysis.h5", start=2, stop=4)
    np.testing.assert_array_equal(part.xy, xy[2:4])
    assert part.frames.tolist() == [2, 3]


# Strangers --------------------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('it was run')",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_unpickled(protocol: int) -> None:
    with pytest.raises(ValueError, match="more than hold names"):
        read_literal(pickle.dumps([(1, Evil())], protocol))


NAMES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(NAMES, st.integers(0, 5))
def test_literals_are_what_was_pickled(value: object, protocol: int) -> None:
    assert read_literal(pickle.dumps(value, protocol)) == value


@given(st.binary(max_size=60))
def test_damaged_literals(data: bytes) -> None:
    try:
        read_literal(data)
    except ValueError:
        return


def test_a_table_with_evil_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    frame(np.ones((2, 1, 2, 3)), [""], KEYPOINTS).to_hdf(
        path, key="df_with_missing", mode="w", format="table"
    )
    with h5py.File(path, "a") as file:
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps([Evil()], 0))
    with pytest.raises(SourceError, match="more than hold names"):
        fs.predictions.read(path)


def test_no_other_file_is_reached(tmp_path: Path) -> None:
    rows = [(0, 1, 0, 0.9, [(1, 1, 0.5), (2, 2, 0.5)])]
    write_slp(tmp_path / "secret.slp", rows)
    path = write_slp(tmp_path / "p.slp", rows)
    with h5py.File(path, "a") as file:
        del file["pred_points"]
        file["pred_points"] = h5py.ExternalLink("secret.slp", "/pred_points")
    with pytest.raises(SourceError, match="link to elsewhere"):
        fs.predictions.read(path)
    (tmp_path / "bytes").write_bytes(b"x" * 24)
    with h5py.File(tmp_path / "e.analysis.h5", "w") as file:
        file.create_dataset("tracks", (1, 2, 1, 3), "<f4", external=[(str(tmp_path / "bytes"), 0, 24)])
        file["node_names"] = [b"n"]
    with pytest.raises(SourceError, match="another file"):
        fs.predictions.read(tmp_path / "e.analysis.h5")


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "e.analysis.h5", "w") as file:
        file.create_dataset(
            "tracks", (1000, 2, 100, 1_000_000), "<f4", chunks=(1, 2, 100, 1000)
        )  # 800 GB of nothing
        file["node_names"] = [b"n"] * 100
    with pytest.raises(SourceError, match="GiB"):
        fs.predictions.read(tmp_path / "e.analysis.h5")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.h5", b""),
        ("a.slp", b"no HDF5"),
        ("a.csv", b"\xff\xfe\x00"),
        ("a.csv", b""),
        ("a.csv", b"scorer,a\nbodyparts,b\ncoords,x\n0,1\n"),
        ("a.csv", b"scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1\n"),
        ("a.csv", b"scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,lots\n"),
        ("a.csv", b"scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,1\n0,1,1\n"),
        ("a.csv", b"scorer,a,a\nbodyparts,b,b\ncoords,x,x\n0,1,1\n"),
        ("a.json", b"{}"),
        ("missing.h5", None),
        ("missing.csv", None),
    ],
)
def test_what_is_no_prediction(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    if content == b"scorer,a\nbodyparts,b\ncoords,x\n0,1\n":
        assert fs.predictions.read(path).missing.all(), "half a point is none"
        return
    with pytest.raises(SourceError, match=name):
        fs.predictions.read(path)


def test_ranges(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start"):
        fs.predictions.read(tmp_path / "x.csv", start=5, stop=4)


# Matching ---------------------------------------------------------------------------------------------------------


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_matching_by_name(tmp_path: Path) -> None:
    videos = [
        Path(f"/v/{name}") for name in ("m1.mp4", "m10.mp4", "m1DLC.avi", "lp.mp4", "sl.mp4", "old.mp4")
    ]
    files = touch(
        tmp_path, f"m1{SCORER}.h5", f"m1{SCORER}_filtered.h5", f"m1{SCORER}.csv", f"m10{SCORER}.h5",
        f"m1DLC{SCORER}.h5", "lp.mp4/predictions.csv", "proj.000_sl.analysis.h5",
        "oldDeepCut_resnet50_xJan1shuffle1_5.h5", f"m1{SCORER}_meta.h5", "lp_temporal_norm.csv",
    )  # fmt: skip
    found = fs.predictions.find_predictions(videos, tmp_path)
    assert [found[v] for v in videos] == [files[1], files[3], files[4], files[5], files[6], files[7]]
    assert fs.predictions.find_predictions(videos[:1], files[0]) == {videos[0]: files[0]}


def test_matching_tells_what_does_not(tmp_path: Path) -> None:
    a, b = touch(tmp_path, f"m1{SCORER}.h5", "m1DLC_other.h5")
    with pytest.raises(SourceError, match="several"):
        fs.predictions.find_predictions(["m1.mp4"], tmp_path)
    with pytest.raises(SourceError, match=r"no predictions for m2.mp4"):
        fs.predictions.find_predictions(["m1.mp4", "m2.mp4"], a)
    with pytest.raises(SourceError, match="by its name to none"):
        fs.predictions.find_predictions(["m1.mp4"], [a, *touch(tmp_path, "zDLC_1.h5")])
    with pytest.raises(SourceError, match="neither"):
        fs.predictions.find_predictions(["m1.mp4"], tmp_path / "no")
    assert fs.predictions.find_predictions(["renamed.mp4"], b) == {Path("renamed.mp4"): b}


@pytest.mark.parametrize(
    ("first", "n_frames", "says"),
    [(0, 30, None), (0, 31, "partial"), (0, 29, "another video"), (10, 35, "offset=-10")],
)
def test_matching_by_length(
    tmp_path: Path, xyl: np.ndarray, first: int, n_frames: int, says: str | None
) -> None:
    frame(xyl, ["a", "b"], KEYPOINTS, first).to_csv(tmp_path / "p.csv")
    poses = fs.predictions.read(tmp_path / "p.csv")
    if says is None:
        fs.predictions.check_fits(poses, "v.mp4", n_frames)
        return
    with pytest.raises(SourceError, match=says):
        fs.predictions.check_fits(poses, "v.mp4", n_frames)
    if says == "partial":
        fs.predictions.check_fits(poses, "v.mp4", n_frames, partial=True)


# Real files -------------------------------------------------------------------------------------------------------


def test_the_real_openfield() -> None:
    poses = fs.predictions.read(prediction("m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5"))
    assert (poses.xy.shape, poses.frames[-1]) == ((2330, 1, 4, 2), 2329)
    assert poses.keypoints == ("snout", "leftear", "rightear", "tailbase")
    assert not (poses.likelihood < 0.01).any()
    assert (poses.likelihood < 0.98).any(axis=(1, 2)).sum() == 266
    reaching = fs.predictions.read(prediction("reachingDEMO_2D.h5"), start=42200, stop=42210)
    assert reaching.frames.tolist() == list(range(42200, 42210))


def test_real_labels_are_one_in_both_formats() -> None:
    a, b = (
        fs.predictions.read_labels(prediction(f"openfield_CollectedData_Pranav.{s}")) for s in ("h5", "csv")
    )
    assert a.files == b.files
    np.testing.assert_array_equal(a.xy, b.xy)
    assert fs.predictions.read_labels(prediction("mirror-mouse_CollectedData.csv")).xy.shape == (90, 1, 17, 2)


@pytest.mark.parametrize("name", ["clip.predictions.slp", "clip.2node.slp", "centered_pair_predictions.slp"])
def test_real_projects_of_sleap_are_what_sleap_io_reads(name: str) -> None:
    sleap_io = pytest.importorskip("sleap_io")
    path = prediction(name)
    poses = fs.predictions.read(path)
    labels = sleap_io.load_slp(str(path), open_videos=False)
    assert poses.keypoints == tuple(labels.skeleton.node_names)
    for labelled in labels.labeled_frames[::50]:
        row = int(np.searchsorted(poses.frames, labelled.frame_idx))
        for instance in labelled.instances:
            at = poses.individuals.index(instance.track.name)
            np.testing.assert_allclose(poses.xy[row, at], instance.numpy(), rtol=1e-6)

"""What pose tools are known to get wrong, and where it is tested that we do not: `TRAPS`, and the rest of it here."""

import ast
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pytest
from PIL import Image

import framesift as fs
from clips import Clip, make_clip, painted_number
from framesift.errors import FramesiftError, NotEnoughFramesError
from posefiles import SCORER, frame

TRAPS = {
    "start > 0 selects as inside that part of the whole video": [
        "test_selection.py::test_a_range_is_selected_from_as_if_it_were_the_whole_video",
        "test_deeplabcut.py::test_a_range_is_that_part_of_the_video_and_names_are_of_the_whole",
        "test_outliers.py::test_a_range_is_as_in_the_whole_video",
        "test_outliers.py::test_a_range_of_the_index",
        "test_drawing.py::test_parts_of_a_video_are_decoded_from_the_keyframe_before",
    ],
    "the index of a picture is that of a sequential decode": [
        "test_export.py::test_every_picture_is_the_frame_of_a_plain_decode",
        "test_exactness.py::test_the_painted_number_is_the_index",
        "test_deeplabcut.py::test_extract_writes_what_deeplabcut_would",
        "test_drawing.py::test_every_frame_is_there_at_its_time_with_its_own_dots",
        "test_traps.py::test_awkward_videos_go_all_the_way",
    ],
    "names are padded by the frames of the whole video": [
        "test_export.py::test_deeplabcut_pads_to_the_digits_of_the_whole_video",
        "test_deeplabcut.py::test_a_range_is_that_part_of_the_video_and_names_are_of_the_whole",
        "test_traps.py::test_rounds_in_different_ranges_pad_names_alike",
    ],
    "what was not predicted is uncertain, not fine": [
        "test_outliers.py::test_nothing_predicted_is_uncertain",
        "test_outliers.py::test_what_is_missing_half_of_the_time_is_uncertain_every_time",
        "test_outliers.py::test_no_jump_over_frames_that_are_missing",
        "test_drawing.py::test_what_is_not_likely_or_missing_is_not_drawn",
    ],
    "more asked for than there are, one frame, one picture, one keyframe, 4:4:4, full range, odd, portrait": [
        "test_traps.py::test_awkward_videos_go_all_the_way",
        "test_traps.py::test_more_than_there_are",
        "test_selection.py::test_a_video_of_one_picture_gives_one_frame",
        "test_bad_input.py::test_a_video_of_one_frame_is_a_video",
        "test_outliers.py::test_too_many_are_an_error_or_what_is_flagged",
    ],
    "a frame that cannot be read is left out and reported, never zeros": [
        "test_selection.py::test_duplicate_black_and_damaged_frames_are_never_chosen",
        "test_bad_input.py::test_a_damaged_packet_is_passed_over_and_the_frames_around_it_kept",
        "test_mutations.py::test_every_damaged_video_is_indexed_or_set_aside_with_a_reason",
        "test_traps.py::test_an_outlier_that_cannot_be_decoded_is_not_chosen",
    ],
    "views of unequal length": [
        "test_views.py::test_views_of_unequal_length",
        "test_views.py::test_views_of_unequal_times",
    ],
    "two videos of one stem": [
        "test_deeplabcut.py::test_two_videos_of_one_name_would_share_a_folder",
        "test_export.py::test_videos_of_one_name_never_overwrite_each_other",
        "test_traps.py::test_drawings_of_two_videos_of_one_stem",
    ],
    "a second round gives no frame that was extracted, nor its neighbours": [
        "test_outliers.py::test_a_second_round_gives_neither_the_same_frames_nor_their_neighbours",
        "test_deeplabcut.py::test_a_second_round_adds_to_the_first",
        "test_deeplabcut.py::test_pictures_are_skipped_or_extended_and_never_replaced",
        "test_lightning_pose.py::test_what_waits_stays_and_what_is_labelled_is_left_out",
        "test_sleap.py::test_frames_of_a_project_are_not_chosen_again",
        "test_selection.py::test_the_gap_is_kept_to_earlier_frames_outside_the_range_and_step",
    ],
    "DeepLabCut's HDF5 is readable by pandas 2": [
        "test_dlc_loading.py::test_deeplabcut_loads_what_was_written",
        "test_traps.py::test_hdf5_is_in_the_format_that_pandas_2_and_3_share",
    ],
    "crops with and without spaces": [
        "test_deeplabcut.py::test_crops_are_of_the_choice_and_of_the_pictures",
        "test_deeplabcut.py::test_labels_are_where_they_are_in_the_cropped_picture",
    ],
    "predictions whose index does not begin at 0, or of another length than the video": [
        "test_predictions.py::test_deeplabcut",
        "test_predictions.py::test_matching_by_length",
        "test_outliers.py::test_lengths_offsets_and_videos_without_predictions",
        "test_drawing.py::test_videos_that_do_not_fit_are_set_aside",
        "test_drawing.py::test_plots_of_almost_nothing",
    ],
}


def test_every_trap_has_its_tests() -> None:
    folder = Path(__file__).parent
    for tests in TRAPS.values():
        for test in tests:
            file, name = test.split("::")
            names = {
                n.name for n in ast.parse((folder / file).read_text()).body if isinstance(n, ast.FunctionDef)
            }
            assert name in names, test


def walk(n: int, rng: np.random.Generator, worst: int) -> np.ndarray:
    xyl = 30 + np.cumsum(rng.normal(size=(n, 1, 2, 3)), axis=0)
    xyl[..., 2] = 0.99
    xyl[worst, 0, 0] = (80, 60, 0.01)
    return xyl


def predict(config: Path, stem: str, n: int, rng: np.random.Generator, worst: int) -> Path:
    path = config.parent / "videos" / f"{stem}{SCORER}.csv"
    frame(walk(n, rng, worst), [""], ["a", "b"]).to_csv(path)
    return path


KINDS = {
    "one frame": Clip(n=1),
    "one picture": Clip(n=12),
    "one keyframe": Clip(n=30, gop=1000, options={"bf": "3"}),
    "4:4:4": Clip(n=12, pix_fmt="yuv444p"),
    "full range": Clip(n=12, pix_fmt="yuvj420p", full_range=True),
    "odd": Clip(n=12, size=(97, 65), pix_fmt="yuv444p"),
    "portrait": Clip(n=12, size=(64, 112)),
    "variable rate": Clip(n=12, pts=[0, 10, 50, 51, 90, 200, 210, 400, 401, 402, 900, 1000]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_awkward_videos_go_all_the_way(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    """From a project over frames, outliers and labels to labelled videos."""
    clip = KINDS[kind].make(tmp_path / "v.mp4")
    if kind == "one picture":
        make_clip(clip, n=12, pictures=[np.full((64, 96, 3), 99, np.uint8)] * 12)
    n = KINDS[kind].n
    config = fs.deeplabcut.create("t", "Ann", clip, folder=tmp_path, bodyparts=["a", "b"])
    predict(config, "v", n, rng, worst=n // 2)
    asked = 1 if kind in ("one frame", "one picture") else 3
    found = fs.deeplabcut.outliers(config, n=asked, min_gap=2)
    pictures = found.pictures["v"]
    assert len(pictures) == asked
    for path in pictures if kind != "one picture" else []:
        assert painted_number(np.asarray(opened(path))) == int(path.stem[3:] or 0)
        assert kind == "one frame" or int(path.stem[3:]) in range(n)
    if asked > 1:
        assert f"img{n // 2:02}.png" in [path.name for path in pictures]
        more = fs.deeplabcut.extract(config, n=2, existing="extend", min_gap=1)
        assert not {p.name for p in more.pictures["v"]} & {p.name for p in pictures}
    assert len(fs.label_video(config.parent / "videos" / "v.mp4", config=config).files) == 1
    machine = config.parent / "labeled-data" / "v" / "machinelabels-iter0.h5"
    assert len(fs.check_labels(machine, config=config).files) == asked


def opened(path: Path) -> Any:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def test_more_than_there_are(tmp_path: Path, rng: np.random.Generator) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=9)
    config = fs.deeplabcut.create("t", "Ann", clip, folder=tmp_path, bodyparts=["a", "b"])
    predict(config, "v", 9, rng, worst=4)
    for take in (fs.deeplabcut.extract, fs.deeplabcut.outliers):
        with pytest.raises(FramesiftError, match="9"):
            take(config, n=10, min_gap=1)
    with fs.index(clip) as made, pytest.raises(NotEnoughFramesError, match="9"):
        fs.select(made, 10)
    assert not list((config.parent / "labeled-data" / "v").iterdir())


def test_rounds_in_different_ranges_pad_names_alike(tmp_path: Path, rng: np.random.Generator) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=101)
    config = fs.deeplabcut.create("t", "Ann", clip, folder=tmp_path, bodyparts=["a", "b"])
    predict(config, "v", 101, rng, worst=98)
    fs.deeplabcut.extract(config, n=2, stop=9)
    fs.deeplabcut.outliers(config, n=1, start=95, min_gap=1)
    names = sorted(p.name for p in (config.parent / "labeled-data" / "v").glob("*.png"))
    assert len(names) == 3
    assert {len(name) for name in names} == {len("img000.png")}
    assert names[-1] == "img098.png"


def test_an_outlier_that_cannot_be_decoded_is_not_chosen(tmp_path: Path, rng: np.random.Generator) -> None:
    clip = make_clip(tmp_path / "v.avi", n=40, codec="mjpeg", pix_fmt="yuvj420p", full_range=True)
    with av.open(str(clip)) as container:
        packets = [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]
    data = bytearray(clip.read_bytes())
    at, size = packets[20]
    data[at : at + size] = bytes(size)
    clip.write_bytes(data)
    path = tmp_path / f"v{SCORER}.csv"
    with fs.index(clip) as made:
        n = made.records[0].n_frames
        assert n == 39, "the damaged one is no frame"
        frame(walk(n, rng, 20), [""], ["a", "b"]).to_csv(path)
        found = fs.outliers(made, path, 5, min_gap=1)
    numbers = found.selection.indices()
    assert len(numbers) == 5
    fs.export(found.selection, tmp_path / "out")
    shown = [
        painted_number(np.asarray(opened(tmp_path / "out" / str(f.file)))) for f in found.selection.frames
    ]
    assert 20 not in shown


def test_drawings_of_two_videos_of_one_stem(tmp_path: Path, rng: np.random.Generator) -> None:
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        clip = make_clip(tmp_path / name / "v.mp4", n=4)
        path = tmp_path / name / f"v{SCORER}.csv"
        frame(walk(4, rng, 1), [""], ["a", "b"]).to_csv(path)
        places.append((clip, path))
    plots = fs.plot_trajectories([path for _, path in places], tmp_path / "out")
    assert len(plots.files) == 4
    assert "another file" in plots.set_aside[0].reason
    clips = [clip for clip, _ in places]
    assert len(fs.label_video(clips).files) == 2, "beside each"
    found = fs.label_video(clips, out=tmp_path / "out")
    assert len(found.files) == 1
    assert "another video" in found.set_aside[0].reason


def test_hdf5_is_in_the_format_that_pandas_2_and_3_share(tmp_path: Path, rng: np.random.Generator) -> None:
    """What pandas 3 writes as a ``table`` pandas 2 cannot read; ``fixed`` both can."""
    clip = make_clip(tmp_path / "v.mp4", n=30)
    config = fs.deeplabcut.create(
        "t", "Ann", clip, folder=tmp_path, bodyparts=["a", "b"], skeleton=[["a", "b"]]
    )
    path = predict(config, "v", 30, rng, worst=9)
    fs.deeplabcut.outliers(config, n=3)
    files = [config.parent / "labeled-data" / "v" / "machinelabels-iter0.h5"]
    files += [p for p in fs.predictions.filter_file(path) if p.suffix == ".h5"]
    files += [p for p in fs.predictions.skeleton_file(path, [["a", "b"]]) if p.suffix == ".h5"]
    assert len(files) == 3
    for each in files:
        with h5py.File(each) as file:
            assert file["df_with_missing"].attrs["pandas_type"] == b"frame"

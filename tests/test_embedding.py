"""Vectors by a model: those of the plain procedure, kept in the store, and clear words about models that do not fit."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import naive_selection
import naive_vectors
import onnxfiles
from clips import CLIPS, make_clip, painted
from framesift import OnnxModel, embed, index, open_index, select, verify
from framesift.errors import IntegrityError, StoreBusyError, UsageError
from framesift.features import embedding, stored
from framesift.features.models import read_model
from framesift.features.onnx import OnnxRunner
from framesift.features.stream import in_order

SIZE = (8, 12)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", n=60)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return onnxfiles.identity(tmp_path / "m.onnx", SIZE)


def raw(made: Any, model: Any, **options: Any) -> Any:
    return np.asarray(embed(made, model, normalize=False, **options))


# What the vectors are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "h264_open_gop",
        "h264_rotated_90",
        "h264_odd_rotated",
        "h264_raw",
        "h264_444",
        "h264_hidden_gop",
        "mjpeg_avi",
    ],
)
def test_a_row_is_the_frame_that_a_plain_decode_yields(name: str, tmp_path: Path, model: Path) -> None:
    spec = CLIPS[name]
    path = spec.make(tmp_path / f"x{spec.suffix}")
    with index(path, decode="exact") as made:
        found = raw(made, model)
    expected = [
        naive_vectors.prepared(p, SIZE).transpose(2, 0, 1) for p in naive_vectors.frames(path, spec.rotation)
    ]
    assert len(found) == len(expected)
    rows = np.array(expected).reshape(len(expected), -1)
    # Colours are scaled before they are converted: of the painted ones many lie outside of what RGB can show.
    apart = np.abs(found[:, None] - rows[None]).mean(axis=2)
    assert apart.diagonal().max() < 3 / 255
    assert_array_equal(apart.argmin(axis=1), np.arange(len(rows)))


@pytest.mark.parametrize(
    "given",
    [
        {"fit": "crop", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)},
        {"fit": "pad", "color": "bgr", "scale": 1.0},
        {"fit": "crop", "layout": "NHWC", "mean": (0.1,)},
        {"color": "grey"},
    ],
)
def test_pictures_are_prepared_as_declared(given: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    channels, layout = (1 if given.get("color") == "grey" else 3), given.get("layout", "NCHW")
    path = onnxfiles.identity(tmp_path / "m.onnx", (10, 10), channels=channels, layout=layout)
    with index(clip, step=7) as made:
        found = raw(made, OnnxModel(path=path, **given))
    rules = {k: v for k, v in given.items() if k != "layout"}
    pictures = list(naive_vectors.frames(clip))[::7]
    expected = np.array([naive_vectors.prepared(p, (10, 10), **rules) for p in pictures])
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    unit = given.get("scale", 1 / 255) / min(given.get("std", (1,)))
    apart = np.abs(found - expected.reshape(len(pictures), -1))
    assert apart.mean() < 3 * unit
    assert apart.max() < 45 * unit


def test_images_a_crop_and_what_cannot_be_opened(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = [Image.fromarray(painted(i, (96, 64))) for i in range(5)]
    for i, picture in enumerate(pictures):
        picture.save(folder / f"{i}.png")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    with index(folder, crop=(10, 60, 4, 40)) as made:
        found = raw(made, model)
        unit = np.asarray(embed(made, model))
    expected = [naive_vectors.prepared(p, SIZE, box=(10, 4, 60, 40)).transpose(2, 0, 1) for p in pictures]
    for i in (0, 1, 3, 4):
        assert_allclose(found[i], expected[i].reshape(-1), atol=2 / 255, rtol=1e-3)
    assert not found[2].any()
    assert_allclose(np.linalg.norm(unit, axis=1), [1, 1, 0, 1, 1], atol=1e-6)


def test_other_modes_give_the_same_frames(clip: Path, model: Path) -> None:
    with index(clip) as made:
        every = raw(made, model)
    for decode in ("fast", "coarse", "keyframes"):
        with index(clip, decode=decode) as made:
            assert_array_equal(raw(made, model), every[made.reader(0).frames()])


def test_types_pools_and_batches(clip: Path, tmp_path: Path) -> None:
    as_bytes = onnxfiles.identity(tmp_path / "b.onnx", SIZE, kind=onnxfiles.UINT8, layout="NHWC", batch=3)
    weights = np.eye(SIZE[0] * SIZE[1] * 3, dtype=np.float32)
    maps = onnxfiles.write_model(
        tmp_path / "maps.onnx",
        [onnxfiles.node("Identity", ["x"], ["y"]), onnxfiles.node("Identity", ["x"], ["z"])],
        {"x": (onnxfiles.FLOAT, ("n", 3, "h", "w"))},
        dict.fromkeys("yz", (onnxfiles.FLOAT, ("n", 3, "h", "w"))),
        {},
    )
    with index(clip) as made:
        plain = raw(
            made,
            onnxfiles.linear(tmp_path / "p.onnx", weights, SIZE, sides=("h", "w")),
            options={"size": SIZE},
        )
        values = raw(made, as_bytes).reshape(-1, *SIZE, 3).transpose(0, 3, 1, 2)
        assert_allclose(values.reshape(60, -1) / 255, plain, atol=2e-3)
        mean = raw(made, maps, options={"size": SIZE, "output": "y", "pool": "mean"})
        assert_allclose(mean, plain.reshape(60, 3, -1).mean(axis=2), atol=2e-3)
        one = raw(made, maps, options={"size": SIZE, "output": "z", "pool": "first", "batch": 1})
        assert_allclose(one, plain.reshape(60, 3, -1)[..., 0], atol=2e-3)


def test_threads_and_batches_change_nothing(clip: Path, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(SIZE[0] * SIZE[1] * 3, 40)).astype(np.float32)
    path = onnxfiles.linear(tmp_path / "m.onnx", weights, SIZE)
    with index(clip) as one, index(clip) as other:
        first = raw(one, OnnxModel(path=path, batch=7), threads=1)
        assert_array_equal(first, raw(other, OnnxModel(path=path, batch=16), threads=3))


# The store ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each run of a model was given."""
    found: list[int] = []
    run = OnnxRunner.run

    def counted(self: OnnxRunner, pictures: Any) -> Any:
        found.append(len(pictures))
        return run(self, pictures)

    monkeypatch.setattr(OnnxRunner, "run", counted)
    return found


def test_a_second_run_reuses_what_the_first_kept(
    clip: Path, tmp_path: Path, model: Path, runs: list[int]
) -> None:
    with index(clip, tmp_path / "store") as made:
        first = np.asarray(embed(made, model))
        assert sum(runs) == 61  # and a black one, for the number of dimensions
        runs.clear()
        assert_array_equal(np.asarray(embed(made, model)), first)
        assert_array_equal(np.asarray(embed(made, OnnxModel(path=model, batch=5))), first)
        assert runs == []
        embed(made, OnnxModel(path=model, mean=(0.5,)))
        assert sum(runs) == 61
        runs.clear()
        model.write_bytes(onnxfiles.identity(tmp_path / "n.onnx", SIZE, batch=2).read_bytes())
        embed(made, model)
        assert sum(runs) == 61
    with open_index(tmp_path / "store") as made:
        runs.clear()
        found = embed(made, model)
        assert runs == []
        assert found.facts["digest"] == read_model(model).digest()
        (folder,) = found.folders
        record = json.loads((folder.path / "commit.json").read_text())
        assert record["n_rows"] == 60
        assert record["digest"] == found.facts["digest"]


def test_vectors_go_with_a_source_that_has_changed(
    clip: Path, tmp_path: Path, model: Path, runs: list[int]
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    with index(path, tmp_path / "store") as made:
        embed(made, model)
    make_clip(path, n=20)
    with index(path, tmp_path / "store") as made:
        assert embed(made, model).shape == (20, 288)
        assert (
            len(list(tmp_path.glob("store/sources/*/vectors/*"))) == 2
        )  # a folder and the group's zarr.json


def test_what_was_interrupted_goes_on_and_ends_the_same(
    clip: Path, tmp_path: Path, model: Path, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_CHUNK_ROWS", 16)
    with index(clip) as whole:
        expected = raw(whole, model)

    def stop(step: Any) -> None:
        if step.done > 40:
            raise KeyboardInterrupt

    with index(clip, tmp_path / "store") as made:
        with pytest.raises(KeyboardInterrupt):
            embed(made, model, progress=stop)
        assert not list(tmp_path.glob("store/**/commit.json"))
        runs.clear()
        assert_array_equal(raw(made, model), expected)
        assert sum(runs) == 60 - 32 + 1
    assert threading.active_count() < 12


def test_verify_finds_damaged_vectors(clip: Path, tmp_path: Path, model: Path) -> None:
    with index(clip, tmp_path / "store") as made:
        embed(made, model)
        assert verify(tmp_path / "store")["damaged"] == []
        (chunk,) = tmp_path.glob("store/sources/*/vectors/*/directions/c/0/0")
        data = bytearray(chunk.read_bytes())
        data[40] ^= 1
        chunk.write_bytes(data)
        assert len(verify(tmp_path / "store")["damaged"]) == 1
        with pytest.raises(IntegrityError, match="damaged"):
            np.asarray(embed(made, model))


def test_one_at_a_time_writes(clip: Path, tmp_path: Path, model: Path) -> None:
    with (
        index(clip, tmp_path / "store") as made,
        made.store.writing(),
        pytest.raises(StoreBusyError),
    ):
        embed(made, model)


def test_vectors_are_kept_in_a_bucket(
    remote: Path, s3: Any, clip: Path, model: Path, runs: list[int]
) -> None:
    with index(clip, "s3://lab/store") as made:
        first = np.asarray(embed(made, model))
    runs.clear()
    with index(clip, "s3://lab/store") as made:
        assert made.stats["sources_reused"] == 1
        assert_array_equal(np.asarray(embed(made, model)), first)
    assert runs == []


# Choosing ----------------------------------------------------------------------------------------------------------


def test_select_by_a_model(clip: Path, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(SIZE[0] * SIZE[1] * 3, 5)).astype(np.float32)
    path = onnxfiles.linear(tmp_path / "m.onnx", weights, SIZE)
    with index(clip) as made:
        chosen = select(made, 7, method="coreset", vectors=path)
        x = np.asarray(embed(made, path))
        assert_array_equal(
            sorted(naive_selection.k_center(x, 7, range(60))), [frame.index for frame in chosen.frames]
        )
        said = chosen.options["vectors"]
        assert said["digest"] == read_model(path).digest()
        for method in ("kmeans", "coverage", "uniform"):
            assert len(select(made, 7, method=method, vectors=path)) == 7
    scores = sorted((f.rank, f.score) for f in chosen.frames)
    assert all(0 <= score <= 2 for _, score in scores[1:] if score is not None)


# What is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": (9, 12)}, "takes a height of 8, size says 9"),
        ({"color": "grey"}, "takes 3 channels, 'grey' has 1"),
        ({"output": "z"}, "has no output 'z', but y"),
        ({"mean": (0.1, 0.2)}, "mean must be one number, or 3"),
        ({"fit": "squeeze"}, "fit must be one of stretch, crop, pad"),
        ({"std": 0}, "std must not be 0"),
        ({"scale": "1/255"}, "scale must be a number"),
        ({"batch": 0}, "batch must be from 1"),
        ({"sise": (8, 12)}, "there is no option 'sise'"),
        ({"size": 224}, "size must be a height and a width"),
    ],
)
def test_options_that_do_not_fit_the_model(given: Any, said: str, clip: Path, model: Path) -> None:
    with index(clip) as made, pytest.raises(UsageError, match=said):
        embed(made, model, options=given)


def test_models_that_do_not_fit(clip: Path, tmp_path: Path) -> None:
    eye = np.eye(SIZE[0] * SIZE[1] * 3, dtype=np.float32)
    nodes = [onnxfiles.node("Identity", ["x"], ["y"])]
    picture, vector = (onnxfiles.FLOAT, ("n", 3, *SIZE)), (onnxfiles.FLOAT, ("n", 4))
    cases = {
        "declare size": onnxfiles.linear(tmp_path / "1.onnx", eye, SIZE, sides=("h", "w")),
        "not finite in row 0 of": onnxfiles.linear(tmp_path / "2.onnx", eye * np.float32(np.nan), SIZE),
        "declare pool": onnxfiles.write_model(tmp_path / "3.onnx", nodes, {"x": picture}, {"y": picture}, {}),
        "one input of four": onnxfiles.write_model(
            tmp_path / "4.onnx", nodes, {"x": vector}, {"y": vector}, {}
        ),
        "declare which: y, z": onnxfiles.write_model(
            tmp_path / "5.onnx",
            [*nodes, onnxfiles.node("Identity", ["x"], ["z"])],
            {"x": picture},
            {"y": picture, "z": picture},
            {},
        ),
        "it takes bytes": onnxfiles.identity(tmp_path / "6.onnx", SIZE, kind=onnxfiles.UINT8),
        "cannot be loaded": tmp_path / "7.onnx",
        "there is no model": tmp_path / "8.onnx",
    }
    (tmp_path / "7.onnx").write_bytes(b"no model")
    with index(clip) as made:
        for said, path in cases.items():
            given = {"mean": 0.5} if said == "it takes bytes" else None
            with pytest.raises(UsageError, match=said):
                embed(made, path, options=given)


def test_zero_vectors_have_no_direction(clip: Path, tmp_path: Path) -> None:
    path = onnxfiles.linear(tmp_path / "m.onnx", np.zeros((SIZE[0] * SIZE[1] * 3, 4), np.float32), SIZE)
    with index(clip) as made:
        with pytest.raises(UsageError, match=r"the vector of frame 0 of a\.mp4 is zero"):
            select(made, 3, vectors=path)
        assert len(select(made, 3, vectors=path, normalize=False, method="coreset")) == 3


def test_devices(clip: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    with index(clip) as made:
        assert embed(made, model, device="auto").facts["device"] in ("cpu", "cuda")
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
        with pytest.raises(UsageError, match="pip install onnxruntime-gpu"):
            embed(made, model, device="cuda")
        # It says that it could use a GPU, and then falls back in silence.
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
        with (
            pytest.raises(UsageError, match=r"cannot use cuda here|cannot be loaded"),
            pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        ):
            embed(made, model, device="cuda")
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(UsageError, match="pip install 'framesift\\[onnx\\]'"):
            embed(made, OnnxModel(path=model, mean=(0.25,)))


def test_options_of_transformers(tmp_path: Path, model: Path) -> None:
    given = {
        "image_processor_type": "BitImageProcessor",
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "size": {"shortest_edge": 256},
        "resample": 3,
        "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.2, 0.2],
        "rescale_factor": 0.5,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(given))
    found = read_model(model)
    assert (found.size, found.fit, found.resample, found.scale) == ((224, 224), "crop", "bicubic", 0.5)
    assert (found.mean, found.std) == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    (tmp_path / "m.json").write_text('{"size": [8, 12], "mean": 0.5}')
    assert read_model(model).mean == (0.5,)
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(UsageError, match=r"m.json is not JSON"):
        read_model(model)


# Threads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_groups_come_in_order_and_wait_to_be_taken(threads: int) -> None:
    put_so_far = [0]
    lock = threading.Lock()

    def group(number: int) -> Any:
        def put_all(put: Any) -> None:
            for i in range(50):
                put((number, i))
                with lock:
                    put_so_far[0] += 1

        return put_all

    taken = []
    for item in in_order([group(n) for n in range(6)], threads):
        taken.append(item)
        assert put_so_far[0] <= len(taken) + threads * 17
    assert taken == [(n, i) for n in range(6) for i in range(50)]


def test_what_a_group_raises_is_raised_and_all_stop() -> None:
    def bad(put: Any) -> None:
        put(1)
        raise ZeroDivisionError

    def endless(put: Any) -> None:
        while True:
            put(2)

    items = in_order([bad, endless, endless], 3)
    assert next(items) == 1
    with pytest.raises(ZeroDivisionError):
        next(items)
    assert not [t for t in threading.enumerate() if t.name.startswith("framesift-pictures")]
    assert embedding.SCHEMA == 1

"""Vectors that are brought along: read, matched to frames, and refused where they do not fit."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import framesift.features.brought as brought
import framesift.features.framewise as framewise
import framesift_kernels
import naive_selection
import naive_vectors
from clips import make_clip, painted
from framesift import extract, index, kcenter_greedy, select
from framesift.errors import UsageError
from framesift.features.names import match_names
from framesift.features.unit import unit_rows
from framesift.lightly.names import sample_names

N, D = 52, 5
OTHERS = [painted(100 + i, (96, 64)) for i in range(12)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    (folder / "day 1").mkdir()
    return [make_clip(folder / "day 1" / "a.mp4", n=40), make_clip(folder / "b.mkv", n=12, pictures=OTHERS)]


@pytest.fixture(scope="module")
def made(films: list[Path]) -> Any:
    with index(films, size=32) as made:
        yield made


@pytest.fixture(scope="module")
def x() -> Any:
    return np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)


NAMES = [f"day 1/a-{i:02d}-mp4.png" for i in range(40)] + [f"b-{i:02d}-mkv.png" for i in range(12)]


def write(path: Path, x: Any, names: list[str] | None) -> Path:
    """A file of vectors of the kind that its suffix says."""
    path = path.with_name(path.name if names is None else f"named-{path.name}")
    if path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix == ".npz":
        np.savez(path, embeddings=x, **({} if names is None else {"filenames": names}))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            head = [f"embedding_{i}" for i in range(x.shape[1])]
            table.writerow(([] if names is None else ["filenames"]) + head + ["labels"])
            for i, row in enumerate(x.tolist()):
                table.writerow(([] if names is None else [names[i]]) + row + [0])
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        if names is None:
            columns = {f"embedding_{i}": x[:, i] for i in range(x.shape[1])}
        else:
            lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(x.reshape(-1)), x.shape[1])
            columns = {"file_name": names, "vectors": lists}
        parquet.write_table(pyarrow.table(columns), path, row_group_size=20)
    else:
        import zarr

        if names is None:
            zarr.create_array(path, data=x, chunks=(7, x.shape[1]))
        else:
            group = zarr.create_group(path)
            group.create_array("vectors", data=x, chunks=(7, x.shape[1]))
            group.create_array("names", data=np.array(names))
    return path


def rows_of(made: Any, given: Any, **options: Any) -> Any:
    vectors, _ = framewise.frame_vectors(made, given, framesift_kernels.load("cpu"), **options)
    whole = vectors.in_memory
    assert_array_equal(np.concatenate([block for _, block in vectors.blocks()]), whole)
    return whole


KINDS = ["v.npy", "v.npz", "v.csv", "v.parquet", "v.zarr"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # zarr's texts of fixed width
@pytest.mark.filterwarnings("ignore:.*FixedLengthUTF32")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_rows(kind: str, made: Any, x: Any, tmp_path: Path) -> None:
    path = write(tmp_path / kind, x, None)
    assert_allclose(rows_of(made, path), naive_vectors.unit(x), atol=1e-6)
    assert_array_equal(rows_of(made, path, normalize=False), x)
    if kind != "v.npy":
        order = np.random.default_rng(1).permutation(N)
        path = write(tmp_path / kind, x[order], [NAMES[i] for i in order])
        assert_array_equal(rows_of(made, path, normalize=False), x)


@pytest.mark.parametrize("kind", ["v.zarr", "v.npy"])
def test_what_exceeds_memory_is_read_in_blocks(
    kind: str, made: Any, x: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / kind, x, None)
    expected = [(f.source, f.index) for f in select(made, 9, vectors=path, method="coreset").frames]
    monkeypatch.setattr(framewise, "_IN_MEMORY_BYTES", 0)
    vectors, _ = framewise.frame_vectors(made, path, framesift_kernels.load("cpu"))
    assert vectors.in_memory is None
    rows = np.array([0, 3, 4, 30, 51])
    assert_allclose(vectors.take(rows), naive_vectors.unit(x[rows]), atol=1e-6)
    for method in ("coreset", "kmeans", "coverage"):
        found = select(made, 9, vectors=path, method=method)
        if method == "coreset":
            assert [(f.source, f.index) for f in found.frames] == expected


def test_rows_are_taken_in_order_of_all_frames_too(films: list[Path], x: Any) -> None:
    with index(films, start=3, step=4) as made:
        frames = [made.reader(s).frames() for s in range(2)]
        rows = np.concatenate([frames[0], 40 + frames[1]])
        assert_array_equal(rows_of(made, x, normalize=False), x[rows])
        assert_array_equal(rows_of(made, x[rows], normalize=False), x[rows])
        said = rf"7 rows without names, the index has {len(rows)} of 52 frames \(a 40, b 12\)"
        with pytest.raises(UsageError, match=said):
            rows_of(made, x[:7])


def test_selection_by_vectors_is_that_of_the_vectors(made: Any, x: Any) -> None:
    unit = naive_vectors.unit(x).astype(np.float32)
    found = select(made, 8, method="coreset", vectors=x)
    ranked = sorted(found.frames, key=lambda f: f.rank)
    rows = [f.index + 40 * f.source for f in ranked]
    assert rows == naive_selection.k_center(unit, 8, range(N))
    assert_array_equal(rows[1:], kcenter_greedy(unit, 8, first=rows[0])[0][1:])
    distances = [min(np.linalg.norm(unit[r] - unit[q]) for q in rows[:i]) for i, r in enumerate(rows) if i]
    assert_allclose([f.score for f in ranked[1:]], distances, atol=1e-5)
    assert found.options["vectors"] == "array"
    each = select(made, 4, method="coreset", vectors=x, per_source=True)
    assert [f.source for f in each.frames] == [0] * 4 + [1] * 4
    of_b = naive_selection.k_center(unit[40:], 4, range(12))
    assert sorted(of_b) == [f.index for f in each.frames if f.source == 1]


def test_pca_is_of_unit_length(made: Any) -> None:
    rows = rows_of(made, "pca")
    assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert len(select(made, 5, vectors="pca", method="coreset")) == 5
    assert "vectors" not in select(made, 5).options


def test_extract_and_the_command_line_take_files(films: list[Path], x: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", x, NAMES)
    found = extract(films, 5, tmp_path / "out", vectors=path, method="coreset")
    with index(films) as made:
        expected = select(made, 5, vectors=x, method="coreset")
    assert [(f.source, f.index) for f in found.frames] == [(f.source, f.index) for f in expected.frames]
    config = {
        "n_samples": 6,
        "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}],
    }
    by_config = extract(films, 1, tmp_path / "out", vectors=path, config=config)
    rows = sorted(kcenter_greedy(naive_vectors.unit(x).astype(np.float32), 6)[0].tolist())
    assert [f.index + 40 * f.source for f in by_config.frames] == rows


# Names -------------------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_worker(made: Any) -> None:
    assert sample_names(made) == NAMES


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_names_are_found_in_any_order_and_padding(data: Any) -> None:
    order = data.draw(st.permutations(range(N)))
    how = data.draw(st.sampled_from(["as", "padded", "below", "flat"]))
    change = {
        "as": str,
        "padded": lambda name: name.replace("-mp4", "-mp4").replace("a-", "a-000"),
        "below": lambda name: f"./{name}",
        "flat": lambda name: "frames/" + name.rsplit("/", 1)[-1],
    }[how]
    names = [change(NAMES[i]) for i in order]
    assert_array_equal(np.array(order)[match_names(NAMES, names, "v")], np.arange(N))


def test_names_that_do_not_fit(made: Any, x: Any, tmp_path: Path) -> None:
    few = write(tmp_path / "few.npz", x[:50], NAMES[:50])
    with pytest.raises(
        UsageError, match=r"no vector of 2 of 52 frames, the first of which is frame 10 of b\.mkv"
    ):
        rows_of(made, few)
    twice = write(tmp_path / "twice.npz", x, NAMES[:51] + NAMES[:1])
    with pytest.raises(UsageError, match=r"has 'day 1/a-00-mp4.png' twice"):
        rows_of(made, twice)
    others = write(tmp_path / "others.npz", x, [f"x{i}.png" for i in range(N)])
    with pytest.raises(
        UsageError, match=r"none of the 52 frames: it has 'x0.png', expected names such as 'day 1/a-00-mp4"
    ):
        rows_of(made, others)


# What is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_no_vectors(kind: str, made: Any, x: Any, tmp_path: Path) -> None:
    bad = x.copy()
    bad[43, 2] = np.nan
    with pytest.raises(UsageError, match=r"the vector of frame 3 of b\.mkv holds NaN or infinity"):
        rows_of(made, write(tmp_path / kind, bad, None))
    zero = x.copy()
    zero[7] = 0
    path = write(tmp_path / f"zero{kind}", zero, None)
    with pytest.raises(UsageError, match=r"the vector of frame 7 of a\.mp4 is zero .*--raw-vectors"):
        rows_of(made, path)
    assert_array_equal(rows_of(made, path, normalize=False), zero)


def test_files_that_are_none(tmp_path: Path, x: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brought, "_SMALL_BYTES", 1 << 16)
    (tmp_path / "a.npy").write_bytes(b"no array")
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "1.npy", x[0])
    np.savez(tmp_path / "two.npz", a=x, b=x)
    np.savez(tmp_path / "names.npz", vectors=x, names=np.array(["a"]))
    np.savez_compressed(tmp_path / "bomb.npz", vectors=np.zeros((1 << 10, 300), np.float32))
    (tmp_path / "a.csv").write_text("filenames,embedding_0\na.png,x\n")
    (tmp_path / "s.csv").write_text("filenames, embedding_0\na.png,1\n")
    (tmp_path / "r.csv").write_text("filenames,embedding_0,embedding_1\na.png,1,2\nb.png,1\n")
    (tmp_path / "e.csv").write_text("filenames,embedding_0\n")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no PAR1")
    (tmp_path / "a.txt").write_text("1 2 3")
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr/zarr.json").write_text("{}")
    for name, said in {
        "a.npy": "is no NumPy array",
        "o.npy": "is no NumPy array",
        "1.npy": r"numbers of two dimensions \(a row a frame\), got shape \(5,\)",
        "two.npz": "'a', 'b': expected vectors under 'vectors'",
        "names.npz": "must be a text for each of 52 rows",
        "bomb.npz": "unpacks to 12289.* bytes: refused",
        "a.csv": "line 2: could not convert",
        "s.csv": "have spaces around them",
        "r.csv": "line 3: expected 3 columns, got 2",
        "e.csv": "has no vector",
        "a.parquet": "is no Parquet file",
        "a.txt": "expected vectors in .npy, .npz, .csv, .parquet",
        "folder": "none of zarr's",
        "bad.zarr": "zarr",
        "gone.npy": "there are no vectors",
    }.items():
        with pytest.raises(UsageError, match=said):
            brought.read_vectors(tmp_path / name)


def test_what_is_wrong_is_told_before_anything_is_decoded(
    films: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.pipeline.make_index", None)
    for options, said in (
        ({"vectors": tmp_path / "none.npy"}, "there are no vectors"),
        ({"vectors": tmp_path / "none.onnx"}, "there is no model"),
        ({"vectors": np.ones((2, 3)), "foreground": True}, "foreground is of thumbnails"),
        ({"vectors": "pca", "preprocess": {"size": (8, 8)}}, "are for vectors by a model"),
    ):
        with pytest.raises(UsageError, match=said):
            extract(films, 5, tmp_path / "out", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["uniform", "kmeans"])
def test_an_array_goes_with_every_method_of_one_video(films: list[Path], tmp_path: Path, method: str) -> None:
    with index(films[0]) as made:
        x = np.random.default_rng(0).normal(size=(made.n_rows, 4))
        expected = select(made, 5, method=method, vectors=x).indices()
    assert extract(films[0], 5, tmp_path / "out", method=method, vectors=x).indices() == expected


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(-37, 37), st.integers(0, 2**32))
def test_unit_rows_have_unit_length(d: int, exponent: int, seed: int) -> None:
    x = (np.random.default_rng(seed).normal(size=(4, d)) + 0.01) * 10.0**exponent
    found = unit_rows(x.astype(np.float32))
    assert_allclose(np.linalg.norm(found.astype(np.float64), axis=1), 1, atol=3e-7)
    assert not unit_rows(np.zeros((2, d))).any()

"""Arrays on disk: zarr reads what is written, and nothing damaged is read."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from framesift import zstd
from framesift.arrays import Array
from framesift.errors import IntegrityError
from framesift.groups import create_group

DTYPES = ["uint8", "float16", "float32", "float64", "int64", "uint64"]


def make(path: Path, n: int = 7, chunk_rows: int = 3, dtype: str = "float32") -> np.ndarray:
    rows = np.random.default_rng(0).integers(0, 255, (n, 2)).astype(dtype)
    Array.create(path, rows.shape, chunk_rows, dtype).write_all(rows)
    return rows


@given(
    shape=st.tuples(st.integers(0, 20), st.integers(1, 3), st.integers(1, 3)).flatmap(
        lambda s: st.sampled_from([s[:1], s[:2], s])
    ),
    chunk_rows=st.integers(1, 25),
    dtype=st.sampled_from(DTYPES),
    start=st.integers(0, 22),
    stop=st.one_of(st.none(), st.integers(0, 25)),
)
@settings(deadline=None, max_examples=60)
def test_zarr_reads_what_is_written_and_so_do_we(shape, chunk_rows, dtype, start, stop):
    rows = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    with TemporaryDirectory() as folder:
        create_group(Path(folder), {"mine": 1})
        Array.create(Path(folder, "x"), shape, chunk_rows, dtype).write_all(rows)
        group = zarr.open_group(folder, mode="r")
        assert group.attrs["mine"] == 1
        theirs = group["x"]
        assert theirs.dtype == rows.dtype
        assert theirs.chunks == (chunk_rows, *shape[1:])
        assert_array_equal(theirs[...], rows)
        ours = Array.open(Path(folder, "x")).read(start, stop)
        assert ours.dtype == rows.dtype
        assert_array_equal(ours, rows[start:stop])


def test_what_zarr_would_write_is_what_is_written(tmp_path):
    rows = make(tmp_path / "ours")
    zarr.create_array(
        tmp_path / "theirs",
        shape=rows.shape,
        chunks=(3, 2),
        dtype="float32",
        compressors=[zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()],
    )[...] = rows
    documents = [json.loads((tmp_path / name / "zarr.json").read_text()) for name in ("ours", "theirs")]
    assert documents[0] == documents[1]
    for number in range(3):
        ours, theirs = ((tmp_path / name / "c" / str(number) / "0") for name in ("ours", "theirs"))
        assert ours.read_bytes() == theirs.read_bytes()


def test_without_libzstd_numcodecs_does_the_same(tmp_path, monkeypatch):
    rows = make(tmp_path / "x")
    assert zstd._library() is not None  # on the systems that run these tests
    monkeypatch.setattr(zstd, "_library", lambda: None)
    assert_array_equal(Array.open(tmp_path / "x").read(), rows)
    make(tmp_path / "y")
    for number in range(3):
        x, y = (Array.open(tmp_path / name).chunk_path(number).read_bytes() for name in "xy")
        assert x == y


@pytest.mark.parametrize("by", ["libzstd", "numcodecs"])
def test_what_is_no_frame_of_that_size_is_not_decompressed(by, monkeypatch):
    if by == "numcodecs":
        monkeypatch.setattr(zstd, "_library", lambda: None)
    data = np.arange(5000).astype(np.uint8)
    frame = zstd.compress(data, 1).tobytes()
    assert zstd.decompress(frame, 5000) == data.tobytes()
    for wrong, n_bytes in ((frame, 4999), (frame, 5001), (frame[:-3], 5000), (b"x" * 99, 99)):
        assert zstd.decompress(wrong, n_bytes) is None


def test_a_shortened_array_has_no_chunk_too_many(tmp_path):
    rows = make(tmp_path / "x")
    Array.open(tmp_path / "x").resize(4)
    assert_array_equal(Array.open(tmp_path / "x").read(), rows[:4])
    assert_array_equal(zarr.open_array(tmp_path / "x", mode="r")[...], rows[:4])
    assert sorted(p.name for p in (tmp_path / "x" / "c").glob("*/0")) == ["0", "0"]


@pytest.mark.parametrize("at", range(12))
def test_any_flipped_bit_of_a_chunk_is_noticed(tmp_path, at):
    make(tmp_path / "x")
    array = Array.open(tmp_path / "x")
    path = array.chunk_path(1)
    data = bytearray(path.read_bytes())
    data[at * len(data) // 12] ^= 1 << at % 8
    path.write_bytes(data)
    array.read(0, 3)
    with pytest.raises(IntegrityError, match="the checksum of chunk 1 is wrong"):
        array.read(2, 4)


def test_cut_empty_swapped_and_lost_chunks_are_noticed(tmp_path):
    make(tmp_path / "x")
    make(tmp_path / "wider", chunk_rows=5)
    array = Array.open(tmp_path / "x")
    whole = array.chunk_path(1).read_bytes()
    for data in (b"", whole[:3], whole[:-1], Array.open(tmp_path / "wider").chunk_path(1).read_bytes()):
        array.chunk_path(1).write_bytes(data)
        with pytest.raises(IntegrityError, match="is damaged"):
            array.read()
    array.chunk_path(1).unlink()
    with pytest.raises(IntegrityError, match="has lost chunk 1"):
        array.read()


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [7, 3]},
        {"shape": "7"},
        {"data_type": "object"},
        {"data_type": "uint8"},
        {"codecs": []},
        {"chunk_grid": {}},
    ],
)
def test_a_document_that_was_not_written_here_is_refused(tmp_path, change):
    make(tmp_path / "x")
    path = tmp_path / "x" / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(IntegrityError, match="is damaged"):
        Array.open(tmp_path / "x").read()


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_a_torn_document_is_refused(tmp_path, text):
    make(tmp_path / "x")
    (tmp_path / "x" / "zarr.json").write_text(text)
    with pytest.raises(IntegrityError, match="is damaged"):
        Array.open(tmp_path / "x")
    with pytest.raises(IntegrityError, match="is damaged"):
        Array.open(tmp_path / "nothing")

"""Arrays of masks as runs in a zarr group: what goes in comes back, in bounded memory, all of it or nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from framesift import masks
from framesift.errors import IntegrityError, UsageError
from framesift.masks import storing

orders = pytest.mark.parametrize("order", ["column", "row"])


def noise(n: int, height: int = 20, width: int = 30) -> Any:
    return (np.random.default_rng(0).random((n, height, width)) < 0.3).astype(np.uint8)


def stored(batch: Any, chunks: tuple[int, ...]) -> Any:
    array = zarr.create_array({}, shape=batch.shape, chunks=chunks, dtype=batch.dtype)
    array[:] = batch
    return array


@orders
@pytest.mark.parametrize(("n", "chunk"), [(0, 4), (1, 4), (7, 3), (8, 1), (20, 64)])
@pytest.mark.parametrize("max_bytes", [0, 2**30])
def test_arrays_go_to_ragged_runs_and_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, order: Any, n: int, chunk: int, max_bytes: int
) -> None:
    monkeypatch.setattr(storing, "_COUNTS_CHUNK", 400)
    batch = noise(n)
    for number, given in enumerate(
        (stored(batch, (chunk, 20, 30)), stored(batch * 1.5, (chunk, 20, 13)), batch)
    ):
        for store in (zarr.create_group({}), tmp_path / f"{number}.zarr"):
            masks.encode_array(given, store, order=order, max_bytes=max_bytes)
            group = store if isinstance(store, zarr.Group) else zarr.open_group(store, mode="r")
            offsets = group["offsets"][:]
            for i in range(n):
                runs = group["counts"][int(offsets[i]) : int(offsets[i + 1])]
                np.testing.assert_array_equal(runs, masks.encode(batch[i], order))
            for back in (
                stored(np.full_like(batch, 9), (chunk, 20, 30)),
                np.full_like(batch, 9),
                np.zeros(batch.shape, bool),
                np.full((20, 30, n), 9, np.uint8).transpose(2, 0, 1),
            ):
                masks.decode_array(store, back, max_bytes=max_bytes)
                np.testing.assert_array_equal(back[:], batch)


def test_shards_are_written_whole() -> None:
    batch, group = noise(30), zarr.create_group({})
    masks.encode_array(batch, group)
    back = zarr.create_array({}, shape=batch.shape, chunks=(2, 20, 30), shards=(10, 20, 30), dtype="u1")
    masks.decode_array(group, back, max_bytes=0)
    np.testing.assert_array_equal(back[:], batch)
    again = zarr.create_group({})
    masks.encode_array(back, again, max_bytes=0)
    np.testing.assert_array_equal(again["counts"][:], group["counts"][:])


# Memory -----------------------------------------------------------------------------------------------------------

_PEAK = """
import sys, tracemalloc
import zarr
from framesift import masks

array, folder, budget = zarr.open_array(sys.argv[1], mode="r"), sys.argv[2], int(sys.argv[3])
back = zarr.create_array(folder + "/back", shape=array.shape, chunks=array.chunks, dtype="u1")
masks.encode_array(array[:2], folder + "/first")  # imports and compiles
masks.decode_array(folder + "/first", array[:2])
for work in (masks.encode_array, masks.decode_array):
    tracemalloc.start()
    if work is masks.encode_array:
        work(array, folder + "/runs", max_bytes=budget)
    else:
        work(folder + "/runs", back, max_bytes=budget)
    print(tracemalloc.get_traced_memory()[1], masks.projected_bytes(array, max_bytes=budget))
    tracemalloc.stop()
"""


@pytest.mark.parametrize("kind", ["empty", "checks"])
@pytest.mark.parametrize("n", [12, 120])
def test_memory_is_what_the_formula_says(tmp_path: Path, kind: str, n: int) -> None:
    """Measured <= projected <= allowed, on a small and on a tenfold array, where every pixel is a run as well."""
    array = zarr.create_array(tmp_path / "masks", shape=(n, 300, 400), chunks=(4, 300, 400), dtype="u1")
    checks = (np.indices((300, 400)).sum(axis=0) % 2).astype(np.uint8)
    for start in range(0, n if kind == "checks" else 0, 12):
        array[start : start + 12] = np.repeat(checks[None], 12, axis=0)
    budget = 40 * 2**20
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "masks"), str(tmp_path), str(budget)]
    for line in subprocess.check_output(command, text=True).splitlines():
        measured, projected = map(int, line.split())
        assert measured <= projected <= budget


def test_a_budget_that_is_too_small_gets_a_chunk_and_a_mask() -> None:
    array = stored(noise(9), (3, 20, 30))
    assert masks.projected_bytes(array, max_bytes=0) > 0
    assert masks.projected_bytes(array, max_bytes=0) <= masks.projected_bytes(array)


# All or nothing ---------------------------------------------------------------------------------------------------


class Broken:
    """An array that cannot be read to its end."""

    def __init__(self, array: Any, good: int) -> None:
        self.array, self.good = array, good
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (1, *array.shape[1:])

    def __getitem__(self, rows: slice) -> Any:
        if rows.stop > self.good:
            raise OSError("the disk is gone")
        return self.array[rows]


@pytest.mark.parametrize("is_path", [True, False])
def test_what_was_not_finished_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_path: bool
) -> None:
    monkeypatch.setattr(storing, "_COUNTS_CHUNK", 100)
    batch, store = noise(9), tmp_path / "runs" if is_path else zarr.create_group(tmp_path / "group")
    for good in (0, 5, 8):
        with pytest.raises(OSError, match="disk is gone"):
            masks.encode_array(Broken(batch, good), store, max_bytes=0)
        with pytest.raises((UsageError, IntegrityError), match=r"no masks at|no finished masks"):
            masks.decode_array(store, np.empty_like(batch))
    assert not is_path or list(tmp_path.iterdir()) == []
    masks.encode_array(batch, store)
    back = np.empty_like(batch)
    masks.decode_array(store, back)
    np.testing.assert_array_equal(back, batch)
    with pytest.raises(UsageError, match="already"):
        masks.encode_array(batch, store)


@pytest.mark.parametrize("damage", ["flipped", "cut", "lost", "offsets", "record"])
@pytest.mark.parametrize("name", ["counts", "offsets"])
def test_damage_is_found(tmp_path: Path, damage: str, name: str) -> None:
    batch, store = noise(9), tmp_path / "runs"
    masks.encode_array(batch, store)
    path = store / name / "c" / "0"
    data = bytearray(path.read_bytes())
    group = zarr.open_group(store)
    if damage == "flipped":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "lost":
        path.unlink()
    elif damage == "offsets":
        group[name][3] = 0 if name == "offsets" else group[name][3] + 1
    else:
        group.attrs["n_runs"] = 7
    with pytest.raises(IntegrityError, match="damaged"):
        masks.decode_array(store, np.empty_like(batch))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda group: masks.encode_array(np.zeros((2, 2)), group), "three dimensions"),
        (lambda group: masks.projected_bytes(np.zeros((2, 2))), "three dimensions"),
        (lambda group: masks.encode_array(noise(1), group, order="diagonal"), "'diagonal'"),
        (lambda group: masks.decode_array(group, np.empty((4, 20, 30), np.uint8)), "as stored"),
        (lambda group: masks.decode_array(group, np.empty((3, 20, 30))), "uint8 or bool"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call: Any, message: str) -> None:
    group = zarr.create_group({})
    masks.encode_array(noise(3), group)
    with pytest.raises(UsageError, match=message):
        call(group)

"""Hundreds of damaged videos of every codec at hand: none crashes, hangs, or passes for whole unnoticed."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clips import CLIPS
from framesift.index import Index, index
from framesift.inspection import verify

Mutation = Callable[[bytearray, random.Random, bytes], bytearray]


def _cut(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    return data[: rng.randrange(1, len(data))]


def _flip(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    for _ in range(rng.choice([1, 4, 30])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _overwrite(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(len(data))
    n = min(rng.choice([4, 64, 700]), len(data) - at)
    data[at : at + n] = bytes(n) if rng.random() < 0.5 else rng.randbytes(n)
    return data


def _drop(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 50, 900])]
    return data


def _repeat(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice([3, 80, 2000])]
    return data


def _splice(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def _lie(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Large numbers where headers are: sizes, counts, dimensions."""
    for _ in range(3):
        at = rng.randrange(min(len(data), 1200))
        data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00"])
    return data


MUTATIONS: list[Mutation] = [_cut, _cut, _flip, _flip, _overwrite, _drop, _repeat, _splice, _lie]


def _mutated(folder: Path) -> int:
    originals = {}
    for name, clip in CLIPS.items():
        try:
            path = clip.make(folder / f"{name}{clip.suffix}")
        except pytest.skip.Exception:  # an encoder that this build has not
            continue
        originals[name] = path.read_bytes()
        path.unlink()
    names = list(originals)
    for i, name in enumerate(names):
        other = originals[names[(i + 1) % len(names)]]
        for j, mutate in enumerate(MUTATIONS):
            data = mutate(bytearray(originals[name]), random.Random(f"{name} {j}"), other)
            (folder / f"{name}-{j}{CLIPS[name].suffix}").write_bytes(data)
    return len(names) * len(MUTATIONS)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, int]:
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "in").mkdir()
    n = _mutated(folder / "in")
    began = time.monotonic()
    made = index(sorted((folder / "in").iterdir()), folder / "store", threads=2, isolate=True, timeout_s=60)
    assert time.monotonic() - began < 300
    return made, n


def test_every_damaged_video_is_indexed_or_set_aside_with_a_reason(batch: tuple[Index, int]) -> None:
    made, n = batch
    assert n >= 500
    assert len(made.records) + len(made.set_aside) == n
    assert len(made.records) > n / 2
    reasons = Counter(item.reason for item in made.set_aside)
    assert not [
        reason for reason in reasons if "crashed" in reason or "given up" in reason or "hung" in reason
    ]
    assert all(len(reason) < 200 and "\n" not in reason for reason in reasons)


def test_their_errors_are_counted_and_said(batch: tuple[Index, int]) -> None:
    made, _ = batch
    counted = [record for record in made.records if record.n_errors]
    assert len(counted) > 20
    assert all(f"{record.n_errors} packets could not be decoded" in record.warnings for record in counted)
    assert sum(bool(record.warnings) for record in made.records) > len(made.records) / 4


def test_what_is_kept_of_them_is_whole(batch: tuple[Index, int]) -> None:
    made, _ = batch
    assert verify(made.store.path)["damaged"] == []
    for i, record in enumerate(made.records):
        pts = made.reader(i).read("pts")
        assert len(pts) == record.n_frames
        assert np.all(np.diff(pts) > 0)

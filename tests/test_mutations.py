"""Hundreds of damaged videos of every codec at hand: none crashes, hangs, or passes for whole unnoticed."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clips import CLIPS
from framesift.errors import NothingUsableError
from framesift.index import Index, index
from framesift.inspection import verify
from framesift.source_store import Flag
from framesift.video.checksums import is_intact

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


def _found(path: Path, threads: int) -> tuple[object, dict[str, list[object]]]:
    """All that an index says of a video, decoded by itself so that its frames are shared out among the threads."""
    try:
        with index(path, threads=threads, size=16) as made:
            names = "thumbnails statistics content_hash flags pts segments".split()
            return made.records[0], {name: made.reader(0).read(name).tolist() for name in names}
    except NothingUsableError as e:
        return str(e), {}


def test_what_is_found_of_them_depends_on_no_number_of_threads(
    tmp_path_factory: pytest.TempPathFactory, batch: tuple[Index, int]
) -> None:
    """One damaged video of each clip, and those of a decoder that hides damage."""
    made, _ = batch
    folder = Path(made.store.path).with_name("in")
    kinds = len(MUTATIONS)
    paths = sorted(folder.glob("*-*"))
    some = [path for at, path in enumerate(paths) if path.stem.endswith(f"-{at // kinds % kinds}")]
    hidden = [path for path in folder.glob("ffv1*") if path.stem[-1] in "2348"]
    differ = [path.name for path in {*some, *hidden} if _found(path, 1) != _found(path, 2)]
    assert len(some) >= 60
    assert differ == []


def test_damage_that_the_decoder_hides_is_counted_and_its_frames_are_flagged(tmp_path: Path) -> None:
    path = CLIPS["ffv1"].make(tmp_path / "clip.mkv")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    whole = path.read_bytes()
    at = whole.index(packets[14])  # of the second GOP of 12
    path.write_bytes(whole[: at + 300] + bytes([whole[at + 300] ^ 16]) + whole[at + 301 :])
    with index(path, threads=2) as made:
        (record,) = made.records
        damaged = np.flatnonzero(made.reader(0).read("flags") & Flag.DAMAGED)
    assert damaged.tolist() == list(range(14, 24))
    assert record.n_errors == 1
    assert record.doubt == "damaged packets"
    assert record.warnings == ["1 packets could not be decoded"]


@given(st.binary(max_size=200), st.integers(0, 3))
def test_checksums_are_those_of_the_format(content: bytes, n_more: int) -> None:
    """CRC-32 by long division, as RFC 9043 has it."""

    def remainder(data: bytes) -> int:
        state = 0
        for byte in data:
            state ^= byte << 24
            for _ in range(8):
                state = (state << 1) ^ (0x104C11DB7 if state >> 31 else 0)
        return state

    def written(data: bytes) -> bytes:
        head = data + len(data).to_bytes(3, "big") + b"\0"
        return head + remainder(head).to_bytes(4, "big")

    packet = b"".join(written(content[i:]) for i in range(n_more + 1))
    assert is_intact(packet)
    assert not is_intact(packet + b"\0")
    assert not is_intact(bytes([packet[0] ^ 1]) + packet[1:])
    assert not is_intact(b"")

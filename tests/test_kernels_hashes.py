"""XXH3 against the library of that name, dHash against exact fractions."""

import importlib.util
from fractions import Fraction

import numpy as np
import pytest
from numba import config

compiled_only = pytest.mark.skipif(config.DISABLE_JIT, reason="too many bytes for plain Python")
has_xxhash = importlib.util.find_spec("xxhash") is not None
SEEDS = [0, 1, 2**32, 2**63 + 12345, 2**64 - 1]


@pytest.mark.skipif(not has_xxhash, reason="xxhash is missing")
@pytest.mark.parametrize("seed", SEEDS)
def test_xxh3_is_that_of_xxhash(kernels, rng, seed):
    import xxhash

    data = rng.integers(0, 256, 5000, np.uint8)
    lengths = [
        *range(300 if not config.DISABLE_JIT else 20),
        128,
        129,
        240,
        241,
        320,
        1023,
        1024,
        1025,
        2048,
        5000,
    ]
    for n in lengths:
        expected = xxhash.xxh3_64_intdigest(data[:n].tobytes(), seed=seed)
        assert kernels.xxh3(data[:n], seed) == expected, n
    assert kernels.xxh3(data[3:4003], seed) == xxhash.xxh3_64_intdigest(data[3:4003].tobytes(), seed=seed)


def test_xxh3_of_known_bytes(kernels):
    """As ``xxhsum -H3`` prints them, so that a test stands where the library is missing."""
    abc = np.frombuffer(b"abc", np.uint8)
    assert kernels.xxh3(abc, 0) == 0x78AF5F94892F3950
    assert kernels.xxh3(abc[:0], 0) == 0x2D06800538D394C2


@compiled_only
@pytest.mark.skipif(not has_xxhash, reason="xxhash is missing")
def test_xxh3_past_2_to_the_16(kernels, rng):
    import xxhash

    data = rng.integers(0, 256, 2**20 + 77, np.uint8)
    for n in (2**16, 2**16 + 1, len(data)):
        assert kernels.xxh3(data[:n], 7) == xxhash.xxh3_64_intdigest(data[:n].tobytes(), seed=7)


def difference_hash(picture):
    """Means of 8 x 9 equal cells, as fractions."""
    h, w = picture.shape

    def mean(i, j):
        total = Fraction(0)
        for y in range(h):
            for x in range(w):
                inside = [
                    min(Fraction((at + 1) * size, cells), pixel + 1) - max(Fraction(at * size, cells), pixel)
                    for at, size, cells, pixel in ((i, h, 8, y), (j, w, 9, x))
                ]
                if min(inside) > 0:
                    total += inside[0] * inside[1] * int(picture[y, x])
        return total * 72 / (h * w)

    cells = [[mean(i, j) for j in range(9)] for i in range(8)]
    bits = [cells[i][j + 1] > cells[i][j] for i in range(8) for j in range(8)]
    return int("".join("01"[bit] for bit in bits), 2)


@pytest.mark.parametrize("shape", [(8, 9), (16, 18), (1, 1), (1, 9), (8, 1), (11, 13), (5, 40), (17, 10)])
def test_difference_hash_matches_fractions(kernels, rng, shape):
    pictures = rng.integers(0, 256, (3, *shape), np.uint8)
    pictures[1] = 77
    pictures[2] = np.linspace(0, 255, shape[1]).astype(np.uint8)
    found = kernels.difference_hash(pictures)
    assert found.dtype == np.uint64
    assert found.tolist() == [difference_hash(picture) for picture in pictures]
    assert found[1] == 0
    assert shape[1] < 9 or found[2] == 2**64 - 1
    assert kernels.difference_hash(pictures[:0]).shape == (0,)


def test_difference_hash_looks_past_noise_and_light(kernels, rng):
    picture = np.add.outer(60 * np.sin(np.arange(48) / 7), 90 * np.cos(np.arange(64) / 5 + 1)) + 128
    same = np.clip([picture, 0.8 * picture + 20, picture + rng.normal(0, 2, picture.shape)], 0, 255).astype(
        np.uint8
    )
    other = np.ascontiguousarray(same[:1, :, ::-1])
    hashes = kernels.difference_hash(np.concatenate([same, other]))
    differ = np.bitwise_count(hashes ^ hashes[0])
    assert max(differ[1:3]) < 6
    assert differ[3] > 20

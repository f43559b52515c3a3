"""A 64-bit fingerprint of the pixels of a plane."""

from typing import Any

import numpy as np

from .. import U64
from ._compile import kernel, native

_BLOCK = 512  # words
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


def content_hash(plane: U64, row_bytes: int, seed: int) -> int:
    """Hash the bytes of a plane.

    Equal planes have equal hashes on every machine; two different ones collide with a probability of about 2**-32
    for pictures not made to collide (this is no cryptographic hash).

    Parameters
    ----------
    plane : (rows, stride_words) uint64, C-contiguous
        The plane, eight bytes a word, little-endian.
    row_bytes : int
        Only the first *row_bytes* bytes of every row count: the padding at the right does not.
    seed : int, 0 <= seed < 2**64
        0, or the hash of the plane before, which chains the planes of a picture.

    Returns
    -------
    int
        ``0 <= hash < 2**64``.

    Notes
    -----
    Every block of at most 512 words of a row is summed up by NH (Black et al., *UMAC: Fast and Secure Message
    Authentication*, 1999), which vectorises, with 1024 fixed keys; the sums go one after another through the
    finaliser of splitmix64. Runs at the speed of reading the plane.
    """
    with np.errstate(over="ignore"):  # wraps around on purpose; matters in plain Python only
        state = np.array([seed], np.uint64)
        _content_hash(plane, row_bytes, state)
        return int(state[0])


def _splitmix64(x: Any) -> Any:
    """Scramble 64 bits (Steele et al., *Fast splittable pseudorandom number generators*, 2014): a bijection."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_scramble = kernel(_splitmix64)
_KEYS: U64 = (_splitmix64(np.arange(2 * _BLOCK, dtype=np.uint64)) >> _HALF).reshape(2, _BLOCK)


@native
def _content_hash(
    plane: U64,  # IN (rows, stride_words)
    row_bytes: int,
    state: U64,  # INOUT (1,): seed, then hash
) -> None:
    state[0] = _hash_rows(plane, 0, len(plane), row_bytes, _begin_hash(state[0], plane, row_bytes))


@kernel
def _begin_hash(seed: np.uint64, plane: U64, row_bytes: int) -> np.uint64:
    """State before the first row of a plane."""
    state: np.uint64 = _scramble(_scramble(_scramble(seed) ^ np.uint64(len(plane))) ^ np.uint64(row_bytes))
    return state


@kernel
def _hash_rows(plane: U64, start: int, stop: int, row_bytes: int, state: np.uint64) -> np.uint64:
    """State after the rows *start* to *stop*."""
    n_words, rest = (row_bytes + 7) // 8, row_bytes % 8
    mask = (np.uint64(1) << np.uint64(8 * rest)) - np.uint64(1)
    for y in range(start, stop):
        for first in range(0, n_words, _BLOCK):
            last = min(first + _BLOCK, n_words)
            whole = last - 1 if rest and last == n_words else last
            block = _nh(plane[y, first:whole])
            if whole < last:
                block += _nh_term(plane[y, whole] & mask, whole - first)
            state = _scramble(state ^ block)
    return state


@kernel
def _nh(words: U64) -> np.uint64:
    total = np.uint64(0)
    for i in range(len(words)):
        total += _nh_term(words[i], i)
    return total


@kernel
def _nh_term(word: np.uint64, i: int) -> np.uint64:
    """(low half + key) * (high half + key), the sums modulo 2**32."""
    low, high = word + np.uint64(_KEYS[0, i]), (word >> _HALF) + np.uint64(_KEYS[1, i])
    return (low & _LOW) * (high & _LOW)

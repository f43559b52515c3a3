"""XXH3, 64 bits."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import U8, U64
from ._compile import intrinsic, kernel, native

_SECRET: U8 = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
        "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
        "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    ),
    np.uint8,
)
_P32_1, _P32_2, _P32_3 = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], np.uint64)
_P64_1, _P64_2, _P64_3 = np.array([0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
_P64_4, _P64_5 = np.array([0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5], np.uint64)
_MX_1, _MX_2 = np.uint64(0x165667919E3779F9), np.uint64(0x9FB21C651E98DF25)
_LOW = np.uint64(2**32 - 1)
_STRIPE = 64
_BLOCK = 1024
_SHORT = 240


def xxh3(data: U8, seed: int) -> int:
    """XXH3-64 of bytes: what the library ``xxhash`` calls ``xxh3_64`` gives, bit for bit.

    Parameters
    ----------
    data : (n,) uint8, C-contiguous
    seed : int, 0 <= seed < 2**64

    Returns
    -------
    int
        ``0 <= hash < 2**64``.

    Notes
    -----
    Collet, *xxHash fast digest algorithm*, version 0.2 (the specification of xxHash). O(n), at the rate of memory.
    No cryptographic hash. `content_hash` is what pictures are hashed by: it works on rows with padding, while
    they are in the cache for something else.
    """
    secret = _SECRET
    with np.errstate(over="ignore"):  # wraps around on purpose; matters in plain Python only
        if seed and len(data) > _SHORT:
            words = _SECRET.view("<u8").astype(np.uint64).reshape(-1, 2)
            words = np.stack([words[:, 0] + np.uint64(seed), words[:, 1] - np.uint64(seed)], axis=1)
            secret = words.astype("<u8").reshape(-1).view(np.uint8)
        found, sums = np.array([seed], np.uint64), np.empty(8, np.uint64)
        _xxh3(data, secret, sums, found)
    return int(found[0])


@native
def _xxh3(
    data: U8,  # IN   (n,)
    secret: U8,  # IN   (192,)
    sums: U64,  # scratch (8,)
    found: U64,  # INOUT  (1,): seed, then hash
) -> None:
    n, seed = len(data), found[0]
    if n > _SHORT:
        found[0] = _long(data, secret, sums)
    elif n > 128:
        found[0] = _to_240(data, secret, seed)
    elif n > 16:
        found[0] = _to_128(data, secret, seed)
    elif n > 8:
        found[0] = _to_16(data, secret, seed)
    elif n >= 4:
        found[0] = _to_8(data, secret, seed)
    else:
        found[0] = _to_3(data, secret, seed)


# The parts of the specification -----------------------------------------------------------------------------------


@kernel
def _word(data: U8, at: int, n_bytes: int) -> np.uint64:
    """Little-endian number of some bytes."""
    value = np.uint64(0)
    for i in range(n_bytes):
        value |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return value


@kernel
def _shifted(x: np.uint64, shift: int) -> np.uint64:
    return np.uint64(x ^ (x >> np.uint64(shift)))


@kernel
def _rotated(x: np.uint64, shift: int) -> np.uint64:
    return np.uint64((x << np.uint64(shift)) | (x >> np.uint64(64 - shift)))


@kernel
def _swapped(x: np.uint64, n_bytes: int) -> np.uint64:
    """The bytes of a number in reverse."""
    value = np.uint64(0)
    for _ in range(n_bytes):
        value = (value << np.uint64(8)) | (x & np.uint64(255))
        x = x >> np.uint64(8)
    return value


@kernel
def _folded_product(a: np.uint64, b: np.uint64) -> np.uint64:
    """The halves of the product of 128 bits, one xor the other."""
    half = np.uint64(32)
    a_low, a_high, b_low, b_high = a & _LOW, a >> half, b & _LOW, b >> half
    low, high = a_low * b_low, a_high * b_high
    cross = (low >> half) + (a_high * b_low & _LOW) + a_low * b_high
    high += (a_high * b_low >> half) + (cross >> half)
    return np.uint64(a * b ^ high)


@kernel
def _avalanche(x: np.uint64) -> np.uint64:
    return _shifted(_shifted(x, 37) * _MX_1, 32)


@kernel
def _avalanche_xxh64(x: np.uint64) -> np.uint64:
    return _shifted(_shifted(_shifted(x, 33) * _P64_2, 29) * _P64_3, 32)


@kernel
def _mixed(data: U8, at: int, secret: U8, secret_at: int, seed: np.uint64) -> np.uint64:
    low = _word(data, at, 8) ^ (_word(secret, secret_at, 8) + seed)
    return _folded_product(low, _word(data, at + 8, 8) ^ (_word(secret, secret_at + 8, 8) - seed))


@kernel
def _to_3(data: U8, secret: U8, seed: np.uint64) -> np.uint64:
    n = len(data)
    if n == 0:
        return _avalanche_xxh64(seed ^ _word(secret, 56, 8) ^ _word(secret, 64, 8))
    combined = np.uint64(data[n - 1]) | np.uint64(n << 8)
    combined |= np.uint64(data[0]) << np.uint64(16) | np.uint64(data[n >> 1]) << np.uint64(24)
    return _avalanche_xxh64(((_word(secret, 0, 4) ^ _word(secret, 4, 4)) + seed) ^ combined)


@kernel
def _to_8(data: U8, secret: U8, seed: np.uint64) -> np.uint64:
    n = len(data)
    seed ^= _swapped(seed & _LOW, 4) << np.uint64(32)
    combined = _word(data, n - 4, 4) | _word(data, 0, 4) << np.uint64(32)
    value = ((_word(secret, 8, 8) ^ _word(secret, 16, 8)) - seed) ^ combined
    value = (value ^ _rotated(value, 49) ^ _rotated(value, 24)) * _MX_2
    value = (value ^ ((value >> np.uint64(35)) + np.uint64(n))) * _MX_2
    return _shifted(value, 28)


@kernel
def _to_16(data: U8, secret: U8, seed: np.uint64) -> np.uint64:
    n = len(data)
    low = ((_word(secret, 24, 8) ^ _word(secret, 32, 8)) + seed) ^ _word(data, 0, 8)
    high = ((_word(secret, 40, 8) ^ _word(secret, 48, 8)) - seed) ^ _word(data, n - 8, 8)
    return _avalanche(np.uint64(n) + _swapped(low, 8) + high + _folded_product(low, high))


@kernel
def _to_128(data: U8, secret: U8, seed: np.uint64) -> np.uint64:
    n = len(data)
    total = np.uint64(n) * _P64_1
    for i in range(((n - 1) >> 5) + 1):
        total += _mixed(data, 16 * i, secret, 32 * i, seed)
        total += _mixed(data, n - 16 * i - 16, secret, 32 * i + 16, seed)
    return _avalanche(total)


@kernel
def _to_240(data: U8, secret: U8, seed: np.uint64) -> np.uint64:
    n = len(data)
    total = np.uint64(n) * _P64_1
    for i in range(8):
        total += _mixed(data, 16 * i, secret, 16 * i, seed)
    total = _avalanche(total)
    for i in range(8, n >> 4):
        total += _mixed(data, 16 * i, secret, 16 * (i - 8) + 3, seed)
    return _avalanche(total + _mixed(data, n - 16, secret, 119, seed))


@kernel
def _long(data: U8, secret: U8, sums: U64) -> np.uint64:
    n = len(data)
    sums[0], sums[1], sums[2], sums[3] = _P32_3, _P64_1, _P64_2, _P64_3
    sums[4], sums[5], sums[6], sums[7] = _P64_4, _P32_2, _P64_5, _P32_1
    n_blocks = (n - 1) // _BLOCK
    for block in range(n_blocks):
        accumulate(data, block * _BLOCK, _BLOCK // _STRIPE, secret, 0, sums)
        scramble(secret, sums)
    accumulate(data, n_blocks * _BLOCK, (n - 1 - n_blocks * _BLOCK) // _STRIPE, secret, 0, sums)
    accumulate(data, n - _STRIPE, 1, secret, 121, sums)
    total = np.uint64(n) * _P64_1
    for i in range(4):
        a = sums[2 * i] ^ _word(secret, 11 + 16 * i, 8)
        total += _folded_product(a, sums[2 * i + 1] ^ _word(secret, 19 + 16 * i, 8))
    return _avalanche(total)


def _accumulate(
    context: Any, data: Any, at: Any, n_stripes: Any, secret: Any, secret_at: Any, sums: Any
) -> Any:
    """Typing and code of `accumulate`."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils as _cgutils

    cgutils: Any = _cgutils  # which has no annotations
    word, index = ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(word, 8)
    pairs = ir.Constant(ir.VectorType(index, 8), [1, 0, 3, 2, 5, 4, 7, 6])

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3, 5)]
        total_at = builder.bitcast(arrays[2], vector.as_pointer())
        total = cgutils.alloca_once_value(builder, builder.load(total_at, align=8))
        with cgutils.for_range(builder, args[2]) as loop:
            starts = builder.mul(loop.index, word(_STRIPE)), builder.mul(loop.index, word(8))
            stripe, key = (
                builder.load(
                    builder.bitcast(builder.gep(array, [builder.add(first, start)]), vector.as_pointer()),
                    align=1,
                )
                for array, first, start in zip(arrays[:2], (args[1], args[4]), starts, strict=True)
            )
            value = builder.xor(stripe, key)
            low = builder.and_(value, ir.Constant(vector, [2**32 - 1] * 8))
            product = builder.mul(low, builder.lshr(value, ir.Constant(vector, [32] * 8)))
            swapped = builder.shuffle_vector(stripe, ir.Constant(vector, ir.Undefined), pairs)
            builder.store(builder.add(builder.load(total), builder.add(product, swapped)), total)
        builder.store(builder.load(total), total_at, align=8)
        return context.get_dummy_value()

    return types.void(data, types.intp, types.intp, secret, types.intp, sums), codegen


def _accumulate_python(data: U8, at: int, n_stripes: int, secret: U8, secret_at: int, sums: U64) -> None:
    """Add stripes of 64 bytes to the sums; the secret moves on by 8 bytes with each."""
    for i in range(n_stripes):
        stripe = np.frombuffer(data[at + _STRIPE * i :][:_STRIPE].tobytes(), "<u8").astype(np.uint64)
        key = np.frombuffer(secret[secret_at + 8 * i :][:_STRIPE].tobytes(), "<u8").astype(np.uint64)
        value = stripe ^ key
        sums += (value & _LOW) * (value >> np.uint64(32)) + stripe.reshape(4, 2)[:, ::-1].reshape(8)


def _scramble(context: Any, secret: Any, sums: Any) -> Any:
    """Typing and code of `scramble`."""
    from llvmlite import ir
    from numba import types

    word = ir.IntType(64)
    vector = ir.VectorType(word, 8)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in range(2)]
        key_at = builder.gep(arrays[0], [word(len(_SECRET) - _STRIPE)])
        key_at, total_at = (builder.bitcast(pointer, vector.as_pointer()) for pointer in (key_at, arrays[1]))
        total = builder.load(total_at, align=8)
        mixed = builder.xor(total, builder.lshr(total, ir.Constant(vector, [47] * 8)))
        mixed = builder.xor(mixed, builder.load(key_at, align=1))
        builder.store(builder.mul(mixed, ir.Constant(vector, [int(_P32_1)] * 8)), total_at, align=8)
        return context.get_dummy_value()

    return types.void(secret, sums), codegen


def _scramble_python(secret: U8, sums: U64) -> None:
    """Mix the sums after a block."""
    key = np.frombuffer(secret[-_STRIPE:].tobytes(), "<u8").astype(np.uint64)
    sums[:] = (sums ^ (sums >> np.uint64(47)) ^ key) * _P32_1


scramble: Callable[..., None] = intrinsic(_scramble_python, _scramble)
accumulate: Callable[..., None] = intrinsic(_accumulate_python, _accumulate)

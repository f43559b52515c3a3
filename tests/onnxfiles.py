"""ONNX models for the tests, written as protocol buffers by hand: the format needs few of its messages.

Source: ``onnx.proto`` (numbers of the fields), and the operators' specifications.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FLOAT, UINT8, INT64 = 1, 2, 7


def _varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def _field(number: int, value: int | bytes | str | float) -> bytes:
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}[array.dtype]
    dims = b"".join(_field(1, d) for d in array.shape)
    return dims + _field(2, kind) + _field(8, name) + _field(9, array.tobytes())


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_field(1, _field(1 if isinstance(d, int) else 2, d)) for d in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> bytes:
    """An operator; attributes are integers or lists of them."""
    out = b"".join(_field(1, i) for i in inputs) + b"".join(_field(2, o) for o in outputs) + _field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, int):
            body = _field(1, name) + _field(3, value) + _field(20, 2)
        else:
            body = _field(1, name) + b"".join(_field(8, v) for v in value) + _field(20, 7)
        out += _field(5, body)
    return out


def write_model(
    path: Path,
    nodes: Sequence[bytes],
    inputs: dict[str, tuple[int, Sequence[int | str]]],
    outputs: dict[str, tuple[int, Sequence[int | str]]],
    weights: dict[str, np.ndarray],
) -> Path:
    graph = b"".join(_field(1, n) for n in nodes) + _field(2, "g")
    graph += b"".join(_field(5, _tensor(name, w)) for name, w in weights.items())
    graph += b"".join(_field(11, _value(name, *v)) for name, v in inputs.items())
    graph += b"".join(_field(12, _value(name, *v)) for name, v in outputs.items())
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17)))
    return path


def linear(
    path: Path,
    weights: np.ndarray,
    size: tuple[int, int],
    *,
    layout: str = "NCHW",
    batch: int | str = "n",
    kind: int = FLOAT,
    sides: tuple[int | str, int | str] | None = None,
    channels: int = 3,
) -> Path:
    """A model that multiplies the flattened picture with *weights*: (values of a picture, d) float32."""
    h, w = sides or size
    shape = (batch, channels, h, w) if layout == "NCHW" else (batch, h, w, channels)
    nodes = [node("Cast", ["x"], ["f"], to=FLOAT), node("Flatten", ["f"], ["v"], axis=1)]
    nodes.append(node("MatMul", ["v", "w"], ["y"]))
    d = weights.shape[1]
    return write_model(path, nodes, {"x": (kind, shape)}, {"y": (FLOAT, (batch, d))}, {"w": weights})


def identity(path: Path, size: tuple[int, int], **options: Any) -> Path:
    """A model whose vectors are its flattened input."""
    n = size[0] * size[1] * options.get("channels", 3)
    return linear(path, np.eye(n, dtype=np.float32), size, **options)

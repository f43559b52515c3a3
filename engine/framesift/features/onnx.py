"""Running an ONNX model over pictures."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, U8

from ..errors import UsageError
from .models import OnnxModel
from .preparing import Numbers, Shape

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_INSTALL = "install it with: pip install 'framesift[onnx]'"
_MAX_DIMENSIONS = 65_536


class Runner(Protocol):
    """Makes vectors of prepared pictures."""

    @property
    def shape(self) -> Shape:
        """Of a prepared picture."""

    @property
    def batch(self) -> int:
        """Pictures of a run."""

    def run(self, pictures: list[U8]) -> F32:
        """(n, d) vectors of at most `batch` pictures."""


def resolve_device(model: OnnxModel, device: str) -> str:
    """``"cpu"`` or ``"cuda"``: what the model asks for, or else *device*.

    Raises
    ------
    UsageError
        onnxruntime is not installed, or cannot use a GPU that was asked for.
    """
    wanted = model.device or device
    if wanted == "cpu":
        return wanted
    has_gpu = "CUDAExecutionProvider" in _onnxruntime().get_available_providers()
    if wanted == "auto":
        return "cuda" if has_gpu else "cpu"
    if not has_gpu:
        raise UsageError(
            "this onnxruntime cannot use an NVIDIA GPU; put the one that can in its place: "
            "pip uninstall onnxruntime && pip install onnxruntime-gpu"
        )
    return wanted


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UsageError(f"models need onnxruntime; {_INSTALL}") from None
    return onnxruntime


class OnnxRunner:
    """A model in memory.

    Every batch has as many pictures as every other: the last is filled up with copies, so that a picture's vector
    does not depend on how many come after it.

    Parameters
    ----------
    model
        What to load.
    device
        ``"cpu"`` or ``"cuda"``.
    threads
        Of the model on a CPU.

    Raises
    ------
    UsageError
        It cannot be loaded, does not take pictures, or what it wants is not declared.
    """

    def __init__(self, model: OnnxModel, device: str, threads: int) -> None:
        self._name = model.file.name
        self._session = _open(model, device, threads)
        self._input = self._only_input()
        height, width, n_channels, layout = self._shape_of_input(model)
        color = model.color or ("grey" if n_channels == 1 else "rgb")
        self._shape = Shape(height=height, width=width, fit=model.fit, resample=model.resample, color=color)
        if n_channels not in (None, self._shape.n_channels):
            raise self._wrong(f"it takes {n_channels} channels, {color!r} has {self._shape.n_channels}")
        first = self._input.shape[0]
        self._batch = first if isinstance(first, int) and first > 0 else model.batch
        self._numbers = self._numbers_of(model, layout)
        self._output = self._find_output(model)
        self._pool = model.pool

    @property
    def shape(self) -> Shape:
        """Of a prepared picture."""
        return self._shape

    @property
    def batch(self) -> int:
        """Pictures of a run."""
        return self._batch

    def run(self, pictures: list[U8]) -> F32:
        """(n, d) vectors of at most `batch` pictures."""
        given = self._numbers.of(pictures, self._batch)
        try:
            (found,) = self._session.run([self._output], {self._input.name: given})
        except Exception as e:  # onnxruntime's own errors have no common class
            raise self._wrong(f"it fails on an input of shape {given.shape}: {_first_line(e)}") from None
        return self._vectors(np.asarray(found))[: len(pictures)]

    def _vectors(self, found: npt.NDArray[Any]) -> F32:
        if found.ndim < 2 or found.shape[0] != self._batch:
            raise self._wrong(
                f"its output {self._output!r} is {found.shape}, a vector a picture was expected"
            )
        if found.ndim > 2 and found[0].size == found.shape[1]:  # (n, d, 1, 1)
            found = found.reshape(len(found), -1)
        if found.ndim > 2:
            if self._pool is None:
                raise self._wrong(
                    f"its output {self._output!r} is {found.shape}: declare pool, 'mean' or 'first', or another output"
                )
            rows = found.reshape(*found.shape[:2], -1).transpose(0, 2, 1) if found.ndim == 4 else found
            if rows.ndim != 3:
                raise self._wrong(f"its output {self._output!r} is {found.shape}: that cannot be pooled")
            rows = rows.astype(np.float32)
            found = rows.mean(axis=1) if self._pool == "mean" else rows[:, 0]
        if not 1 <= found.shape[1] <= _MAX_DIMENSIONS:
            raise self._wrong(
                f"its vectors have {found.shape[1]} dimensions, 1 to {_MAX_DIMENSIONS} are possible"
            )
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(found, np.float32)

    # What the file says ------------------------------------------------------------------------------------------

    def _wrong(self, why: str) -> UsageError:
        return UsageError(f"the model {self._name}: {why}")

    def _only_input(self) -> Any:
        inputs = self._session.get_inputs()
        pictures = [i for i in inputs if i.type in _TYPES and len(i.shape) == 4]
        if len(inputs) != 1 or not pictures:
            said = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs) or "none"
            raise self._wrong(
                f"one input of four dimensions is expected (a batch of pictures), it has {said}"
            )
        return pictures[0]

    def _shape_of_input(self, model: OnnxModel) -> tuple[int, int, int | None, str]:
        """Height, width, channels (None: open) and layout."""
        dims = [d if isinstance(d, int) and d > 0 else None for d in self._input.shape]
        layout = model.layout or ("NHWC" if dims[3] in (1, 3) and dims[1] not in (1, 3) else "NCHW")
        n_channels = dims[layout.index("C")]
        said = [dims[layout.index("H")], dims[layout.index("W")]]
        sides = []
        for at, name in enumerate(("height", "width")):
            asked = None if model.size is None else model.size[at]
            if None not in (asked, said[at]) and asked != said[at]:
                raise self._wrong(f"it takes a {name} of {said[at]}, size says {asked}")
            side = said[at] or asked
            if side is None:
                raise self._wrong(f"it takes pictures of any {name}: declare size, such as (224, 224)")
            sides.append(side)
        return sides[0], sides[1], n_channels, layout

    def _numbers_of(self, model: OnnxModel, layout: str) -> Numbers:
        dtype = _TYPES[self._input.type]
        n = self._shape.n_channels
        for name in ("mean", "std"):
            if len(getattr(model, name)) not in (1, n):
                raise self._wrong(f"{name} must be one number, or {n}, got {getattr(model, name)}")
        mean, std = (np.broadcast_to(np.array(v, np.float64), n) for v in (model.mean, model.std))
        scale = model.scale or (1.0 if dtype is np.uint8 else 1 / 255)
        if dtype is np.uint8 and (scale != 1 or mean.any() or (std != 1).any()):
            raise self._wrong("it takes bytes as they are: declare no scale, mean and std")
        gain, offset = scale / std, -mean / std
        return Numbers(
            gain=gain.astype(np.float32), offset=offset.astype(np.float32), layout=layout, dtype=dtype
        )

    def _find_output(self, model: OnnxModel) -> str:
        outputs: dict[str, Any] = {o.name: o for o in self._session.get_outputs()}
        if model.output is not None:
            if model.output not in outputs:
                raise self._wrong(f"it has no output {model.output!r}, but {', '.join(outputs)}")
            return model.output
        flat = [name for name, o in outputs.items() if len(o.shape) == 2]
        names = flat if len(flat) == 1 else list(outputs)
        if len(names) != 1:
            raise self._wrong(f"it has several outputs, declare which: {', '.join(outputs)}")
        return names[0]


def _open(model: OnnxModel, device: str, threads: int) -> Any:
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # frames are decoded meanwhile
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    try:
        session = onnxruntime.InferenceSession(str(model.file), options, providers=[provider])
    except Exception as e:  # onnxruntime's own errors have no common class
        raise UsageError(f"the model {model.file} cannot be loaded: {_first_line(e)}") from None
    if session.get_providers()[0] != provider:  # it falls back in silence
        raise UsageError(f"onnxruntime cannot use {device} here; it would use {session.get_providers()[0]}")
    return session


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

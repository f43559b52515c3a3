"""What turns pictures into vectors: a model of one's own in ONNX's format, or small pictures themselves."""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError

LAYOUTS = ("NCHW", "NHWC")
COLORS = ("rgb", "bgr", "grey")
FITS = ("stretch", "crop", "pad")
POOLS = ("mean", "first")
RESAMPLES = ("bilinear", "bicubic")
DEVICES = ("cpu", "cuda", "auto")
_MAX_SIDE = 4096
_MAX_JSON_BYTES = 1 << 20

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel:
    """A model that makes a vector of a picture, and what it wants to be given.

    A picture is brought to *size*, and each of its values v becomes ``(v * scale - mean) / std``. What is None is
    what the file says.
    """

    path: PathLike
    """``.onnx``."""
    size: tuple[int, int] | None = None
    """Height and width of the input."""
    fit: str = "stretch"
    """How a picture gets there: ``"stretch"``; ``"crop"``, scaled to cover it and cut around its middle; ``"pad"``,
    scaled to fit in it, with black around."""
    resample: str = "bilinear"
    """Or ``"bicubic"``; both average over what a pixel covers where the picture is made smaller."""
    color: str | None = None
    """``"rgb"``, ``"bgr"`` or ``"grey"``; by default ``"rgb"``, or ``"grey"`` of a model of one channel."""
    layout: str | None = None
    """``"NCHW"`` or ``"NHWC"``."""
    scale: float | None = None
    """By default 1/255, or 1 of a model that takes bytes."""
    mean: tuple[float, ...] = (0.0,)
    """One for all channels or one for each, in the order of the channels."""
    std: tuple[float, ...] = (1.0,)
    output: str | None = None
    """Name of the output; by default the only one, or the only one of a vector a picture."""
    pool: str | None = None
    """Of an output of several vectors a picture, or of a map: ``"mean"`` of them, or the ``"first"`` (a token of the
    whole picture)."""
    batch: int = 16
    """Pictures that are run together, where the file leaves that open."""
    device: str | None = None
    """``"cpu"``, ``"cuda"``, or ``"auto"``: a GPU where there is one that onnxruntime can use. By default that of what
    asks for the vectors."""

    def __post_init__(self) -> None:
        for name, known in (
            ("fit", FITS),
            ("resample", RESAMPLES),
            ("color", COLORS),
            ("layout", LAYOUTS),
            ("pool", POOLS),
            ("device", DEVICES),
        ):
            value = getattr(self, name)
            if value not in known and not (value is None and name not in ("fit", "resample")):
                raise UsageError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if self.size is not None:
            sides = _numbers(self.size, "size", 2)
            if len(sides) != 2 or any(s != int(s) or not 1 <= s <= _MAX_SIDE for s in sides):
                raise UsageError(f"size must be a height and a width, 1 to {_MAX_SIDE}, got {self.size!r}")
            object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))
        for name in ("mean", "std"):
            object.__setattr__(self, name, _numbers(getattr(self, name), name, 3))
        if not all(self.std):
            raise UsageError(f"std must not be 0, got {self.std}")
        if self.scale is not None and not (_is_number(self.scale) and self.scale):
            raise UsageError(f"scale must be a number other than 0, got {self.scale!r}")
        if type(self.batch) is not int or not 1 <= self.batch <= 4096:
            raise UsageError(f"batch must be from 1 to 4096, got {self.batch!r}")

    @property
    def file(self) -> Path:
        """The model's file.

        Raises
        ------
        UsageError
            There is none.
        """
        path = Path(self.path)
        if not path.is_file():
            raise UsageError(f"there is no model {path}")
        return path

    def digest(self) -> str:
        """BLAKE2b of the file, and of the file of weights beside it (``model.onnx.data``) if there is one."""
        path = self.file
        found = hashlib.blake2b(digest_size=16)
        beside = [p for end in (".data", "_data") if (p := path.with_name(path.name + end)).is_file()]
        for part in (path, *beside):
            with part.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()

    def declared(self) -> dict[str, Any]:
        """What decides what the vectors are, beside the file and the device."""
        left_out = ("path", "device", "batch")
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in left_out}


def read_model(path: PathLike, options: PathLike | Mapping[str, Any] | None = None) -> OnnxModel:
    """A model with the options that a JSON says.

    Parameters
    ----------
    path
        ``model.onnx``.
    options
        A JSON file or a dict of the fields of `OnnxModel`, or a ``preprocessor_config.json`` of Hugging Face's
        transformers. By default ``model.json`` beside the model, or ``preprocessor_config.json``, if one is there.

    Raises
    ------
    UsageError
        A file is not there, or an option is wrong.
    """
    path = Path(path)
    if options is None:
        beside = (path.with_suffix(".json"), path.with_name("preprocessor_config.json"))
        options = next((p for p in beside if p.is_file()), {})
    if isinstance(options, Mapping):
        return _model(path, options, "options of the model")
    where = Path(options)
    try:
        if where.stat().st_size > _MAX_JSON_BYTES:
            raise UsageError(f"{where} is too large for options of a model")
        found = json.loads(where.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"{where} cannot be read: {e.strerror or e}") from None
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{where} is not JSON ({e})") from None
    if not isinstance(found, dict):
        raise UsageError(f"{where}: expected an object, got {type(found).__name__}")
    return _model(path, found, str(where))


def _model(path: Path, given: Mapping[str, Any], where: str) -> OnnxModel:
    if "image_mean" in given or "image_processor_type" in given or "feature_extractor_type" in given:
        given = _of_transformers(given, where)
    known = [f.name for f in dataclasses.fields(OnnxModel) if f.name != "path"]
    if unknown := [name for name in given if name not in known]:
        raise UsageError(f"{where}: there is no option {unknown[0]!r}; expected {', '.join(known)}")
    try:
        made = OnnxModel(path=path, **given)
    except UsageError as e:
        raise UsageError(f"{where}: {e}") from None
    made.file  # noqa: B018  that it is there
    return made


def _of_transformers(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options that a ``preprocessor_config.json`` of transformers says.

    Source: ``BaseImageProcessor`` of Hugging Face's transformers: resize, centre crop, rescale, normalise.
    """
    found: dict[str, Any] = {}
    crop = given.get("crop_size") if given.get("do_center_crop") else None
    wanted = crop or given.get("size")
    if isinstance(wanted, Mapping):
        wanted = [
            wanted.get("height", wanted.get("shortest_edge")),
            wanted.get("width", wanted.get("shortest_edge")),
        ]
    if isinstance(wanted, int):
        wanted = [wanted, wanted]
    if wanted is not None:
        if not isinstance(wanted, list) or not all(isinstance(side, int) for side in wanted):
            raise UsageError(f"{where}: size: expected a height and a width, got {given.get('size')!r}")
        found["size"] = wanted
    size = given.get("size")
    is_cropped = crop is not None or (isinstance(size, Mapping) and "shortest_edge" in size)
    found["fit"] = "crop" if is_cropped else "stretch"
    found["resample"] = "bicubic" if given.get("resample") == 3 else "bilinear"
    rescaled = given.get("do_rescale", True)
    found["scale"] = given.get("rescale_factor", 1 / 255) if rescaled else 1.0
    if given.get("do_normalize", True) and "image_mean" in given:
        found |= {"mean": given["image_mean"], "std": given.get("image_std", [1.0])}
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any, name: str, most: int) -> tuple[float, ...]:
    given = (value,) if _is_number(value) else value
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= most or not all(map(_is_number, given)):
        raise UsageError(f"{name} must be 1 to {most} numbers, got {value!r}")
    return tuple(given)

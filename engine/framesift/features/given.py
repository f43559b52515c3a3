"""Where vectors come from, as it is said, checked as far as it can be before there are frames."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError

PathLike = str | os.PathLike[str]

THUMBNAILS, PCA = "thumbnails", "pca"


def are_thumbnails(given: Any) -> bool:
    """Whether *given*, which may be an array, means the pixels of the thumbnails."""
    return isinstance(given, str) and given == THUMBNAILS


def check_given(given: Any, options: PathLike | Mapping[str, Any] | None = None) -> Any:
    """What `frame_vectors` takes, checked as far as it can be without an index: a path to a model becomes a model.

    Raises
    ------
    UsageError
        There is no such file, or an option of the model is wrong.
    """
    is_path = isinstance(given, str | os.PathLike)
    if is_path and given in (THUMBNAILS, PCA) and options is None:
        return given
    from .brought import check_file  # late: it brings NumPy
    from .models import OnnxModel, read_model

    if is_path and given not in (THUMBNAILS, PCA) and Path(given).suffix.lower() == ".onnx":
        _check_onnxruntime()
        return read_model(given, options)
    if options is not None:
        raise UsageError(
            f"options of a model (--preprocess) are for vectors by a model (.onnx), got {given!r}"
        )
    if isinstance(given, OnnxModel):
        given.file  # noqa: B018  that it is there
        _check_onnxruntime()
    elif is_path and given not in (THUMBNAILS, PCA):
        check_file(given)
    return given


def _check_onnxruntime() -> None:
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        raise UsageError("models need onnxruntime; install it with: pip install 'framesift[onnx]'")

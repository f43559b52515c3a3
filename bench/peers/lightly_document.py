"""What LightlyOne's documentation tells to do with probabilities ("Semantic Segmentation"), in plain NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt


def convert_to_predictions(volume: npt.NDArray[Any]) -> list[list[dict[str, Any]]]:
    """Segments of each picture of (N, C, H, W): most likely class, runs along the rows, median score."""
    found = []
    for picture in volume:
        classes = picture.argmax(axis=0)
        segments = []
        for number in np.unique(classes):
            mask = classes == number
            score = float(np.median(picture[number, mask]))
            segments.append({"category_id": int(number), "segmentation": _runs(mask), "score": score})
        found.append(segments)
    return found


def _runs(mask: npt.NDArray[np.bool_]) -> list[int]:
    flat = mask.ravel().astype(np.int8)
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs: list[int] = np.diff(changes, prepend=0, append=flat.size).tolist()
    return [0, *runs] if flat[0] else runs

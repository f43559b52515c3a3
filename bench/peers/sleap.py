"""SLEAP's "image features" suggestions, written from their description, with the calls that they make.

With the defaults of its form: 200 frames at an even stride, whole and at full size, five principal components of their
pixels, k-means with five clusters, and frames drawn at random from each. It suggests frames and writes no pictures.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

_SAMPLED = 200
_CLUSTERS = 5


def suggest(path: Path, n: int, out: Path, seed: int) -> list[str] | None:
    """Command that writes picks.json to *out*; None where its libraries are missing."""
    if not all(map(importlib.util.find_spec, ("cv2", "sklearn"))):
        return None
    return [sys.executable, "-P", __file__, str(path), str(n), str(out), str(seed)]


def too_much(width: int, height: int, n_frames: int) -> str:
    """Why it cannot run here; empty where it can: the frames in uint8 and, in the components, twice in float64."""
    need = min(_SAMPLED, n_frames) * width * height * 3 * 17
    there = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return "" if need < there / 2 else f"needs some {need / 2**30:.0f} GiB"


def main(path: str, n: str, out: str, seed: str) -> None:
    """Suggest frames of a video."""
    import cv2
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    np.random.seed(int(seed))  # noqa: NPY002 - the global state is what it draws from
    capture = cv2.VideoCapture(path)
    n_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    sampled = range(0, n_frames, max(1, n_frames // _SAMPLED))[:_SAMPLED]
    pictures = []
    for index in sampled:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        pictures.append(capture.read()[1])
    flat = np.stack(pictures).reshape(len(pictures), -1)
    labels = KMeans(n_clusters=_CLUSTERS).fit(PCA(n_components=5).fit_transform(flat)).labels_
    each = -(-int(n) // _CLUSTERS)
    picks = []
    for cluster in range(_CLUSTERS):
        members = np.flatnonzero(labels == cluster)
        drawn = np.random.choice(members, min(each, len(members)), replace=False)  # noqa: NPY002
        picks += [sampled[at] for at in drawn]
    Path(out).mkdir(parents=True)
    Path(out, "picks.json").write_text(json.dumps(picks[: int(n)]))


if __name__ == "__main__":
    main(*sys.argv[1:])

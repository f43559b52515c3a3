"""Lightning Pose's frame selection, written from its description, with the calls that it makes.

``select_frame_idxs_kmeans`` of its app: every frame at 64x64 RGB in float16, the half with more motion energy (a quarter
from 100,000 frames on), 32 principal components, k-means, and of each cluster the frame nearest its centre; then each
pick is sought and written as PNG. Context frames, which the app writes too, are left out: nobody else writes them.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

_SIDE = 64
_MANY = 100_000


def extract(path: Path, n: int, out: Path, seed: int) -> list[str] | None:
    """Command that writes *n* pictures of *path* to *out*, and picks.json; None where its libraries are missing."""
    if not all(map(importlib.util.find_spec, ("cv2", "sklearn"))):
        return None
    return [sys.executable, "-P", __file__, str(path), str(n), str(out), str(seed)]


def main(path: str, n: str, out: str, seed: str) -> None:
    """Pick frames of a video and write them."""
    import cv2
    import numpy as np

    np.random.seed(int(seed))  # noqa: NPY002 - the global state is what scikit-learn draws from
    capture = cv2.VideoCapture(path)
    side = _SIDE // 2 if capture.get(cv2.CAP_PROP_FRAME_COUNT) > _MANY else _SIDE
    frames = []
    while True:
        there, frame = capture.read()
        if not there:
            break
        frames.append(cv2.cvtColor(cv2.resize(frame, (side, side)), cv2.COLOR_BGR2RGB).astype(np.float16))
    picks = _select(np.stack(frames).reshape(len(frames), -1)[:-2], int(n))
    Path(out).mkdir(parents=True)
    for index in picks:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        there, frame = capture.read()
        if there:
            cv2.imwrite(f"{out}/img{index:08d}.png", frame)
    Path(out, "picks.json").write_text(json.dumps(picks))


def _select(frames: Any, n: int) -> list[int]:
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    changes = np.concatenate([np.zeros((1, frames.shape[1])), np.diff(frames, axis=0)])
    energy = np.abs(changes).sum(axis=1)
    kept = np.flatnonzero(energy > np.percentile(energy, 50 if len(frames) < _MANY else 75))
    if len(kept) < n:
        kept = np.arange(len(frames))
    scores = PCA(n_components=min(len(kept), 32)).fit_transform(frames[kept])
    centers = KMeans(n_clusters=n, n_init="auto").fit(scores).cluster_centers_
    nearest = [np.linalg.norm(scores - center, axis=1).argmin() for center in centers]
    return [int(at) for at in kept[nearest]]


if __name__ == "__main__":
    main(*sys.argv[1:])

"""DeepLabCut's automatic frame extraction, written from its description, with the calls that it makes.

``extract_frames`` of DeepLabCut 3.0 with its defaults: ``uniform`` draws frames at random; ``kmeans`` reads every frame,
makes it 30 pixels wide without filtering, takes the mean of the channels off which the mean picture is taken, clusters
by MiniBatchKMeans and draws one frame of each cluster. Then each pick is sought and written as PNG.
"""

import importlib.util
import json
import math
import sys
from pathlib import Path
from typing import Any

ALGORITHMS = ("kmeans", "uniform")
_WIDTH = 30


def extract(path: Path, n: int, out: Path, seed: int, algorithm: str) -> list[str] | None:
    """Command that writes *n* pictures of *path* to *out*, and picks.json; None where its libraries are missing."""
    if not all(map(importlib.util.find_spec, ("cv2", "sklearn"))):
        return None
    return [sys.executable, "-P", __file__, str(path), str(n), str(out), str(seed), algorithm]


def main(path: str, n: str, out: str, seed: str, algorithm: str) -> None:
    """Pick frames of a video and write them."""
    import cv2
    import numpy as np

    np.random.seed(int(seed))  # noqa: NPY002 - the global state is what it draws from
    capture = cv2.VideoCapture(path)
    n_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if algorithm == "uniform":
        picks = np.random.choice(n_frames, size=int(n), replace=False).tolist()  # noqa: NPY002
    else:
        picks = _kmeans(capture, n_frames, int(n))
    Path(out).mkdir(parents=True)
    digits = math.ceil(math.log10(n_frames))
    for index in picks:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        there, frame = capture.read()
        if there:
            cv2.imwrite(f"{out}/img{index:0{digits}d}.png", frame)
    Path(out, "picks.json").write_text(json.dumps(picks))


def _kmeans(capture: Any, n_frames: int, n: int) -> list[int]:
    import cv2
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans

    ratio = _WIDTH / capture.get(cv2.CAP_PROP_FRAME_WIDTH)
    height = round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT) * ratio)
    data = np.empty((n_frames, height, _WIDTH))
    for row in data:
        there, frame = capture.read()
        if there:
            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            row[:] = cv2.resize(frame, (_WIDTH, height), interpolation=cv2.INTER_NEAREST).mean(axis=2)
    data = (data - data.mean(axis=0)).reshape(n_frames, -1)
    batch = 100 if n_frames >= 100 else n_frames // 2
    labels = MiniBatchKMeans(n_clusters=n, tol=1e-3, batch_size=batch, max_iter=50).fit(data).labels_
    clusters = [np.flatnonzero(labels == cluster) for cluster in range(n)]
    return [int(np.random.choice(members)) for members in clusters if len(members)]  # noqa: NPY002


if __name__ == "__main__":
    main(*sys.argv[1:])

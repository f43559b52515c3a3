"""The published procedures of pose labelling tools, by which they choose frames to label.

Written from their documented steps, with the libraries and defaults that they use: DeepLabCut 3
(``extract_frames(mode="automatic", algo="kmeans")``) and Lightning Pose's app (``select_frame_idxs_kmeans``). The
pictures are made small as OpenCV does: the nearest pixel, and bilinear between the centres of pixels.
"""

import warnings
from typing import Any

import numpy as np

_DEEPLABCUT_WIDTH, _DEEPLABCUT_BATCH = 30, 100
_LIGHTNING_SIDE, _LIGHTNING_COMPONENTS = 64, 32


def deeplabcut_picture(rgb: Any) -> Any:
    """(h, w) mean of the channels of the nearest pixels, 30 wide."""
    height, width = rgb.shape[:2]
    ratio = _DEEPLABCUT_WIDTH / width
    rows = (np.arange(round(height * ratio)) / ratio).astype(int).clip(max=height - 1)
    columns = (np.arange(_DEEPLABCUT_WIDTH) / ratio).astype(int).clip(max=width - 1)
    return rgb[np.ix_(rows, columns)].mean(axis=2)


def deeplabcut(pictures: Any, n: int, seed: int) -> Any:
    """Mini-batch k-means of centred pictures, a random frame of each cluster that is not empty."""
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(seed)
    x = pictures.reshape(len(pictures), -1)
    x = x - x.mean(axis=0)
    batch = _DEEPLABCUT_BATCH if len(x) > _DEEPLABCUT_BATCH else max(1, len(x) // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = MiniBatchKMeans(n, tol=1e-3, batch_size=batch, max_iter=50, random_state=seed).fit(x)
    members = [np.flatnonzero(found.labels_ == label) for label in range(n)]
    return np.array([rng.choice(rows) for rows in members if len(rows)])


def lightning_picture(rgb: Any) -> Any:
    """(64, 64, 3) float16, squashed to a square, bilinear."""
    rows, above = _between(rgb.shape[0])
    columns, left = _between(rgb.shape[1])
    corners = [rgb[np.ix_(rows + i, columns + j)] for i in (0, 1) for j in (0, 1)]
    above, left = above[:, None, None], left[None, :, None]
    top = corners[0] * (1 - left) + corners[1] * left
    bottom = corners[2] * (1 - left) + corners[3] * left
    return (top * (1 - above) + bottom * above).round().astype(np.float16)


def _between(size: int) -> tuple[Any, Any]:
    places = ((np.arange(_LIGHTNING_SIDE) + 0.5) * size / _LIGHTNING_SIDE - 0.5).clip(0, size - 1)
    first = np.minimum(places.astype(int), size - 2)
    return first, places - first


def lightning_pose(pictures: Any, n: int, seed: int) -> Any:
    """The half of the frames that move most, 32 principal components, k-means, the frame nearest each centre."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    x = pictures.reshape(len(pictures), -1).astype(np.float64)[:-2]
    motion = np.abs(np.diff(x, axis=0, prepend=x[:1])).sum(axis=1)
    kept = np.flatnonzero(motion > np.percentile(motion, 50 if len(x) < 1e5 else 75))
    if len(kept) < n:
        kept = np.arange(len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = PCA(min(len(kept), _LIGHTNING_COMPONENTS), random_state=seed).fit_transform(x[kept])
        centers = KMeans(n, n_init="auto", random_state=seed).fit(scores).cluster_centers_
    return kept[[int(((scores - c) ** 2).sum(axis=1).argmin()) for c in centers]]

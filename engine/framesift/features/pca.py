"""Principal components of vectors."""

import numpy as np

from framesift_kernels import F32

from .vectors import Vectors, in_batches

_FIT_ROWS = 4096
_BLOCK_ROWS = 1024


def pca(vectors: Vectors, n_components: int, rng: np.random.Generator) -> F32:
    """Project *vectors* on their first principal components.

    The components come from scikit-learn's randomized PCA of at most 4096 rows, spread evenly; all rows are
    then projected in batches of 1024, whatever the chunks of the store. BLAS runs on one thread meanwhile, since
    its sums depend on the number of threads and on the shape of the batches.

    Returns
    -------
    (n, min(n_components, n, d)) float32
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    n, d = vectors.shape
    k = min(n_components, n, d)
    seed = int(rng.integers(2**31))
    if n == 1:  # which has no variance
        return np.zeros((1, 1), np.float32)
    fit_rows = np.unique(np.linspace(0, n - 1, min(n, _FIT_ROWS)).round().astype(np.int64))
    model = PCA(k, svd_solver="randomized", random_state=seed)
    projected = np.empty((n, k), np.float32)
    with threadpool_limits(1), np.errstate(divide="ignore", invalid="ignore"):  # rows that are all equal
        model.fit(vectors.take(fit_rows).astype(np.float32))
        for start, block in in_batches(vectors.blocks(), _BLOCK_ROWS):
            projected[start : start + len(block)] = model.transform(block.astype(np.float32))
    return projected

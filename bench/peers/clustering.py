"""k-means of scikit-learn and faiss, from given centres, to centres."""

import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..workers import apart


@cache
def blas(library: str) -> str:
    """What OpenBLAS takes this processor for, in the copy that *library* brings."""
    return "not installed" if find_spec(library) is None else str(apart(partial(_blas, library)))


def _blas(library: str) -> str:
    from threadpoolctl import threadpool_info

    import_module("scipy.linalg" if library == "scipy" else library)
    found = [i["architecture"] for i in threadpool_info() if library in i["filepath"] and "architecture" in i]
    return found[0] if found else "unknown BLAS"


Lloyd = Callable[[Any, Any, int], Any]


def scikit_learn(algorithm: str) -> Lloyd:
    """All iterations asked for."""

    def fit(x: Any, centers: Any, n: int) -> Any:
        from sklearn.cluster import KMeans

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = KMeans(len(centers), init=centers, n_init=1, max_iter=n, tol=0, algorithm=algorithm).fit(
                x
            )
        return fitted.cluster_centers_

    return fit


def faiss() -> Lloyd | None:
    """None where it is not installed."""
    if find_spec("faiss") is None:
        return None

    def fit(x: Any, centers: Any, n: int) -> Any:
        import faiss

        found = faiss.Kmeans(x.shape[1], len(centers), niter=n, max_points_per_centroid=len(x))
        found.train(x, init_centroids=centers)
        return found.centroids

    return fit


def mini_batch(x: Any, centers: Any, rows: int, epochs: int) -> Any:
    """MiniBatchKMeans.fit, which says how many steps it made."""
    from sklearn.cluster import MiniBatchKMeans

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MiniBatchKMeans(
            len(centers), init=centers, n_init=1, batch_size=rows, max_iter=epochs, max_no_improvement=None
        ).fit(x)

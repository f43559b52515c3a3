"""Neighbours and the product of objectives: the rows of suite ``kernels`` that are theirs."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import framesift as fs

from .cases import Case
from .peers import mundig, neighbours
from .workers import Given

if TYPE_CHECKING:
    from .cases import Bench

_ROWS = {"tiny": (1000, 16, 5), "small": (30_000, 128, 20), "full": (40_000, 128, 20)}
_PRODUCT = {"tiny": (1000, 16, 20), "small": (50_000, 128, 400), "full": (50_000, 128, 1000)}
_CLASSES = 10
_LITTLE = 2000
"""Rows on which what takes long is warmed up."""


def neighbour_rows(bench: "Bench", size: str, vectors: Any) -> None:
    """Add them; *vectors* makes rows of a kind."""
    _nearest(bench, *_ROWS[size], vectors)
    _product(bench, size, *_PRODUCT[size], vectors)


def _nearest(bench: "Bench", n: int, d: int, k: int, vectors: Any) -> None:
    x = vectors("uniform", n, d)
    queries = x[: n // 4] + np.float32(0.01)
    little = x[:_LITTLE]
    flat, typicality = neighbours.faiss_flat(), neighbours.typicality()
    pair_s = 2 * n * d / bench.flops  # of a row with all
    bench.compare(
        f"{k} nearest other rows of {n}x{d}",
        n * pair_s,
        {
            "framesift": Given(partial(fs.nearest, device=bench.device), (x, None, k), (little, None, k)),
            "framesift, rows on the device": bench.on_device(
                lambda x: fs.nearest(x, None, k, device=bench.device), x
            ),
            "faiss flat": Given(flat, (x, k), (little, k)) if flat else None,
        },
    )
    bench.compare(
        f"{k} nearest of {n}x{d}, {len(queries)} other queries",
        len(queries) * pair_s,
        {
            "framesift": lambda: fs.nearest(queries, x, k, device=bench.device),
            "faiss flat": _search(x, queries, k),
        },
    )
    bench.compare(
        f"typicality of {n // 4}x{d}, {k} neighbours",
        n // 4 * pair_s / 4,
        {
            "framesift": lambda: fs.typicality(queries, k, device=bench.device),
            "lightly-mundig": Given(typicality, (queries, k), (little, k)) if typicality else None,
        },
    )


def _search(x: Any, queries: Any, k: int) -> Any:
    found = neighbours.faiss_search(x)
    return None if found is None else lambda: found(queries, k)


def _product(bench: "Bench", size: str, n: int, d: int, k: int, vectors: Any) -> None:
    theirs = mundig.product()
    rng = np.random.default_rng(3)
    weights, target = rng.random(n).astype(np.float32), np.full(_CLASSES, 1 / _CLASSES)
    labels = np.eye(_CLASSES, dtype=np.float32)[rng.integers(_CLASSES, size=n)]
    shares = rng.random((n, _CLASSES)).astype(np.float32)
    cases = [("uniform", "a class each", labels), ("uniform", "shares of classes", shares)]
    if size == "full":
        cases.append(("drift", "a class each", labels))

    def case(kind: str, what: str, classes: Any) -> Case:
        x = vectors(kind, n, d)
        objectives = [fs.Diversity(x=x), fs.Weights(values=weights), fs.Balance(rows=classes, target=target)]
        return Case(
            f"product of diversity, weights, balance {n}x{d}, {k} picks, {kind}, {what}",
            k * x.nbytes / bench.bandwidth,
            {
                "framesift": lambda: fs.product_greedy(objectives, k, device=bench.device),
                "lightly-mundig": Given(
                    theirs,
                    (x, weights, classes, target, k),
                    (x[:_LITTLE], weights[:_LITTLE], classes[:_LITTLE], target, min(k, _LITTLE)),
                )
                if theirs
                else None,
            },
        )

    bench.compare_all([case(*given) for given in cases])

"""The rows on masks of suite ``kernels``."""

from typing import TYPE_CHECKING

from framesift import masks

from .inputs import blobs, speckle
from .peers import runs

if TYPE_CHECKING:
    from .cases import Bench

_SHAPE = {"tiny": (5, 90, 160), "small": (100, 1080, 1920), "full": (100, 1080, 1920)}


def mask_rows(bench: "Bench", size: str) -> None:
    """Encoding and decoding masks in C order."""
    batch = blobs(*_SHAPE[size])
    n, height, width = batch.shape
    floor = batch.nbytes / bench.bandwidth
    name = f"{n} masks of {width}x{height}"
    coco, rows = runs.pycocotools(), runs.labelformat()
    ours = [masks.encode(mask) for mask in batch]
    bench.compare(
        f"COCO runs of {name}",
        floor,
        {
            "framesift": lambda: masks.encode_batch(batch),
            "pycocotools": (lambda: [coco[0](mask) for mask in batch]) if coco else None,
        },
    )
    bench.compare(
        f"COCO objects of {name}, one by one",
        floor,
        {
            "framesift": lambda: [masks.to_coco(mask) for mask in batch],
            "pycocotools": (lambda: [coco[0](mask) for mask in batch]) if coco else None,
        },
    )
    theirs = [coco[0](mask) for mask in batch] if coco else []

    def ours_back() -> None:
        for counts in ours:
            masks.decode(counts, (height, width))

    def theirs_back() -> None:
        for rle in theirs:
            coco[1](rle)  # type: ignore[index]

    bench.compare(
        f"{name} of COCO runs, one by one",
        floor,
        {"framesift": ours_back, "pycocotools": theirs_back if coco else None},
    )
    bench.compare(
        f"row runs of {name}",
        floor,
        {
            "framesift": lambda: masks.encode_batch(batch, "row"),
            "labelformat": (lambda: [rows(mask) for mask in batch]) if rows else None,
        },
    )
    _speckled(bench, max(1, n // 10), height, width)


def _speckled(bench: "Bench", n: int, height: int, width: int) -> None:
    """The worst case of runs: single pixels, many of them."""
    batch, coco = speckle(n, height, width), runs.pycocotools()
    bench.compare(
        f"COCO runs of {n} speckled masks of {width}x{height}",
        batch.nbytes / bench.bandwidth,
        {
            "framesift": lambda: masks.encode_batch(batch),
            "pycocotools": (lambda: [coco[0](mask) for mask in batch]) if coco else None,
        },
    )

"""The rows on masks of suite ``kernels``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from framesift import masks

from .peers import runs

if TYPE_CHECKING:
    from .cases import Bench

_SHAPE = {"tiny": (5, 90, 160), "small": (100, 1080, 1920), "full": (100, 1080, 1920)}


def blobs(n: int, height: int, width: int) -> Any:
    """(n, h, w) masks: a round shape with a wavy outline in each, a few percent of the picture."""
    rng = np.random.default_rng(0)
    out = np.zeros((n, height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    for mask in out:
        radius = rng.uniform(0.02, 0.22) * height
        center_y, center_x = rng.uniform(radius, height - radius), rng.uniform(radius, width - radius)
        angle = np.arctan2(y - center_y, x - center_x)
        wave = sum(rng.normal() * np.cos(f * angle + rng.uniform(0, 6)) / f for f in range(2, 9))
        mask[:] = np.hypot(y - center_y, x - center_x) < radius * (1 + 0.1 * wave)
    return out


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

"""The rows on masks and hashes of suite ``kernels``."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from framesift import masks
from framesift_kernels import load

from .peers import runs
from .workers import apart

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


def speckle(n: int, height: int, width: int) -> Any:
    """(n, h, w) masks: a hundredth of the pixels, each by itself."""
    rng = np.random.default_rng(0)
    return np.stack([(rng.random((height, width), np.float32) < 0.01).view(np.uint8) for _ in range(n)])


_KINDS = (("blobs", blobs), ("speckle", speckle))


def mask_rows(bench: "Bench", size: str) -> None:
    """Masks in C order to runs and back; what is read or written once at the machine's bandwidth is the roofline."""
    for kind, make in _KINDS[: 1 if size == "tiny" else None]:
        batch = make(*_SHAPE[size])
        n, height, width = batch.shape
        name, floor = f"{n} masks of {width}x{height}, {kind}", batch.nbytes / bench.bandwidth
        _encoding(bench, name, batch, floor)
        _decoding(bench, name, batch, floor)
    _hashing(bench, size)


def _encoding(bench: "Bench", name: str, batch: Any, floor: float) -> None:
    coco, rows = runs.pycocotools(), runs.labelformat()
    theirs = (lambda: [coco[0](mask) for mask in batch]) if coco else None
    bench.compare(
        f"COCO objects of {name}",
        floor,
        {
            "framesift": lambda: masks.to_coco_batch(batch, device=bench.device),
            "framesift, masks on the device": bench.on_device(
                lambda batch: masks.to_coco_batch(batch, device=bench.device), batch
            ),
            "pycocotools": theirs,
        },
    )
    bench.compare(
        f"COCO objects of {name}, one by one",
        floor,
        {
            "framesift": lambda: [masks.to_coco(mask, device=bench.device) for mask in batch],
            "pycocotools": theirs,
        },
    )
    bench.compare(
        f"row runs of {name}",
        floor,
        {
            "framesift": lambda: masks.encode_batch(batch, "row", device=bench.device),
            "labelformat": (lambda: [rows(mask) for mask in batch]) if rows else None,
        },
    )


def _decoding(bench: "Bench", name: str, batch: Any, floor: float) -> None:
    """From COCO's objects, so that both read strings; pycocotools can only decode to new memory."""
    coco = runs.pycocotools()
    rles, out = apart(lambda: masks.to_coco_batch(batch)), np.zeros_like(batch)

    def one_by_one(decode: Any) -> Any:
        def work() -> None:
            for rle in rles:
                decode(rle)

        return work

    bench.compare(
        f"{name}, of COCO objects, one by one",
        floor,
        {
            "framesift": one_by_one(partial(masks.from_coco, device=bench.device)),
            "pycocotools": one_by_one(coco[1]) if coco else None,
            "pycocotools, to Fortran order": one_by_one(coco[2]) if coco else None,
        },
    )
    batches = {
        "pycocotools": (lambda: coco[3](rles)) if coco else None,
        "pycocotools, to Fortran order": (lambda: coco[2](rles)) if coco else None,
    }
    case = f"{name}, of COCO objects, as a batch"
    bench.compare(
        f"{case} in new memory",
        floor,
        {"framesift": lambda: masks.from_coco_batch(rles, device=bench.device), **batches},
    )
    bench.compare(
        f"{case} in memory that is there",
        floor,
        {"framesift": lambda: masks.from_coco_batch(rles, out=out, device=bench.device), **batches},
    )


def _hashing(bench: "Bench", size: str) -> None:
    """Planes of a video, more than fit the cache."""
    n, height, width = _SHAPE[size]
    planes = np.random.default_rng(0).integers(0, 256, (n, height, width // 8 * 8), np.uint8)
    theirs = runs.xxhash()
    for name, ours in (
        (
            "content_hash",
            lambda plane: load(bench.device).content_hash(plane.view(np.uint64), plane.shape[1], 0),
        ),
        ("xxh3", lambda plane: load(bench.device).xxh3(plane.reshape(-1), 0)),
    ):
        bench.compare(
            f"{name} of {n} planes of {width}x{height}",
            planes.nbytes / bench.bandwidth,
            {
                "framesift": lambda ours=ours: [ours(plane) for plane in planes],
                "xxhash xxh3_64": (lambda: [theirs(plane) for plane in planes]) if theirs else None,
            },
        )

"""The rows on masks and hashes of suite ``kernels``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from framesift import masks
from framesift_kernels import load

from .inputs import blobs, speckle
from .peers import runs
from .workers import apart

if TYPE_CHECKING:
    from .cases import Bench

_SHAPE = {"tiny": (5, 90, 160), "small": (100, 1080, 1920), "full": (100, 1080, 1920)}
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
        {"framesift": lambda: masks.to_coco_batch(batch), "pycocotools": theirs},
    )
    bench.compare(
        f"COCO objects of {name}, one by one",
        floor,
        {"framesift": lambda: [masks.to_coco(mask) for mask in batch], "pycocotools": theirs},
    )
    bench.compare(
        f"row runs of {name}",
        floor,
        {
            "framesift": lambda: masks.encode_batch(batch, "row"),
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
            "framesift": one_by_one(masks.from_coco),
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
        f"{case} in new memory", floor, {"framesift": lambda: masks.from_coco_batch(rles), **batches}
    )
    bench.compare(
        f"{case} in memory that is there",
        floor,
        {"framesift": lambda: masks.from_coco_batch(rles, out=out), **batches},
    )


def _hashing(bench: "Bench", size: str) -> None:
    """Planes of a video, more than fit the cache."""
    n, height, width = _SHAPE[size]
    planes = np.random.default_rng(0).integers(0, 256, (n, height, width // 8 * 8), np.uint8)
    kernels, theirs = load("cpu"), runs.xxhash()
    for name, ours in (
        ("content_hash", lambda plane: kernels.content_hash(plane.view(np.uint64), plane.shape[1], 0)),
        ("xxh3", lambda plane: kernels.xxh3(plane.reshape(-1), 0)),
    ):
        bench.compare(
            f"{name} of {n} planes of {width}x{height}",
            planes.nbytes / bench.bandwidth,
            {
                "framesift": lambda ours=ours: [ours(plane) for plane in planes],
                "xxhash xxh3_64": (lambda: [theirs(plane) for plane in planes]) if theirs else None,
            },
        )

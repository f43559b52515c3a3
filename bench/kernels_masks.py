"""The rows on masks and hashes of suite ``kernels``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from framesift import masks
from framesift_kernels import load

from .inputs import blobs, speckle
from .peers import runs
from .workers import Given, apart

if TYPE_CHECKING:
    from .cases import Bench

_SHAPE = {"tiny": (5, 90, 160), "small": (40, 1080, 1920), "full": (100, 1080, 1920)}
_LITTLE = 2
"""Masks that a peer is warmed up on."""
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
    theirs = _on_each(coco[0], batch) if coco else None
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
            "labelformat": _on_each(rows, batch) if rows else None,
        },
    )


def _decoding(bench: "Bench", name: str, batch: Any, floor: float) -> None:
    """From COCO's objects, so that both read strings; pycocotools can only decode to new memory."""
    coco = runs.pycocotools()
    rles, out = apart(lambda: masks.to_coco_batch(batch)), np.zeros_like(batch)
    bench.compare(
        f"{name}, of COCO objects, one by one",
        floor,
        {
            "framesift": lambda: [masks.from_coco(rle, device=bench.device).shape for rle in rles],
            "pycocotools": _on_each(coco[1], rles) if coco else None,
            "pycocotools, to Fortran order": _on_each(coco[2], rles) if coco else None,
        },
    )
    batches = {
        "pycocotools": Given(coco[3], (rles,), (rles[:_LITTLE],)) if coco else None,
        "pycocotools, to Fortran order": Given(coco[2], (rles,), (rles[:_LITTLE],)) if coco else None,
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


def _on_each(function: Any, batch: Any) -> Given:
    """A peer on masks or runs one by one; of what it returns, nothing is held."""

    def work(some: Any) -> None:
        for one in some:
            function(one)

    return Given(work, (batch,), (batch[:_LITTLE],))


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

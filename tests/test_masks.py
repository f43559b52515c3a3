"""Run-length masks: what naive.py and pycocotools say, from every layout, and back."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import naive
from framesift import masks
from framesift.errors import UsageError

orders = pytest.mark.parametrize("order", ["column", "row"])
has_coco = importlib.util.find_spec("pycocotools") is not None
needs_coco = pytest.mark.skipif(not has_coco, reason="pycocotools is missing")
SHAPES = [
    (1, 1),
    (1, 9),
    (9, 1),
    (7, 5),
    (63, 64),
    (64, 65),
    (65, 63),
    (3, 255),
    (3, 256),
    (3, 257),
    (40, 600),
]


def blobs(shape: tuple[int, int], seed: int = 0, share: float = 0.5) -> np.ndarray:
    """Coarse noise, so that there are runs of every length."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((-(-shape[0] // 7), -(-shape[1] // 11))) < share
    noise = rng.random(shape) < 0.01
    return (np.kron(coarse, np.ones((7, 11), bool))[: shape[0], : shape[1]] ^ noise).astype(np.uint8)


def masks_of(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    one = np.zeros(shape, np.uint8)
    one[shape[0] // 2, shape[1] // 2] = 1
    corner = np.zeros(shape, np.uint8)
    corner[-1, -1] = 1
    checks = np.indices(shape).sum(axis=0) % 2
    return {
        "empty": np.zeros(shape, np.uint8),
        "full": np.ones(shape, np.uint8),
        "one pixel": one,
        "last pixel": corner,
        "blobs": blobs(shape),
        "checks": checks.astype(np.uint8),
    }


@orders
@pytest.mark.parametrize("shape", SHAPES)
def test_masks_match_naive_and_come_back(shape: tuple[int, int], order: Any) -> None:
    for name, mask in masks_of(shape).items():
        counts = masks.encode(mask, order)
        assert counts.dtype == np.int64
        assert counts.tolist() == naive.rle_encode(mask, order == "column"), name
        np.testing.assert_array_equal(masks.decode(counts, shape, order), mask)
        assert masks.to_string(counts) == naive.rle_to_string(counts)
        np.testing.assert_array_equal(masks.from_string(masks.to_string(counts)), counts)


@settings(max_examples=150, deadline=None)
@given(
    arrays(
        np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=90), elements=st.sampled_from([0, 0, 1, 7])
    ),
    st.sampled_from(["column", "row"]),
)
def test_any_mask_comes_back(mask: np.ndarray, order: Any) -> None:
    counts = masks.encode(mask, order)
    assert counts.tolist() == naive.rle_encode(mask, order == "column")
    np.testing.assert_array_equal(masks.decode(counts, mask.shape, order), mask != 0)
    assert masks.area(counts) == np.count_nonzero(mask)
    ys, xs = np.nonzero(mask)
    expected = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if len(xs) else (0, 0, 0, 0)
    assert masks.bbox(counts, mask.shape, order) == expected
    other = "row" if order == "column" else "column"
    np.testing.assert_array_equal(masks.convert(counts, mask.shape, order, other), masks.encode(mask, other))
    np.testing.assert_array_equal(masks.convert(counts, mask.shape, order, order), counts)


@orders
@pytest.mark.parametrize(
    "dtype",
    [bool, *"u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 c8 >i4 >f8".split()],
)
def test_anything_but_zero_is_one_in_every_type_and_layout(order: Any, dtype: Any) -> None:
    mask = blobs((70, 130)).astype(dtype)
    if dtype is not bool:
        mask[mask != 0] = np.random.default_rng(0).integers(1, 100, int(np.count_nonzero(mask)))
    expected = naive.rle_encode(mask, order == "column")
    for other in (mask, np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2], mask[::-1][::-1]):
        assert masks.encode(other, order).tolist() == expected
        assert masks.encode_batch(other[None], order)[0].tolist() == expected
    assert masks.encode(mask.tolist(), order).tolist() == expected


@orders
def test_what_is_one_at_the_edge_of_a_type(order: Any) -> None:
    for dtype, values in (
        ("i1", [-128, -1]),
        ("u8", [2**63, 2**32]),
        ("i8", [-(2**63), 2**40]),
        ("f4", [np.nan, np.inf, 1e-45, -1e-45]),
        ("f8", [5e-324]),
    ):
        for value in values:
            mask = np.array([[0, value, 0]], dtype)
            assert masks.encode(mask, order).tolist() == [1, 1, 1], (dtype, value)
    assert masks.encode(np.array([[-0.0, 0.0]]), order).tolist() == [2]


@orders
@pytest.mark.parametrize("shape", [(2, 2**16 + 1), (2**16 + 1, 2), (1, 2**17), (300, 2**16 + 3)])
def test_large_masks(shape: tuple[int, int], order: Any) -> None:
    mask = blobs(shape)
    counts = masks.encode(mask, order)
    flat = mask.ravel(order="F" if order == "column" else "C")
    expected = np.diff(np.flatnonzero(np.diff(flat, prepend=0)), prepend=0, append=flat.size)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(masks.decode(counts, shape, order), mask)


@orders
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_masks_without_pixels(shape: tuple[int, int], order: Any) -> None:
    counts = masks.encode(np.zeros(shape), order)
    assert counts.tolist() == [0]
    assert masks.decode(counts, shape, order).shape == shape
    assert masks.bbox(counts, shape, order) == (0, 0, 0, 0)
    assert masks.encode_instances(np.zeros(shape, int), order) == {}


@orders
def test_batches_are_their_masks(order: Any) -> None:
    batch = np.stack([blobs((50, 70), seed) for seed in range(9)])
    found = masks.encode_batch(batch, order)
    for counts, mask in zip(found, batch, strict=True):
        np.testing.assert_array_equal(counts, masks.encode(mask, order))
    np.testing.assert_array_equal(masks.decode_batch(found, (50, 70), order), batch)
    assert masks.encode_batch(batch[:0], order) == []
    assert masks.decode_batch([], (50, 70), order).shape == (0, 50, 70)


@orders
@pytest.mark.parametrize("width", [1000, 1024, 255])
def test_batches_into_memory_that_is_there(order: Any, width: int) -> None:
    """Past the caches and not, at addresses that are aligned and are not; what stood there is gone, all around not."""
    batch = np.stack([blobs((300, width), seed, 0.3) for seed in range(30)])
    runs = masks.encode_batch(batch, order)
    for shift in (0, 1, 63):
        memory = np.full(batch.size + 200, 9, np.uint8)
        out = memory[shift : shift + batch.size].reshape(batch.shape)
        assert masks.decode_batch(runs, (300, width), order, out=out) is out
        np.testing.assert_array_equal(out, batch)
        assert (memory[:shift] == 9).all()
        assert (memory[shift + batch.size :] == 9).all()
    flags = np.ones(batch.shape, bool)
    np.testing.assert_array_equal(masks.decode_batch(runs, (300, width), order, out=flags), batch == 1)
    np.testing.assert_array_equal(masks.decode_batch(runs, (300, width), order), batch)
    one = np.full((300, width), 9, np.uint8)
    assert masks.decode(runs[0], (300, width), order, out=one) is one
    np.testing.assert_array_equal(one, batch[0])


@orders
def test_more_changes_than_a_thread_keeps_room_for(order: Any) -> None:
    for n_bytes in (131_000, 131_100, 300_000):
        mask = (np.arange(n_bytes).reshape(100, -1) % 2).astype(np.uint8)
        for one in (
            mask,
            np.ascontiguousarray(mask.T),
            mask ^ (np.indices(mask.shape)[0] % 2).astype(np.uint8),
        ):
            counts = masks.encode(one, order)
            flat = one.ravel(order="F" if order == "column" else "C")
            expected = np.diff(np.flatnonzero(np.diff(flat, prepend=0)), prepend=0, append=flat.size)
            np.testing.assert_array_equal(counts, expected)
            np.testing.assert_array_equal(masks.decode(counts, one.shape, order), one)


@orders
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, bool])
@pytest.mark.parametrize("shape", [(1, 1), (13, 1), (1, 300), (40, 257), (129, 70)])
def test_a_map_of_instances_is_all_its_masks(shape: tuple[int, int], dtype: Any, order: Any) -> None:
    rng = np.random.default_rng(0)
    top = 2 if dtype is bool else 6
    for ids in (
        np.kron(rng.integers(0, top, (20, 40)), np.ones((7, 9), int))[: shape[0], : shape[1]],
        rng.integers(0, top, shape),
        np.zeros(shape, int),
        np.full(shape, top - 1),
    ):
        for other in (ids.astype(dtype), np.asfortranarray(ids.astype(dtype))):
            found = masks.encode_instances(other, order)
            assert list(found) == [value for value in np.unique(ids.astype(dtype)).astype(int) if value]
            for value, counts in found.items():
                np.testing.assert_array_equal(counts, masks.encode(other.astype(int) == value, order))


@orders
def test_arithmetic_on_runs_is_that_on_pixels(order: Any) -> None:
    shape = (40, 50)
    pixels = [blobs(shape, seed, share) for seed, share in enumerate([0.5, 0.3, 0.05, 0, 1, 0.9])]
    runs = [masks.encode(mask, order) for mask in pixels]
    for n in range(1, 7):
        union = masks.merge(runs[:n])
        np.testing.assert_array_equal(union, masks.encode(np.any(pixels[:n], axis=0), order))
        common = masks.merge(runs[:n], intersect=True)
        np.testing.assert_array_equal(common, masks.encode(np.all(pixels[:n], axis=0), order))
    crowd = np.array([0, 1, 0, 1, 0, 1], bool)
    found = masks.iou(runs, runs, shape, crowd=crowd, order=order)
    for i, a in enumerate(pixels):
        for j, b in enumerate(pixels):
            shared, total = np.sum(a & b), a.sum() if crowd[j] else np.sum(a | b)
            assert found[i, j] == (shared / total if total else 0)
    assert masks.iou([], runs, shape, order=order).shape == (0, 6)
    assert masks.iou(runs, [], shape, order=order).shape == (6, 0)


@orders
def test_crop_and_resize_are_those_of_the_pixels(order: Any) -> None:
    mask = blobs((30, 44))
    counts = masks.encode(mask, order)
    for box in ((0, 0, 44, 30), (3, 5, 10, 7), (43, 29, 1, 1), (5, 5, 0, 0)):
        x, y, w, h = box
        expected = masks.encode(mask[y : y + h, x : x + w], order)
        np.testing.assert_array_equal(masks.crop(counts, (30, 44), box, order), expected)
    doubled = masks.resize(counts, (30, 44), (60, 88), order)
    np.testing.assert_array_equal(doubled, masks.encode(np.kron(mask, np.ones((2, 2))), order))
    np.testing.assert_array_equal(masks.resize(doubled, (60, 88), (30, 44), order), counts)
    assert masks.resize(counts, (30, 44), (1, 1), order).sum() == 1


# COCO -------------------------------------------------------------------------------------------------------------


@needs_coco
@pytest.mark.parametrize("shape", SHAPES)
def test_strings_are_those_of_pycocotools(shape: tuple[int, int]) -> None:
    from pycocotools import mask as coco

    for mask in masks_of(shape).values():
        theirs = coco.encode(np.asfortranarray(mask))
        ours = masks.to_coco(mask)
        assert ours == {"size": list(shape), "counts": theirs["counts"].decode()}
        for rle in (theirs, ours, {"size": shape, "counts": masks.encode(mask).tolist()}):
            np.testing.assert_array_equal(masks.from_coco(rle), mask)
            out = np.full(shape, 9, np.uint8)
            np.testing.assert_array_equal(masks.from_coco(rle, out=out), mask)
        counts = masks.from_string(theirs["counts"])
        assert masks.area(counts) == coco.area(theirs)
        if mask.any():
            assert list(masks.bbox(counts, shape)) == coco.toBbox(theirs).tolist()


def test_batches_of_objects_are_their_objects() -> None:
    batch = np.stack([blobs((50, 70), seed) for seed in range(5)])
    rles = masks.to_coco_batch(batch)
    assert rles == [masks.to_coco(mask) for mask in batch]
    np.testing.assert_array_equal(masks.from_coco_batch(rles), batch)
    out = np.full(batch.shape, 9, np.uint8)
    assert masks.from_coco_batch(rles, out=out) is out
    np.testing.assert_array_equal(out, batch)
    with pytest.raises(UsageError, match="one size"):
        masks.from_coco_batch([*rles, masks.to_coco(batch[0].T)])


def test_objects_of_many_runs_are_written_and_read_on_all_cores() -> None:
    batch = (np.random.default_rng(0).random((5, 250, 400)) < 0.5).astype(np.uint8)
    batch[3] = 0  # one of few runs among them
    rles = masks.to_coco_batch(batch)
    assert len(rles[0]["counts"]) > 40_000
    assert rles == [masks.to_coco(mask) for mask in batch]
    np.testing.assert_array_equal(masks.from_coco_batch(rles), batch)
    with pytest.raises(UsageError, match="no run lengths"):
        masks.from_coco_batch([*rles, {"size": [250, 400], "counts": "~"}])


@needs_coco
def test_arithmetic_is_that_of_pycocotools() -> None:
    from pycocotools import mask as coco

    shape = (60, 80)
    pixels = [blobs(shape, seed, share) for seed, share in enumerate([0.5, 0.3, 0.01, 0.9, 0.6])]
    theirs = [coco.encode(np.asfortranarray(mask)) for mask in pixels]
    ours = [masks.encode(mask) for mask in pixels]
    crowd = [0, 1, 0, 0, 1]
    np.testing.assert_array_equal(masks.iou(ours, ours, shape, crowd=crowd), coco.iou(theirs, theirs, crowd))
    for intersect in (False, True):
        merged = coco.merge(theirs, intersect)["counts"].decode()
        assert masks.to_string(masks.merge(ours, intersect=intersect)) == merged


@needs_coco
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-20, 70, width=32) | st.integers(-5, 60), min_size=6, max_size=16),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_polygons_are_those_of_pycocotools(corners: list[float], height: int, width: int) -> None:
    from pycocotools import mask as coco

    corners = corners[: len(corners) // 2 * 2]
    theirs = coco.frPyObjects([[float(c) for c in corners]], height, width)
    assert masks.to_string(masks.from_polygons([corners], (height, width))) == theirs[0]["counts"].decode()


@needs_coco
@orders
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pycocotools
def test_several_polygons_are_one_mask(order: Any) -> None:
    from pycocotools import mask as coco

    polygons = [[1, 1, 30, 2, 15, 22], [20, 10, 39, 10, 39, 29, 20, 29], [5.5, 5.5, 5.5, 28.2, 18.9, 28]]
    theirs = coco.decode(coco.merge(coco.frPyObjects([[float(c) for c in p] for p in polygons], 30, 40)))
    np.testing.assert_array_equal(
        masks.decode(masks.from_polygons(polygons, (30, 40), order), (30, 40), order), theirs
    )
    pairs = [np.reshape(polygon, (-1, 2)) for polygon in polygons]
    np.testing.assert_array_equal(
        masks.from_polygons(pairs, (30, 40), order), masks.from_polygons(polygons, (30, 40), order)
    )
    assert masks.from_polygons([], (3, 4), order).tolist() == [12]


@pytest.mark.skipif(importlib.util.find_spec("labelformat") is None, reason="labelformat is missing")
def test_rows_are_those_of_labelformat() -> None:
    from labelformat.model.binary_mask_segmentation import RLEDecoderEncoder

    for shape in SHAPES:
        for mask in masks_of(shape).values():
            assert masks.encode(mask, "row").tolist() == RLEDecoderEncoder.encode_row_wise_rle(mask)
            assert masks.encode(mask).tolist() == RLEDecoderEncoder.encode_column_wise_rle(mask)


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masks.encode(np.zeros(3)), "two dimensions"),
        (lambda: masks.encode(np.zeros((2, 2)), "diagonal"), "'diagonal'"),
        (lambda: masks.encode_batch(np.zeros((2, 2))), "three dimensions"),
        (lambda: masks.encode_instances(np.zeros((2, 2))), "integers"),
        (lambda: masks.decode([3], (2, 2)), "add up to the pixels"),
        (lambda: masks.decode([-1, 5], (2, 2)), "negative"),
        (lambda: masks.decode([], (2, 2)), "at least one"),
        (lambda: masks.decode([1.5, 2.5], (2, 2)), "run lengths"),
        (lambda: masks.from_string("\x7f"), "no run lengths"),
        (lambda: masks.from_string("P"), "no run lengths"),
        (lambda: masks.from_string(""), "no run lengths"),
        (lambda: masks.from_string("é4"), "no run lengths"),
        (lambda: masks.from_string("O"), "no run lengths"),
        (lambda: masks.from_string(b"o" * 30), "no run lengths"),
        (lambda: masks.from_coco({"counts": [4]}), '"size"'),
        (lambda: masks.merge([]), "nothing to merge"),
        (lambda: masks.merge([[4], [5]]), "one size"),
        (lambda: masks.iou([[4]], [[4]], (2, 2), crowd=[True, False]), "flag for each"),
        (lambda: masks.iou([[4]], [[5]], (2, 2)), "add up"),
        (lambda: masks.crop([4], (2, 2), (1, 1, 2, 1)), "within the mask"),
        (lambda: masks.crop([4], (2, 2), (-1, 0, 1, 1)), "within the mask"),
        (lambda: masks.resize([4], (2, 2), (0, 1)), "at least one pixel"),
        (lambda: masks.from_polygons([[1, 2, 3, 4]], (2, 2)), "three finite corners"),
        (lambda: masks.from_polygons([[1, 2, 3, 4, 5, np.nan]], (2, 2)), "three finite corners"),
        (lambda: masks.encode(np.array([["a"]])), "numbers"),
        (lambda: masks.decode([2**62] * 4 + [4], (2, 2)), "add up"),
        (lambda: masks.decode(np.full(4, 2**64 - 1, np.uint64), (2, 2)), "negative"),
        (lambda: masks.decode_batch([[4], [5]], (2, 2)), "for mask 1"),
        (lambda: masks.decode([4], (2, 2, 1)), "height, width"),
        (lambda: masks.decode([4], (-2, -2)), "negative"),
        (lambda: masks.decode([4], (2, 2), out=np.zeros((2, 3), np.uint8)), "out must be"),
        (lambda: masks.decode([4], (2, 2), out=np.zeros((2, 2))), "out must be"),
        (lambda: masks.decode([4], (2, 2), out=[[0, 0], [0, 0]]), "got list"),
        (lambda: masks.decode([4], (2, 2), out=np.zeros((2, 4), np.uint8)[:, ::2]), "C-contiguous"),
        (lambda: masks.from_coco_batch([]), "at least one"),
        (lambda: masks.from_coco("4"), "got str"),
        (lambda: masks.to_coco_batch(np.zeros((2, 2))), "three dimensions"),
        (lambda: masks.bbox([4], (3, 2)), "add up"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()

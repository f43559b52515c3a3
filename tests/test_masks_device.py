"""Masks on a GPU, or what stands for one: the runs are the CPU's."""

from typing import Any

import numpy as np
import pytest

import devices
from framesift import masks
from framesift.errors import UsageError

orders: Any = pytest.mark.parametrize("order", ["column", "row"])


def some(n: int, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 2, (n, shape[0], 1 + shape[1] // 3), np.uint8) * 9
    return np.ascontiguousarray(np.repeat(coarse, 3, axis=2)[:, :, : shape[1]])


@pytest.mark.gpu
@orders
@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_masks_here_and_there_have_the_same_runs(order: Any, dtype: Any) -> None:
    given = some(3, (7, 9)).astype(dtype)
    expected = masks.encode_batch(given, order)
    for place in (given, devices.on_gpu(given)):
        found = masks.encode_batch(place, order, device="cuda")
        assert [list(counts) for counts in found] == [list(counts) for counts in expected]
        assert masks.encode(place[1], order, device="cuda").tolist() == expected[1].tolist()
    np.testing.assert_array_equal(masks.decode_batch(expected, (7, 9), order, device="cuda"), given != 0)
    np.testing.assert_array_equal(masks.decode(expected[0], (7, 9), order, device="cuda"), given[0] != 0)
    out = devices.on_gpu(np.full((3, 7, 9), 7, np.uint8))
    assert masks.decode_batch(expected, (7, 9), order, out=out, device="cuda") is out
    np.testing.assert_array_equal(devices.from_gpu(out), given != 0)
    masks.decode(expected[0], (7, 9), order, out=out[2], device="cuda")
    np.testing.assert_array_equal(devices.from_gpu(out)[2], given[0] != 0)


@pytest.mark.gpu
def test_cocos_objects_of_masks_there_are_those_of_masks_here() -> None:
    given = some(2, (7, 9))
    lying, expected = devices.on_gpu(given), masks.to_coco_batch(given)
    assert masks.to_coco_batch(lying, device="cuda") == expected
    assert masks.to_coco(lying[1], device="cuda") == expected[1] == masks.to_coco(given[1].tolist())
    out = devices.on_gpu(np.full((2, 7, 9), 7, np.uint8))
    masks.from_coco_batch(expected, out=out, device="cuda")
    np.testing.assert_array_equal(devices.from_gpu(out), given != 0)
    masks.from_coco(expected[0], out=out[1], device="cuda")
    np.testing.assert_array_equal(devices.from_gpu(out)[1], given[0] != 0)


@pytest.mark.gpu
@orders
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64])
def test_maps_of_instances_there_have_the_runs_of_those_here(order: Any, dtype: Any) -> None:
    ids = np.random.default_rng(1).integers(0, 3, (5, 4)).repeat(2, axis=1).astype(dtype)
    expected = masks.encode_instances(ids, order)
    for given in (ids, devices.on_gpu(ids)):
        found = masks.encode_instances(given, order, device="cuda")
        assert {i: counts.tolist() for i, counts in found.items()} == {
            i: counts.tolist() for i, counts in expected.items()
        }
    with pytest.raises(UsageError, match="ids lies on a GPU"):
        masks.encode_instances(devices.on_gpu(ids))
    with pytest.raises(UsageError, match="ids on a GPU must be in C order"):
        masks.encode_instances(devices.on_gpu(np.asfortranarray(ids)), device="cuda")


@pytest.mark.gpu
def test_overlaps_are_the_cpus() -> None:
    runs = masks.encode_batch(some(4, (7, 9)))
    expected = masks.iou(runs[:3], runs, (7, 9), crowd=[False, True, False, True])
    found = masks.iou(runs[:3], runs, (7, 9), crowd=[False, True, False, True], device="cuda")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.gpu
def test_bad_masks_on_the_gpu_are_refused_in_one_sentence() -> None:
    lying = devices.on_gpu(some(2, (4, 5)))
    with pytest.raises(UsageError, match="mask lies on a GPU: use device='cuda'"):
        masks.encode(lying[0])
    with pytest.raises(UsageError, match="out lies on a GPU"):
        masks.decode([20], (4, 5), out=lying[0])
    with pytest.raises(UsageError, match="must have two dimensions"):
        masks.encode(lying, device="cuda")
    with pytest.raises(UsageError, match="must be uint8 or bool in C order, got int64"):
        masks.encode(devices.on_gpu(np.zeros((2, 2), np.int64)), device="cuda")
    with pytest.raises(UsageError, match=r"out must be a \(3, 4\) uint8"):
        masks.decode([12], (3, 4), out=lying[0], device="cuda")

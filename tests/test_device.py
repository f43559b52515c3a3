"""What is asked of a device: the same answers from each. The GPU is a simulated one where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from PIL import Image

import devices
import framesift as fs
from framesift.errors import UsageError
from framesift.features.matrix import as_matrix
from framesift.machine import load_kernels
from framesift.selection import kcenter, kcenter_blocks, kmeans
from framesift_kernels import load

N = 25 if devices.SIMULATED else 5000


def make(dtype: Any, n: int = N, d: int = 3, seed: int = 0) -> np.ndarray:
    """A drift with copies, far from and near to each other."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).cumsum(axis=0)
    x[n // 2 : n // 2 + 5] = x[0]
    return ((x - x.min()) / np.ptp(x) * 255).astype(dtype)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rounds, of which some prune; some batches."""
    if devices.SIMULATED:
        monkeypatch.setattr(kcenter, "_MIN_BUFFER", 6)
        monkeypatch.setattr(kcenter, "_PROBE_EVERY", 1)
        monkeypatch.setattr(kcenter, "_PROBE_FROM", 3)
        monkeypatch.setattr(kcenter_blocks, "_MIN_CANDIDATES", 8)
        monkeypatch.setattr(kmeans, "_FIRST_BATCH", 8)
        monkeypatch.setattr(kmeans, "_MIN_BLOCK", 7)
        for device in ("cpu", "cuda"):
            monkeypatch.setattr(load(device), "CACHED_ELEMENTS", 20)


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("preselected", [None, [4, 1]])
def test_picks_are_the_cpus(dtype: Any, preselected: Any) -> None:
    x = make(dtype)
    n = 12 if devices.SIMULATED else 500
    expected = fs.kcenter_greedy(x, n, preselected=preselected)
    for given in (x, devices.on_gpu(x)):
        indices, distances = fs.kcenter_greedy(given, n, preselected=preselected, device="cuda")
        assert indices.tolist() == expected[0].tolist()
        np.testing.assert_array_equal(distances, expected[1])


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
def test_all_rows_are_picked_the_copies_last() -> None:
    x = make(np.float32, 15, 2)
    expected = fs.kcenter_greedy(x, 15)
    assert fs.kcenter_greedy(x, 15, device="cuda")[0].tolist() == expected[0].tolist()


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
def test_picks_out_of_core_are_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framesift.features.matrix._BLOCK_BYTES", 64)
    x = make(np.float16)
    stored = zarr.create_array({}, shape=x.shape, chunks=(9, x.shape[1]), dtype=x.dtype)
    stored[:] = x
    found = [fs.kcenter_greedy(stored, 12, device=device, max_bytes=100)[0] for device in ("cpu", "cuda")]
    assert found[0].tolist() == found[1].tolist() == fs.kcenter_greedy(x, 12)[0].tolist()


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("given_centers", [False, True])
def test_clusters_are_the_cpus(monkeypatch: pytest.MonkeyPatch, dtype: Any, given_centers: bool) -> None:
    x = make(dtype)
    options: Any = {"init": x[:3].astype(np.float32)} if given_centers else {"seed": 2}
    options["max_iter"] = 4
    expected = fs.kmeans(x, 3, **options)
    monkeypatch.setattr(kmeans, "_SUMS", 40)  # of a GPU: some blocks at a time
    for given in (x, devices.on_gpu(x)):
        found = fs.kmeans(given, 3, device="cuda", **options)
        np.testing.assert_array_equal(found.centers, expected.centers)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.sqdist, expected.sqdist)
        assert found.inertia == expected.inertia


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
def test_an_empty_cluster_takes_the_farthest_row_on_every_device() -> None:
    x = make(np.float32)
    init = np.array([x[0], [1e4] * 3, [2e4] * 3], np.float32)
    expected, found = (fs.kmeans(x, 3, init=init, max_iter=2, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_array_equal(found.centers, expected.centers)
    assert len(set(found.labels)) == 3


@pytest.mark.gpu
@pytest.mark.usefixtures("small")
def test_sums_are_those_of_the_same_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers whose sum depends on the order that they are added in."""
    x = np.tile(np.array([[2.0**60], [1], [-(2.0**60)]], np.float32), (9, 1))
    x = x[np.random.default_rng(1).permutation(len(x))]
    options: Any = {"init": np.zeros((1, 1), np.float32), "max_iter": 1}
    found = [fs.kmeans(x, 1, device=device, **options).centers[0, 0] for device in ("cpu", "cuda")]
    assert found[0] == found[1]
    monkeypatch.setattr(kmeans, "_MIN_BLOCK", 100)
    assert fs.kmeans(x, 1, device="cuda", **options).centers[0, 0] != found[0], "or nothing was tested"


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.float32, {"order": 3}),
        (np.uint8, {"preselected": [4, 1], "weights": range(14), "min_gap": 2}),
        (np.float16, {"candidates": [0, 3, 5, 6, 9, 11, 13], "order": 8}),
    ],
)
def test_rows_that_cover_are_the_cpus(dtype: Any, options: Any) -> None:
    x, n = make(dtype, 14 if devices.SIMULATED else 3000), 3 if devices.SIMULATED else 30
    if not devices.SIMULATED:
        options = {"order": options.get("order", 4), "preselected": options.get("preselected")}
    expected = fs.coverage(x, n, **options)
    for given in (x, devices.on_gpu(x)):
        picks, distances = fs.coverage(given, n, device="cuda", **options)
        assert picks.tolist() == expected[0].tolist()
        np.testing.assert_array_equal(distances, expected[1])


@pytest.mark.gpu
@pytest.mark.parametrize("exact_to", [1, 100_000])
def test_facilities_are_the_cpus(exact_to: int) -> None:
    x = make(np.float32, 12)
    found = [fs.facility_location(x, 3, exact_to=exact_to, device=device)[0] for device in ("cpu", "cuda")]
    assert found[0].tolist() == found[1].tolist()


@pytest.mark.gpu
def test_rows_that_cover_out_of_core_are_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in blocks, and with fewer costs held than there are candidates."""
    monkeypatch.setattr("framesift.features.matrix._BLOCK_BYTES", 64)
    monkeypatch.setattr("framesift.selection.costs._LEAST_ROWS", 8)
    x = make(np.float16, 20)
    stored = zarr.create_array({}, shape=x.shape, chunks=(9, x.shape[1]), dtype=x.dtype)
    stored[:] = x
    found = [fs.coverage(stored, 3, device=device, max_bytes=100)[0] for device in ("cpu", "cuda")]
    assert found[0].tolist() == found[1].tolist() == fs.coverage(x, 3)[0].tolist()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_neighbours_and_their_scores_are_the_cpus(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    monkeypatch.setattr("framesift.features.matrix._BLOCK_BYTES", 64)
    x, y = make(dtype, 17 if devices.SIMULATED else 4000), make(np.float32, 9, seed=1)
    stored = zarr.create_array({}, shape=x.shape, chunks=(7, x.shape[1]), dtype=x.dtype)
    stored[:] = x
    for call in (
        lambda x, y, **to: fs.nearest(x, y, 3, **to),
        lambda x, y, **to: fs.nearest(x, None, 4, **to),
        lambda x, y, **to: [fs.typicality(x, 3, **to)],
        lambda x, y, **to: [fs.similarity(x, y, **to)],
    ):
        expected = call(x, y)
        for a, b in ((x, y), (devices.on_gpu(x), devices.on_gpu(y)), (stored, y)):
            for wanted, found in zip(expected, call(a, b, device="cuda", max_bytes=50), strict=True):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_groups_of_near_duplicates_are_the_cpus(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    monkeypatch.setattr("framesift.selection.duplicates._GPU_BATCH_ROWS", 9)
    x = make(dtype)
    expected = fs.near_duplicates(x, 12.0)
    assert 3 < len(expected.leaders) < len(x), "or nothing was tested"
    for given in (x, devices.on_gpu(x)):
        found = fs.near_duplicates(given, 12.0, device="cuda")
        np.testing.assert_array_equal(found.leaders, expected.leaders)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.distances, expected.distances)


@pytest.mark.gpu
@pytest.mark.parametrize("preselected", [None, [4, 1]])
@pytest.mark.parametrize("options", [{}, {"min_distance": 9.0, "stop_at_min_distance": False}])
def test_products_of_objectives_pick_what_the_cpu_picks(preselected: Any, options: Any) -> None:
    rng = np.random.default_rng(3)
    n = 20 if devices.SIMULATED else 5000
    x = make(np.float32, n)
    values, shares = rng.random(n), rng.random((n, 3)) * rng.integers(0, 2, (n, 3))
    found = []
    for place, device in ((x, "cpu"), (x, "cuda"), (devices.on_gpu(x), "cuda")):
        objectives = [
            fs.Diversity(x=place, **options),
            fs.Weights(values=values),
            fs.Balance(rows=shares, target=[2, 1, 1]),
            fs.Balance(rows=np.eye(2)[rng.integers(0, 1, n)], target=[1, 1]),
        ]
        found.append(fs.product_greedy(objectives, 5, preselected=preselected, device=device).tolist())
    assert found[0] == found[1] == found[2]


@pytest.mark.gpu
def test_components_of_rows_on_the_gpu_are_the_cpus() -> None:
    x = make(np.float32, 15, 4)
    expected = fs.principal_components(x, 2)
    found = fs.principal_components(devices.on_gpu(x), 2, device="cuda")
    np.testing.assert_array_equal(found.components, expected.components)
    np.testing.assert_array_equal(found.transform(devices.on_gpu(x), device="cuda"), expected.transform(x))


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["coreset", "kmeans", "coverage"])
def test_a_whole_selection_is_the_cpus(tmp_path: Path, method: str) -> None:
    rng, shape = np.random.default_rng(0), (9, 12, 3) if method == "coreset" else (9, 12)
    for i in range(5):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(tmp_path / f"{i}.png")
    found = []
    for device in ("cpu", "cuda"):
        with fs.index(tmp_path, size=8, color=len(shape) == 3, device=device) as made:
            chosen = fs.select(made, 3, method=method, device=device)
            found.append([(frame.index, frame.score) for frame in chosen.frames])
    assert found[0] == found[1]


@pytest.mark.gpu
def test_the_bench_tells_host_and_device_time_apart() -> None:
    """Nothing is said of the times, which a simulator makes up. ``bench_on_device.py kernels`` runs all cases."""
    here = Path(__file__).parent
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    command = [sys.executable, here / "bench_on_device.py", "k-center", "scale"]
    said = subprocess.check_output(command, text=True, env=env)
    found = {made["suite"]: made["rows"] for made in map(json.loads, said.splitlines()[-2:])}
    assert {"framesift, rows on the device", "plain sweep"} <= {row["peer"] for row in found["k-center"]}
    for row in found["k-center"]:
        assert min(row["device ms"], row["copies ms"], row["host ms"]) > 0
    assert all("device s" in row for row in found["scale"] if row["program"] == "framesift")


@pytest.mark.gpu
def test_arrays_on_the_gpu_are_checked_and_converted_there() -> None:
    kernels = load_kernels("cuda")
    x = make(np.float64, 6)
    for given, dtype in ((x, np.float32), (np.asfortranarray(make(np.float16, 6)), np.float16)):
        matrix = as_matrix(devices.on_gpu(given), 2**20, kernels=kernels)
        assert matrix.dtype == dtype
        np.testing.assert_array_equal(kernels.get(matrix.array), given.astype(dtype))
    for bad in (np.nan, np.inf):
        x[4, 1] = bad
        with pytest.raises(UsageError, match="must be finite"):
            as_matrix(devices.on_gpu(x.astype(np.float32)), 2**20, kernels=kernels)
    with pytest.raises(UsageError, match="must have two dimensions"):
        as_matrix(devices.on_gpu(np.zeros(3, np.float32)), 2**20, kernels=kernels)
    with pytest.raises(UsageError, match="x on the GPU must be contiguous"):
        as_matrix(devices.on_gpu(np.zeros((6, 8), np.float32))[:, 2:5], 2**20, kernels=kernels)
    mine = devices.on_gpu(make(np.float32, 6))
    assert as_matrix(mine, 2**20, kernels=kernels).array is not None
    with pytest.raises(UsageError, match="x lies on a GPU: use device='cuda'"):
        fs.kcenter_greedy(mine, 2)


def test_without_a_gpu_the_device_is_refused_in_one_sentence() -> None:
    if devices.has_cuda():
        pytest.skip("there is a GPU")
    calls: Any = (
        fs.kcenter_greedy,
        fs.kmeans,
        fs.coverage,
        fs.facility_location,
        fs.typicality,
        fs.near_duplicates,
        fs.principal_components,
    )
    for call in calls:
        with pytest.raises(UsageError, match=r"NVIDIA GPU.*pip install 'framesift\[cuda\]'"):
            call(np.zeros((3, 2), np.float32), 2, device="cuda")

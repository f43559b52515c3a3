import importlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import devices
import framesift_kernels
import s3server

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
if devices.SIMULATED:
    devices.settle_simulator()


def pytest_collection_modifyitems(items):
    # A GPU job sets FAIL_WITHOUT_CUDA=1, so a lost driver fails instead of skipping.
    absent = not (os.environ.get("FAIL_WITHOUT_CUDA") or devices.has_cuda())
    for item in items:
        on_gpu = item.get_closest_marker("gpu")
        if on_gpu and absent:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        if item.get_closest_marker("compiled") and (devices.PLAIN_PYTHON or (on_gpu and devices.SIMULATED)):
            item.add_marker(pytest.mark.skip(reason="too much for plain Python"))


@pytest.fixture(scope="session", params=DEVICES)  # session: Hypothesis wants nothing made anew per test
def kernels(request):
    return framesift_kernels.load(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# What lies elsewhere ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    with s3server.moto() as place:
        yield place


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No waiting, small requests, and a scratch folder of its own, which every test must leave empty."""
    monkeypatch.setattr("framesift.remote.client.WAITS_S", (0.001,) * 6)
    monkeypatch.setattr("framesift.remote.reader.BLOCK_BYTES", s3server.BLOCK)
    monkeypatch.setattr("framesift.remote.download._PART_BYTES", 7000)
    monkeypatch.setattr("framesift.remote.download._PIECE_BYTES", 1000)
    # None of these reaches a worker.
    monkeypatch.setattr(
        importlib.import_module("framesift.index"), "_is_isolated", lambda isolate, _: bool(isolate)
    )
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("FRAMESIFT_SCRATCH", str(scratch))
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    yield scratch
    assert list(scratch.iterdir()) == []


@pytest.fixture
def s3(moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[s3server.Server]:
    """A server that hands on to moto, an empty bucket ``lab`` on it, and the environment that leads there."""
    with s3server.serving(s3server.Server(upstream=moto)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        s3server.boto(moto).create_bucket(Bucket="lab")
        try:
            yield server
        finally:
            for item in s3server.boto(moto).list_objects_v2(Bucket="lab").get("Contents", []):
                s3server.boto(moto).delete_object(Bucket="lab", Key=item["Key"])


@pytest.fixture
def put(s3: s3server.Server, moto: tuple[str, int]) -> Any:
    """Put the content of a path, or bytes, under a key; gives the address."""
    service = s3server.boto(moto)

    def put(key: str, content: Path | bytes) -> str:
        data = content if isinstance(content, bytes) else content.read_bytes()
        service.put_object(Bucket="lab", Key=key, Body=data)
        return f"s3://lab/{key}"

    return put


@pytest.fixture
def web() -> Iterator[s3server.Server]:
    with s3server.serving(s3server.Server()) as server:
        yield server

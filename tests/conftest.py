import importlib.util
import os

import numpy as np
import pytest

import framesift_kernels

DEVICES = ["cpu"]  # with the CUDA kernels: pytest.param("cuda", marks=pytest.mark.gpu)


def has_cuda():
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


def pytest_collection_modifyitems(items):
    # A GPU job sets FAIL_WITHOUT_CUDA=1, so a lost driver fails instead of skipping.
    if os.environ.get("FAIL_WITHOUT_CUDA") or has_cuda():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session", params=DEVICES)  # session: Hypothesis wants nothing made anew per test
def kernels(request):
    return framesift_kernels.load(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(0)

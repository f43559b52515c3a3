"""The GPU's kernels compile, for all types and without a GPU, where its compiler is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHAINS = (
    "._nearest(",
    "._lower_keys(",
    "._settle(",
    "._costs(",
    "._pick(",
    "._left(",
    "._own(",
    "._lower_groups(",
)
"""Kernels that compute distances: float32, fused; nothing else may be."""


@pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs pip install 'framesift[cuda]'"
)
def test_kernels_compile_into_registers_and_without_rounding_otherwise_than_written():
    found = subprocess.check_output([sys.executable, HERE / "ptx.py"], text=True)
    lines = found.splitlines()
    assert len(lines) > 40
    for line in lines:
        assert "no ptxas" in line or " 0 bytes of local memory" in line
        assert " 0 approximations" in line
        assert line.endswith(" + 0 FMAs"), "a float64 product fused with a sum"
        assert any(name in line for name in CHAINS) == (", 0 + " not in line)

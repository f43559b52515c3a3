"""The GPU's kernels compile, for all types and without a GPU, where its compiler is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs pip install 'framesift[cuda]'"
)
def test_kernels_compile_without_spilling_and_without_rounding_otherwise_than_written():
    found = subprocess.check_output([sys.executable, HERE / "ptx.py"], text=True)
    lines = found.splitlines()
    assert len(lines) > 40
    for line in lines:
        assert "no ptxas" in line or " 0 bytes spilled" in line
        assert line.endswith(" + 0 FMAs"), "a float64 product fused with a sum"
        chains = ("_nearest._nearest", "._costs", "_lower_f32", "_pick.", "._left", "._own", "_lower_groups")
        assert (
            any(name in line for name in chains) == (", 0 + " not in line) or "pick_farthest._pick(" in line
        )

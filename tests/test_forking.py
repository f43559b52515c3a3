"""What was computed in a process does not keep its forks from computing."""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import multiprocessing, warnings
import numpy as np
import framesift as fs
warnings.simplefilter("ignore")  # threads and forks: it is what is tested
x = np.random.default_rng(0).normal(size=(9000, 4)).astype(np.float32)
expected = fs.kmeans(x, 3, max_iter=2).labels
fork = multiprocessing.get_context("fork")
queue = fork.SimpleQueue()
child = fork.Process(target=lambda: queue.put(fs.kmeans(x, 3, max_iter=2).labels.tobytes()), daemon=True)
child.start()
child.join(20)
assert child.exitcode == 0, child.exitcode
assert queue.get() == expected.tobytes()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_of_a_process_that_computed_computes_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr

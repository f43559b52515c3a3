"""Object code of kernels: made once, found by later processes, never taken when damaged."""

import hashlib
import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba import config

from framesift_kernels.cpu import _compile, _image, _objects

pytestmark = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")

# The kernels on the way of the index, then those of rows; prints a digest of what comes out, and whether the first
# brought Numba in.
_ALL = """
import hashlib, sys
import numpy as np
from framesift_kernels import load
kernels, rng, out = load("cpu"), np.random.default_rng(0), []
for dtype, depth in ((np.uint8, 8), (np.uint16, 10)):
    plane = rng.integers(0, 256, (48, 64)).astype(dtype)
    thumbnail = np.zeros((9, 13), np.uint8)
    kernels.thumbnail(plane, (3, 60, 2, 41), 1.1, -16.0, thumbnail)
    out += [thumbnail, kernels.sharpness(plane, (0, 64, 0, 48), depth)]
    words = plane.view(np.uint64)
    out += kernels.picture(plane, [words], (60,), (0, 64, 0, 48), depth, 1.1, -16.0, thumbnail.copy())
    out += [kernels.content_hash(plane.view(np.uint64), 60, 1)]
thumbnails = rng.integers(0, 256, (20, 9, 13), np.uint8)
out += [*kernels.luminance(thumbnails), kernels.motion_energy(thumbnails, thumbnails[3])]
with_numba = "numba" in sys.modules
for rows in (thumbnails.reshape(20, -1), rng.normal(size=(20, 30)).astype(np.float32)):
    labels, sqdist = kernels.assign(rows, rows[:5].astype(np.float32))
    out += [labels, sqdist, *kernels.cluster_sums(rows, labels, 5)]
print(hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in out)).hexdigest(), with_numba)
"""

# Those that compare rows with centres; they take seconds to compile, which the cache that all tests share saves.
_ROWS = """
import sys
import numpy as np
from framesift_kernels import load
kernels, rng, n = load("cpu"), np.random.default_rng(0), 200
x = rng.random((n, 12), np.float32)
centers, rows = x[:40].copy(), np.arange(n)
labels, sqdist, lower = np.zeros(n, np.int32), np.full(n, np.inf, np.float32), np.zeros(n, np.float32)
kernels.assign(x, centers)
kernels.assign_sums(x, centers, labels, sqdist)
kernels.bounded_sums(x, centers, 0.1, labels, sqdist, lower)
kernels.potentials(x, centers, sqdist, np.empty((len(x), len(centers)), np.float32))
kernels.lower_nearest(x, rows, centers, 0, sqdist, labels)
kernels.lower_grouped(x, rows, centers, np.ones(n, np.int32), sqdist, labels)
picks, reached, applied = np.zeros(3, np.int64), np.zeros(3, np.float32), np.zeros(n, np.int32)
kernels.pick_farthest(x, rows, sqdist, labels, applied, 0.0, centers, 2, picks, reached)
print("numba" in sys.modules)
"""


def run(cache: Path, **environment: str) -> list[str]:
    env = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | environment
    return subprocess.check_output([sys.executable, "-c", _ALL], env=env, text=True).split()


def test_later_processes_do_without_numba_and_give_the_same(tmp_path):
    first, warm = run(tmp_path), run(tmp_path)
    assert first[1:] == ["True"]
    assert warm == [first[0], "False"]
    assert run(tmp_path, NUMBA_DISABLE_JIT="1") == warm


def test_row_kernels_need_no_numba_once_they_are_cached():
    command = [sys.executable, "-c", _ROWS]
    subprocess.check_output(command)
    assert subprocess.check_output(command, text=True).split() == ["False"]


def test_processes_that_compile_at_the_same_time_leave_a_whole_cache(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, [tmp_path] * 2))
    assert found[0][0] == found[1][0]
    assert run(tmp_path) == [found[0][0], "False"]
    assert not [p for p in tmp_path.iterdir() if p.is_file() and p.suffix != ".o"]


@_compile.native
def twice(x, factor, out):
    for i in range(len(x)):
        out[i] = factor * x[i]


def call():
    """Link the kernel anew, as a later process would."""
    twice._calls.clear()
    out = np.zeros(3)
    twice(np.arange(3.0), 2.0, out)
    return out.tolist()


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setattr(_objects, "_folders", lambda: (tmp_path,))
    assert call() == [0, 2, 4]
    (path,) = tmp_path.iterdir()
    return path


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_object_code_is_not_run_but_made_anew(cached, damage):
    data = cached.read_bytes()
    flipped = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    cached.write_bytes({"cut": data[:-9], "flipped": flipped, "empty": b"", "other": b"x" * 99}[damage])
    assert call() == [0, 2, 4]
    assert _objects._read(cached) is not None


def test_what_is_found_in_the_cache_is_used(cached, monkeypatch):
    monkeypatch.setattr(_objects, "_compile", lambda *_: pytest.fail("compiled again"))
    assert call() == [0, 2, 4]


def test_what_is_found_where_nothing_can_be_written_is_used(cached, monkeypatch, tmp_path):
    def no_more(**_):
        raise OSError(30, "Read-only file system")

    home = tmp_path / "home"
    monkeypatch.setattr(_objects, "_folders", lambda: (tmp_path / "none", cached.parent, home))
    monkeypatch.setattr(_objects, "_compile", lambda *_: pytest.fail("compiled again"))
    monkeypatch.setattr("tempfile.mkstemp", no_more)
    assert call() == [0, 2, 4]


def test_what_cannot_be_kept_in_one_folder_is_kept_in_the_next(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(_objects, "_folders", lambda: (tmp_path / "file" / "x", tmp_path / "home/cache"))
    assert call() == [0, 2, 4]
    assert len(list((tmp_path / "home/cache").iterdir())) == 1


def test_without_a_home_there_is_one_folder_less(monkeypatch):
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    there = _objects._folders.__wrapped__()
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert _objects._folders.__wrapped__() == there[:1]


def test_what_has_no_image_is_linked_by_llvm(tmp_path, monkeypatch):
    monkeypatch.setattr(_objects, "_folders", lambda: (tmp_path,))
    monkeypatch.setattr(_objects, "lay_out", lambda *_: None)
    assert call() == call() == [0, 2, 4]
    (path,) = tmp_path.iterdir()
    assert _image.place(_objects._read(path)) is None


def test_an_image_is_laid_out_only_of_what_is_understood():
    sums = importlib.import_module("framesift_kernels.cpu.sharpness")._laplacian_sums
    code = _objects._compile(sums.function, (("B", 2), int, int, int, int, ("l", 1)))
    if code[:4] != b"\x7fELF" or code[18] != 62:
        pytest.skip("not of this processor")
    assert _image.lay_out(code, _objects._ENTRY) is not None
    assert _image.lay_out(b"\xcf\xfa\xed\xfe" + code[4:], _objects._ENTRY) is None  # Mach-O
    assert _image.lay_out(code[:18] + b"\xb7\x00" + code[20:], _objects._ENTRY) is None  # AArch64
    kind = next(s for s in _image._sections(code) if s.type == _image._RELA).offset + 8
    assert _image.lay_out(code[:kind] + b"\x02" + code[kind + 1 :], _objects._ENTRY) is None  # relative


def test_another_source_has_another_name(cached, monkeypatch):
    monkeypatch.setattr(_objects, "_digest", lambda: hashlib.sha256(b"edited").hexdigest()[:16])
    assert call() == [0, 2, 4]
    assert len(list(cached.parent.iterdir())) == 2


def test_without_a_folder_to_write_to_it_works_all_the_same(monkeypatch):
    monkeypatch.setattr(_objects, "_folders", lambda: (Path("/dev/null/x"),))
    assert call() == [0, 2, 4]


def test_what_a_kernel_cannot_take_is_said(cached):
    with pytest.raises(ValueError, match="kernels take C-contiguous arrays"):
        twice(np.arange(6.0)[::2], 2.0, np.zeros(3))
    with pytest.raises(TypeError, match="twice takes arrays, ints and floats, got str"):
        twice(np.arange(3.0), "2", np.zeros(3))

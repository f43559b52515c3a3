"""framesift as its users run it."""

import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

_SCRIPT = """
import shutil, sys
shutil.rmtree(sys.argv[1], ignore_errors=True)
{before}
sys.argv = ["framesift", "index", "--quiet", "--store", *sys.argv[1:]]
from framesift_cli.main import main
main()
"""
# What measures a frame does nothing: what is left is decoding the same segments, start-up and an empty store. The module
# is changed when it is imported, which is in the process that decodes: imported here, it would be in its parent's way.
_UNTOUCHED = """
import importlib.util
class Untouched:
    def find_spec(name, *_):
        if name != "framesift.measure":
            return None
        sys.meta_path.remove(Untouched)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        def changed(module):
            execute(module)
            module.Meter.measure = lambda self, frame, thumbnail: (0.0, 0)
        spec.loader.exec_module = changed
        return spec
sys.meta_path.insert(0, Untouched)
"""


def select(
    path: Path, n: int, out: Path, seed: int, *, method: str, decode: str, min_gap: str | None = None
) -> list[str]:
    """Command that does the whole job: *n* pictures of *path* into *out*, and selection.json."""
    options = ["--method", method, "--seed", str(seed), "--decode", decode, "--at-most", "--quiet"]
    options += [] if min_gap is None else ["--min-gap", min_gap]
    return [
        sys.executable,
        "-m",
        "framesift_cli",
        "select",
        str(path),
        "-n",
        str(n),
        "--out",
        str(out),
        *options,
    ]


@cache
def _store() -> Path:
    """Where this process has stores written; gone with it."""
    folder = tempfile.mkdtemp(prefix="framesift-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder, "store")


def index(
    path: Path, threads: int, decode: str = "exact", *, untouched: bool = False, color: bool = False
) -> list[str]:
    """Command that indexes *path* into a fresh store; start-up and the store's writing are included.

    With *untouched*, no pixel is looked at.
    """
    store = _store()
    script = _SCRIPT.format(before=_UNTOUCHED if untouched else "")
    options = [*([] if decode == "exact" else ["--decode", decode]), *(["--color"] if color else [])]
    return [sys.executable, "-c", script, str(store), str(path), "--threads", str(threads), *options]

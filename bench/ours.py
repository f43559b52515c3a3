"""framesift as its users run it."""

import shutil
import sys
import tempfile
from pathlib import Path

_SCRIPT = """
import sys
from framesift_cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def index(path: Path, threads: int, decode: str = "exact") -> list[str]:
    """Command that indexes *path* into a fresh store; start-up and the store's writing are included."""
    store = Path(tempfile.gettempdir(), "framesift-bench-store")
    shutil.rmtree(store, ignore_errors=True)
    script = f"import shutil; shutil.rmtree({str(store)!r}, ignore_errors=True)\n{_SCRIPT}"
    return [
        sys.executable,
        "-c",
        script,
        "index",
        str(path),
        "--store",
        str(store),
        "--threads",
        str(threads),
        "--decode",
        decode,
        "--quiet",
    ]

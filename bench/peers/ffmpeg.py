"""The ffmpeg program: decoding and nothing else."""

import shutil
from pathlib import Path


def decode(path: Path, threads: int) -> list[str] | None:
    """Command that decodes *path* and throws the frames away; None where ffmpeg is not installed."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    return [program, "-v", "error", "-threads", str(threads), "-i", str(path), "-an", "-f", "null", "-"]

"""The ffmpeg program: decoding and nothing else, and dumps of frames."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path


def decode(path: Path, threads: int) -> list[str] | None:
    """Command that decodes *path* and throws the frames away; None where ffmpeg is not installed."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    return [program, "-v", "error", "-threads", str(threads), "-i", str(path), "-an", "-f", "null", "-"]


def dump(path: Path, step: int, patterns: Mapping[Path, Sequence[str]]) -> list[str] | None:
    """Command that writes every *step*-th frame to files, once for each pattern of their names, with its options.

    None where ffmpeg is not installed.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    every = ["-vf", f"select=not(mod(n\\,{step}))", "-fps_mode", "passthrough"] if step > 1 else []
    outputs = [text for pattern, given in patterns.items() for text in ("-an", *every, *given, str(pattern))]
    return [program, "-v", "error", "-i", str(path), *outputs]

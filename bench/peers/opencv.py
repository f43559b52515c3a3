"""OpenCV: read every frame and make it small, as tools that use it do."""

import importlib.util
import sys
from pathlib import Path

_SCRIPT = """
import sys, cv2
capture = cv2.VideoCapture(sys.argv[1])
while True:
    there, frame = capture.read()
    if not there:
        break
    cv2.resize(frame, (64, 64 * frame.shape[0] // frame.shape[1]), interpolation=cv2.INTER_AREA)
"""


def thumbnails(path: Path) -> list[str] | None:
    """Command that decodes and downsamples *path*; None where OpenCV is not installed."""
    if importlib.util.find_spec("cv2") is None:
        return None
    return [sys.executable, "-c", _SCRIPT, str(path)]

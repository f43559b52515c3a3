"""OpenCV: read every frame and make it small, and seek to single frames, as tools that use it do."""

import importlib.util
import sys
from pathlib import Path

_SCRIPT = """
import sys, cv2
capture = cv2.VideoCapture(sys.argv[1])
n = 0
while True:
    there, frame = capture.read()
    if not there:
        break
    cv2.resize(frame, (64, 64 * frame.shape[0] // frame.shape[1]), interpolation=cv2.INTER_AREA)
    n += 1
if not n:
    sys.exit("OpenCV reads no frame of it")  # it does not say so, and is done at once
"""


def thumbnails(path: Path) -> list[str] | None:
    """Command that decodes and downsamples *path*; None where OpenCV is not installed."""
    if importlib.util.find_spec("cv2") is None:
        return None
    return [sys.executable, "-c", _SCRIPT, str(path)]


_SEEKING = """
import sys, cv2
from pathlib import Path
out = Path(sys.argv[3])
capture = cv2.VideoCapture(sys.argv[1])
for pick in map(int, sys.argv[2].split(",")):
    capture.set(cv2.CAP_PROP_POS_FRAMES, pick)
    there, frame = capture.read()
    cv2.imwrite(str(out / f"img{pick:06}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 3])
Path(sys.argv[4]).write_text("unknown")
"""


def seeking(path: Path, picks: list[int]) -> list[str] | None:
    """Command that seeks to each frame of *picks*; a folder and a file are to follow. None without OpenCV."""
    if importlib.util.find_spec("cv2") is None:
        return None
    return [sys.executable, "-c", _SEEKING, str(path), ",".join(map(str, picks))]

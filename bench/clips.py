"""Clips that the suites make: deterministic, kept in a cache folder from run to run."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

U8 = npt.NDArray[np.uint8]

CACHE = Path(os.environ.get("FRAMESIFT_BENCH_CACHE", Path(tempfile.gettempdir(), "framesift-bench")))


def noisy(width: int, height: int, n_frames: int, gop: int = 60, crf: int = 23) -> Path:
    """H.264 of a textured field that drifts, with sensor noise; cached."""
    path = CACHE / f"noisy-{width}x{height}-{n_frames}-{gop}{'' if crf == 23 else f'-{crf}'}.mp4"

    def pictures() -> Iterator[U8]:
        rng = np.random.default_rng(0)
        field = _field(rng, width, height)
        noise = rng.integers(-6, 7, (height + 128, width + 128)).astype(np.int16)
        for number in range(n_frames):
            dy, dx = rng.integers(0, 128, 2)
            drifted = np.roll(field, number * 2 % width, axis=1) + noise[dy : dy + height, dx : dx + width]
            yield np.clip(drifted, 16, 235).astype(np.uint8)

    return path if path.exists() else _encoded(path, pictures(), width, height, gop, crf)


def quiet(width: int, height: int, n_frames: int, gop: int = 60) -> Path:
    """H.264 of a textured field in which a square moves: as cheap to decode as video can be; cached."""
    path = CACHE / f"quiet-{width}x{height}-{n_frames}-{gop}.mp4"

    def pictures() -> Iterator[U8]:
        field = _field(np.random.default_rng(0), width, height).astype(np.uint8)
        for number in range(n_frames):
            picture = field.copy()
            x = number * 3 % (width - 32)
            picture[height // 2 : height // 2 + 32, x : x + 32] = 235
            yield picture

    return path if path.exists() else _encoded(path, pictures(), width, height, gop, 23)


def _field(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.int16]:
    blocks = rng.integers(40, 200, (height // 32 + 1, width // 32 + 1))
    field: npt.NDArray[np.int16] = np.kron(blocks, np.ones((32, 32)))[:height, :width].astype(np.int16)
    return field


def _encoded(path: Path, pictures: Iterable[U8], width: int, height: int, gop: int, crf: int) -> Path:
    """Write H.264 of grey pictures."""
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, 30)
        stream.options = {"preset": "veryfast", "crf": str(crf), "g": str(gop)}
        yuv = np.full((height * 3 // 2, width), 128, np.uint8)
        for picture in pictures:
            yuv[:height] = picture
            container.mux(stream.encode(av.VideoFrame.from_ndarray(yuv, "yuv420p")))
        container.mux(stream.encode(None))
    partial.replace(path)
    return path


def repeated(path: Path, times: int) -> Path:
    """The packets of *path*, *times* over: a long video at no cost; cached."""
    longer = CACHE / f"{path.stem}-x{times}.mp4"
    if longer.exists():
        return longer
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = longer.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as container:
        offset = 0
        stream = None
        for _ in range(times):
            with av.open(str(path)) as source:
                given = source.streams.video[0]
                stream = stream or container.add_stream_from_template(given)
                end = 0
                for packet in source.demux(given):
                    if packet.pts is None or packet.dts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    container.mux(packet)
                offset += end
    partial.replace(longer)
    return longer


def real() -> list[Path]:
    """Videos of ``FRAMESIFT_DATA/videos`` long enough to time; none without it."""
    folder = os.environ.get("FRAMESIFT_DATA")
    if not folder:
        return []
    names = ("m3v1mp4.mp4", "test_vid.mp4", "clip.mp4", "centered_pair_small.mp4")
    return [path for name in names if (path := Path(folder, "videos", name)).exists()]


def count(path: Path) -> int:
    """Frames of a clip."""
    with av.open(str(path)) as container:
        return container.streams.video[0].frames

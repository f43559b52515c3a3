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
I64 = npt.NDArray[np.int64]
Recipe = tuple[str, str, dict[str, str], str]

CACHE = Path(os.environ.get("FRAMESIFT_BENCH_CACHE", Path(tempfile.gettempdir(), "framesift-bench")))


CODECS = {
    "mjpeg": ("mjpeg", "yuvj420p", {"qmin": "3", "qmax": "3"}, ".avi"),
    "hevc": (
        "libx265",
        "yuv420p",
        {"preset": "ultrafast", "crf": "18", "x265-params": "log-level=none"},
        ".mp4",
    ),
    "vp9": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8", "b:v": "2M"}, ".webm"),
    "av1": ("libsvtav1", "yuv420p", {"preset": "12", "crf": "40"}, ".mkv"),
}
"""Encoder, pixel format, options and container of each codec other than H.264."""
_H264 = ("libx264", "yuv420p", {"preset": "veryfast", "crf": "23"}, ".mp4")
TIME_BASE = Fraction(1, 30)
N_EVENTS = 9
N_SCREENS = 12


def noisy(width: int, height: int, n_frames: int, gop: int = 60, crf: int = 23) -> Path:
    """H.264 of a textured field that drifts, with sensor noise; cached."""
    path = CACHE / f"noisy-{width}x{height}-{n_frames}-{gop}{'' if crf == 23 else f'-{crf}'}.mp4"
    encoder, pixel_format, options, suffix = _H264
    recipe = (encoder, pixel_format, {**options, "crf": str(crf)}, suffix)
    return _encoded(path, _noise(width, height, n_frames), width, height, recipe, gop)


def quiet(width: int, height: int, n_frames: int, gop: int = 60) -> Path:
    """H.264 of a textured field in which a square moves: as cheap to decode as video can be; cached."""
    path = CACHE / f"quiet-{width}x{height}-{n_frames}-{gop}.mp4"
    return _encoded(path, _square(width, height, n_frames), width, height, _H264, gop)


def coded(codec: str, width: int, height: int, n_frames: int) -> Path:
    """The content of `noisy` in another codec of `CODECS`; cached."""
    recipe = CODECS[codec]
    path = CACHE / f"{codec}-{width}x{height}-{n_frames}{recipe[3]}"
    return _encoded(path, _noise(width, height, n_frames), width, height, recipe, 60)


def static(width: int, height: int, n_frames: int) -> Path:
    """A long look at nothing, with a short event now and then: `N_EVENTS` of them; scenes are known. H.264; cached.

    Between events there is sensor noise only. In each a shape of its own moves over the picture, for about 1 % of the
    frames.
    """
    path = CACHE / f"static-{width}x{height}-{n_frames}.mp4"
    return _encoded(path, _events(width, height, n_frames, path), width, height, _H264, 250)


def screen(width: int, height: int, n_frames: int) -> Path:
    """A screen recording: windows of text, `N_SCREENS` of them, a caret that blinks, pages that jump. H.264; cached."""
    path = CACHE / f"screen-{width}x{height}-{n_frames}.mp4"
    return _encoded(path, _screens(width, height, n_frames, path), width, height, _H264, 250)


def tour(width: int, height: int, n_frames: int) -> Path:
    """A camera before six landscapes: it stands still, where frames repeat exactly, then pans, then cuts. H.264; cached."""
    path = CACHE / f"tour-{width}x{height}-{n_frames}.mp4"
    return _encoded(path, _pans(width, height, n_frames), width, height, _H264, 250)


def short(n_clips: int, n_frames: int = 30) -> Path:
    """A folder of many short clips of 320x240, each a scene of its own; cached."""
    folder = CACHE / f"short-{n_clips}x{n_frames}"
    for number in range(n_clips):
        luma = _noise(320, 240, n_frames, seed=number)
        _encoded(folder / f"{number:04d}.mp4", luma, 320, 240, _H264, 30)
    return folder


def scenes(path: Path) -> I64 | None:
    """(n_frames,) the scene of every frame of a clip that was made here with scenes; -1 for frames of none."""
    truth = path.with_suffix(".scenes.npy")
    return np.load(truth) if truth.exists() else None


def _encoded(path: Path, luma: Iterable[U8], width: int, height: int, recipe: Recipe, gop: int) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    encoder, pixel_format, options, _ = recipe
    partial = path.with_suffix(f".partial{path.suffix}")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream(encoder, rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = TIME_BASE
        stream.options = {**options, "g": str(gop)}
        yuv = np.full((height * 3 // 2, width), 128, np.uint8)
        for picture in luma:
            yuv[:height] = picture
            container.mux(stream.encode(av.VideoFrame.from_ndarray(yuv, pixel_format)))
        container.mux(stream.encode(None))
    partial.replace(path)
    return path


def _texture(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.int16]:
    blocks = rng.integers(40, 200, (height // 32 + 1, width // 32 + 1))
    return np.kron(blocks, np.ones((32, 32)))[:height, :width].astype(np.int16)


def _sensor(rng: np.random.Generator, width: int, height: int) -> Iterator[npt.NDArray[np.int16]]:
    """Noise of every frame: parts of one large picture of it."""
    noise = rng.integers(-6, 7, (height + 128, width + 128)).astype(np.int16)
    while True:
        dy, dx = rng.integers(0, 128, 2)
        yield noise[dy : dy + height, dx : dx + width]


def _noise(width: int, height: int, n_frames: int, seed: int = 0) -> Iterator[U8]:
    rng = np.random.default_rng(seed)
    field = _texture(rng, width, height)
    for number, noise in zip(range(n_frames), _sensor(rng, width, height), strict=False):
        yield np.clip(np.roll(field, number * 2 % width, axis=1) + noise, 16, 235).astype(np.uint8)


def _square(width: int, height: int, n_frames: int) -> Iterator[U8]:
    field = _texture(np.random.default_rng(0), width, height).astype(np.uint8)
    for number in range(n_frames):
        picture = field.copy()
        x = number * 3 % (width - 32)
        picture[height // 2 : height // 2 + 32, x : x + 32] = 235
        yield picture


def _events(width: int, height: int, n_frames: int, path: Path) -> Iterator[U8]:
    rng = np.random.default_rng(3)
    field = _texture(rng, width, height)
    labels = np.zeros(n_frames, np.int64)
    length = max(3, n_frames // 100)
    for event in range(N_EVENTS):
        start = (event + 1) * n_frames // (N_EVENTS + 1) + int(rng.integers(0, length))
        labels[start : start + length] = event + 1
    np.save(path.with_suffix(".scenes.npy"), labels)
    for number, noise in zip(range(n_frames), _sensor(rng, width, height), strict=False):
        picture = field + noise
        if event := labels[number]:
            _shape(picture, int(event), (number % length) / length)
        yield np.clip(picture, 16, 235).astype(np.uint8)


def _shape(picture: npt.NDArray[np.int16], event: int, moment: float) -> None:
    """A striped bar that crosses the picture: where, how large and how striped tells the event."""
    height, width = picture.shape
    side = height * (2 + event % 3) // 8
    top = (event * 7 % N_EVENTS) * (height - side) // N_EVENTS
    left = int((0.2 + 0.4 * moment) * (width - side))
    stripes = 20 + 200 * (np.add.outer(np.arange(side) * (event % 4), np.arange(side)) // 16 % 2)
    picture[top : top + side, left : left + side] = stripes


def _screens(width: int, height: int, n_frames: int, path: Path) -> Iterator[U8]:
    rng = np.random.default_rng(4)
    starts = np.sort(rng.choice(np.arange(1, n_frames), N_SCREENS - 1, replace=False))
    labels = np.searchsorted(starts, np.arange(n_frames), side="right")
    np.save(path.with_suffix(".scenes.npy"), labels)
    pages = [_page(np.random.default_rng(100 + scene), width, height) for scene in range(N_SCREENS)]
    for number, scene in enumerate(labels):
        picture = pages[scene].copy()
        if number // 15 % 2:
            picture[height // 2 : height // 2 + 16, width // 3 : width // 3 + 2] = 16
        yield picture


def _page(rng: np.random.Generator, width: int, height: int) -> U8:
    """Lines of words: dark bars of letters on light ground, or light ones on dark."""
    ground, ink = (230, 30) if rng.random() < 0.7 else (35, 210)
    picture = np.full((height, width), ground, np.uint8)
    left, right = int(rng.integers(10, width // 4)), int(rng.integers(width // 2, width - 10))
    for top in range(20, height - 20, 18):
        letters = (rng.random((1, (right - left) // 4)) < 0.7) & (rng.random() < 0.85)
        picture[top : top + 10, left : left + letters.size * 4] = np.where(
            np.kron(letters, np.ones((10, 4), bool)) & (rng.random((10, letters.size * 4)) < 0.6), ink, ground
        )
    return picture


def _pans(width: int, height: int, n_frames: int) -> Iterator[U8]:
    """Six scenes: still for a quarter of each, then a pan that begins slowly and ends fast."""
    rng = np.random.default_rng(5)
    grain = _sensor(rng, width, height)
    n_scenes = 6
    for scene in range(n_scenes):
        land = _landscape(rng, 2 * width, height + height // 4)
        first, last = scene * n_frames // n_scenes, (scene + 1) * n_frames // n_scenes
        still = (last - first) // 4
        noise = next(grain)
        for number in range(last - first):
            moment = max(0, number - still) / max(1, last - first - still)
            x, y = int(moment**4 * width * (0.3 + 0.1 * scene)), int(moment**4 * height / 4)
            noise = noise if number < still else next(grain)
            yield np.clip(land[y : y + height, x : x + width] + noise, 16, 235).astype(np.uint8)


def _landscape(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.int16]:
    """Fields of grey, coarse and fine, as photographs have more of the coarse."""
    picture = np.zeros((height, width))
    for cells, strength in ((4, 60.0), (16, 30.0), (64, 15.0), (256, 8.0)):
        field = rng.normal(size=(cells * height // width + 2, cells + 2))
        rows, columns = np.linspace(0, field.shape[0] - 1.01, height), np.linspace(0, cells + 0.99, width)
        top, left = rows.astype(int), columns.astype(int)
        below, right = (rows - top)[:, None], (columns - left)[None]
        upper = field[top][:, left] * (1 - right) + field[top][:, left + 1] * right
        lower = field[top + 1][:, left] * (1 - right) + field[top + 1][:, left + 1] * right
        picture += strength * (upper * (1 - below) + lower * below)
    return np.clip(picture + 120, 16, 235).astype(np.int16)


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
    """Frames of a clip: as its container says, or counted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))

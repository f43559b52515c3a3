"""A clip whose scenes are known, and whether selection finds them."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont

from .export.exporting import export
from .files import disk_errors
from .index import index
from .progress import ProgressCallback, silent
from .selection.choice import select
from .selection.result import Selection

WIDTH, HEIGHT, RATE = 480, 270, 30
RGB = npt.NDArray[np.uint8]
SCENE_FRAMES = (150, 24, 120, 18, 132, 30, 15, 90, 21, 60, 12, 78)
"""Frames of each scene: a few long ones, and short ones that evenly spaced frames miss."""


def demo(out: str | os.PathLike[str], *, progress: ProgressCallback = silent) -> dict[str, Any]:
    """Make a clip of 12 scenes, select 12 frames of it, and count the scenes found.

    Parameters
    ----------
    out
        Folder for ``demo.mp4``, the pictures, ``contact-sheet.png``, ``report.html`` and ``selection.json``.
    progress
        As for `index`.

    Returns
    -------
    dict
        ``scenes``, and how many were found by ``kmeans``, ``coreset``, ``uniform`` and ``random`` (the mean of
        20 seeds); ``frames``: what k-means chose; ``summary``: the same in words.
    """
    out = Path(out)
    clip = out / "demo.mp4"
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        make_clip(clip)
    n = len(SCENE_FRAMES)
    with index(clip, progress=progress) as made:
        chosen = select(made, n, method="kmeans", progress=progress)
        export(chosen, out, progress=progress)
        found: dict[str, float] = {"kmeans": _n_scenes(chosen)}
        for method in ("coreset", "uniform"):
            found[method] = _n_scenes(select(made, n, method=method))
        by_chance = [_n_scenes(select(made, n, method="random", seed=seed)) for seed in range(20)]
    found["random"] = float(np.mean(by_chance))
    summary = (
        f"{sum(SCENE_FRAMES)} frames, {n} scenes; scenes found with {n} frames: "
        f"k-means {found['kmeans']:.0f}, coreset {found['coreset']:.0f}, evenly spaced {found['uniform']:.0f}, "
        f"random {found['random']:.1f} on average.\n"
        f"Look at {out / 'contact-sheet.png'} and {out / 'report.html'}."
    )
    return {"scenes": n, **found, "frames": chosen.indices(), "out": str(out), "summary": summary}


def scene_of(frame: int) -> int:
    """Scene that a frame of the demo clip belongs to."""
    return int(np.searchsorted(np.cumsum(SCENE_FRAMES), frame, side="right"))


def _n_scenes(selection: Selection) -> int:
    return len({scene_of(frame) for frame in selection.indices()})


def make_clip(path: Path) -> None:
    """Write the demo clip: MP4, H.264 where the PyAV build encodes it, else MPEG-4."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        if codec == "libx264":
            stream.options = {"crf": "23", "preset": "veryfast"}
        rng = np.random.Generator(np.random.Philox(0))
        noise = rng.integers(0, 9, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, 2)
        number = 0
        for scene, length in enumerate(SCENE_FRAMES):
            background = _background(scene)
            for t in range(length):
                picture = _picture(background, noise, scene, t, number)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                number += 1
        container.mux(stream.encode(None))


def _background(scene: int) -> RGB:
    """A wave, light and dark, whose direction, wavelength and hue are the scene's own."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    angle, wavelength = 2.4 * scene, 70 + 40 * (scene % 4)
    wave = (np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / wavelength) + 1) / 2
    hue = 160 + 80 * np.sin(0.9 * scene + np.array([0, 2.1, 4.2]))
    picture: RGB = ((0.2 + 0.8 * wave[..., None]) * hue).astype(np.uint8)
    return picture


def _picture(background: RGB, noise: RGB, scene: int, t: int, number: int) -> RGB:
    """The scene with a ball that rolls through it, sensor noise, and its number."""
    shift = 37 * number % HEIGHT
    image = Image.fromarray(background + np.roll(noise, shift, axis=0))
    draw = ImageDraw.Draw(image)
    x = 60 + (t * 3 + 97 * scene) % (WIDTH - 120)
    y = HEIGHT / 2 + 50 * np.sin(t / 15 + scene)
    draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=(250, 250, 250), outline=(20, 20, 20), width=3)
    draw.rectangle((0, HEIGHT - 26, 190, HEIGHT), fill=(0, 0, 0))
    draw.text(
        (6, HEIGHT - 23), f"scene {scene + 1}  frame {number}", (255, 255, 255), ImageFont.load_default(16)
    )
    return np.asarray(image)

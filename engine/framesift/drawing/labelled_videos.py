"""Videos with the predictions of their frames drawn on, as DeepLabCut's ``create_labeled_video``."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from framesift_kernels import Kernels

from ..cores import count_threads
from ..deeplabcut.config import Crop
from ..errors import SourceError, UsageError
from ..files import write_atomically
from ..machine import load_kernels
from ..positions import Position, check_order, parse_crop, parse_position
from ..predictions.matching import as_places, check_fits, find_one
from ..predictions.poses import Poses
from ..predictions.reading import read
from ..progress import Progress, ProgressCallback, silent
from ..sources import SetAside, find_sources
from ..times import resolve, times_s
from ..video.container import fraction, open_video
from ..video.decode import Decoder, SegmentMismatchError
from ..video.packets import PacketIndex, merge, read_packets
from .canvas import Canvas
from .drawn import Drawn, each
from .encoding import Timed, check_codec, encode
from .overlay import Overlay
from .style import Pairs, Style, make_style

PathLike = str | os.PathLike[str]
_EVERY = 50
"""Progress is told every so many frames."""


def label_video(
    videos: PathLike | Iterable[PathLike],
    predictions: PathLike | Iterable[PathLike] | None = None,
    out: PathLike | None = None,
    *,
    config: PathLike | None = None,
    keypoints: Sequence[str] | None = None,
    individuals: Sequence[str] | None = None,
    skeleton: Pairs | bool = False,
    skeleton_color: str | None = None,
    trail: int = 0,
    pcutoff: float | None = None,
    dot_size: float | None = None,
    alpha: float | None = None,
    colormap: str | None = None,
    color_by: str = "keypoint",
    keypoints_only: bool = False,
    crop: str | Crop | None = None,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    frame_rate: float | None = None,
    codec: str = "h264",
    save_frames: bool = False,
    overwrite: bool = False,
    partial: bool = False,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Drawn:
    """Make videos with predictions drawn on: ``<predictions>_labeled.mp4`` beside the video, or in *out*.

    Frames are streamed: decoded one by one, drawn on as they are in the file (without going through RGB where they
    are 4:2:0), and encoded with their own times. Keypoint coordinates are those of the picture as it is shown, the
    centre of the first pixel being 0, 0. Memory: the predictions twice, and some tens of frames.

    Parameters
    ----------
    videos
        Video files, folders and patterns.
    predictions
        Files and folders of predictions of any tool, see `predictions.find_predictions` (filtered ones are taken
        before others); by default the folders of the videos.
    config
        A DeepLabCut project, whose pcutoff, dotsize, alphavalue, colormap, skeleton and skeleton_color are taken
        where they are not given here, and whose rectangle of analysis predictions count from.
    keypoints, individuals
        Those to draw; all by default.
    skeleton
        Pairs of keypoints to connect; True: those of the config.
    trail
        Draw the dots of so many frames before too, smaller and fading.
    pcutoff
        Draw keypoints that are more likely; 0.6 by default. Those without likelihoods are drawn where they are.
    dot_size
        Radius in pixels; by default a hundredth of the smaller side of the frames.
    alpha
        Opacity, 0 to 1; 0.7 by default.
    colormap
        By matplotlib's names; rainbow by default.
    color_by
        ``"keypoint"`` or ``"individual"``.
    keypoints_only
        Draw on black.
    crop
        Show this rectangle only, x1, x2, y1, y2 in pixels as shown.
    start, stop
        Draw this part only; as in `index`.
    frame_rate
        Frames a second, all of equal length; by default each has its own time (but with mpeg4, which cannot).
    codec
        ``"h264"``, ``"h265"`` or ``"mpeg4"``.
    save_frames
        Write every frame as ``temp-<predictions>/file0001.png`` too.
    overwrite
        Make videos that are there already anew; else they are skipped.
    partial
        Predictions of some frames only are right.

    Returns
    -------
    Drawn
        Files made, videos skipped, and those set aside.

    Raises
    ------
    UsageError
        An option makes no sense.
    SourceError, NothingUsableError
        A video or its predictions cannot be used.
    """
    check_codec(codec)
    if trail < 0 or (frame_rate is not None and not 0 < frame_rate < math.inf):
        raise UsageError(f"trail and frame_rate must be positive, got {trail = }, {frame_rate = }")
    first, last = (None if p is None else parse_position(p, n) for p, n in ((start, "start"), (stop, "stop")))
    check_order(first, last)
    style = make_style(
        config,
        keypoints=keypoints,
        individuals=individuals,
        skeleton=skeleton,
        skeleton_color=skeleton_color,
        pcutoff=pcutoff,
        dot_size=dot_size,
        alpha=alpha,
        colormap=colormap,
        color_by=color_by,
    )
    paths, set_aside = _paths(videos)
    job = _Job(
        videos=paths,
        places=None if predictions is None else as_places(predictions),
        out=None if out is None else Path(out),
        style=style,
        trail=trail,
        is_blank=keypoints_only,
        crop=parse_crop(crop),
        range=(first, last),
        rate=None if frame_rate is None else Fraction(frame_rate).limit_denominator(1001),
        codec=codec,
        save_frames=save_frames,
        overwrite=overwrite,
        partial=partial,
        threads=count_threads(threads),
        kernels=load_kernels("cpu"),
        progress=progress,
    )
    found = each(paths, str, job.make)
    found.set_aside += set_aside
    return found


def _paths(videos: PathLike | Iterable[PathLike]) -> tuple[list[Path], list[SetAside]]:
    sources, set_aside = find_sources(videos)
    paths = [s.path for s in sources if s.kind == "video" and isinstance(s.path, Path) and s.remote is None]
    other = [s.uri for s in sources if s.path not in paths]
    if other:
        raise SourceError(f"{other[0]} is no video file on this machine")
    if not paths:
        raise SourceError(f"{set_aside[0].uri}: {set_aside[0].reason}")
    return paths, set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    videos: list[Path]
    places: list[Path] | None
    out: Path | None
    style: Style
    trail: int
    is_blank: bool
    crop: Crop | None
    range: tuple[Position | None, Position | None]
    rate: Fraction | None
    codec: str
    save_frames: bool
    overwrite: bool
    partial: bool
    threads: int
    kernels: Kernels
    progress: ProgressCallback

    def make(self, video: Path, found: Drawn) -> None:
        """Make the labelled video of one."""
        source = find_one(video, self.videos, self.places if self.places is not None else [video.parent])
        stem = source.stem if source.stem.startswith(video.stem) else video.stem
        place = (video.parent if self.out is None else self.out) / f"{stem}_labeled.mp4"
        if place in found.files:
            raise SourceError(
                f"another video was written to {place} just now; rename one, or write beside them"
            )
        if place.exists() and not self.overwrite:
            found.skipped.append(
                SetAside(str(video), f"{place} is there already; use overwrite (--overwrite)")
            )
            return
        poses = read(source, video=video.name if source.suffix.lower() == ".slp" else None)
        with open_video(video) as (container, stream):
            packets = read_packets(container, stream)
        if len(packets.pts):
            check_fits(poses, video.name, len(packets.pts), partial=self.partial)
        with open_video(video, threads=self.threads) as (container, stream):
            shown = _Shown(video, container, stream, packets, self.range)
            folder = place.with_name(f"temp-{stem}") if self.save_frames else None
            n = encode(
                place,
                self._frames(shown, poses, folder),
                codec=self.codec,
                rate=self.rate or fraction(stream.average_rate) or Fraction(25),
                time_base=None if self.rate else fraction(stream.time_base),
                threads=self.threads,
            )
        if not n:
            place.unlink(missing_ok=True)
            raise SourceError(f"{video} has no frame in that range that can be decoded")
        found.files.append(place)

    def _frames(self, shown: "_Shown", poses: Poses, folder: Path | None) -> Iterator[Timed]:
        canvas = Canvas(self.kernels, self.crop, is_blank=self.is_blank)
        overlay: Overlay | None = None
        total, origin = shown.n_frames, None
        for done, (index, frame) in enumerate(shown.frames()):
            copy = canvas.copy(frame)
            overlay = overlay or Overlay(poses, self.style, (copy.width, copy.height), self.trail)
            canvas.draw(copy, overlay.on(index))
            if folder is not None:
                _save(copy, folder / f"file{index:0{len(str(max(1, total - 1)))}d}.png")
            if origin is None and frame.pts is not None:
                origin = frame.pts
            yield copy, None if frame.pts is None or origin is None else frame.pts - origin
            if done % _EVERY == 0:
                self.progress(Progress(stage="draw", done=done, total=total, source=shown.path.name))


class _Shown:
    """The frames of a range of one video, by their index."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        packets: PacketIndex,
        range_: tuple[Position | None, Position | None],
    ) -> None:
        self.path = path
        self._decoder = Decoder(container, stream)
        self._packets = packets
        self.n_frames = len(packets.pts) or packets.n_packets
        base = fraction(stream.time_base) or Fraction(1)
        self._start, self._stop = self._resolved(range_, times_s(packets.pts, base))

    def _resolved(
        self, range_: tuple[Position | None, Position | None], times: npt.NDArray[np.float64]
    ) -> tuple[int, float]:
        first, last = range_
        if not len(times):
            if any(p is not None and p.unit != "frame" for p in range_):
                raise UsageError(
                    f"{self.path} does not tell its times without being decoded; give start and stop as frames"
                )
            return (int(first.value) if first else 0), (last.value if last else math.inf)
        start = resolve(first, times, end=False) if first else 0
        return start, (resolve(last, times, end=True) if last else math.inf)

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """The frames of the range: decoded from the keyframe before it where that can be reached."""
        at = self._start
        later = [s for s in self._packets.segments if s.stop > at]
        if later and later[0].start > 0:
            segment = merge(later, len(self._packets.pts))[0]
            try:
                pts = self._packets.pts[segment.start : segment.stop]
                for index, frame in enumerate(self._decoder.segment(segment, pts), segment.start):
                    if index >= self._stop:
                        return
                    if index >= self._start:
                        yield index, frame
                        at = index + 1
                return
            except SegmentMismatchError:  # decode it all
                pass
            with open_video(self.path) as (container, stream):
                yield from self._sequence(Decoder(container, stream), at)
        else:
            yield from self._sequence(self._decoder, at)

    def _sequence(self, decoder: Decoder, start: int) -> Iterator[tuple[int, VideoFrame]]:
        for index, frame in enumerate(decoder.sequence()):
            if index >= self._stop:
                return
            if index >= start:
                yield index, frame


def _save(frame: VideoFrame, path: Path) -> None:
    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    write_atomically(path, lambda file: picture.save(file, "PNG"))

"""Opening a video from a stranger."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.rational import AVRational
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import SourceError
from ..remote.content import Remote, check

if TYPE_CHECKING:
    from ..remote.reader import RangeReader

# FFmpeg opens whatever a file's content claims to be. Playlists and session descriptions (HLS, concat, SDP)
# make it open other files and hosts, so only demuxers that read one self-contained file are let in.
_FORMATS = ",".join(
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm avi asf flv mpegts mpeg mpegvideo m4v h264 hevc vvc av1 obu ivf ogg nut "
    "mxf gif apng mjpeg jpeg_pipe yuv4mpegpipe rm dv swf nsv wtv live_flv h261 h263 vc1 vc1test dirac bink smk gxf "
    "lxf".split()
)
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
MAX_PIXELS = 16384 * 16384
SHORTCUTS = {"skip_loop_filter": ("noref",), "lowres": ("2",)}
"""Decoder options, and their values, that trade exactness for speed."""

# Before version 19, a tag that is no UTF-8 was an error unless told otherwise.
_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}

log = logging.getLogger("framesift")


@contextmanager
def open_video(
    path: Path | Remote, *, threads: int = 1, strict: bool = False, shortcuts: Mapping[str, str] | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the video stream of *path* that frames are of, see `films`, with *threads* decoder threads.

    Decoders conceal damage, as the ffmpeg program lets them; *strict* ones take it for an error where they can.
    They cannot where a seek may land before frames that lean on others: one thread, and not only keyframes.
    *shortcuts* are options of the decoder, of `SHORTCUTS`.

    Raises
    ------
    SourceError
        Not a video that FFmpeg can open, or without a video stream; at the end too, when content that is
        elsewhere could not be read on the way.
    """
    how = threads, strict, shortcuts or {}
    if isinstance(path, Path):
        with _opened(f"file:{path}", "file") as container:
            yield container, _stream(container, *how)
        return
    from ..remote.reader import RangeReader

    # Over a file object FFmpeg would open whatever a playlist names, but for these whitelists.
    with RangeReader(path, ends_on_failure=True) as reader:
        try:
            with _opened(reader, "none") as container:
                yield container, _stream(container, *how)
        except Exception:
            check(path)
            raise
        check(path)


@contextmanager
def _opened(file: "str | RangeReader", protocols: str) -> Iterator[InputContainer]:
    try:
        container = av.open(
            file,
            options={"format_whitelist": _FORMATS, "protocol_whitelist": protocols},
            **_METADATA,
        )
    except (av.FFmpegError, OSError, ValueError, MemoryError) as e:
        # What the whitelist refuses is an invalid argument to FFmpeg.
        refused = isinstance(e, av.ArgumentError)
        why = "its format is none that keeps a video in one file" if refused else reason(e)
        raise SourceError(f"not a video that can be opened ({why})") from None
    try:
        yield container
    finally:
        container.close()


def films(container: InputContainer) -> list[VideoStream]:
    """The video streams that can be decoded, the one that frames are of first.

    Of those that the container marks as default, or of all where none is marked, it is the one with the largest pictures, of several
    such the first: as the ffmpeg program chooses (``map_auto_video``). ``av_find_best_stream`` asks for bit rates, and for frames
    that happen to be seen of a file's beginning, so that of two files of one camera it may take different streams.
    Covers, thumbnails, enhancements of other streams and those without a picture come last.
    """
    found = [stream for stream in container.streams.video if stream.codec_context is not None]
    return sorted(found, key=_remoteness)  # which keeps the order of streams that are alike


def _remoteness(stream: VideoStream) -> tuple[bool, bool, int]:
    """Sorts first what is most likely meant."""
    n_pixels = stream.width * stream.height
    return not (is_film(stream) and n_pixels), not stream.disposition & Disposition.default, -n_pixels


def is_film(stream: VideoStream) -> bool:
    """The stream is neither a cover nor a thumbnail, nor part of another."""
    return not stream.disposition & _NO_FILM and stream.frames != 1


def other_films(container: InputContainer, chosen: VideoStream) -> list[VideoStream]:
    """What else *chosen* might have been, in the order of the file."""
    return [s for s in container.streams.video if is_film(s) and s.index != chosen.index]


def _stream(
    container: InputContainer, threads: int, strict: bool, shortcuts: Mapping[str, str]
) -> VideoStream:
    stream = next(iter(films(container)), None)
    if stream is None:
        raise SourceError("there is no video stream in it")
    context = stream.codec_context
    # FFmpeg's own default is one thread a core, whatever else runs; slices alone do not thread x264's output.
    context.thread_count = threads
    context.thread_type = "AUTO" if threads > 1 and can_thread(context) else "NONE"
    strict = strict and (threads > 1 or context.codec.intra_only)
    explode = {"err_detect": "explode"} if strict else {}
    context.options = {"max_pixels": str(MAX_PIXELS), **explode, **shortcuts}
    return stream


def can_thread(context: VideoCodecContext) -> bool:
    """Its decoder may use threads, and damage shows all the same.

    It does not in VP8, whose threads give other pictures and say nothing, nor in MPEG-4 with B-frames, which are
    handed out before they are marked as damaged. Segments of such streams can still be decoded side by side.
    """
    name = context.name
    return name != "vp8" and not (name == "mpeg4" and context.reorder_depth > 0)


def fraction(value: Fraction | AVRational | None) -> Fraction | None:
    """A rational number of PyAV, which before version 19 is a Fraction; None where FFmpeg has none."""
    return Fraction(value.numerator, value.denominator) if value else None


def reason(error: BaseException) -> str:
    """FFmpeg's own words of *error*, without its number and the path."""
    if isinstance(error, av.EOFError):  # as of an MP4 that was never finished
        return "it ends too early: cut off, or never finished"
    if isinstance(error, av.FFmpegError):
        return str(error.strerror or type(error).__name__).rstrip(".")
    return str(error) or type(error).__name__

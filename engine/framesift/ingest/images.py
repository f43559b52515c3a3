"""Image folders and zips of frames as sources: the position in natural order is the frame index."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from PIL import Image, ImageOps

from framesift_kernels import U8, Kernels, Region

from ..errors import SourceError
from ..measure import View, make_view
from ..remote.content import Remote, check
from ..remote.reader import RangeReader
from ..source_store import Flag, SourceWriter
from ..sources import IMAGE_SUFFIXES, Source, list_images, natural_key
from ..store import SourceRecord
from .job import Job
from .pool import Task
from .rows import Rows
from .window import window

MAX_MEMBERS = 1_000_000
MAX_IMAGE_BYTES = 512 << 20
_MAX_RATIO = 200
_IMAGES_A_TASK = 64
UNREADABLE = (SourceError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading one image can raise: an encrypted member of a zip is a RuntimeError."""


class ImageSet(Protocol):
    """The images of a source, by frame index."""

    names: list[str]
    """Names within the source, in order."""

    def read(self, index: int) -> bytes:
        """The file of one image."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self._paths = list_images(path)
        self.names = [p.name for p in self._paths]

    def read(self, index: int) -> bytes:
        return self._paths[index].read_bytes()


class _Zip:
    """Images of a zip, read in memory and never unpacked; a bomb is refused by its directory."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        members = [
            m
            for m in archive.infolist()
            if not m.is_dir()
            and Path(m.filename).suffix.lower() in IMAGE_SUFFIXES
            and not m.filename.startswith("__MACOSX/")
        ]
        if len(members) > MAX_MEMBERS:
            raise SourceError(f"the zip holds {len(members)} images, more than {MAX_MEMBERS}")
        for m in members:
            if m.file_size > MAX_IMAGE_BYTES or m.file_size > _MAX_RATIO * max(1, m.compress_size) + (
                1 << 20
            ):
                raise SourceError(f"{m.filename!r} in the zip unpacks to {m.file_size} bytes: refused")
        self._archive = archive
        self._members = sorted(members, key=lambda m: natural_key(m.filename))
        self.names = [m.filename for m in self._members]

    def read(self, index: int) -> bytes:
        return self._archive.read(self._members[index])


@contextmanager
def open_images(source: Source) -> Iterator[ImageSet]:
    """Open an image folder or a zip.

    Raises
    ------
    SourceError
        It cannot be read, is no zip, or holds no image.
    """
    try:
        if source.kind == "images":
            assert isinstance(source.path, Path)
            found: ImageSet = _Folder(source.path)
            _check_some(found)
            yield found
        else:
            with _zip_file(source.path) as file, zipfile.ZipFile(file) as archive:
                found = _Zip(archive)
                _check_some(found)
                yield found
    except zipfile.BadZipFile as e:
        raise SourceError(f"not a zip that can be opened ({e})") from None
    except OSError as e:
        raise SourceError(f"cannot be read: {e.strerror or e}") from None


@contextmanager
def _zip_file(path: Path | Remote) -> Iterator[Path | IO[bytes]]:
    """What zipfile opens. Where content elsewhere could not be read, that is the error, whatever came of it."""
    if isinstance(path, Path):
        yield path
        return
    with io.BufferedReader(RangeReader(path)) as file:
        try:
            yield file
        except Exception:
            check(path)
            raise
        check(path)


def _check_some(images: ImageSet) -> None:
    if not images.names:
        raise SourceError("there is no image in it")


def open_image(data: bytes) -> Image.Image:
    """Decode an image file, turned as its EXIF orientation says.

    Raises
    ------
    SourceError
        Not an image, damaged, or so large that it may be a bomb.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            image: Image.Image = Image.open(io.BytesIO(data))
            image.load()
        if image.mode in ("P", "PA"):
            image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
        return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise SourceError("an image of more pixels than is safe to open") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, KeyError) as e:
        raise SourceError(f"not an image that can be opened ({e})") from None


class ImagesJob(Job):
    """Indexing an image folder or a zip. Images of any size; the first decides the thumbnails' shape."""

    def open(self) -> Iterable[Task]:
        """List the images and open the first that is one."""
        with open_images(self.source) as images:
            n = len(images.names)
            pts = np.arange(n, dtype=np.int64)
            options = self.context.options
            for position in (options.start, options.stop):
                if position is not None and position.unit == "seconds":
                    raise SourceError(f"images have no times: {position} means nothing here")
            self.window = window(options, pts, Fraction(1))
            first = self._first(images)
        self.view = make_view(first.width, first.height, 0, options.crop, options.size)
        self.n_total = len(self.window)
        key = self.resume_key(self.window)
        writer = SourceWriter(
            self.context.store,
            self.source.id,
            n_rows=len(self.window),
            shape=self.view.shape,
            key=key,
            color=options.color,
        )
        self.rows = Rows(writer, self.context.kernels)
        self.pts = pts
        starts = range(0, len(self.window), _IMAGES_A_TASK)
        tasks = [s for s in starts if not all(map(self.rows.is_stored, self._rows(s)))]
        self._n_left = len(tasks)
        return [self.guard(partial(self._run, start)) for start in tasks] if tasks else self._finish()

    def _first(self, images: ImageSet) -> Image.Image:
        for index in self.window:
            try:
                return open_image(images.read(index))
            except UNREADABLE:
                continue
        raise SourceError("none of its images can be opened")

    def _rows(self, start: int) -> range:
        return range(start, min(start + _IMAGES_A_TASK, len(self.window)))

    def _run(self, start: int) -> Iterable[Task]:
        cursor = self.rows.cursor()
        with open_images(self.source) as images:
            for row in self._rows(start):
                if self.context.stopping.is_set():
                    return []
                if self.rows.is_stored(row):
                    continue
                chunk, at = cursor.at(row)
                try:
                    image = open_image(images.read(self.window[row]))
                    measured = _measure(image, self.view, self.context.kernels, chunk.thumbnails[at])
                    chunk.sharpness[at], chunk.content_hash[at] = measured
                    if chunk.chroma is not None:
                        _measure_chroma(image, self.view, self.context.kernels, chunk.chroma[at])
                    chunk.flags[at] = Flag.KEYFRAME
                except UNREADABLE:
                    chunk.flags[at] = Flag.DAMAGED
                self.n_done += 1
        cursor.close()
        with self._lock:
            self._n_left -= 1
            last = self._n_left == 0
        return self._finish() if last and not self.context.stopping.is_set() else []

    def _finish(self) -> Iterable[Task]:
        n = len(self.window)
        self.rows.finish(n)
        n_errors = int(np.count_nonzero(self.rows.writer.read_flags() & Flag.DAMAGED))
        record = SourceRecord(
            **self.base_record(self.window, self.view),
            codec="image",
            pixel_format="rgb24",
            frame_rate=0.0,
            n_frames=len(self.pts),
            time_base=(1, 1),
            seekable=True,
            doubt="",
            n_errors=n_errors,
            warnings=[f"{n_errors} images could not be opened"] if n_errors else [],
            decoded="exact",
            shortcuts={},
        )
        self.rows.writer.commit(record, self.pts, [], n_rows=n)
        self.record = record
        return []


def _measure(image: Image.Image, view: View, kernels: Kernels, thumbnail: U8) -> tuple[float, int]:
    """Thumbnail (written), sharpness and content hash of an image; see `measure.Meter.measure`."""
    x1, x2, y1, y2 = _region(image, view)
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.uint16)
        depth, gain = 16, 255 / 65535
    else:
        grey = np.array(image.convert("L"))
        depth, gain = 8, 1.0
    if x2 - x1 < thumbnail.shape[1] or y2 - y1 < thumbnail.shape[0]:
        raise SourceError(f"an image of {image.width}x{image.height} among larger ones")
    kernels.thumbnail(grey, (x1, x2, y1, y2), gain, 0.0, thumbnail)
    sharpness = kernels.sharpness(grey, (x1, x2, y1, y2), depth)
    return sharpness, image_hash(image, kernels)


def _measure_chroma(image: Image.Image, view: View, kernels: Kernels, out: U8) -> None:
    """Colour differences (written) of an image that was measured; see `measure.Meter.chroma`."""
    if image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16"):
        out[:] = 128
        return
    rgb = image if image.mode in ("RGB", "YCbCr") else image.convert("RGB")
    for one, part in zip(rgb.convert("YCbCr").split()[1:], out[:, None], strict=True):
        kernels.chroma(np.array(one), (0, 0), _region(image, view), 1.0, 0.0, part)


def _region(image: Image.Image, view: View) -> Region:
    """What is looked at of an image, which may have another size than the first."""
    if (image.width, image.height) == (view.width, view.height):
        return view.region
    if view.region != (0, view.width, 0, view.height):
        raise SourceError(f"the crop is for {view.width}x{view.height}, the image has {image.size}")
    return 0, image.width, 0, image.height


def image_hash(image: Image.Image, kernels: Kernels) -> int:
    """Content hash of an image as `open_image` returns it."""
    data = np.frombuffer(image.tobytes(), np.uint8)
    row_bytes = len(data) // image.height
    padded = np.zeros((image.height, -(-row_bytes // 8) * 8), np.uint8)
    padded[:, :row_bytes] = data.reshape(image.height, row_bytes)
    return kernels.content_hash(padded.view(np.uint64), row_bytes, len(image.mode))

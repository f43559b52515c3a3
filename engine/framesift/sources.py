"""Inputs as people give them (files, folders, globs, zips) → sources, in a fixed order."""

import glob
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import NothingUsableError, SourceError

VIDEO_SUFFIXES = frozenset(
    ".3g2 .3gp .asf .avi .dv .f4v .flv .gif .ivf .m1v .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg "
    ".mts .mxf .nut .obu .ogg .ogv .rm .rmvb .ts .vob .webm .wmv .y4m".split()
)
IMAGE_SUFFIXES = frozenset(".bmp .jpeg .jpg .png .ppm .pgm .tif .tiff .webp".split())

_FINGERPRINT_BLOCKS = 64
_FINGERPRINT_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One video, image folder or zip of images that frames come from."""

    kind: Literal["video", "images", "zip"]
    path: Path
    """Absolute path of the file or folder."""
    name: str
    """Stem of the file or name of the folder; not unique."""

    @property
    def id(self) -> str:
        """Key of the source in a store: its name and a digest of its path."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:48] or "source"
        digest = hashlib.blake2b(os.fsencode(self.path), digest_size=6).hexdigest()
        return f"{slug}-{digest}"


@dataclass(frozen=True, slots=True)
class SetAside:
    """An input that could not be used, and why."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells whether a source's content is still the same."""

    n_bytes: int
    digest: str
    """BLAKE2b of the size and of 64 blocks of 64 KiB spread over the file (of names and sizes for a folder)."""


def find_sources(
    inputs: "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]",
) -> tuple[list[Source], list[SetAside]]:
    """Turn inputs into sources.

    Parameters
    ----------
    inputs
        Paths of video files, zips of images, folders (searched recursively for videos, zips and folders of
        images) and glob patterns, one or many.

    Returns
    -------
    sources : list of Source
        In the order of the inputs, each folder's in natural order; every path once.
    set_aside : list of SetAside
        Inputs that do not exist or hold nothing usable.

    Raises
    ------
    NothingUsableError
        *inputs* is empty.
    """
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if not given:
        raise NothingUsableError("no input was given; expected video files, folders, globs or zips of frames")
    sources: dict[Path, Source] = {}
    set_aside: list[SetAside] = []
    for item in given:
        text = os.fspath(item)
        try:
            for source in _expand(text):
                sources.setdefault(source.path, source)
        except SourceError as e:
            set_aside.append(SetAside(text, str(e)))
    return list(sources.values()), set_aside


def _expand(text: str) -> list[Source]:
    path = Path(text)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # too long a name, an embedded null
        exists = False
    if exists:
        return _one(path.absolute(), explicit=True)
    if glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True), key=natural_key)
        found = [s for m in matches for s in _one(Path(m).absolute(), explicit=False)]
        if not found:
            raise SourceError("the pattern matches no video, zip or folder of images")
        return found
    raise SourceError("no such file or folder")


def _one(path: Path, *, explicit: bool) -> list[Source]:
    if path.is_dir():
        found = _folder(path)
        if not found and explicit:
            raise SourceError("the folder holds no video, no zip and no image")
        return found
    if not path.is_file():
        raise SourceError("neither a file nor a folder")
    kind = _kind(path)
    if kind is None and not explicit:
        return []
    return [Source(kind="zip" if kind == "zip" else "video", path=path, name=path.stem)]


def _kind(path: Path) -> Literal["video", "zip"] | None:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return "zip"
    return "video" if suffix in VIDEO_SUFFIXES else None


def _folder(top: Path) -> list[Source]:
    """Sources below *top*. Images count where no video lies beside them: there they are its frames."""
    found: list[Source] = []
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(
            (f for f in folders if not f.startswith(".") and not f.endswith(".zarr")), key=natural_key
        )
        here = Path(folder)
        paths = [here / f for f in sorted(files, key=natural_key) if not f.startswith(".")]
        media = [(p, kind) for p in paths if (kind := _kind(p))]
        found += [Source(kind=kind, path=p, name=p.stem) for p, kind in media]
        if not media and any(p.suffix.lower() in IMAGE_SUFFIXES for p in paths):
            found.append(Source(kind="images", path=here, name=here.name))
    return found


def natural_key(text: "str | os.PathLike[str]") -> list[tuple[int, int, str]]:
    """Sort key under which ``frame2`` comes before ``frame10``."""
    parts = re.split(r"(\d+)", os.fspath(text))
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts if p]


def fingerprint(source: Source) -> Fingerprint:
    """Size and digest of the content of *source*, in milliseconds whatever its size.

    Raises
    ------
    SourceError
        The file cannot be read, or is empty.
    """
    try:
        return _folder_fingerprint(source.path) if source.kind == "images" else _file_fingerprint(source.path)
    except OSError as e:
        raise SourceError(f"cannot be read: {e.strerror or e}") from None


def _file_fingerprint(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes == 0:
            raise SourceError("the file is empty")
        digest = hashlib.blake2b(str(n_bytes).encode(), digest_size=16)
        last = max(0, n_bytes - _FINGERPRINT_BLOCK_BYTES)
        for block in range(_FINGERPRINT_BLOCKS):
            file.seek(last * block // (_FINGERPRINT_BLOCKS - 1))
            digest.update(file.read(_FINGERPRINT_BLOCK_BYTES))
    return Fingerprint(n_bytes, digest.hexdigest())


def _folder_fingerprint(path: Path) -> Fingerprint:
    digest = hashlib.blake2b(digest_size=16)
    total = 0
    for image in list_images(path):
        stat = image.stat()
        digest.update(f"{image.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
        total += stat.st_size
    return Fingerprint(total, digest.hexdigest())


def list_images(folder: Path) -> list[Path]:
    """Image files directly in *folder*, in natural order: their position is their frame index."""
    files = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(files, key=lambda p: natural_key(p.name))

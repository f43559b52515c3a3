"""Inputs as people give them (files, folders, globs, zips, addresses, file objects) → sources, in a fixed order."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import IO, Literal, NamedTuple, TypeAlias

from .digest import blake2b
from .errors import NothingUsableError, SourceError
from .remote.address import is_uri
from .remote.content import FileObject, Remote, is_file_object, local_path, stem_of, version_digest

Input: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, a pattern, an address, or a binary file object with a name."""

VIDEO_SUFFIXES = frozenset(
    ".3g2 .3gp .asf .avi .dv .f4v .flv .gif .ivf .m1v .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg "
    ".mts .mxf .nut .obu .ogg .ogv .rm .rmvb .ts .vob .webm .wmv .y4m".split()
)
IMAGE_SUFFIXES = frozenset(".bmp .jpeg .jpg .png .ppm .pgm .tif .tiff .webp".split())

_REQUESTS = 8
_FINGERPRINT_BLOCKS = 64
_FINGERPRINT_BLOCK_BYTES = 1 << 16


class Source(NamedTuple):
    """One video, image folder or zip of images that frames come from."""

    kind: Literal["video", "images", "zip"]
    path: Path | Remote
    """Where to read it: the absolute path of a file or folder, or content that is elsewhere."""
    name: str
    """Stem of the file or name of the folder; not unique."""
    origin: Remote | None = None
    """What `path` is a copy of, if it is one."""

    @property
    def remote(self) -> Remote | None:
        """The content that is elsewhere, if it is."""
        return self.origin if isinstance(self.path, Path) else self.path

    @property
    def uri(self) -> str:
        """What it goes by: its path, or its address without what is secret in it."""
        return str(self.path) if self.remote is None else self.remote.uri

    @property
    def n_bytes(self) -> int:
        """Size of the file; 0 where there is none."""
        if self.remote is not None:
            return self.remote.n_bytes
        try:
            return Path(self.uri).stat().st_size
        except OSError:
            return 0

    @property
    def id(self) -> str:
        """Key of the source in a store: its name and a digest of its path or address."""
        plain = self.name if self.name.isascii() else _without_accents(self.name)
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:48] or "source"
        digest = blake2b(os.fsencode(self.uri), digest_size=6).hexdigest()
        return f"{slug}-{digest}"


def _without_accents(text: str) -> str:
    import unicodedata  # late: few names need it

    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


class SetAside(NamedTuple):
    """An input that could not be used, and why."""

    uri: str
    reason: str


class Fingerprint(NamedTuple):
    """What tells whether a source's content is still the same."""

    n_bytes: int
    digest: str
    """BLAKE2b of the size and of 64 blocks of 64 KiB spread over the file, or all of it (of a folder: names and sizes)."""


def find_sources(inputs: Input | Iterable[Input]) -> tuple[list[Source], list[SetAside]]:
    """Turn inputs into sources.

    Parameters
    ----------
    inputs
        Paths of video files, zips of images, folders (searched recursively for videos, zips and folders of
        images) and glob patterns; addresses ``s3://bucket/key`` and ``gs://bucket/key`` of an object, a prefix or
        a pattern, and ``https://…`` of a file; binary, seekable file objects with a name. One or many.

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
    UsageError
        An address is given and obstore is not installed.
    """
    given: list[Input] = [inputs] if _is_one(inputs) else list(inputs)  # type: ignore[arg-type, list-item]
    if not given:
        raise NothingUsableError("no input was given; expected video files, folders, globs or zips of frames")
    sources: dict[str, Source] = {}
    set_aside: list[SetAside] = []
    for item, answer in zip(given, _answers(given), strict=True):
        try:
            for source in answer():
                _check_same(sources.setdefault(source.uri, source), source)
        except SourceError as e:
            set_aside.append(SetAside(_shown(item), str(e)))
    return list(sources.values()), set_aside


def _answers(given: list[Input]) -> Iterator[Callable[[], list[Source]]]:
    """For each input what returns its sources. An address is a request at least, so some are asked at a time."""
    if not any(map(is_uri, given)):
        yield from (partial(_expand, item) for item in given)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_REQUESTS) as pool:
        asked = [pool.submit(_expand, item) if is_uri(item) else None for item in given]
        for item, answer in zip(given, asked, strict=True):
            yield partial(_expand, item) if answer is None else answer.result


def _is_one(inputs: object) -> bool:
    return isinstance(inputs, str | os.PathLike) or is_file_object(inputs)


def _shown(item: Input) -> str:
    """An input as it may be written down: the query of an address may be secret."""
    if not isinstance(item, str | os.PathLike):
        return f"file-object:{os.path.basename(str(getattr(item, 'name', '')))}"
    text = os.fspath(item)
    return re.sub(r"(//)[^/]*@|[?#].*", r"\1", text) if is_uri(text) and text[:1] in "hH" else text


def _expand_file_object(file: IO[bytes]) -> list[Source]:
    path = local_path(file)
    if path is not None:
        return _one(_absolute(Path(path)), explicit=True)
    return [_remote_source(FileObject(file))]


def _remote_source(remote: Remote) -> Source:
    kind = "zip" if Path(remote.name).suffix.lower() == ".zip" else "video"
    return Source(kind=kind, path=remote, name=stem_of(remote))  # type: ignore[arg-type]


def _check_same(known: Source, source: Source) -> None:
    """An address given twice is one source; two file objects of one name are two."""
    if isinstance(known.path, FileObject) and known is not source:
        raise SourceError(f"another file object is named {known.path.name!r} too; name them differently")


def _expand(item: Input) -> list[Source]:
    if not isinstance(item, str | os.PathLike):
        return _expand_file_object(item)
    text = os.fspath(item)
    if is_uri(text):
        from .remote.listing import expand

        return [
            _remote_source(o) for o in expand(text, lambda name: _kind(Path(name)) is not None, natural_key)
        ]
    path = Path(text)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # too long a name, an embedded null
        exists = False
    if exists:
        return _one(_absolute(path), explicit=True)
    import glob  # late: most inputs are files

    if glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True), key=natural_key)
        found = [s for m in matches for s in _one(_absolute(Path(m)), explicit=False)]
        if not found:
            raise SourceError("the pattern matches no video, zip or folder of images")
        return found
    raise SourceError("no such file or folder")


def _absolute(path: Path) -> Path:
    """*path* without ``..``, so that a file goes by one name from whatever folder it is given; links stay."""
    if path.name == "..":
        return Path(os.path.realpath(path))
    if ".." in path.parts:
        return Path(os.path.realpath(path.parent), path.name)
    return path.absolute()


def _one(path: Path, *, explicit: bool) -> list[Source]:
    if path.is_dir():
        found = _folder(path)
        if not found and explicit:
            but = (
                " but what framesift wrote; name the folder of these"
                if _is_ours(path / "selection.json")
                else ""
            )
            raise SourceError(f"the folder holds no video, no zip and no image{but}")
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
    """Sources below *top*. Images count where no video lies beside them: there they are its frames.

    What was made of sources is none: stores, what an export wrote, a project's pictures, videos with predictions drawn
    on.
    """
    found: list[Source] = []
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        written = (
            _EXPORTED if "selection.json" in files and _is_ours(here / "selection.json") else frozenset()
        )
        if not _PROJECTS.isdisjoint(files):
            written |= _OF_PROJECTS
        folders[:] = sorted(
            (f for f in folders if not f.startswith(".") and not f.endswith(".zarr") and f not in written),
            key=natural_key,
        )
        if "zarr.json" in files:
            folders.clear()
            continue
        paths = [
            here / f
            for f in sorted(files, key=natural_key)
            if not f.startswith(".") and f not in written and not _is_drawn_on(f, files)
        ]
        media = [(p, kind) for p in paths if (kind := _kind(p))]
        found += [Source(kind=kind, path=p, name=p.stem) for p, kind in media]
        if not media and any(p.suffix.lower() in IMAGE_SUFFIXES for p in paths):
            found.append(Source(kind="images", path=here, name=here.name))
    return found


_EXPORTED = frozenset(["frames", "labeled-data", "zips", "contact-sheet.png"])
"""What `export.exporting.export` writes beside ``selection.json``, in any layout."""

_PROJECTS = frozenset(["config.yaml", "project.yaml"])
_OF_PROJECTS = frozenset(["labeled-data", "evaluation-results", "evaluation-results-pytorch"])
"""What lies in projects of DeepLabCut and Lightning Pose beside their videos: pictures made of their frames."""


def _is_ours(selection: Path) -> bool:
    """An export wrote this file."""
    try:
        with selection.open("rb") as file:
            return b'"framesift"' in file.read(64)
    except OSError:
        return False


def _is_drawn_on(name: str, files: list[str]) -> bool:
    """It is what `label_video`, or DeepLabCut, made of a video beside it: ``<video>…_labeled.mp4``."""
    stem = os.path.splitext(name)[0]
    return stem.endswith("_labeled") and any(
        re.match(rf"{re.escape(os.path.splitext(f)[0])}(DLC|\W|_)", stem) and _kind(Path(f)) == "video"
        for f in files
    )


def natural_key(text: "str | os.PathLike[str]") -> list[tuple[int, int, str]]:
    """Sort key under which ``frame2`` comes before ``frame10``."""
    parts = re.split(r"(\d+)", os.fspath(text))
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts if p]


def fingerprint(source: Source) -> Fingerprint:
    """Size and digest of the content of *source*, in milliseconds whatever its size.

    Of an object elsewhere it is a digest of its size and its version (ETag, else when it was last modified), by
    which nothing needs to be read; where the server tells no version, of its content as for a file.

    Raises
    ------
    SourceError
        The file cannot be read, or is empty.
    """
    remote = source.remote
    if remote is not None and remote.n_bytes == 0:
        raise SourceError("the file is empty")
    if remote is not None and remote.version:
        return Fingerprint(remote.n_bytes, version_digest(remote))
    try:
        if not isinstance(source.path, Path):
            return _content_fingerprint(source.path.n_bytes, source.path.read_range)
        return _folder_fingerprint(source.path) if source.kind == "images" else _file_fingerprint(source.path)
    except OSError as e:
        raise SourceError(f"cannot be read: {e.strerror or e}") from None


def check_readable(source: Source) -> None:
    """See, without reading it, that there is something to read of *source*.

    Raises
    ------
    SourceError
        The file cannot be read, or is empty.
    """
    if source.remote is not None and source.remote.n_bytes == 0:
        raise SourceError("the file is empty")
    if isinstance(source.path, Path) and source.kind != "images":
        try:
            with _opened(source.path):
                pass
        except OSError as e:
            raise SourceError(f"cannot be read: {e.strerror or e}") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """A file that is not empty, and its size."""
    if not S_ISREG(path.stat().st_mode):  # to open a named pipe waits for whoever writes to it
        raise SourceError("not a regular file")
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes == 0:
            raise SourceError("the file is empty")
        yield file, n_bytes


def _file_fingerprint(path: Path) -> Fingerprint:
    with _opened(path) as (file, n_bytes):

        def read(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        return _content_fingerprint(n_bytes, read)


def _content_fingerprint(n_bytes: int, read: Callable[[int, int], bytes]) -> Fingerprint:
    digest = blake2b(str(n_bytes).encode(), digest_size=16)
    if n_bytes <= _FINGERPRINT_BLOCKS * _FINGERPRINT_BLOCK_BYTES:
        digest.update(read(0, n_bytes))
        return Fingerprint(n_bytes, digest.hexdigest())
    last = max(0, n_bytes - _FINGERPRINT_BLOCK_BYTES)
    for block in range(_FINGERPRINT_BLOCKS):
        start = last * block // (_FINGERPRINT_BLOCKS - 1)
        digest.update(read(start, min(start + _FINGERPRINT_BLOCK_BYTES, n_bytes)))
    return Fingerprint(n_bytes, digest.hexdigest())


def _folder_fingerprint(path: Path) -> Fingerprint:
    digest = blake2b(digest_size=16)
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

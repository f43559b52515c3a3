"""``config.yaml``: read without trust, and added to without touching what else a person wrote there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ..errors import UsageError
from ..files import write_atomically
from ..positions import parse_crop

_MAX_BYTES = 64 << 20
Crop = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectVideo:
    """A video of a project."""

    key: str
    """As it is written in ``video_sets``."""
    path: Path
    """Where it is; it may not be there."""
    name: str
    """Stem: the folder of its pictures in ``labeled-data``."""
    crop: Crop | None
    """x1, x2, y1, y2; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a ``config.yaml`` says."""

    config: Path
    data: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The project is where its config is; ``project_path`` may be that of another machine."""
        return self.config.parent

    @property
    def section(self) -> str:
        """The section in which DeepLabCut keeps the videos."""
        return "video_sets_original" if self.data.get("video_sets_original") else "video_sets"

    def videos(self) -> list[ProjectVideo]:
        """Its videos, in their order.

        Raises
        ------
        UsageError
            A crop is none.
        """
        return [self._video(str(key), value) for key, value in (self.data.get(self.section) or {}).items()]

    def _video(self, key: str, value: Any) -> ProjectVideo:
        path = Path(key)
        if not path.exists():  # moved with the project, from another system perhaps
            base = PureWindowsPath(key).name if "\\" in key else path.name
            inside = self.folder / "videos" / base
            path = inside if inside.exists() else path
            name = Path(base).stem
        else:
            name = path.stem
        text = value.get("crop") if isinstance(value, Mapping) else None
        return ProjectVideo(
            key=key, path=path, name=name, crop=None if text is None else parse_crop(_crop(text))
        )

    def labels(self, video: str) -> Path | None:
        """What people labelled of a video, by its name; None where there is nothing yet."""
        folder = self.folder / "labeled-data" / video
        tables = [folder / f"CollectedData_{self.data['scorer']}{suffix}" for suffix in (".h5", ".csv")]
        return next((path for path in tables if path.is_file()), None)

    def number(self, name: str, default: float) -> float:
        """A number of the config.

        Raises
        ------
        UsageError
            It is none.
        """
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{self.config}: {name} must be a number, got {value!r}")
        return value

    @property
    def iteration(self) -> int:
        """Rounds of refinement that went before."""
        return int(self.number("iteration", 0))

    @property
    def analysis_offset(self) -> tuple[int, int]:
        """Where the frames that were analysed begin in the whole ones (``cropping``)."""
        if not self.data.get("cropping"):
            return 0, 0
        return int(self.number("x1", 0)), int(self.number("y1", 0))


def _crop(value: Any) -> Any:
    """``"0, 640, 0, 480"`` with or without spaces, or a list."""
    return tuple(value) if isinstance(value, list) else str(value)


def load_yaml() -> Any:
    """The yaml module.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        import yaml
    except ImportError:
        raise UsageError(
            "DeepLabCut projects need pyyaml; install it with: pip install 'framesift[pose]'"
        ) from None
    return yaml


def read_project(config: str | os.PathLike[str]) -> Project:
    """Read a ``config.yaml``, or that of a project's folder.

    Raises
    ------
    UsageError
        It does not exist, or is no config of DeepLabCut.
    """
    yaml = load_yaml()
    path = Path(config).absolute()
    if path.is_dir():
        path = path / "config.yaml"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is too large to be a config.yaml")
        data = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise UsageError(f"{path} is not YAML ({' '.join(str(e).split())})") from None
    if not isinstance(data, dict) or not {"Task", "scorer", "video_sets"} <= set(data):
        raise UsageError(f"{path} is not a config.yaml of DeepLabCut: it has no Task, scorer and video_sets")
    for section in ("video_sets", "video_sets_original"):
        if not isinstance(data.get(section) or {}, dict):
            raise UsageError(
                f"{path}: {section} must be a mapping of videos, got {type(data[section]).__name__}"
            )
    return Project(config=path, data=data)


def entries(videos: Mapping[str, Crop]) -> str:
    """Lines of ``video_sets``: what DeepLabCut writes, with a comma and a space."""
    yaml = load_yaml()
    found = {key: {"crop": ", ".join(map(str, crop))} for key, crop in videos.items()}
    text: str = yaml.safe_dump(
        found, allow_unicode=True, width=1 << 20, default_flow_style=False, sort_keys=False
    )
    return "".join(f"  {line}\n" for line in text.splitlines())


def add_entries(project: Project, videos: Mapping[str, Crop]) -> Project:
    """Write videos to the config, behind those there are. Comments and all other lines stay as they are."""
    yaml = load_yaml()
    text = project.config.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.split(":")[0] == project.section)
    end = at + 1
    while end < len(lines) and (lines[end][:1] in " \t?-" and lines[end].strip()):
        end += 1
    head = f"{project.section}:\n"
    block = lines[at + 1 : end] if lines[at].split("#")[0].strip() == f"{project.section}:" else []
    if block and not block[-1].endswith("\n"):
        block[-1] += "\n"
    changed = "".join([*lines[:at], head, *_indented(block), entries(videos), *lines[end:]])
    expected = dict(project.data)
    expected[project.section] = {**(project.data.get(project.section) or {})} | {
        key: {"crop": ", ".join(map(str, crop))} for key, crop in videos.items()
    }
    try:
        same = yaml.safe_load(changed) == expected
    except yaml.YAMLError:
        same = False
    if not same:  # written in a way that cannot be added to: written anew, without its comments
        changed = yaml.safe_dump(expected, allow_unicode=True, sort_keys=False, width=1 << 20)
    write_atomically(project.config, lambda file: file.write(changed.encode()))
    return read_project(project.config)


def _indented(block: list[str]) -> list[str]:
    """Lines of a mapping, indented by two spaces."""
    depth = min((len(line) - len(line.lstrip(" ")) for line in block if line.strip()), default=2)
    return ["  " + line[depth:] for line in block]

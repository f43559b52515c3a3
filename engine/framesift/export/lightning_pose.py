"""Layout ``lightning-pose``: labeled-data with context frames, and the zip per video that its app uploads.

::

    labeled-data/<video>/img00000143.png        chosen frames, and two on either side
    labeled-data/<video>/selected_frames.csv    names of the chosen ones, no header
    zips/<video>.zip                            the same files, flat
    CollectedData….unlabeled.jsonl              the queue, in a project of the newer app (project.yaml)
"""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_atomically
from .layout import Layout

if TYPE_CHECKING:
    from ..selection.result import SelectedSource


def _path(folder: str, source: "SelectedSource", index: int, suffix: str) -> Path:
    return Path("labeled-data", folder, f"img{index:08d}{suffix}")


def _finish(out: Path, pictures: dict[str, list[Path]], chosen: dict[str, list[Path]]) -> None:
    from .lightning_project import enqueue, find_project  # late: it brings NumPy

    for folder, paths in pictures.items():
        table = out / "labeled-data" / folder / "selected_frames.csv"
        text = "".join(f"{path.name}\n" for path in sorted(chosen[folder]))
        write_atomically(table, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
        _zip(out / "zips" / f"{folder}.zip", [*sorted(paths), table])
    project = find_project(out)
    if project is not None:
        enqueue(project, chosen)


def _zip(path: Path, members: list[Path]) -> None:
    """Pictures are compressed already; fixed dates make the same selection the same zip."""

    def write(file: object) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
            for member in members:
                archive.writestr(zipfile.ZipInfo(member.name, (1980, 1, 1, 0, 0, 0)), member.read_bytes())

    write_atomically(path, write)


LIGHTNING_POSE = Layout(name="lightning-pose", context=2, min_gap=2, path=_path, finish=_finish)

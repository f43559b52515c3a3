"""``framesift predictions``: what models predicted of pictures, checked and converted."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, Quiet, Threads
from .progress import reporting
from .showing import say

if TYPE_CHECKING:
    from framesift.predictions import Fault, TaskPredictions

predictions = typer.Typer(
    name="predictions",
    help="Check predictions of models, and convert them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_SHOWN = 20
"""Faults that are shown without --json."""


class TaskTypeName(StrEnum):
    """What COCO has."""

    object_detection = "object-detection"
    keypoint_detection = "keypoint-detection"
    instance_segmentation = "instance-segmentation"
    semantic_segmentation = "semantic-segmentation"


@predictions.command()
def validate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="With tasks.json, or .lightly/predictions, in it.")
    ],
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Check a folder of LightlyOne's predictions.

    Every file is held against its schema.
    """
    import framesift

    with reporting(quiet=quiet) as progress:
        tasks = framesift.predictions.validate_lightly(folder, threads=threads, progress=progress)
    faults = [fault for task in tasks for fault in task.faults]
    n_bad = sum(task.n_bad_files for task in tasks)
    if as_json:
        found = {
            "tasks": [
                {
                    "task": task.task,
                    "task_type": task.task_type,
                    "n_files": task.n_files,
                    "n_objects": task.n_objects,
                    "n_bad_files": task.n_bad_files,
                }
                for task in tasks
            ],
            "faults": [_as_object(fault) for fault in faults],
        }
        print(json.dumps(found))
    elif not quiet:
        _show(faults)
        for task in tasks:
            what = task.task_type or "no usable schema"
            say(
                f"{task.task} ({what}): {task.n_files} files, {task.n_objects} objects, {task.n_bad_files} bad files"
            )
    if not n_bad:
        return 0
    n_good = sum(task.n_files - task.n_bad_files for task in tasks if task.task_type is not None)
    return 3 if n_good else 4


@predictions.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="A JSON file of COCO, or a folder of LightlyOne's predictions."
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The other: a folder, or a .json file.")],
    annotations: Annotated[
        Path | None, typer.Option(help="COCO dataset whose pictures results are of, or whose ids they get.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Name of the task; by default that of the only one, or of the file.")
    ] = None,
    task_type: Annotated[
        TaskTypeName | None, typer.Option(help="What to take from COCO; by default what all objects have.")
    ] = None,
    score: Annotated[float, typer.Option(min=0, max=1, help="Of COCO's annotations without one.")] = 1.0,
    results: Annotated[bool, typer.Option("--results", help="Write COCO's results.")] = False,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, for the size of masks written to COCO.")
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Convert COCO to LightlyOne's predictions, or back.

    From COCO's annotations or results.
    """
    import framesift.predictions as library
    from framesift.errors import UsageError

    with reporting(quiet=quiet) as progress:
        if source.is_dir():
            if target.suffix.lower() != ".json":
                raise UsageError(f"LightlyOne's predictions become a .json file of COCO, got {target}")
            found = _only(
                library.read_lightly(source, task and [task], threads=threads, progress=progress), source
            )
            library.write_coco(found, target, annotations=annotations, results=results, images=images)
        else:
            if target.suffix.lower() == ".json":
                raise UsageError(f"COCO's file becomes a folder of LightlyOne's predictions, got {target}")
            found = library.read_coco(
                source,
                annotations=annotations,
                task=task or source.stem,
                task_type=None if task_type is None else task_type.value,
                score=score,
            )
            library.write_lightly(found, target, progress=progress)
    _tell(found, target, as_json=as_json, quiet=quiet)
    return 3 if found.set_aside else 0


def _only(found: "dict[str, TaskPredictions]", source: Path) -> "TaskPredictions":
    from framesift.errors import UsageError

    if len(found) != 1:
        raise UsageError(f"{source} has the tasks {', '.join(found) or 'none'}; name one with --task")
    return next(iter(found.values()))


def _tell(found: "TaskPredictions", target: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        summary: dict[str, Any] = {
            "task": found.task,
            "task_type": found.task_type,
            "n_pictures": int(len(found) - found.missing.sum()),
            "n_objects": len(found.category),
            "target": str(target),
            "set_aside": [_as_object(fault) for fault in found.set_aside],
        }
        print(json.dumps(summary))
    elif not quiet:
        _show(list(found.set_aside))
        say(
            f"{found.task} ({found.task_type}): {len(found)} pictures, {len(found.category)} objects → {target}"
        )


def _as_object(fault: "Fault") -> dict[str, str]:
    return {"file": fault.file, "field": fault.field, "reason": fault.reason}


def _show(faults: "list[Fault]") -> None:
    for fault in faults[:_SHOWN]:
        say(str(fault))
    if len(faults) > _SHOWN:
        say(f"... and {len(faults) - _SHOWN} more; --json lists all")

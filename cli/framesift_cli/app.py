"""The command line. Only the command that is run is imported and built: all of them take a hundredth of a second."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

_COMMANDS = {
    "select": "commands:select",
    "index": "commands:index",
    "export": "commands:export",
    "info": "commands:info",
    "verify": "commands:verify",
    "demo": "commands:demo",
    "import-zip": "lightning_pose:import_zip",
    "lists": "lists:lists",
    "outliers": "outliers:outliers",
    "filter": "poses:filter_predictions",
    "skeleton": "poses:skeleton",
    "report": "report:report",
    "plot-trajectories": "drawing:plot_trajectories",
    "label-video": "drawing:label_video",
    "check-labels": "drawing:check_labels",
    "suggest": "sleap:suggest",
    "select-views": "views:select_views",
    "dlc": "dlc:dlc",
    "predictions": "predictions:predictions",
}
"""Module and name of each command or group of commands, in the order of ``--help``."""

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(TyperGroup):
    """A group whose commands are looked up in `_COMMANDS`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update(dict.fromkeys(_COMMANDS))  # type: ignore[arg-type]

    def get_command(self, _: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        found = getattr(import_module(f".{module}", __package__), name)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=_HELP)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)  # type: ignore[return-value]


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
    epilog="Exit codes: 0 all well; 1 internal error; 2 usage; 3 finished, but some inputs were set aside; "
    "4 nothing usable; 5 store busy; 6 integrity; 7 out of disk or memory; 130/143 stopped, and resumable.",
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Pick the frames worth labelling out of hours of video."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"framesift {installed('framesift')}")
        raise typer.Exit

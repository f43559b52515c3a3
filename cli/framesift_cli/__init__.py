"""The command line of framesift: every command is one library call.

Nothing here imports compiled code before a command runs, so that ``--help`` answers at once.
"""

from .main import main

__all__ = ["main"]

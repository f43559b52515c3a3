"""Every error that framesift raises for a caller to handle.

FramesiftError                    exit code
├── UsageError                    2    what was asked for makes no sense, or cannot be had
│   ├── NotEnoughFramesError      2    fewer distinct frames than asked for
│   └── StoreVersionError         2    a store written by another version
├── SourceError                   -    one input cannot be used; in a batch it is set aside
├── NothingUsableError            4    no input could be used
├── StoreBusyError                5    another process is writing to the store
├── IntegrityError                6    stored or re-decoded data is not what was recorded
└── ResourceError                 7    out of disk or memory
"""


class FramesiftError(Exception):
    """Base of every error that framesift raises for the caller to handle."""

    exit_code = 1


class UsageError(FramesiftError, ValueError):
    """What was asked for makes no sense, or cannot be had from these inputs."""

    exit_code = 2


class NotEnoughFramesError(UsageError):
    """Fewer distinct, usable frames than asked for."""


class StoreVersionError(UsageError):
    """A store written by another version of framesift."""


class SourceError(FramesiftError):
    """One input cannot be used. In a batch it is set aside with this reason and the rest goes on."""

    exit_code = 4


class NothingUsableError(FramesiftError):
    """No input could be used."""

    exit_code = 4


class StoreBusyError(FramesiftError):
    """Another process is writing to the store."""

    exit_code = 5


class IntegrityError(FramesiftError):
    """Stored or re-decoded data is not what was recorded."""

    exit_code = 6


class ResourceError(FramesiftError):
    """Out of disk space or memory."""

    exit_code = 7

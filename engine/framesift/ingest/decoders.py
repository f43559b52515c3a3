"""The open decoder of each thread, kept from one segment of a video to the next."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ..remote.content import Remote
from ..video.container import open_video
from ..video.decode import Decoder


class Decoders(threading.local):
    """Each thread sees its own."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._what: tuple[object, Mapping[str, str]] | None = None

    def get(self, owner: object, path: Path | Remote, shortcuts: Mapping[str, str]) -> Decoder:
        """The decoder that this thread has for *owner* and *shortcuts*, or a new one in place of another's."""
        if self._what is None or self._what[0] is not owner or self._what[1] != shortcuts:
            self.close()
            self._decoder = Decoder(
                *self._stack.enter_context(open_video(path, strict=True, shortcuts=shortcuts))
            )
            self._what = owner, dict(shortcuts)
        return self._decoder

    def close(self) -> None:
        """Close what this thread has open."""
        self._what = None
        self._stack.close()

"""What indexing one source has in common, whatever the source."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from framesift_kernels import Kernels

from ..digest import blake2b
from ..errors import SourceError
from ..measure import View
from ..remote.content import check, version_digest
from ..sources import Fingerprint, Source, check_readable, fingerprint
from ..store import SourceRecord, Store
from .modes import Frames
from .options import IndexOptions
from .pool import Pool, Task


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """What all jobs of one call share."""

    store: Store
    options: IndexOptions
    kernels: Kernels
    threads: int
    pool: Pool | None = None
    on_begin: "Callable[[Job], None]" = lambda _: None
    """Called before a job's source is touched for the first time."""

    @property
    def stopping(self) -> threading.Event:
        """Set when everything should end early."""
        assert self.pool is not None
        return self.pool.stopping


class Job:
    """Indexing one source: `open` is its first task. Afterwards `record` or `reason` is set."""

    def __init__(self, source: Source, context: Context) -> None:
        self.source = source
        self.context = context
        self.record: SourceRecord | None = None
        """Of the source, once it is in the store."""
        self.reason: str | None = None
        """Why the source was set aside."""
        self.reused = False
        """The store had it already."""
        self.n_done = 0
        """Frames done so far, for the progress bar."""
        self.n_total = 0
        self.n_bytes = source.n_bytes
        self.n_steps = 0
        """Counts whatever shows that work goes on beside `n_done`."""
        self._lock = threading.Lock()
        self.when_done: list[Callable[[Job], None]] = []
        """Called once `record` or `reason` is set and the source is not read any more; maybe more than once."""
        self._n_running = 0
        self._content: Fingerprint | None = None
        self._content_lock = threading.Lock()
        self._kept = frozenset(vars(self))

    def root(self) -> Task:
        """The first task: opens the source, or finds it in the store."""

        def begin() -> Iterable[Task]:
            self.context.on_begin(self)
            return self._open_or_reuse()

        return self.guard(begin)

    def guard(self, task: Task) -> Task:
        """*task*, setting the source aside if it turns out to be unusable."""

        def guarded() -> Iterable[Task]:
            with self._lock:
                if self.reason is not None or self.context.stopping.is_set():
                    return []
                self.n_steps += 1
                self._n_running += 1
            try:
                return task()
            except SourceError as e:
                failure = self.source.remote and self.source.remote.failure
                self.set_aside(str(failure or e))  # content cut short looks damaged in many ways
                return []
            finally:
                if self.record is not None or self.reason is not None:
                    for call in self.when_done:
                        call(self)
                self._leave()

        return guarded

    def _leave(self) -> None:
        """A task has ended; with the last one of a job that is done goes all that is known of its frames.

        Jobs are kept to the end of a batch, which may be of thousands.
        """
        with self._lock:
            self._n_running -= 1
            if self._n_running == 0 and (self.record is not None or self.reason is not None):
                for name in vars(self).keys() - self._kept - {"_kept"}:
                    delattr(self, name)

    def set_aside(self, reason: str) -> None:
        """Give the source up; the store keeps nothing of it."""
        with self._lock:
            self.reason = self.reason or reason

    @property
    def is_in_store(self) -> bool:
        """The store has it as it is, by the version of content that is elsewhere: it need not be read."""
        remote, found = self.source.remote, self.context.store.record(self.source.id)
        return bool(
            remote is not None
            and remote.version
            and found is not None
            and found.is_of(version_digest(remote), self.context.options.to_json())
        )

    def _open_or_reuse(self) -> Iterable[Task]:
        check_readable(self.source)
        found = self.context.store.record(self.source.id)
        if found is not None:
            if found.is_of(self.content.digest, self.context.options.to_json()):
                self.record, self.reused = found, True
                self.n_done = self.n_total = found.n_rows
                return []
            self.context.store.discard(self.source.id)
        return self.open()

    def open(self) -> Iterable[Task]:
        """Plan the source and return its tasks."""
        raise NotImplementedError

    @property
    def content(self) -> Fingerprint:
        """What tells whether the source is still the same; read from it when first asked for."""
        with self._content_lock:
            if self._content is None:
                self._content = fingerprint(self.source)
            return self._content

    def resume_key(
        self, window: range, frames: Frames | None = None, decoded: str = "exact"
    ) -> dict[str, Any]:
        """What must be equal for the chunks of an interrupted run to be used."""
        listed = b"" if frames is None or isinstance(frames, range) else frames.tobytes()
        return {
            "decoded": decoded,
            "frames": blake2b(listed, digest_size=16).hexdigest(),
            "fingerprint": self.content.digest,
            "options": self.context.options.to_json(),
            "window": [window.start, window.stop, window.step],
        }

    def base_record(self, window: range, view: View) -> dict[str, Any]:
        """The part of a commit record that is alike for all kinds of sources.

        Raises
        ------
        SourceError
            Content elsewhere could not be read to its end: there must be no record.
        """
        if self.source.remote is not None:
            check(self.source.remote)
        width, height = view.shown
        return {
            "id": self.source.id,
            "uri": self.source.uri,
            "name": self.source.name,
            "kind": self.source.kind,
            "n_bytes": self.content.n_bytes,
            "fingerprint": self.content.digest,
            "start": window.start,
            "stop": window.stop,
            "step": window.step,
            "width": width,
            "height": height,
            "rotation": view.rotation,
            "thumbnail_shape": view.shape,
            "options": self.context.options.to_json(),
        }

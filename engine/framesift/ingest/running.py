"""Indexing many sources in this process."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..progress import Progress
from ..remote.content import RemoteObject
from ..remote.scratch import Scratch
from ..sources import Source
from ..store import SourceRecord
from .fetch import Fetcher
from .job import Context, Job
from .pool import Pool
from .video import VideoJob


class Outcome(Protocol):
    """How far the indexing of a source has come; at the end, `record` or `reason` is set."""

    source: Source
    record: SourceRecord | None
    """Of the source, once it is in the store."""
    reason: str | None
    """Why the source was set aside."""
    reused: bool
    """The store had it already."""
    n_done: int
    """Frames done so far."""
    n_total: int
    """Frames there will be; 0 before that is known."""


_Outcome = TypeVar("_Outcome", bound=Outcome)


@dataclass(slots=True, eq=False, repr=False)
class Running:
    """The jobs of some sources, in their order."""

    jobs: list[Job]
    pool: Pool
    fetcher: Fetcher | None
    """Brings copies of what is elsewhere."""

    def run(self, tick: Callable[[], None]) -> None:
        """Do them all; calls *tick* from this thread about ten times a second, and at the end."""
        if self.fetcher is not None:
            self.fetcher.start()
        try:
            self.pool.run(tick)
        finally:
            self.pool.stop()
            if self.fetcher is not None:
                self.fetcher.join()
        tick()

    @property
    def n_bytes(self) -> int:
        """Bytes fetched from elsewhere."""
        return 0 if self.fetcher is None else self.fetcher.n_bytes


def prepare(sources: Iterable[Source], context: Context, room: Scratch | None = None) -> Running:
    """Jobs for the sources, to be done the biggest first, so that all threads stay busy to the end.

    With *room*, what is elsewhere is copied there first.
    """
    jobs = [_job(source, context) for source in sources]
    fetched = [j for j in biggest_first(jobs) if room and isinstance(j.source.path, RemoteObject)]
    at_hand = [job.root() for job in biggest_first(jobs) if job not in fetched]
    pool = context.pool = Pool(at_hand, context.threads, len(fetched))
    for job in jobs:
        if isinstance(job.source.remote, RemoteObject):
            job.source.remote.is_stopped = pool.stopping.is_set
    return Running(jobs, pool, Fetcher(fetched, pool, room) if room else None)


def _job(source: Source, context: Context) -> Job:
    if source.kind == "video":
        return VideoJob(source, context)
    from .images import ImagesJob  # brings Pillow in

    return ImagesJob(source, context)


def biggest_first(outcomes: Sequence[_Outcome]) -> list[_Outcome]:
    """In falling order of the size of their files."""
    return sorted(outcomes, key=lambda outcome: -outcome.source.n_bytes)


def progress_of(outcomes: Sequence[Outcome]) -> Progress:
    """How far all of them have come."""
    under_way = (o for o in outcomes if o.record is None and o.reason is None and o.n_total)
    current = next(under_way, None)
    return Progress(
        stage="index",
        done=sum(o.n_done for o in outcomes),
        total=sum(o.n_total for o in outcomes),
        source=current.source.name if current else "",
    )

"""Indexing many sources in this process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..remote.content import RemoteObject
from ..remote.scratch import Scratch
from ..sources import Source
from .fetch import Fetcher
from .job import Context, Job
from .outcome import biggest_first
from .pool import Pool
from .video import VideoJob


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
    elsewhere = set(fetched)
    at_hand = [job.root() for job in biggest_first(jobs) if job not in elsewhere]
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

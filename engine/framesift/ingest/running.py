"""Indexing many sources in this process."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from ..progress import Progress
from ..sources import Source
from ..store import SourceRecord
from .images import ImagesJob
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


@dataclass(slots=True)
class Running:
    """The jobs of some sources, in their order."""

    jobs: list[Job]
    pool: Pool

    def run(self, tick: Callable[[], None]) -> None:
        """Do them all; calls *tick* from this thread about ten times a second, and at the end."""
        self.pool.run(tick)
        tick()


def prepare(sources: Iterable[Source], context: Context) -> Running:
    """Jobs for the sources, to be done the biggest first, so that all threads stay busy to the end."""
    jobs: list[Job] = [(VideoJob if s.kind == "video" else ImagesJob)(s, context) for s in sources]
    context.pool = Pool([job.root() for job in biggest_first(jobs)], context.threads)
    return Running(jobs, context.pool)


def biggest_first(outcomes: Sequence[_Outcome]) -> list[_Outcome]:
    """In falling order of the size of their files."""
    return sorted(outcomes, key=lambda outcome: -_n_bytes(outcome.source.path))


def _n_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


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

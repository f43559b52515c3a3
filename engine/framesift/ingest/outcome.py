"""How far the indexing of sources has come, wherever it is done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ..errors import SourceError
from ..progress import Progress
from ..sources import Source, fingerprint
from ..store import SourceRecord, Store
from .options import IndexOptions


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
    n_bytes: int
    """Of the source's file."""


@dataclass(slots=True)
class Known:
    """What is known here of a source that is indexed elsewhere, or was before."""

    source: Source
    record: SourceRecord | None = None
    reason: str | None = None
    reused: bool = False
    n_done: int = 0
    n_total: int = 0
    n_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_bytes = self.source.n_bytes


def find_whole(store: Store, sources: Iterable[Source], options: IndexOptions) -> list[Known] | None:
    """Of each source what the store holds, without writing to it; None where it lacks one, or one has changed."""
    found = []
    for source in sources:
        outcome = Known(source)
        try:
            content = fingerprint(source)
        except SourceError as e:
            outcome.reason = str(e)
        else:
            outcome.record = store.record(source.id)
            if outcome.record is None or not outcome.record.is_of(content.digest, options.to_json()):
                return None
            outcome.reused = True
        found.append(outcome)
    return found


_Outcome = TypeVar("_Outcome", bound=Outcome)


def biggest_first(outcomes: Sequence[_Outcome]) -> list[_Outcome]:
    """In falling order of the size of their files."""
    return sorted(outcomes, key=lambda outcome: -outcome.n_bytes)


def progress_of(outcomes: Sequence[Outcome]) -> Progress:
    """How far all of them have come. What is not open yet is taken to have as many frames a byte as what is."""
    done = total = opened_bytes = closed_bytes = 0
    current = None
    for o in outcomes:
        done += o.n_done
        if o.n_total:
            total += o.n_total if o.reason is None else o.n_done
            opened_bytes += o.n_bytes
            current = o if current is None and o.record is None and o.reason is None else current
        elif o.reason is None:  # one that has just ended may not have told its number yet
            closed_bytes += o.n_bytes
    return Progress(
        stage="index",
        done=done,
        total=total + (total * closed_bytes // opened_bytes if opened_bytes else 0),
        source=current.source.name if current else "",
    )

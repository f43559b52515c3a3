"""Copies of sources that are elsewhere, brought to scratch space while others are being indexed."""

import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from ..errors import SourceError
from ..remote.content import RemoteObject, suffix_of
from ..remote.download import download
from ..remote.scratch import Scratch
from .job import Job
from .pool import Pool

_CONNECTIONS = 2
_MAX_COPIES = 4
"""Being fetched, waiting, or being indexed."""


class Fetcher:
    """Downloads the sources of *jobs*, in order, and offers each job to the pool when its copy is there.

    A pool's thread never waits for the network. Copies are deleted when their jobs are done, and no more than 4
    are there at once; room is given in the order of the jobs, so that none waits for one that comes later.
    """

    def __init__(self, jobs: Iterable[Job], pool: Pool, scratch: Scratch) -> None:
        self._jobs = deque(jobs)
        self._pool = pool
        self._scratch = scratch
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self.n_bytes = 0
        """That have come."""
        self.n_total = 0
        """Of the sources known to need it."""
        self._threads = [
            threading.Thread(target=self._work, name=f"framesift-fetch-{i}") for i in range(_CONNECTIONS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until it has ended, as it does soon when the pool is stopping."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _is_stopped(self) -> bool:
        return self._pool.stopping.is_set()

    def _work(self) -> None:
        try:
            while not self._is_stopped():
                with self._turn:
                    if not self._jobs:
                        return
                    job = self._jobs.popleft()
                    path = self._reserve(job)
                if path is not None:
                    self._fetch(job, path)
                self._pool.offer(job.root())
        except BaseException as e:  # such as a full disk
            self._pool.fail(e)

    def _reserve(self, job: Job) -> Path | None:
        """Room for the copy; None where none is needed, or none is to be had."""
        if job.is_in_store:
            return None
        assert job.source.remote is not None
        suffix = suffix_of(job.source.remote)
        n_bytes = job.source.n_bytes
        self.n_total += n_bytes
        try:
            return self._scratch.reserve(n_bytes, suffix, max_copies=_MAX_COPIES, is_stopped=self._is_stopped)
        except SourceError as e:
            job.set_aside(str(e))
            self.n_total -= n_bytes
            return None

    def _fetch(self, job: Job, path: Path) -> None:
        remote = job.source.path
        assert isinstance(remote, RemoteObject)
        try:
            download(remote, path, arrived=self._arrived, is_stopped=self._is_stopped)
        except SourceError as e:
            job.set_aside(str(e))
            self._scratch.release(path)
            return
        job.source = job.source._replace(path=path, origin=remote)
        job.when_done.append(lambda _: self._scratch.release(path))

    def _arrived(self, n_bytes: int) -> None:
        with self._count:
            self.n_bytes += n_bytes

"""Tasks that beget tasks, on a pool of threads."""

import threading
from collections.abc import Iterable

import pytest

from framesift.ingest.pool import Pool, Task


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_task_that_is_added_is_done_before_those_at_hand(threads: int) -> None:
    order: list[str] = []

    def note(name: str) -> Task:
        def task() -> Iterable[Task]:
            order.append(name)
            return []

        return task

    def root() -> Iterable[Task]:
        if threads == 1:
            pool.add(note("added"))
        return [note("begotten"), note("begotten too")]

    pool = Pool([root], threads)
    pool.run(lambda: None)
    assert sorted(order) == sorted([*["added"] * (threads == 1), "begotten", "begotten too"])
    if threads == 1:
        assert order == ["added", "begotten", "begotten too"]


def test_an_idle_thread_takes_what_a_busy_one_adds() -> None:
    done = threading.Event()
    seen: list[bool] = []

    def added() -> Iterable[Task]:
        done.set()
        return []

    def root() -> Iterable[Task]:
        while not pool.has_idle:  # the other thread is on its way
            pass
        pool.add(added)
        seen.append(done.wait(10))  # while this one goes on
        return []

    pool = Pool([root], 2)
    pool.run(lambda: None)
    assert seen == [True]
    assert not pool.has_idle


def test_a_thread_alone_is_never_idle() -> None:
    seen: list[bool] = []

    def root() -> Iterable[Task]:
        seen.append(pool.has_idle)
        return []

    pool = Pool([root], 1)
    pool.run(lambda: None)
    assert seen == [False]

"""Work cut into slices on all cores: in order, once each, and the error that comes first."""

import threading

import pytest

from framesift.features import vectors
from framesift.features.vectors import in_threads


@pytest.mark.parametrize("n", [0, 1, 4, 5, 6, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_slice_is_worked_on_once(n: int, n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "count_threads", lambda asked: n_threads)
    found = in_threads(lambda s: list(range(n))[s], n, 5)
    assert [i for part in found for i in part] == list(range(n))


def test_the_caller_works_while_the_pool_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "count_threads", lambda asked: 2)
    free = threading.Event()
    busy = [vectors._threads().submit(free.wait) for _ in range(64)]
    try:
        assert in_threads(lambda s: s.start, 9, 3) == [0, 3, 6]
    finally:
        free.set()
    assert all(future.result() for future in busy)


def test_calls_within_calls_do_not_wait_for_each_other() -> None:
    assert in_threads(lambda s: sum(in_threads(lambda t: t.start, 50, 1)), 50, 1) == [1225] * 50


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_of_errors_the_one_of_the_first_slice_is_raised(
    n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "count_threads", lambda asked: n_threads)

    def fail(s: slice) -> None:
        if s.start >= 7:
            raise ValueError(f"slice {s.start}")

    for _ in range(50):
        with pytest.raises(ValueError, match=r"slice 7$"):
            in_threads(fail, 40, 1)

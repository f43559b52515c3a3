"""The nearest two picks of every client."""

from .. import F32, I32


def nearest_two(picked: F32, replaced: int, base: F32, near: F32, second: F32, slot: I32, other: I32) -> None:
    """Bring up to date which picks are nearest to the clients, after one of them was replaced.

    Parameters
    ----------
    picked : (k, n) float32, C-contiguous, n a multiple of 16
        Cost of each client by each pick.
    replaced : int
        The pick that has changed; negative: all.
    base : (n,) float32
        Cost of each client by what is never replaced, which counts as pick k.
    near, second : (n,) float32
        In place: the lowest and the second lowest cost of each client; infinity, if there is no second.
    slot, other : (n,) int32
        In place: picks that have them; -1, if there is no second.

    Notes
    -----
    O(n k); O(n) for one that was replaced, as only clients that stood by it look at all the others.
    """
    from ._coverage import replace_pick

    replace_pick(picked, replaced, base, near, second, slot, other)

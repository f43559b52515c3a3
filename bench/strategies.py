"""A selection by three strategies out of many vectors, in a process of its own: ``python -m bench.strategies ROWS D PICKS``."""

import sys
from typing import Any

import numpy as np

_BLOCK = 10_000
_CLUSTERS = 300
_CONFIG: dict[str, Any] = {
    "strategies": [
        {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}},
        {"input": {"type": "SCORES", "score": "entropy"}, "strategy": {"type": "WEIGHTS"}},
        {
            "input": {"type": "METADATA", "key": "weather"},
            "strategy": {"type": "BALANCE", "target": {"sun": 0.5, "rain": 0.3}},
        },
    ]
}


def data(n: int, d: int) -> tuple[Any, Any, Any]:
    """(n, d) float32 of unit length in clusters, a score and a category each; made block by block."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((_CLUSTERS, d), dtype=np.float32)
    x = np.empty((n, d), np.float32)
    for start in range(0, n, _BLOCK):
        part = x[start : start + _BLOCK]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        part *= 0.5
        part += centers[rng.integers(0, _CLUSTERS, len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return x, rng.random(n, np.float32), rng.choice(["sun", "rain", "snow", "fog"], n)


def ours(n: int, d: int, picks: int) -> list[int]:
    """What framesift selects."""
    from framesift import lightly

    x, scores, weather = data(n, d)
    found: list[int] = lightly.select(
        {"n_samples": picks, **_CONFIG},
        embeddings=x,
        scores={"entropy": scores},
        metadata={"weather": weather},
    ).tolist()
    return found


def mundig(n: int, d: int, picks: int) -> list[int]:
    """What lightly-mundig does."""
    import lightly_mundig

    x, scores, weather = data(n, d)
    rows = np.stack([weather == "sun", weather == "rain", (weather != "sun") & (weather != "rain")], axis=1)
    selection = lightly_mundig.Selection()
    selection.add_diversifying_strategy(x, 1.0)
    selection.add_weighting_strategy(scores, 1.0)
    selection.add_balancing_strategy(rows.astype(np.float32), [0.5, 0.3, 0.2], 1.0)
    return list(selection.run_selection([], n, picks))


def command(n: int, d: int, picks: int, program: str = "ours") -> list[str]:
    """What runs one of them."""
    return [sys.executable, "-m", f"{__package__}.strategies", str(n), str(d), str(picks), program]


if __name__ == "__main__":
    n, d, picks = map(int, sys.argv[1:4])
    chosen = (mundig if sys.argv[4:] == ["mundig"] else ours)(n, d, picks)
    assert len(set(chosen)) == picks

"""What stands out from a still background, and where small animals are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framesift as fs
import naive_budget as naive
from clips import make_clip
from framesift.features.foreground import Foreground
from framesift.features.pixels import Pixels
from framesift.predictions.reading import read
from framesift_kernels import load
from real import prediction, video

N = 90


def places(rng: np.random.Generator) -> np.ndarray:
    """Where the animal is: mostly in one corner, now and then elsewhere, for a moment."""
    found = np.full((N, 2), (20.0, 20.0)) + rng.integers(-4, 5, (N, 2))
    for at in range(0, N, 6):
        found[at] = rng.integers(8, 120, 2)
    return found.astype(int)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An animal of three pixels on a textured field, whose lamp flickers, filmed with noise."""
    rng = np.random.default_rng(3)
    still = rng.integers(60, 160, (128, 128)).astype(float)
    where, pictures = places(rng), []
    for number, (y, x) in enumerate(where):
        picture = still.copy()
        picture[y - 1 : y + 2, x - 1 : x + 2] += 60
        picture += 12 * np.sin(number) + rng.normal(0, 2, still.shape)
        pictures.append(np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2))
    path = tmp_path_factory.mktemp("field") / "field.mkv"
    make_clip(path, n=N, size=(128, 128), codec="ffv1", pix_fmt="bgr0", pictures=pictures)
    with fs.index(path) as made:
        yield made, where


def test_it_is_what_the_definition_says(field: Any) -> None:
    made, _ = field
    with fs.index(Path(made.records[0].uri), crop=(0, 48, 0, 40), size=24) as part:
        pictures = part.reader(0).read("thumbnails")
        found = Foreground(Pixels(part, [0], load("cpu")))
        blurred = naive.foreground(pictures, 1).reshape(N, -1)
        np.testing.assert_array_equal(found._blurred(pictures.reshape(N, -1), 0), blurred)
        scaled = np.minimum(blurred * found._gain // 256, 255)
        np.testing.assert_array_equal(found.in_memory, scaled)
        assert scaled.max() == 255


def test_memory_and_chunks_change_nothing(field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = field
    whole = Foreground(Pixels(made, [0], load("cpu")))
    expected = whole.in_memory
    monkeypatch.setattr("framesift.features.pixels._IN_MEMORY_BYTES", 0)
    streamed = Foreground(Pixels(made, [0], load("cpu")))
    assert streamed.in_memory is None
    assert expected is not None
    np.testing.assert_array_equal(np.concatenate([b for _, b in streamed.blocks()]), expected)
    rows = np.array([0, 7, 8, N - 1])
    np.testing.assert_array_equal(streamed.take(rows), expected[rows])
    picked = [fs.select(made, 9, method="coreset", foreground=True).frames for _ in range(2)]
    monkeypatch.undo()
    assert picked[0] == picked[1] == fs.select(made, 9, method="coreset", foreground=True).frames


@pytest.mark.parametrize("method", ["kmeans", "coreset", "coverage"])
def test_it_finds_where_a_small_animal_was_when_the_whole_picture_does_not(field: Any, method: str) -> None:
    made, where = field
    apart = {}
    for name, options in {
        "foreground": {"method": method, "foreground": True},
        "picture": {"method": method},
        "even": {"method": "uniform"},
    }.items():
        apart[name] = naive.to_nearest_place(where, fs.select(made, 15, **options).indices())  # type: ignore[arg-type]
    assert apart["foreground"].mean() < 0.7 * min(apart["picture"].mean(), apart["even"].mean())


def test_a_field_on_which_nothing_moves_has_no_foreground(tmp_path: Path) -> None:
    still = [np.full((64, 64, 3), 90, np.uint8) for _ in range(8)]
    for number, picture in enumerate(still):
        picture[0, number] += 1
    path = make_clip(tmp_path / "still.mkv", n=8, size=(64, 64), codec="ffv1", pix_fmt="bgr0", pictures=still)
    with fs.index(path) as made:
        assert not np.any(Foreground(Pixels(made, [0], load("cpu"))).in_memory)
        assert len(fs.select(made, 3, foreground=True)) == 3


def test_colour_and_several_sizes_do(tmp_path: Path) -> None:
    for name, size in (("a", (64, 48)), ("b", (48, 80)), ("c", (64, 48))):
        make_clip(tmp_path / f"{name}.mkv", n=20, size=size, codec="ffv1")
    with fs.index(tmp_path, color=True, size=24, isolate=False) as made:
        vectors = Foreground(Pixels(made, [0, 1, 2], load("cpu")))
        assert vectors.shape == (60, vectors.pixels.shape[1])
        assert len(fs.select(made, 11, foreground=True)) == 11


def test_it_finds_the_animals_of_a_real_field_better_than_even_spacing_and_whole_thumbnails() -> None:
    """Mean over both animals of the distance to where they are in the chosen frame that shows them most alike."""
    poses = read(prediction("clip.2node.slp"))
    where = np.nanmean(poses.xy, axis=2)
    with fs.index(video("clip.mp4")) as made:
        radius = {}
        for name, options in {
            "foreground": {"method": "kmeans", "foreground": True},
            "thumbnails": {"method": "kmeans"},
            "even": {"method": "uniform"},
        }.items():
            found = []
            for seed in range(2):
                chosen = fs.select(made, 10, seed=seed, **options).indices()  # type: ignore[arg-type]
                apart = np.linalg.norm(where[:, None] - where[chosen][None], axis=3).mean(axis=2)
                swapped = np.linalg.norm(where[:, None] - where[chosen][None, :, ::-1], axis=3).mean(axis=2)
                found.append(np.minimum(apart, swapped).min(axis=1).max())
            radius[name] = np.mean(found)
    assert radius["foreground"] < radius["thumbnails"] < radius["even"]
    assert radius["foreground"] < 0.4 * radius["even"]

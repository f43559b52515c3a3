"""Real videos to test on: other projects' public test data, which never comes into the repository."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FRAMESIFT_DATA") or Path(__file__).parents[2] / "shared" / "data")


def video(name: str) -> Path:
    """A real video; where it is not there the test is skipped, or fails under CI=true."""
    path = DATA / "videos" / name
    if not path.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{path} is not there")
    return path


def prediction(name: str) -> Path:
    """A real file of predictions or labels, as `video`."""
    path = DATA / "predictions" / name
    if not path.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{path} is not there")
    return path

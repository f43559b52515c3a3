"""Run by another Python, which has Lightning Pose 2: loads a project with Lightning Pose's own code.

Of its modules only the one that reads projects is imported, with NumPy in place of PyTorch, of which it needs an array.
So ``pip install --no-deps lightning-pose==2.4.3`` and then ``numpy pandas jaxtyping omegaconf`` make such a Python.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np


def load():
    """The module."""
    try:
        import torch  # noqa: F401
    except ImportError:
        array = {"tensor": lambda data, dtype: np.array(data, dtype), "Tensor": np.ndarray}
        sys.modules["torch"] = types.ModuleType("torch")
        sys.modules["torch"].__dict__.update(array, float32=np.float32, isnan=np.isnan)
    root = Path(importlib.util.find_spec("lightning_pose").submodule_search_locations[0])
    for name in ("lightning_pose", "lightning_pose.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(root / name.partition(".")[2])]
        sys.modules[name] = package
    from lightning_pose.utils import io

    return io


def main():
    project = Path(sys.argv[1])
    io = load()
    labels = io.parse_label_csv(str(project / "CollectedData.csv"))
    context = [[str(p) for p in io.get_context_img_paths(project / name)] for name in labels.image_names]
    print(
        json.dumps(
            {
                "keypoints": io.get_keypoint_names(csv_file=str(project / "CollectedData.csv")),
                "images": labels.image_names,
                "xy": np.asarray(labels.keypoints).tolist(),
                "context": context,
                "videos": [Path(p).name for p in io.get_videos_in_dir(str(project / "videos"))],
            }
        )
    )


main()

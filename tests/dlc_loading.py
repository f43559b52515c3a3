"""Run by another Python, which has DeepLabCut 3: loads a project with DeepLabCut's own code and prints what it found.

Of DeepLabCut's packages only the modules that read and write projects are imported: their ``__init__`` would import
PyTorch, which nothing here needs. So ``pip install --no-deps deeplabcut==3.0.2`` and then ``numpy<2 pandas<3 tables
ruamel.yaml scikit-image scikit-learn statsmodels filterpy numba matplotlib opencv-python-headless pydantic dlclibrary
albumentations tqdm packaging networkx`` make such a Python.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock


def load():
    """The modules."""
    root = Path(importlib.util.find_spec("deeplabcut").submodule_search_locations[0])
    for name in ("", ".utils", ".generate_training_dataset", ".refine_training_dataset"):
        package = types.ModuleType(f"deeplabcut{name}")
        package.__path__ = [str(root / name[1:])]
        sys.modules[package.__name__] = package
    for engine in ("compat", "pose_estimation_pytorch", "pose_estimation_pytorch.data"):
        sys.modules[f"deeplabcut.{engine}"] = MagicMock()
    from deeplabcut.generate_training_dataset import trainingsetmanipulation
    from deeplabcut.utils import auxiliaryfunctions

    return auxiliaryfunctions, trainingsetmanipulation


def main():
    config, scorer, out = sys.argv[1:]
    files, training = load()
    project = files.read_config(config)
    filtered, path, _, suffix = files.load_analyzed_data(
        str(Path(config).parent / "videos"), "mouse", scorer, True, ""
    )
    import pandas as pd

    folder = Path(out)
    merged = training.merge_annotateddatasets(project, folder)
    machine = pd.read_hdf(Path(config).parent / "labeled-data" / "mouse" / "machinelabels-iter0.h5")
    print(
        json.dumps(
            {
                "videos": {str(k): v["crop"] for k, v in project["video_sets"].items()},
                "bodyparts": list(project["bodyparts"]),
                "filtered": [path, suffix, list(filtered.shape)],
                "rows": ["/".join(row) for row in merged.index],
                "machine": ["/".join(row) for row in machine.index],
                "train": len(training.SplitTrials(range(len(merged)), 0.8)[0]),
            }
        )
    )


main()

"""Checks on the kernels package itself."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import framesift_kernels
from framesift_kernels.cpu import _compile

PACKAGE = Path(__file__).parents[1] / "kernels" / "framesift_kernels"
DEVICES = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))
CONSTANTS = ["CACHED_ELEMENTS", "CALLED_IN_THREADS"]


def arguments(function, skip=0):
    return [a.arg for a in function.args.args[skip:]]


def protocol():
    """What every device must offer: {name: argument names}."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (kernels,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Kernels")
    return {f.name: arguments(f, skip=1) for f in kernels.body if isinstance(f, ast.FunctionDef)}


def offered(device):
    """What the files of a device define, and where: {name: argument names}, {name: file stem}."""
    found, where = {}, {}
    for path in sorted((PACKAGE / device).glob("[!_]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                assert node.name not in found, f"{node.name} is in two files"
                found[node.name], where[node.name] = arguments(node), path.stem
    return found, where


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_offers_the_protocol_one_kernel_a_file(device):
    found, where = offered(device)
    assert found == protocol() != {}
    assert all(name == stem for name, stem in where.items())


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_exports_what_it_defines(device):
    tree = ast.parse((PACKAGE / device / "__init__.py").read_text())
    (names,) = (
        ast.literal_eval(n.value)
        for n in tree.body
        if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
    )
    extra = {"require"} if device == "cuda" else set()
    assert set(names) - extra == {*CONSTANTS, *protocol()}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_kernels_know_nothing_above_them(path):
    roots = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add(node.module.split(".")[0])
    assert not roots & {"framesift", "framesift_cli", "zarr", "av"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("cpu/[!_]*.py")), ids=lambda p: p.stem)
def test_what_python_calls_is_object_code(path):
    """Anything else brings Numba in, which takes longer than a selection."""
    tree = ast.parse(path.read_text())
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == path.stem]
    calls = [n for function in public for n in ast.walk(function) if isinstance(n, ast.Call)]
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module.startswith("_"):
            module = importlib.import_module(f"framesift_kernels.cpu.{node.module}")
            for alias in node.names:
                found = getattr(module, alias.name)
                if alias.name in called and isinstance(found, _compile._Compiled):
                    assert isinstance(found, _compile._Native), alias.name


def test_importing_the_package_compiles_nothing():
    code = "import sys, framesift_kernels; print(sorted({'numba', 'cupy'} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


WITHOUT_GPU = """
import sys
hidden = sys.argv[1:]
sys.modules.update({name: None for name in hidden})
import framesift_kernels
try:
    framesift_kernels.load("cuda")
except framesift_kernels.DeviceUnavailableError as e:
    print(e)
"""


@pytest.mark.parametrize(
    ("hidden", "said"), [((), "needs an NVIDIA GPU"), (("numba.cuda",), "needs Numba's CUDA target")]
)
def test_load_says_what_is_missing_and_what_installs_it(hidden, said):
    env = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0", "CUDA_VISIBLE_DEVICES": ""}
    found = subprocess.check_output([sys.executable, "-c", WITHOUT_GPU, *hidden], text=True, env=env)
    assert said in found
    assert "pip install 'framesift[cuda]'" in found
    assert found.count("\n") == 1


def test_load_knows_two_devices():
    with pytest.raises(ValueError, match="'tpu'"):
        framesift_kernels.load("tpu")

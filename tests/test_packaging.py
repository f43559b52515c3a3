"""What is shipped says one version, and its rooms stay apart."""

import ast
import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import framesift

ROOT = Path(__file__).parents[1]
PACKAGES = {"framesift": "engine", "framesift_kernels": "kernels", "framesift_cli": "cli"}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_there_is_one_version(project: dict) -> None:
    assert project["project"]["version"] == framesift.__version__
    assert importlib.metadata.version("framesift") == framesift.__version__


def test_every_package_is_shipped_and_typed(project: dict) -> None:
    packages = [f"{room}/{package}" for package, room in PACKAGES.items()]
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == packages
    for package in packages:
        assert (ROOT / package / "py.typed").is_file()


def test_every_public_name_is_there() -> None:
    assert sorted(framesift.__all__) == framesift.__all__
    assert all(hasattr(framesift, name) for name in framesift.__all__)
    assert all(getattr(framesift, name).__doc__ for name in framesift.__all__)


def imports_of(path: Path) -> set[str]:
    """Top-level packages that a module imports absolutely."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


def test_what_is_imported_is_declared_or_ships_with_what_is(project: dict) -> None:
    declared = {d.split(">")[0].strip().replace("-", "_") for d in project["project"]["dependencies"]}
    # Of extras, imported where they are needed.
    declared |= {"obstore", "onnxruntime", "pyarrow", "h5py", "yaml", "pandas", "tables"}
    names = declared - {"pillow", "scikit_learn"} | {"PIL", "sklearn", *PACKAGES}
    with_them = {"threadpoolctl", "llvmlite", "typing_extensions"}
    for package, room in PACKAGES.items():
        for path in (ROOT / room / package).rglob("*.py"):
            assert imports_of(path) - set(sys.stdlib_module_names) <= names | with_them, path


def test_kernels_take_arrays_and_nothing_else() -> None:
    for path in (ROOT / "kernels").rglob("*.py"):
        assert not imports_of(path) & {"framesift", "framesift_cli", "zarr", "av", "PIL"}, path


@pytest.mark.parametrize(
    ("line", "is_refused"), [("zarr", True), ("av", True), ("framesift", True), ("numpy", False)]
)
def test_ruff_guards_the_kernels(tmp_path: Path, line: str, is_refused: bool) -> None:
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}:{shutil.os.environ['PATH']}")
    if ruff is None:
        pytest.skip("ruff is not installed")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(
        ROOT / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    )
    module = tmp_path / "kernels" / "framesift_kernels" / "cpu" / "trial.py"
    module.write_text(f'"""A trial."""\n\nimport {line}\n\n__all__ = ["{line}"]\n')
    done = subprocess.run([ruff, "check", "--no-cache", module], capture_output=True, text=True, cwd=tmp_path)
    assert ("TID251" in done.stdout) == is_refused, done.stdout
    assert (done.returncode == 1) == is_refused


def test_no_file_is_longer_than_can_be_read() -> None:
    for package, room in PACKAGES.items():
        for path in (ROOT / room / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 500, path

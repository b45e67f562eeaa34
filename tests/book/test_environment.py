"""pyproject.toml, constraints.txt and environment.yml say the same, and the code imports only what
they name.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
NEEDS = [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["book"], *EXTRAS["dev"]]]
LOCKED = [*NEEDS, *(Requirement(line) for line in EXTRAS["widget"])]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and line.lstrip()[0] not in "#-"
]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
PIP = next(item["pip"] for item in CONDA if isinstance(item, dict))
PYTHONS = ["3.11", "3.12", "3.13"]

# import name -> name of the package, where they differ; packages that are needed without being
# imported by us
PACKAGES = {"PIL": "pillow", "cv2": "opencv-python-headless", "yaml": "pyyaml"}
PACKAGES |= {"IPython": "ipykernel", "matplotlib_inline": "ipykernel"}
COMMANDS = {"jupyter-book", "snakemake", "papermill", "jupytext", "ruff", "uv"}
BACKGROUND = {"accelerate", "pyarrow", "ipywidgets", "beartype", "pytest-xdist"}
BACKGROUND |= {"snakemake-executor-plugin-slurm"}


def pin_of(name: str, python: str) -> Version:
    """The one locked version of a package for a Python on Linux."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
    }
    fits = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(name)]
    fits = [pin for pin in fits if pin.marker is None or pin.marker.evaluate(place)]
    assert len(fits) == 1, (
        f"{name} has {len(fits)} pins for Python {python} in constraints.txt; lock again (see "
        "pyproject.toml)"
    )
    return Version(str(fits[0].specifier).removeprefix("=="))


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_satisfies_the_project(python):
    for need in LOCKED:
        pin = pin_of(need.name, python)
        assert pin in need.specifier, (
            f"{need} does not allow the locked {pin}; lock again (see pyproject.toml)"
        )


def test_lock_serves_cpu_and_gpu_alike():
    labelled = [str(pin) for pin in PINS if "+" in str(pin.specifier)]
    assert not labelled, f"local labels fit only one kind of machine: {labelled}"
    assert str(next(need for need in NEEDS if need.name == "torch").specifier).startswith("=="), (
        "torch is installed alone, exactly"
    )


def test_conda_lists_what_the_project_needs():
    assert PIP[0] == "-c constraints.txt" and PIP[-1] == "-e .[book,dev]"
    assert sorted(Requirement(line).name for line in PIP[1:-1]) == sorted(
        need.name for need in NEEDS
    )
    exact = [line for line in PIP[1:-1] if Requirement(line).specifier]
    assert exact == [str(need) for need in NEEDS if need.name == "torch"], (
        "versions belong in pyproject.toml and the lock"
    )


def test_conda_python_fits():
    python = next(item for item in CONDA if isinstance(item, str) and item.startswith("python="))
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert python.removeprefix("python=") in wanted
    assert all(f"{minor}.0" in wanted for minor in PYTHONS) and "3.14.0" not in wanted


def third_party(folder: str) -> set[str]:
    """Packages that the Python files of a folder import anywhere, by their names on the index."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    own = {"corrlib", "book", "tests", "data_scripts", "conftest"} | {
        path.stem for path in (ROOT / "data_scripts").rglob("*")
    }
    return {
        canonicalize_name(PACKAGES.get(name, name))
        for name in names - set(sys.stdlib_module_names) - own
    }


def test_the_library_imports_only_what_it_declares():
    library = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    optional = {"ipykernel"}  # the notebooks' own, imported inside of functions
    optional |= {Requirement(line).name for line in EXTRAS["widget"]} | {"traitlets"}
    assert third_party("corrlib") - library - optional == set()
    assert third_party("data_scripts") - library == set()


def test_every_declared_package_is_used():
    used = (
        third_party("corrlib")
        | third_party("data_scripts")
        | third_party("book")
        | third_party("tests")
        | COMMANDS
        | BACKGROUND
    )
    notebooks = " ".join(path.read_text() for path in (ROOT / "notebooks").glob("*.ipynb"))
    unused = [
        need.name
        for need in NEEDS
        if canonicalize_name(need.name) not in used and f"import {need.name}" not in notebooks
    ]
    assert not unused, f"declared and not used: {unused}"


def test_run_takes_torch_from_the_project():
    pattern = re.search(r"torch=\$\(sed -n '(.*)' pyproject.toml\)", (ROOT / "run").read_text())
    assert pattern, "./run reads torch's pin from pyproject.toml"
    assert re.findall(r'^ *"(torch==[^"]*)"', (ROOT / "pyproject.toml").read_text(), re.M) == [
        str(need) for need in NEEDS if need.name == "torch"
    ]

"""The house rules that a program can check: imports go down only, files stay short, light modules
stay light.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "corrlib"

# From the ground up. A module may import from lines above its own, and from within its own package;
# never from its own line.
FLOORS = [
    {"atomic", "coords", "recent", "search"},  # floor 0
    {"types", "protocol", "sources"},
    {"gram"},
    {
        "features",
        "match",
        "metrics",
        "geometry",
        "propagate",
        "capture",
        "data",
        "store",
        "noise",
        "weights",
        "parts",
        "profiles",
    },
    {"laws", "optimism", "heads"},
    {"viz"},
    {"diffusion", "vit"},  # floor 2
    {"onestep"},
    {"promptopt"},
    {"methods"},  # floor 3
    {"evaluate", "report", "labels"},  # floor 4
    {"export", "sweep", "trials", "distill"},
    {"bench", "book", "doctor"},  # floor 5
    {"cli"},
    {"__main__"},
]
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}


def top(path: Path) -> str:
    """The module directly under corrlib that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names of everything in corrlib that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full, from corrlib..., not relative"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("corrlib.")}


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    own = top(path)
    assert own in FLOOR, (
        f"corrlib/{own} has no floor: put it on a line of FLOORS in {Path(__file__).name}"
    )
    for name in imported(path):
        other = name.split(".")[1]
        if other == own or not ((PACKAGE / other).is_dir() or (PACKAGE / f"{other}.py").is_file()):
            continue  # the same package, or an attribute of corrlib such as __version__
        assert other in FLOOR, (
            f"corrlib/{other} has no floor: put it on a line of FLOORS in {Path(__file__).name}"
        )
        assert FLOOR[other] < FLOOR[own], f"{path.name} imports {name}, which does not lie below it"


def test_methods_never_import_each_other():
    folder = PACKAGE / "methods"
    shared = {"__init__", "base"}
    for path in folder.glob("*.py"):
        others = {
            name.split(".")[2] for name in imported(path) if name.startswith("corrlib.methods.")
        }
        siblings = (
            {name for name in others if (folder / f"{name}.py").is_file()} - shared - {path.stem}
        )
        assert not siblings, (
            f"{path.name} imports {siblings}; move what they share to methods/base.py or below"
        )


def test_the_package_itself_imports_nothing():
    assert not [
        node
        for node in ast.parse((PACKAGE / "__init__.py").read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]


def test_results_are_read_without_torch():
    light = [
        name
        for name in ("metrics", "report", "export", "laws", "search", "optimism")
        if (PACKAGE / f"{name}.py").is_file()
    ]
    code = (
        "import sys\n"
        + "".join(f"import corrlib.{name}\n" for name in light)
        + "print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False", f"importing {light} imports torch"


def test_no_file_is_longer_than_300_lines():
    files = [
        path
        for folder in ("corrlib", "data_scripts", "tests", "book")
        for path in (ROOT / folder).rglob("*.py")
    ]
    long = {
        str(path.relative_to(ROOT)): n
        for path in files
        if (n := len(path.read_text().splitlines())) > 300
    }
    assert not long, f"two ideas in one file? {long}"

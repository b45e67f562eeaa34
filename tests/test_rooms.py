"""The house rules that a program can check: imports follow the order of rooms, none goes in a
circle, files stay short, light modules stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "corrlib"
ROOMS = re.findall(r"^\| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
CODE = [
    path
    for folder in ("corrlib", "data_scripts", "tests", "book")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def room(path: Path) -> str:
    """The module or folder directly under corrlib that a file belongs to."""
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


def module_of(name: str) -> Path | None:
    """The file that a dotted name is, or lies in."""
    parts = name.split(".")[1:]
    for depth in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[:depth])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None


def test_every_room_is_on_the_list_and_every_name_on_it_is_a_room():
    assert sorted(ROOMS) == sorted({room(path) for path in SOURCES})


def test_at_most_six_files_lie_beside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 6


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_order_of_rooms(path):
    own = room(path)
    for name in imported(path):
        other = name.split(".")[1]
        if other != own and other in ROOMS:
            assert ROOMS.index(other) < ROOMS.index(own), (
                f"{path.name} imports {name}: see CONTRIBUTING"
            )


def test_no_import_goes_in_a_circle():
    # A package's __init__ stands for what it offers: a module of the package may import it.
    uses = {
        path: {file for name in imported(path) if (file := module_of(name))} - {path}
        for path in SOURCES
    }
    uses = {
        path: {file for file in files if file != path.parent / "__init__.py"}
        for path, files in uses.items()
    }
    done: set[Path] = set()

    def follow(path: Path, trail: tuple[Path, ...]) -> None:
        if path in trail:
            circle = [*trail[trail.index(path) :], path]
            names = " -> ".join(str(file.relative_to(PACKAGE)) for file in circle)
            raise AssertionError(f"imports go in a circle: {names}")
        if path not in done:
            for file in sorted(uses.get(path, ())):
                follow(file, (*trail, path))
            done.add(path)

    for path in SOURCES:
        follow(path, ())


def test_methods_never_import_each_other():
    folder = PACKAGE / "methods"
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        others = {
            name.split(".")[2] for name in imported(path) if name.startswith("corrlib.methods.")
        }
        methods = {child.stem for child in folder.iterdir()} - {"__init__", "base", own}
        assert not (siblings := others & methods), (
            f"{path.name} imports {siblings}; move what they share to methods/base.py or a room "
            "above"
        )


def test_every_room_says_what_lives_there():
    for init in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(init.read_text())), f"{init} has no docstring"


def test_the_package_itself_imports_nothing():
    body = ast.parse((PACKAGE / "__init__.py").read_text()).body
    assert not [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]


def test_results_are_read_without_torch():
    light = ("report", "table_files", "laws", "random_search", "search_optimism")
    names = ["corrlib.metrics", *(f"corrlib.experiments.{name}" for name in light)]
    code = "import sys\n" + "".join(f"import {name}\n" for name in names)
    code += "print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False", f"importing {names} imports torch"


def test_no_file_is_longer_than_300_lines():
    long = {
        str(path.relative_to(ROOT)): n
        for path in CODE
        if (n := len(path.read_text().splitlines())) > 300
    }
    assert not long, f"two ideas in one file? {long}"


def test_no_line_is_longer_than_100_columns():
    # A row of a Markdown table is one line.
    whole = [*(ROOT / "data_scripts").glob("toy*/card.py")]
    long = [
        f"{path.relative_to(ROOT)}:{i}"
        for path in CODE
        if path not in whole
        for i, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100
    ]
    assert not long


def test_no_signature_is_packed_by_hand():
    packed = [path for path in CODE if re.search("# fmt: " + "(skip|off)", path.read_text())]
    assert not packed

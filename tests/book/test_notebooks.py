"""Notebooks are stored clean, thin and readable: what papermill, git and a reader need."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINES, COLUMNS = 15, 88

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ is empty"


@each
def test_nothing_that_a_run_left(path):
    book = json.loads(path.read_text())
    assert set(book["metadata"]) == {"kernelspec"}, (
        "metadata other than the kernel's name is noise in every diff"
    )
    for number, cell in enumerate(book["cells"]):
        assert set(cell["metadata"]) <= {"tags"}, (
            f"cell {number}: only tags belong in a cell's metadata"
        )
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, (
                f"cell {number} has outputs: clear them"
            )


@each
def test_one_parameters_cell_typed_and_commented(path):
    cells = [cell for cell in code_cells(path) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(cells) == 1, f"{len(cells)} cells are tagged 'parameters'; wanted one"
    text = source(cells[0])
    statements = ast.parse(text).body
    assert all(isinstance(node, ast.AnnAssign) for node in statements), (
        "each parameter is typed: name: type = value"
    )
    assert "profile" in [node.target.id for node in statements], "the first knob is the profile"
    for node in statements:
        assert re.search(r"  # \S", text.splitlines()[node.end_lineno - 1]), (
            f"{node.target.id} needs a comment on its line"
        )


@each
def test_cells_are_short(path):
    for number, cell in enumerate(code_cells(path)):
        lines = source(cell).splitlines()
        assert len(lines) <= LINES, (
            f"code cell {number} has {len(lines)} lines; move what is used twice to corrlib, "
            "split the rest"
        )
        long = [line for line in lines if len(line) > COLUMNS]
        assert not long, (
            f"code cell {number} is cut off on the page at {COLUMNS} columns: {long[0]}"
        )


@each
def test_no_installs_or_downloads(path):
    for cell in code_cells(path):
        for line in source(cell).splitlines():
            assert not re.match(r"\s*[%!]", line), (
                f"shell and magics do not belong in a notebook: {line}"
            )
            assert not re.search(r"urlopen|urlretrieve|requests\.get|pip install", line), (
                f"steps of the graph fetch: {line}"
            )


@each
def test_the_name_it_gives_is_its_own(path):
    calls = [
        node
        for cell in code_cells(path)
        for node in ast.walk(ast.parse(source(cell)))
        if isinstance(node, ast.Call)
    ]
    names = [
        call.args[0].value for call in calls if ast.unparse(call.func) in ("book.setup", "setup")
    ]
    assert names == [path.stem], (
        f"a notebook begins with book.setup({path.stem!r}, profile); found {names}"
    )


@each
def test_it_opens_with_its_title(path):
    first, *rest = json.loads(path.read_text())["cells"]
    assert first["cell_type"] == "markdown" and source(first).startswith("# ")
    assert not any(
        source(cell).startswith("# ") for cell in rest if cell["cell_type"] == "markdown"
    ), "one title a page"


FIGURE = re.compile(r"```\{figure\} (\S+)\n((?::\w+:[^\n]*\n)*)\n?(.*?)\n```", re.S)
# Letters of an alternative text, which a screen reader says in place of the figure.
FEWEST, MOST = 60, 600


@each
def test_every_figure_says_what_is_seen(path):
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        text = source(cell)
        found = FIGURE.findall(text)
        assert len(found) == text.count("```{figure}"), f"a figure of another form: {text[:80]}"
        for file, options, caption in found:
            options = dict(re.findall(r":(\w+): ?(.*)", options))
            seen = options.get("alt", "")
            assert FEWEST <= len(seen) <= MOST, f"{file}: wanted :alt: of 60 to 600 letters"
            assert seen.strip(". ") not in caption, f"{file}: the caption says that already"


@each
def test_figures_shown_are_saved_and_figures_saved_are_shown(path):
    text = "".join(source(cell) for cell in json.loads(path.read_text())["cells"])
    saved = set(
        re.findall(r"run\.(?:save|page)\(\w+(?:\[0\])?(?:\.figure|\.gcf\(\))?, \"(\w+)\"", text)
    )
    shown = set(re.findall(rf"\.\./figures/{path.stem}/(\w+)\.(?:png|html)", text))
    assert shown == saved, f"saved and not shown, or the reverse: {shown ^ saved}"


def test_no_function_is_defined_twice():
    homes = Counter()
    for path in NOTEBOOKS:
        for cell in code_cells(path):
            homes.update(
                node.name
                for node in ast.walk(ast.parse(source(cell)))
                if isinstance(node, ast.FunctionDef)
            )
    twice = [name for name, times in homes.items() if times > 1]
    assert not twice, f"defined in more than one place: {twice}; it belongs in corrlib"

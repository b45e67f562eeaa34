"""A notebook as a profile runs it: what it cannot run is left out and said, and what is left still
stands on its own.
"""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from book import fit

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROFILES = [path.stem for path in sorted((ROOT / "profiles").glob("*.yml"))]


def cell(source: str, *tags: str) -> dict:
    return {
        "cell_type": "code",
        "id": source,
        "metadata": {"tags": list(tags)} if tags else {},
        "source": [source],
    }


def test_cells_of_another_profile_become_one_line_that_says_so():
    cells = [
        cell("a"),
        cell("b", "only-toybox"),
        cell("c", "hide-input", "only-toybox"),
        cell("d"),
        cell("e", "only-toybox"),
    ]
    given = {"cells": cells, "metadata": {"x": 1}}
    before = copy.deepcopy(given)
    assert fit.fit(given, "toybox")["cells"] == cells
    found = fit.fit(given, "paper")
    assert [c["id"] for c in found["cells"]] == ["a", "b", "d", "e"] and found["metadata"] == {
        "x": 1
    }
    said = "".join(found["cells"][1]["source"])
    assert (
        found["cells"][1]["cell_type"] == "markdown"
        and "Not run in the profile `paper`" in said
        and "`toybox`" in said
    )
    assert given == before


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_left_uses_no_name_that_was_left_out(path, profile, tmp_path):
    out = tmp_path / "fitted.ipynb"
    subprocess.run([sys.executable, ROOT / "book/fit.py", path, profile, out], check=True)
    code = [
        "".join(c["source"])
        for c in json.loads(out.read_text())["cells"]
        if c["cell_type"] == "code"
    ]
    script = tmp_path / "fitted.py"
    script.write_text("\n\n".join(code))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", script]
    found = subprocess.run(ruff, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout

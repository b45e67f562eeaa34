"""What a profile asks for: every method that its runs, studies, records and chapters load, with its
settings.
"""

import ast
import json
from collections.abc import Iterator
from typing import Any

from corrlib import methods
from corrlib.experiments.profiles import Profile
from corrlib.experiments.trials import variants


def asked_of(profile: Profile) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name of the run, study, record or chapter, all settings) of every method that a profile
    loads; none of a method or preset that there is not, which the run itself will say.
    """
    default = profile.get("preset", "toybox")
    for name, asked in _written(profile):
        try:
            preset = methods.settings(asked["method"], asked.get("preset", default))
        except (KeyError, ValueError, TypeError):
            continue
        known = vars(preset)
        yield name, known | {key: value for key, value in asked.items() if key in known}


def _written(profile: Profile) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, method, preset and what is set) as it stands in the profile and in its notebooks."""
    kept = profile.root / "book/records"  # a record that is only planned asks for nothing yet
    records = {
        name: entry.get("study") or {}
        for name, entry in (profile.get("records") or {}).items()
        if (kept / name / "run.json").is_file()
    }
    for section in (profile.get("runs"), profile.get("studies"), records):
        for name, run in (section or {}).items():
            run = run or {}
            several = {"trials", "each", "draws"} & run.keys()
            for values in variants(run).values() if several else [run.get("set", {})]:
                yield name, {**run, **values}
    for path in sorted((profile.root / "notebooks").glob("*.ipynb")):
        if path.stem in (profile.get("chapters") or [path.stem]):
            for asked in _loaded(path.read_text(), profile.name):
                yield f"notebook {path.stem}", asked


def _loaded(notebook: str, profile: str) -> Iterator[dict[str, Any]]:
    """What `methods.load(...)` is given in a notebook's cells that a profile runs, as far as it is
    written out there.
    """
    for cell in json.loads(notebook)["cells"]:
        only = [t for t in cell["metadata"].get("tags", []) if t.startswith("only-")]
        if cell["cell_type"] != "code" or (only and f"only-{profile}" not in only):
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "methods.load":
                words = [*zip(("method", "preset"), node.args, strict=False)]
                words += [(word.arg, word.value) for word in node.keywords]
                yield {key: value.value for key, value in words if isinstance(value, ast.Constant)}

"""The parameters of a notebook: what papermill passes on, or a reader edits, checked before any
work.
"""

import ast
from collections.abc import MutableMapping
from typing import Any

from corrlib.validation.check import checked
from corrlib.validation.kinds import Alpha, Count, Counts, Natural, Percents
from corrlib.validation.wording import require_known

INJECTED = "# Parameters"  # how a cell begins that papermill put in
# A knob of one of these names means the same in every chapter.
RANGES = {"alpha": Alpha, "seed": Natural, "number": Natural, "limit": Natural, "resamples": Count}
RANGES |= {"steps": Count, "percents": Percents, "lengths": Counts}


def require_parameters(space: MutableMapping[str, Any]) -> None:
    """Check the annotated names of a notebook, whose namespace is `space`, by their annotations.

    Text for a list, as papermill passes it, becomes that list. Raises TypeError on a parameter that
    papermill passed and the notebook has not, ValueError on a bad value.
    """
    kinds = space.get("__annotations__", {})
    passed = [cell for cell in space.get("In", ()) if cell.startswith(INJECTED)]
    names = [
        name.id
        for cell in passed
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, ast.Assign)
        for name in node.targets
        if isinstance(name, ast.Name)
    ]
    require_known("the notebook has no parameter", names, kinds)
    for name, kind in kinds.items():
        if name in space:
            found = checked(name, space[name], RANGES.get(name, kind))
            if isinstance(space[name], str) and isinstance(found, tuple):
                space[name] = list(found)

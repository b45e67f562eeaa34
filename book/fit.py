"""A notebook as a profile runs it: cells that this profile cannot run are left out, and the page
says so.

    python book/fit.py NOTEBOOK PROFILE OUT

A cell tagged `only-NAME` is run in the profile NAME alone. Where the profile is another one, each
unbroken row of such cells is replaced by one line, so that what was not run is shown as not run.
In a page, the lines from `% only NAME` or `% not NAME` to `% end` are for that profile, or for all
others. Standard library only.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PREFIX = "only-"


def fit(notebook: dict[str, Any], profile: str) -> dict[str, Any]:
    """The notebook for `profile`; the one given is not changed."""
    cells, left_out = [], False
    for cell in notebook["cells"]:
        only = [
            tag.removeprefix(PREFIX)
            for tag in cell["metadata"].get("tags", [])
            if tag.startswith(PREFIX)
        ]
        if not only or profile in only:
            cells.append(cell)
        elif not left_out:
            said = (
                f"```{{note}}\nNot run in the profile `{profile}`: this part needs what only "
                f"`{only[0]}` has.\n```"
            )
            cells.append(
                {
                    "cell_type": "markdown",
                    "id": cell["id"],
                    "metadata": {},
                    "source": said.splitlines(keepends=True),
                }
            )
        left_out = bool(only) and profile not in only
    return notebook | {"cells": cells}


def page_for(text: str, profile: str) -> str:
    """A page for `profile`, without what is for other profiles."""

    def chosen(found: re.Match) -> str:
        return found[3] if (found[1] == "only") == (found[2] == profile) else ""

    return re.sub(r"^% (only|not) (\S+)\n(.*?)^% end\n", chosen, text, flags=re.M | re.S)


if __name__ == "__main__":
    source, name, out = sys.argv[1:]
    Path(out).write_text(
        json.dumps(fit(json.loads(Path(source).read_text()), name), indent=1, ensure_ascii=False)
        + "\n"
    )

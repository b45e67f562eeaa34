"""The line that a chapter has where the runs that it reads looked at a part of the pairs.

Standard library only.
"""

import json
import re
from collections.abc import Mapping
from typing import Any


def looked_at(code: str, profile: Any) -> str:
    """What stands under a chapter's title: its runs of `profile` that looked at a part of the
    pairs, with how many; "" where none did. `code` is the chapter's Python.
    """
    parts: dict[str, list[str]] = {}
    for name in read_by(code, profile):
        file = profile.build("matches", name, "run.json")
        subset = json.loads(file.read_text()).get("subset", "") if file.is_file() else ""
        if found := re.match(r"(\d+) of (\d+) (\w+)", subset):
            counts = f"{int(found[1]):,} of {int(found[2]):,} {found[3]}"
            parts.setdefault(counts, []).append(name)
    told = "; ".join(f"{counts} ({', '.join(names)})" for counts, names in parts.items())
    return f"Some of its runs looked at a part of the data: {told}.\n" if told else ""


def read_by(code: str, profile: Mapping[str, Any]) -> list[str]:
    """The runs of a profile that a chapter reads: named by a string, by the knob that begins their
    names, or as the first page's.
    """
    front = {*profile.get("front", {})} if '"front"' in code else set()
    return [
        name
        for name in profile.get("runs") or {}
        if f'"{name}"' in code or f'knob("{name.partition("-")[0]}")' in code or name in front
    ]

"""The sizes of a profile and of presets, reduced: the same steps, the same settings, less of each.

A rehearsal changes how much is computed and nothing else, so what it runs is made from the files
that users run, never written down a second time.
"""

import ast
import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from corrlib import methods

PART = 4  # pictures are so many times smaller a side
PIXELS = ("size", "crop", "load")
LENGTHS = ("grid", "pca", "sigma")
MOST = {"steps": 2, "ensemble": 2, "at_once": 4, "draws": 3}
DOUBLINGS = {"embeddings": 1, "crops": 4}  # from here on one more for twice as many
PAIRS = 6
WALK, WALK_BEFORE = 11, 50  # steps of a walk up to noise, of which eleven are read
TIMESTEPS = ("0", "101", "261", "601")


def smaller(name: str, value: Any) -> Any:
    """The value of one setting, reduced where it is a size."""
    if isinstance(value, str) and name in PIXELS:
        return "x".join(str(int(side) // PART) for side in value.split("x"))
    if name in MOST and isinstance(value, int):
        return min(value, MOST[name])
    if name in DOUBLINGS and isinstance(value, int):  # what differs must differ, for laws compare
        least = DOUBLINGS[name]
        return max(least, least + round(math.log2(value / least)))
    if name in (*PIXELS, *LENGTHS) and not isinstance(value, bool):
        if isinstance(value, list | tuple):
            return type(value)(smaller(name, one) for one in value)
        if isinstance(value, float):
            return value if name == "crop" else value / PART
        return value // PART if isinstance(value, int) else value
    if name == "positions" and not isinstance(value, str):  # of steps, counted from the first
        return type(value)(round(one * (WALK - 1) / (WALK_BEFORE - 1)) for one in value)
    if name == "sd_side":  # crops begin on cells of 64 pixels, in the whole as in the small
        return 64 * math.ceil(value / PART / 64)
    if name == "dino_side":
        return 14 * max(1, value // 14 // PART)
    return value


def smaller_settings(settings: dict[str, Any]) -> dict[str, Any]:
    found = {key: smaller(key, value) for key, value in settings.items()}
    if (
        isinstance(settings.get("positions"), list | tuple) and "steps" in settings
    ):  # a walk, some of whose steps are read
        found["steps"] = WALK if settings["steps"] == WALK_BEFORE else settings["steps"]
    return found


def smaller_presets() -> None:
    """From now on the presets of the papers are small, in this process and its forks."""
    for name in methods.list():
        presets = methods.entry(name).presets
        for preset, settings in dict(presets).items():
            if preset != "toybox" and hasattr(settings, "__dataclass_fields__"):
                given = {field.name: getattr(settings, field.name) for field in fields(settings)}
                changed = {k: v for k, v in smaller_settings(given).items() if v != given[k]}
                presets[preset] = replace(settings, **changed)


def smaller_space(space: dict[str, dict]) -> dict[str, dict]:
    return {
        name: {law: ends if law == "choice" else [smaller(name, end) for end in ends]}
        for name, entry in space.items()
        for law, ends in entry.items()
    }


def thinned(timesteps: str) -> str:
    """Those of a sweep's timesteps that stay: the same in every sweep, for laws compare them."""
    return ",".join(t for t in timesteps.split(",") if t in TIMESTEPS)


def smaller_profile(settings: dict[str, Any], name: str, old: str) -> dict[str, Any]:
    """The settings of profile `old` under another name, with less of everything."""

    def moved(value):
        if isinstance(value, dict):
            return {key: moved(one) for key, one in value.items()}
        if isinstance(value, list):
            return [moved(one) for one in value]
        return value.replace(f"build/{old}/", f"build/{name}/") if isinstance(value, str) else value

    made = moved(settings) | {"shards": 1, "threads": 1}
    if "make" in made["data"]:
        made["data"]["make"] = made["data"]["make"].replace(f"build/{old}", f"build/{name}")
    for run in made["runs"].values():
        run |= {"shards": 1}
        if "limit" in run or "data" in run:  # whole sets of the profile's own data are small
            run["limit"] = min(PAIRS, run.get("limit", PAIRS))
        if "timesteps" in run:
            run["timesteps"] = thinned(run["timesteps"])
        if "set" in run:
            run["set"] = smaller_settings(run["set"])
    for study in (made.get("studies") or {}).values():
        study["block"] = min(2, study.get("block", 1))
        study["limit"] = min(2 * study["block"] + 2, study.get("limit", PAIRS))
        study["points"] = min(2, study.get("points", 2))
        if "challenges" in study:  # all kinds of one category
            study["challenges"] = {"each": 1, "categories": ["horse"]}
        study |= {key: smaller(key, study[key]) for key in ("draws",) if key in study}
        study |= {key: smaller_settings(study[key]) for key in ("set",) if key in study}
        if "trials" in study:
            study["trials"] = {k: smaller_settings(v or {}) for k, v in study["trials"].items()}
        if "each" in study:
            each = {k: v[:: max(1, (len(v) - 1) // 2)][:3] for k, v in study["each"].items()}
            study["each"] = {k: [smaller(k, one) for one in v] for k, v in each.items()}
        if "space" in study:
            study["space"] = smaller_space(study["space"])
    return made


def smaller_notebook(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a notebook that are sizes, reduced; `given` are those that a profile
    sets.
    """
    cells = json.loads(path.read_text())["cells"]
    (cell,) = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    lines = ast.parse("".join(cell["source"])).body
    own = {one.target.id: ast.literal_eval(one.value) for one in lines if hasattr(one, "target")}
    changed = smaller_settings(own | given)
    return given | {name: value for name, value in changed.items() if value != own[name]}

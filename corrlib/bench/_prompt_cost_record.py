"""The times of the benchmark prompt_cost as a record: times are kept and not compared, what was
counted is compared exactly.

A row is a number (or a word) of the benchmark's result: `quantity`, its path in it, and `value`, as
JSON. Blocks 0 and 1 are the two ways, of which each build counts one again.
"""

import json
from typing import Any

import pandas as pd

from corrlib import bench
from corrlib.backbones.diffusion import Diffuser
from corrlib.bench.prompt_cost import calls
from corrlib.experiments.nested_result import leaves
from corrlib.experiments.records import Recipe, Tolerance

WAYS = ("straightforward", "ours")
MODEL = "toybox"


def recipe(name: str, elsewhere: Tolerance) -> Recipe:
    """Its recipe: `record make` takes all times, `record check` counts the calls of one way."""
    diffuser = Diffuser.load(MODEL)
    return Recipe(
        name,
        {"weights": diffuser.fingerprint, "model": MODEL},
        data="",  # it makes its own pictures
        count=len(WAYS),
        block=lambda way: counted(WAYS[way], calls(WAYS[way], diffuser), way),
        keys=("quantity",),
        numbers=("count",),
        elsewhere=elsewhere,
        whole=lambda: table(bench.run("prompt_cost", model=MODEL)),
    )


def counted(way: str, found: dict, block: int) -> pd.DataFrame:
    """The calls of one way as rows."""
    rows = leaves({"ways": {way: {"calls": found}}})
    return pd.DataFrame([{"quantity": path, "count": n, "block": block} for path, n in rows])


def table(result: dict[str, Any]) -> pd.DataFrame:
    """A result of the benchmark as rows; what is counted is in the block of its way, the rest in
    block -1."""
    rows = []
    for path, value in leaves(result):
        parts = path.split("/")
        is_count = parts[0] == "ways" and parts[2] == "calls"
        block, count = (WAYS.index(parts[1]), float(value)) if is_count else (-1, float("nan"))
        rows.append({"quantity": path, "value": json.dumps(value), "count": count, "block": block})
    return pd.DataFrame(rows)

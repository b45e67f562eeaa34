"""DIFT's laws on tables whose order is known: what a claim calls the best is chosen on validation,
and each verdict is the one that the tables were made for.
"""

from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import pytest

from corrlib.experiments.dift_laws import Knobs, comparisons, of_trials
from corrlib.experiments.laws import Law
from corrlib.metrics import pck

LAYERS = [f"up_blocks.{i}" for i in range(4)]
TIMES = (1, 51, 261, 801)
CORRECT = {"up_blocks.0": 3, "up_blocks.1": 5, "up_blocks.2": 7, "up_blocks.3": 4}


def answers(right: float, seed: int = 0) -> pd.DataFrame:
    """Ten points on each ordered pair of ten pictures, `right` of them within the tolerance on
    average.
    """
    generator, rows = np.random.default_rng(seed), []
    for i, j in ((i, j) for i in range(10) for j in range(10) if i != j):
        names = {"pair": f"{i}-{j}", "source_image": f"v{i}", "target_image": f"v{j}"}
        for k in range(10):
            far = 1.0 if generator.random() < right / 10 else 30.0
            where = {"category": "cat", "keypoint": str(k), "distance_px": far}
            rows.append({**names, **where, "tolerance_px": 100.0})
    return pd.DataFrame(rows)


def scored(split: int) -> dict[str, dict]:
    """One split's answers: the third block best, moderate t best, noise better than none."""
    moved = {1: -3, 51: 0, 261: -0.2, 801: -4}  # by the timestep
    cells = {(layer, t): CORRECT[layer] + moved[t] for layer in LAYERS for t in TIMES}
    rights = {"cells": cells, "clean": {1: 4, 51: 5, 261: 3}, "sizes": {48: 4, 192: 3}}
    rights["single"] = {"standard": 7.4, "silent": 7.2}
    seeds = count(100 * split)
    return {
        name: {key: answers(right, next(seeds)) for key, right in of.items()}
        for name, of in rights.items()
    }


SHARE = {1: 0.03, 51: 0.3, 261: 0.6, 801: 0.95}.__getitem__


@pytest.fixture(scope="module")
def knobs():
    validation, test = scored(0), scored(1)
    by_t = {t: test["cells"]["up_blocks.2", t] for t in TIMES}
    return Knobs(
        tried=pd.Series({cell: pck(table) for cell, table in validation["cells"].items()}),
        tried_clean=pd.Series({t: pck(table) for t, table in validation["clean"].items()}),
        by_cell={cell: t for cell, t in test["cells"].items() if cell[1] in (51, 261)},
        by_t=by_t,
        clean=test["clean"],
        standard=test["single"]["standard"],
        single=by_t[51],
        silent=test["single"]["silent"],
        sizes={**test["sizes"], 96: by_t[51]},
        layer="up_blocks.2",
        timestep=51,
        native=96,
    )


def test_each_law_says_what_the_tables_were_made_for(knobs):
    found = comparisons(knobs, SHARE, flat=0.2)
    verdicts = {key: Law(key, parts).verdict for key, parts in found.items()}
    assert list(verdicts) == ["layer", "peak", "clean", "ensemble", "prompt", "size"]
    assert verdicts["layer"] == verdicts["peak"] == verdicts["clean"] == verdicts["size"] == "holds"
    texts = [part.text for part in found["layer"] + found["peak"]]
    assert texts[0].startswith("up_blocks.2 at t = 51 - up_blocks.0")
    assert texts[2:4] == ["t = 51 - t = 1", "t = 51 - t = 801"]
    assert [part.text for part in found["clean"]] == ["noise - clean, t = 51", "each at its best t"]
    assert found["ensemble"][1].text == "without the ensemble - 0.9 of with it"


def test_the_best_is_chosen_on_validation(knobs):
    """A timestep that is best on test pairs only is not taken."""
    turned = knobs.tried.copy()
    turned["up_blocks.2", 261] = 99.0
    found = comparisons(replace(knobs, tried=turned), SHARE)
    assert found["peak"][0].text == "t = 261 - t = 1"
    assert found["layer"][0].text.startswith("up_blocks.2 at t = 261")


def named(split: dict[str, dict]) -> dict[str, pd.DataFrame]:
    """One split's answers as trials of a study."""
    found = {f"{layer}@{t}": table for (layer, t), table in split["cells"].items()}
    found |= {f"clean@{t}": table for t, table in split["clean"].items()}
    return found | {f"size-{side}": table for side, table in split["sizes"].items()}


def test_a_study_of_another_model_gives_the_same_knobs(knobs):
    validation, test = scored(0), scored(1)
    trials = named(test) | {"base": test["single"]["standard"]}
    trials["prompt-none"] = test["single"]["silent"]
    for t in (1, 801):  # only the preset's layer was run at these
        for layer in ("up_blocks.0", "up_blocks.1", "up_blocks.3"):
            del trials[f"{layer}@{t}"]
    preset = {"layer": "up_blocks.2", "timestep": 51, "native": 96}
    again = of_trials(named(validation), trials, **preset)
    assert comparisons(again, SHARE, flat=0.2) == comparisons(knobs, SHARE, flat=0.2)
    backwards = dict(reversed(trials.items()))
    by_t = of_trials(named(validation), backwards, **preset).by_t
    assert list(by_t) == sorted(by_t)  # a figure's line follows them
    del trials["base"]
    with pytest.raises(KeyError, match="base"):
        of_trials(named(validation), trials, **preset)

"""DIFT's laws on tables whose order is known: what a claim calls the best is chosen on validation,
and each verdict is the one that the tables were made for.
"""

import numpy as np
import pandas as pd
import pytest

from corrlib.experiments.dift_laws import comparisons, of_trials, only, side_by_side
from corrlib.experiments.laws import Law

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


def trials(split: int) -> dict[str, pd.DataFrame]:
    """A study's tables: the third block best, moderate t best, noise better than none."""
    moved = {1: -3, 51: 0, 261: -0.2, 801: -4}  # by the timestep
    cells = {
        f"{layer}@{t}": CORRECT[layer] + moved[t]
        for layer in LAYERS
        for t in TIMES
        if layer == "up_blocks.2" or t in (51, 261)
    }
    cells |= {"clean-1": 4, "clean-51": 5, "clean-261": 3, "base": 7.4, "prompt-none": 7.2}
    cells |= {"size-48": 4, "size-192": 3}
    return {name: answers(right, 100 * split + i) for i, (name, right) in enumerate(cells.items())}


SHARE = {1: 0.03, 51: 0.3, 261: 0.6, 801: 0.95}.__getitem__


@pytest.fixture(scope="module")
def knobs():
    return of_trials(trials(0), trials(1), layer="up_blocks.2", timestep=51, native=96)


def test_trials_become_knobs_by_their_names(knobs):
    assert list(knobs.by_t) == list(TIMES) and list(knobs.clean) == [1, 51, 261]
    assert {t for _, t in knobs.by_cell} == {51, 261}  # those that every block was read at
    assert len(knobs.by_cell) == 8 and sorted(knobs.sizes) == [48, 96, 192]
    assert knobs.single is knobs.by_t[51] is knobs.sizes[96]


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
    found = comparisons(type(knobs)(**{**vars(knobs), "tried": turned}), SHARE)
    assert found["peak"][0].text == "t = 261 - t = 1"
    assert found["layer"][0].text.startswith("up_blocks.2 at t = 261")


def test_two_runs_side_by_side_on_the_same_pairs(knobs):
    few = only(knobs, knobs.standard["pair"].unique()[:20])
    assert few.standard["pair"].nunique() == few.clean[1]["pair"].nunique() == 20
    assert few.timestep == 51 and len(few.by_cell) == 8
    table = side_by_side({"one": comparisons(knobs, SHARE), "two": comparisons(few, SHARE)})
    assert list(table["run"]) == ["one", "two"] * 6 and list(table["law"][:2]) == ["layer"] * 2
    wide = table["high"] - table["low"]
    assert wide[1::2].mean() > wide[::2].mean()  # fewer pairs tell less

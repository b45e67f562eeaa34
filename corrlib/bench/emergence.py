"""Has correspondence emerged? DIFT against what costs nothing, on the toybox's test pairs."""

from typing import Annotated, Any

import pandas as pd

from corrlib import data, methods, metrics
from corrlib.backbones.diffusion import decoder_layers
from corrlib.bench import benchmark
from corrlib.experiments.evaluate import evaluate
from corrlib.experiments.profiles import load_profile
from corrlib.experiments.sweep import best, grid, sweep
from corrlib.validation.kinds import DIFFERENT, SOME, Count, Name, Timestep

BASELINES = ("pixels", "latents", "random_unet", "copy_position")
WITHIN = 35  # degrees of azimuth between the two objects, at most


@benchmark("emergence")
def bench_emergence(
    profile: Name = "toybox",
    timesteps: Annotated[tuple[Timestep, ...], SOME, DIFFERENT] = (
        1,
        26,
        51,
        101,
        151,
        201,
        261,
        401,
        601,
    ),
    limit: Count | None = None,
    validation_limit: Count | None = 150,
    device: str | None = None,
) -> dict[str, Any]:
    """PCK@0.1 of the target box, per point, in percent: DIFT and each baseline, all pairs and those
    within 35 degrees of azimuth.

    Layer and timestep of DIFT, and of the untrained U-Net, are chosen on validation pairs with one
    noise; the test runs the preset's ensemble. Ratios are DIFT / best baseline of that pair set.
    `limit` takes an evenly spread subset, and says so.
    """
    chosen = load_profile(profile)
    seed, where = int(chosen.get("seed", 0)), dict(chosen["data"])
    root, size = chosen.path(where["root"]), where.get("size", "large")
    val, test = (
        data.load(where["name"], root, split, size=size) for split in ("val", chosen["split"])
    )
    env = chosen.env(device)
    result: dict[str, Any] = {
        "definition": "PCK@0.1 of the target box, per point, percent",
        "within": f"{WITHIN} degrees of azimuth",
    }
    result |= {"preset": chosen["preset"], "seed": seed, "chosen": {}, "validation": {}, "test": {}}
    for name in ("dift", *BASELINES):
        settings = {}
        if name in ("dift", "random_unet"):
            single = methods.load(name, chosen["preset"], env=env, ensemble=1)
            layers = decoder_layers(single.extract.diffuser.unet)
            table = sweep(
                single, val, layers, timesteps, limit=validation_limit, seed=seed, profile=profile
            )
            layer, timestep = best(table)
            settings = {"layer": layer, "timestep": timestep}
            cells = grid(table)
            result["validation"][name] = {
                f"{row.layer}@{row.t}": round(row.pck, 2) for row in cells.itertuples()
            }
            result["chosen"][name] = {**settings, "pck": round(float(cells["pck"].max()), 2)}
            result["validation_pairs"] = int(table["pair"].nunique())
        method = methods.load(name, chosen["preset"], env=env, **settings)
        table = evaluate(method, test, limit=limit, seed=seed, profile=profile)
        result["test"][name] = _both(table)
        result |= {
            "weights": method.weights or result.get("weights"),
            "test_pairs": int(table["pair"].nunique()),
        }
        result["subset"] = table["subset"].iloc[0]
    for pairs in ("all", "within_35"):
        baselines = {
            name: result["test"][name][pairs]
            for name in BASELINES
            if result["test"][name][pairs] is not None
        }
        strongest = max(baselines, key=baselines.get) if baselines else None
        result[f"best_baseline_{pairs}"] = strongest
        ratio = (
            result["test"]["dift"][pairs] / max(baselines[strongest], 1e-9) if strongest else None
        )
        result[f"ratio_{pairs}"] = ratio
    return result


def _both(table: pd.DataFrame) -> dict[str, float | None]:
    """PCK on all pairs and on those within 35 degrees; None where the data set states no
    azimuth.
    """
    near = (
        table[table["azimuth_difference"] <= WITHIN]
        if "azimuth_difference" in table
        else table.iloc[:0]
    )
    return {
        "all": round(metrics.pck(table), 2),
        "within_35": round(metrics.pck(near), 2) if len(near) else None,
        "points_all": len(table),
        "points_within_35": len(near),
    }

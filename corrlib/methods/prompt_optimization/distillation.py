"""Distillation: what a head is taught, by whom, and the method that comes out.

    env = Env()
    settings = methods.settings("distilled", "toybox")
    head = new_head(settings, env)
    losses = train(head, bank(settings, env, pairs), items(labels), steps=400)
    table = evaluate(with_head(settings, head, env), test_pairs, limit=120)

The labels are the teacher's (`corrlib.methods.prompt_optimization.labels`), those of nearest
neighbours at the same query points (`neighbours`), or clicked keypoints (`keypoints`): all three
become items, and all heads are trained alike.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from math import gcd

import pandas as pd
import torch

from corrlib.backbones.noise import noise_key
from corrlib.heads.bank import Bank, Item, fill, keypoints
from corrlib.heads.training import train
from corrlib.methods.base import Env, FeatureMethod
from corrlib.methods.prompt_optimization.student import (
    DistilledSettings,
    OnePass,
    new_head,
    with_head,
)
from corrlib.types import Pair, View, views_of

__all__ = ["bank", "items", "keypoints", "neighbours", "some", "tried"]
SEED = 0


def bank(
    settings: DistilledSettings,
    env: Env,
    pairs: Sequence[Pair],
    *,
    seed: int = SEED,
    progress: bool | None = None,
) -> Bank:
    """The frozen features of every image that occurs in `pairs`: one pass each, whatever is trained
    on them.
    """
    frozen = OnePass.of(settings, env)
    return fill(views_of(pairs), lambda view: frozen(view, seed=seed), progress)


def items(labels: pd.DataFrame) -> list[Item]:
    """Labels as items, one a pair of images, in the table's order. Raises ValueError on a table
    without a label.
    """
    if labels.empty:
        raise ValueError("no label: nothing to train on")
    found = []
    for (source, target), rows in labels.groupby(["source_image", "target_image"], sort=False):
        places = [
            torch.tensor(rows[[f"{side}_x", f"{side}_y"]].to_numpy(), dtype=torch.float32)
            for side in ("source", "target")
        ]
        found.append(Item(source, target, *places))
    return found


def some(whole: Sequence[Item], count: int, *, seed: int = SEED) -> list[Item]:
    """`count` labels of the items, taken pair by pair in an order drawn from `seed`: fewer pairs,
    as richly labelled as before.

    Raises ValueError when there are fewer labels than that.
    """
    total = sum(len(item.source_points) for item in whole)
    if not 1 <= count <= total:
        raise ValueError(f"wanted {count} labels of items that hold {total}; ask for 1 to {total}")
    found, left = [], count
    for i in torch.randperm(
        len(whole), generator=torch.Generator().manual_seed(noise_key(seed, "some labels"))
    ).tolist():
        found.append(
            replace(
                whole[i],
                source_points=whole[i].source_points[:left],
                target_points=whole[i].target_points[:left],
            )
        )
        left -= len(found[-1].source_points)
        if not left:
            break
    return found


def neighbours(
    labels: pd.DataFrame, method: FeatureMethod, views: Mapping[str, View], *, seed: int = SEED
) -> pd.DataFrame:
    """The same query points on the same targets, answered by nearest neighbours of `method`'s
    features.

    Measures: `score`, the cosine, and `cycle_px`, how far from the query one ends on the way back.
    Columns that judged the old answers' truth stay, since truth does not depend on who answers.
    """
    found = []
    for (source_id, target_id), rows in labels.groupby(
        ["source_image", "target_image"], sort=False
    ):
        source, target = views[source_id], views[target_id]
        queries = torch.tensor(rows[["source_x", "source_y"]].to_numpy(), dtype=torch.float32)
        forth = method(source, target, queries, seed=seed)
        back = method(target, source, forth.points, seed=seed).points
        cycle = (back - queries).norm(dim=1)
        answers = dict(zip(("target_x", "target_y"), forth.points.double().T.numpy(), strict=True))
        found.append(
            rows.assign(
                **answers, score=forth.score.double().numpy(), cycle_px=cycle.double().numpy()
            )
        )
    table = pd.concat(found).loc[labels.index]
    return table.drop(columns=["agreement_px", "peak", "peak_ratio"], errors="ignore")


def tried(
    settings: DistilledSettings,
    env: Env,
    features: Bank,
    lessons: Mapping[Hashable, Sequence[Item]],
    steps: Sequence[int],
    score: Callable[[FeatureMethod], float],
) -> pd.DataFrame:
    """The score of a student after each number of `steps` of each lesson: one row a lesson, one
    column a number of steps, all heads begun with the same weights.

    What to choose by it: scores on validation pairs. Raises ValueError on no steps.
    """
    if not steps or min(steps) < 1:
        raise ValueError(f"steps are {list(steps)}; wanted one number or more, each 1 or more")
    found = {}
    for name, lesson in lessons.items():
        head = new_head(settings, env)

        def look(losses: list[float], row=name, pupil=head) -> None:
            if len(losses) in steps:
                found[row, len(losses)] = score(with_head(settings, pupil, env))

        how = {"every": gcd(*steps), "observe": look, "progress": False}
        train(head, features, lesson, max(steps), **how)
    return pd.Series(found).unstack()[sorted(steps)].loc[list(lessons)]

"""Samples that look like what they were drawn from: a subset of pairs with the categories, views
and occlusions of all of them, its mix in words, and PCK by view.

    chosen = balanced(groups, pairs, 8)           # which 8 of the groups of pairs
    mix(pairs, [0, 5, 9])                         # "viewpoint 1 easy, 0 medium, 2 hard (...)"
    by_view({"DIFT": table, "copying": other})    # PCK of easy, medium and hard pairs

*Source:* minimisation, Taves 1974 and Pocock and Simon 1975, "Sequential Treatment Assignment with
Balancing for Prognostic Factors in the Controlled Clinical Trial": each further group is the one
after which the sample's counts are nearest to what they should be.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from corrlib import metrics
from corrlib.types import Pair

BALANCED = ("viewpoint", "scale", "truncation", "occlusion")  # tags of SPair-71k's layout
VIEWS = ("easy", "medium", "hard")


def tags_of(pairs: Sequence[Pair], index: int) -> Mapping[str, Any]:
    """A pair's tags, read without its pictures where the data set can."""
    if hasattr(pairs, "tags_of"):
        return pairs.tags_of(pairs.names[index])
    return pairs[index].tags


def balanced(groups: Sequence[Sequence[int]], pairs: Sequence[Pair], count: int) -> list[int]:
    """Which `count` of the `groups` of pairs to take, in the order in which they are chosen: a
    larger sample holds every smaller one.

    Categories take turns, in an order of their own that no alphabet decides; of a category, the
    next group is the one after which viewpoint, scale, truncation and occlusion are nearest to
    those of all groups. Equal ones are told apart by a hash of their source, so that the sample
    hangs on the data alone. Tags that the pairs have not are not balanced.
    """
    left: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        left.setdefault(pairs[group[0]].category, []).append(number)
    marks = _marks(groups, pairs)
    share, taken, chosen = marks.mean(0), np.zeros(marks.shape[1]), []
    rank = {number: _hash(pairs[group[0]].id) for number, group in enumerate(groups)}
    turn = sorted(left, key=_hash)
    while len(chosen) < min(count, len(groups)):
        for category in turn:
            if not left[category] or len(chosen) == count:
                continue
            wanted = share * (len(chosen) + 1)
            off = ((taken + marks[left[category]] - wanted) ** 2).sum(1)
            best = min(
                zip(off.round(9), (rank[n] for n in left[category]), left[category], strict=True)
            )[2]
            left[category].remove(best)
            taken += marks[best]
            chosen.append(best)
    return chosen


def _marks(groups: Sequence[Sequence[int]], pairs: Sequence[Pair]) -> np.ndarray:
    """groups x values of tags: how many pairs of a group have each value of each tag."""
    tags = [[tags_of(pairs, i) for i in group] for group in groups]
    known = [tag for tag in BALANCED if all(tag in one for group in tags for one in group)]
    kinds = sorted({(tag, one[tag]) for tag in known for group in tags for one in group})
    column = {kind: i for i, kind in enumerate(kinds)}
    marks = np.zeros((len(groups), len(kinds)))
    for row, group in zip(marks, tags, strict=True):
        for tag in known:
            for one in group:
                row[column[tag, one[tag]]] += 1
    return marks


def own_and_other(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same questions twice, from pairs within and across categories (`data.Across`): answered
    in the source's own category, and in another one. Rows of both tables belong together.

    A picture's category is the folder of its name, as in SPair-71k. Raises KeyError where a source
    has no pair within its own category.
    """
    category = {end: table[f"{end}_image"].str.split("/").str[0] for end in ("source", "target")}
    own, keys = category["source"] == category["target"], ["source_image", "keypoint"]
    other = table[~own].reset_index(drop=True)
    home = table[own].set_index(keys).loc[pd.MultiIndex.from_frame(other[keys])]
    return home.reset_index().assign(pair=other["pair"]), other


def same_points(
    tables: Mapping[str, pd.DataFrame], others: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Of each table that `others` has by the same name: the rows whose pair and keypoint the other
    has, so that keypoints and the surface points in their place are as many of each pair.
    """
    keys = ["pair", "keypoint"]
    return {name: tables[name].merge(others[name][keys]) for name in tables if name in others}


def joined(
    tables: Mapping[str, pd.DataFrame], further: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Each table and, below it, the one of the same name in `further`: a study, and the same on
    further pairs, for claims that take more of them than one data set has. A name that `further`
    lacks keeps what it has, so that `laws.compare`, which takes the pairs that its tables share,
    still compares it. Raises ValueError where both have a pair.
    """
    for name in set(tables) & set(further):
        if twice := set(tables[name]["pair"]) & set(further[name]["pair"]):
            raise ValueError(f"{name!r} has the pair {min(twice)} in both studies")
    return {
        name: pd.concat([table, further[name]], ignore_index=True) if name in further else table
        for name, table in tables.items()
    }


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def mix(pairs: Sequence[Pair], chosen: Sequence[int]) -> str:
    """The views of a subset beside those of all pairs, in words; empty where pairs have no such
    tag.
    """
    tags = [tags_of(pairs, i).get("viewpoint") for i in range(len(pairs))]
    if None in tags or not set(tags) <= set(range(len(VIEWS))):
        return ""
    every = np.bincount(tags, minlength=len(VIEWS))
    here = np.bincount([tags[i] for i in chosen], minlength=len(VIEWS))
    counts = ", ".join(f"{n} {view}" for n, view in zip(here, VIEWS, strict=True))
    return (
        f"viewpoint {counts}; of all {', '.join(f'{n:.0f}' for n in 100 * every / every.sum())} %"
    )


def by_view(
    tables: Mapping[str, pd.DataFrame], alpha: float = 0.1, by: str = "point", digits: int = 1
) -> pd.DataFrame:
    """PCK in percent of pairs of each viewpoint: one row a keypoint table, columns easy, medium,
    hard and all, rounded to `digits`, and how many pairs each column has in a first row, `pairs`.

    Raises ValueError where a table does not say the viewpoint of its pairs, or where tables do not
    have the same pairs.
    """
    rows = {}
    for name, table in tables.items():
        if "viewpoint" not in table:
            raise ValueError(
                f"the table {name!r} has no column viewpoint; its data set has no tags"
            )
        views = dict(list(table.groupby("viewpoint"))) | {"all": table}
        columns = dict(zip((*range(len(VIEWS)), "all"), (*VIEWS, "all"), strict=True))
        counts = {
            text: views[v]["pair"].nunique() if v in views else 0 for v, text in columns.items()
        }
        if rows.setdefault("pairs", counts) != counts:
            raise ValueError(f"the table {name!r} has other pairs than the first one")
        rows[name] = {
            text: metrics.pck(views[v], alpha, by) if v in views else float("nan")
            for v, text in columns.items()
        }
    found = pd.DataFrame.from_dict(rows, orient="index").round(digits).astype(object)
    found.loc["pairs"] = found.loc["pairs"].astype(int)
    return found.rename_axis("PCK by viewpoint")

"""Two loops: methods write matches, metrics read matches. Neither knows the other.

    match_pairs(method, pairs, "build/matches/dift")    # long: resumes, shards, shows progress
    # seconds: one row a keypoint, distance and tolerance in pixels
    table = score(read("build/matches/dift"))

A result does not depend on how the work was divided: pairs are grouped into chunks by their place
in the data set, a shard takes every n-th chunk, and features of a view depend on nothing but view,
settings and seed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from corrlib import metrics
from corrlib.experiments.strata import mix
from corrlib.metrics.protocol import Protocol
from corrlib.storage.content import gathered
from corrlib.storage.result_folder import ResultFolder
from corrlib.types import Matches, Method, Pair, View

TAGS = ("viewpoint", "scale", "truncation", "occlusion", "azimuth_difference")
CHUNK = 20  # pairs a part file
# without these columns a table is none of matches
ASKED = ("pair", "category", "keypoint", "target_x", "target_y", "predicted_x", "predicted_y")
ASKED += ("box_px", "image_px")


def select(count: int, limit: int | None = None) -> list[int]:
    """Which of `count` pairs a run with `limit` looks at: all, or that many spread evenly, so that
    all categories occur.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; wanted the number of pairs to look at, 1 or more")
    if limit is None or limit >= count:
        return list(range(count))
    return [i * count // limit for i in range(limit)]


def match_pairs(
    method: Method,
    pairs: Sequence[Pair],
    out: str | Path,
    *,
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    seed: int = 0,
    profile: str = "",
    progress: bool | None = None,
) -> ResultFolder:
    """Write the method's matches of all `pairs`, or of shard (i, n) of them, to the folder `out`;
    done parts are kept.

    `limit` takes an evenly spread subset, and every row then says so in column `subset`. Raises
    ValueError when `out` holds the results of another run, or when a method answers with the wrong
    shape or with numbers that are not finite.
    """
    chosen = select(len(pairs), limit)
    chunks = [chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK)]
    labels = labels_of(method, pairs, chosen, profile)
    run = {**labels, **described(method, seed), "pairs": len(chosen), "of": len(pairs)}
    parts = ResultFolder.start(out, run, len(chunks), content_of(pairs, chosen))
    todo = parts.todo(shard)
    with progress_bar(sum(len(chunks[part]) for part in todo), method, progress) as bar:
        for part in todo:
            rows = []
            for pair in (pairs[i] for i in chunks[part]):
                rows.append(rows_of(pair, ask(method, pair, seed), labels))
                bar.update()
            parts.write(part, joined(rows))
    return parts


def read(out: str | Path) -> pd.DataFrame:
    """All matches of the run in `out`, one row a keypoint. Raises FileNotFoundError when it is not
    there or not finished.
    """
    return ResultFolder.open(out).read()


def score(matches: pd.DataFrame, protocol: Protocol | None = None) -> pd.DataFrame:
    """The keypoint table: matches with `distance_px` and `tolerance_px`, both in pixels of the
    protocol's frame.

    The tolerance, the length that PCK's alpha multiplies, and the frame are those of `protocol`, or
    of the one that the matches carry. Matches without one are counted in original pixels by the
    target's box, or by its image where a data set has no boxes. Raises ValueError on a table that
    is none of matches.
    """
    if missing := [name for name in ASKED if name not in matches]:
        raise ValueError(
            f"no table of matches: it has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, matches.columns)) or 'none'}"
        )
    if protocol is None and "base" not in matches:  # of a list of pairs, or of an older version
        protocol = Protocol(base="box" if matches["box_px"].notna().all() else "image")
    rules = protocol or protocol_of(matches)
    return metrics.measured(matches.assign(**rules.labels()), rules)


def protocol_of(table: pd.DataFrame) -> Protocol:
    """The protocol in the columns of a table. Raises ValueError where they are absent or say
    several things.
    """
    columns = list(Protocol().labels())
    if missing := [name for name in columns if name not in table]:
        raise ValueError(
            f"the table does not say its protocol: it has no column {', '.join(missing)}"
        )
    said = table[columns].drop_duplicates()
    if len(said) != 1:
        raise ValueError(
            f"the table holds {len(said)} protocols; take one: table.groupby('base'), or "
            f"another column of {columns}"
        )
    base, by, alphas, strict, origin, frame = said.iloc[0][
        ["base", "by", "alphas", "strict", "origin", "frame"]
    ]
    size = None if frame == "original" else tuple(map(int, frame.split("x")))
    return Protocol(base, by, tuple(map(float, alphas.split())), bool(strict), int(origin), size)


def evaluate(
    method: Method,
    pairs: Sequence[Pair],
    *,
    limit: int | None = None,
    seed: int = 0,
    profile: str = "",
    progress: bool | None = None,
) -> pd.DataFrame:
    """The keypoint table of a few pairs, without writing anything."""
    chosen = select(len(pairs), limit)
    labels = labels_of(method, pairs, chosen, profile)
    rows = []
    with progress_bar(len(chosen), method, progress) as bar:
        for pair in (pairs[i] for i in chosen):
            rows.append(rows_of(pair, ask(method, pair, seed), labels))
            bar.update()
    return score(joined(rows))


def joined(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several pairs as one table; pairs without a point have none."""
    return pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)


def store_features(
    method: Any,
    views: Sequence[View],
    *,
    shard: tuple[int, int] = (0, 1),
    seed: int = 0,
    progress: bool | None = None,
):
    """Compute the features of shard (i, n) of `views` into the method's store. Raises TypeError
    where there is nothing to store.
    """
    if getattr(method, "store", None) is None:
        raise TypeError(
            f"method {method.name!r} stores no features of single views; match its pairs directly"
        )
    i, n = shard
    if not 0 <= i < n:
        raise ValueError(f"shard {i}/{n} does not exist; shards of {n} are 0/{n} to {n - 1}/{n}")
    with progress_bar(len(views[i::n]), method, progress) as bar:
        for view in views[i::n]:
            method.features(view, seed=seed)
            bar.update()


def ask(method: Method, pair: Pair, seed: int) -> Matches:
    """The method's matches of a pair; an error of the method then says of which pair it is. Where
    there is nothing to ask for, the method is not asked.
    """
    if not len(pair.source_points):
        return Matches(pair.source_points, pair.source_points.new_zeros(0))
    try:
        return method(pair.source, pair.target, pair.source_points, seed=seed)
    except Exception as error:
        error.add_note(f"(pair {pair.id}, method {getattr(method, 'name', '')})")
        raise


def rows_of(pair: Pair, matches: Matches, labels: dict[str, Any]) -> pd.DataFrame:
    """One row a keypoint: what was asked, what was answered, what is true."""
    points, n = matches.points.detach().cpu().double(), len(pair.source_points)
    if tuple(points.shape) != (n, 2) or tuple(matches.score.shape) != (n,):
        got = f"points {tuple(points.shape)} and score {tuple(matches.score.shape)}"
        raise ValueError(
            f"{labels['method']} answered pair {pair.id} with {got}; wanted ({n}, 2) and "
            f"({n},), one row a query"
        )
    if not points.isfinite().all():
        raise ValueError(
            f"{labels['method']} answered pair {pair.id} with numbers that are not finite; "
            "check its features for NaN"
        )
    columns: dict[str, Any] = {
        **labels,
        "pair": pair.id,
        "category": pair.category,
        "keypoint": list(map(str, pair.keypoints)),
    }
    for name, xy in (
        ("source", pair.source_points),
        ("target", pair.target_points),
        ("predicted", points),
    ):
        columns[f"{name}_x"], columns[f"{name}_y"] = (
            xy[:, 0].double().numpy(),
            xy[:, 1].double().numpy(),
        )
    columns |= {"source_image": pair.source.id, "target_image": pair.target.id}
    columns["score"] = matches.score.detach().cpu().double().numpy()
    for name, box in (("box_px", pair.target_box), ("source_box_px", pair.source_box)):
        columns[name] = float(max(box[2] - box[0], box[3] - box[1])) if box else float("nan")
    columns["image_px"] = float(max(pair.target.size))
    for name, sides in (("source", pair.source.size), ("target", pair.target.size)):
        columns[f"{name}_width"], columns[f"{name}_height"] = map(float, sides)
    for name, box in (("target_box", pair.target_box), ("source_box", pair.source_box)):
        sides = (box[2] - box[0], box[3] - box[1]) if box else (float("nan"),) * 2
        columns[f"{name}_width"], columns[f"{name}_height"] = map(float, sides)
    columns |= {tag: pair.tags[tag] for tag in TAGS if tag in pair.tags}
    return pd.DataFrame(columns, index=range(n))


def labels_of(
    method: Any, pairs: Sequence[Pair], chosen: list[int], profile: str
) -> dict[str, Any]:
    """What every row of a keypoint table carries: `names_of`, and the rules of counting."""
    names, rules = names_of(method, pairs, chosen, profile), protocol_for(pairs, chosen)
    if getattr(pairs, "task", ""):  # TSS has clicked points too, of which nothing is published
        names["data"] += ", its clicked points, not its published measure"
    return {**names, **rules.labels()}


def names_of(method: Any, pairs: Sequence, chosen: list[int], profile: str) -> dict[str, Any]:
    """What every row of a result carries: method, preset, profile, "20 of 400 pairs" with their
    views where a subset was looked at, and the data set."""
    of = getattr(pairs, "of", len(pairs))
    subset = "" if len(chosen) == of else f"{len(chosen)} of {of} {getattr(pairs, 'unit', 'pairs')}"
    seen = "viewpoint" in getattr(pairs, "tags", ("viewpoint",))
    if len(chosen) < len(pairs) and seen and (views := mix(pairs, chosen)):
        subset += f"; {views}"
    data = pairs.heading() if hasattr(pairs, "heading") else "pairs"
    names = {
        "method": getattr(method, "name", ""),
        "preset": getattr(method, "preset", ""),
        "profile": profile,
    }
    return {**names, "subset": subset, "data": data}


def protocol_for(pairs: Sequence[Pair], chosen: Sequence[int] = (0,)) -> Protocol:
    """The data set's protocol; for a plain list of pairs the library's default, by the image where
    its pairs have no boxes.

    Raises ValueError of a data set without pairs of keypoints (HPatches, DAVIS, JHMDB), which says
    what is published of it instead.
    """
    if measure := getattr(pairs, "measure", ""):
        raise ValueError(
            f"{pairs!r} has no pairs of keypoints to match; published is {measure}. See "
            "corrlib.experiments.tasks"
        )
    if (protocol := getattr(pairs, "protocol", None)) is not None:
        return protocol
    return Protocol(base="box" if all(pairs[i].target_box for i in chosen) else "image")


def described(method: Any, seed: int) -> dict[str, Any]:
    """What of a method decides its results: settings, weights and its code, since an edited method
    is another one; and the seed.
    """
    known = {name: getattr(method, name, "") for name in ("weights", "source")}
    return {"settings": repr(method.settings), **known, "seed": seed}


def content_of(pairs: Sequence[Pair], chosen: Sequence[int]) -> dict[str, str]:
    """The digests of the chosen pairs' images and answers, by name."""
    return gathered(pairs[i].content() for i in chosen)


def progress_bar(total: int, method: Any, progress: bool | None) -> tqdm:
    """A progress bar on stderr; `progress` None shows it on a terminal only."""
    return tqdm(
        total=total,
        desc=getattr(method, "name", "") or "pairs",
        leave=False,
        disable=None if progress is None else not progress,
    )

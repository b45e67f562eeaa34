"""Whether the runs and studies of a profile can be compared as the chapters do: said before any
work, not by a chapter after days of it.
"""

from collections.abc import Mapping
from typing import Any

FEWEST = 4  # pairs of a search: with fewer, no resample leaves one out to be scored on


def require_comparable(profile: Mapping[str, Any]) -> None:
    """Raise ValueError naming the first run or study of a profile that cannot be compared.

    Runs on one split of one data set are compared pair by pair, sweeps with sweeps and others with
    others, so each lot has one `limit`. A study has whole blocks of pairs, a search some of them.
    """
    first: dict[tuple, tuple[str, Any]] = {}
    for name, run in (profile.get("runs") or {}).items():
        run = run or {}
        where = run.get("data", ""), run.get("root", ""), run.get("split", profile.get("split", ""))
        lot = (*where, "layers" in run or "timesteps" in run)
        limit = run.get("limit")
        other, theirs = first.setdefault(lot, (name, limit))
        if limit != theirs:
            raise ValueError(
                f"runs.{name} looks at {_pairs(limit)}, runs.{other} at {_pairs(theirs)}; the "
                "chapters compare them pair by pair: give both the same limit"
            )
    for name, study in (profile.get("studies") or {}).items():
        block, limit = study.get("block", 1), study.get("limit")
        least = FEWEST * block if "draws" in study else block
        if limit is not None and limit < least:
            what = "a search" if "draws" in study else "a study"
            raise ValueError(
                f"studies.{name} has limit {limit}; wanted {least} or more: {what} in blocks of "
                f"{block} cannot do with fewer"
            )


def _pairs(limit: int | None) -> str:
    return "all pairs" if limit is None else f"{limit} pairs"

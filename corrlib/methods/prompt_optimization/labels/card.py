"""The card of a table of labels: what made it, what it cost, and how good it is where the answer is
known.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from corrlib.methods.prompt_optimization.labels.confidence import surest
from corrlib.methods.prompt_optimization.labels.truth import correct

PERCENTS = (100, 50, 25, 10)


def quality(judged: pd.DataFrame, alpha: float | int = 0.1) -> dict[str, float]:
    """Shares in percent: labels that are right, of all and of those whose point the target shows;
    and points on the object.
    """
    right, seen = correct(judged, alpha), judged["eval_true_x"].notna()
    return {
        "labels": float(len(judged)),
        "on the object": 100 * float(judged["eval_on_object"].mean()),
        "seen in the target": 100 * float(seen.mean()),
        "right": 100 * float(right.mean()),
        "right of those seen": 100 * float(right[seen].mean()) if seen.any() else float("nan"),
    }


def card(judged: pd.DataFrame, run: Mapping[str, Any], hours: float | int, command: str) -> str:
    """The card as Markdown."""
    pictures = {*judged["source_image"], *judged["target_image"]}
    asked = judged["source_image"].nunique()
    facts = [
        (
            "what",
            f"{len(judged)} matches between {len(pictures)} training pictures of the toybox, "
            f"{asked} of which are asked about,"
            " by prompt optimisation; no keypoint, box or mask was used, only that both "
            "pictures of a pair show one category",
        ),
        ("method", f"`{run['settings']}`"),
        ("pairs", f"`{run['plan']}`, split `{run['split']}`"),
        ("weights", f"toy diffusion model, fingerprint `{run['weights']}`"),
        ("seed", str(run["seed"])),
        ("made by", f"`{command}`"),
        ("time", f"{hours:.1f} hours of one CPU core that had a busy neighbour"),
        ("licence", "MIT"),
    ]
    rows = [(f"surest {percent} %", quality(surest(judged, percent))) for percent in PERCENTS]
    names = list(rows[0][1])
    table = [f"| | {' | '.join(names)} |", "| --- |" + " ---: |" * len(names)]
    for name, found in rows:
        table.append(
            f"| {name} | {found['labels']:.0f} | "
            + " | ".join(f"{found[k]:.1f}" for k in names[1:])
            + " |"
        )
    return "\n".join(
        [
            "# Labels that nobody clicked",
            "",
            "Matches of a slow method, to train a fast one on. "
            "`corrlib.methods.prompt_optimization.labels.table.shipped()` "
            "reads them.",
            "",
            "| | |",
            "| --- | --- |",
            *[f"| {name} | {text} |" for name, text in facts],
            "",
            "One row a match: `source_x` .. `target_y` in pixels of the two pictures, and what "
            "the teacher can say of its own",
            "answer: `agreement_px` (largest distance between single embeddings' answers), "
            "`peak` and `peak_ratio` (highest value",
            "of the fused attention; how many times the highest one elsewhere) and `cycle_px` "
            "(where the answer, asked on the",
            "source, ends).",
            "Columns that begin with `eval_` were looked up afterwards in the toy world, which "
            "knows every answer. They judge the",
            "labels, below and in the book, and must never choose or train anything.",
            "",
            *table,
            "",
            "In percent; right is within 0.1 of the longer side of the target's box. A point "
            "that the target hides has no right",
            "answer, whatever the teacher says.",
            "",
        ]
    )

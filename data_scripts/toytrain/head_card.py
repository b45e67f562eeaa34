"""The card of a trained head: what it learned from, its curve, and which weights it found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.heads.aggregation import AggregationHead
from corrlib.heads.bottleneck import parameters
from corrlib.heads.files import fingerprint
from corrlib.storage.atomic_write import atomic_write

LARGEST = 5


def write_card(
    folder: Path,
    head: AggregationHead,
    curve: Sequence[Mapping[str, Any]],
    facts: Mapping[str, str],
    title: str = "A head of hyperfeatures",
) -> None:
    """README.md and training.png in the head's folder; of a head with one map no weights."""
    s, weights = head.settings, head.mixture.tolist()
    size = f"{parameters(head):,} parameters, fingerprint {fingerprint(head)}"
    rows = [("head", f"{size}, {s.width} channels on {s.grid[0]} x {s.grid[1]}"), *facts.items()]
    lines = [f"# {title}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in rows]
    lines += ["", "![Loss while it trained](training.png)", ""]
    if len(weights) > 1:
        lines += [f"The {LARGEST} largest of its {len(weights)} mixing weights, which sum to 1:"]
        lines += ["", "| layer | timestep | weight |", "| --- | ---: | ---: |"]
    for number, layer in head.largest(LARGEST if len(weights) > 1 else 0):
        weight = weights[number * len(s.layers) + s.layers.index(layer)]
        lines.append(f"| {layer} | {s.timesteps[number]} | {weight:.4f} |")
    with atomic_write(folder / "README.md") as part:
        part.write_text("\n".join(lines) + "\n")
    draw(curve, folder / "training.png")


def draw(curve: Sequence[Mapping[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([row["step"] for row in curve], [row["loss"] for row in curve], ".-")
    axes.set(xlabel="step", ylabel="loss, mean since the point before")
    if counted := [(row["step"], row["pck"]) for row in curve if pd.notna(row.get("pck"))]:
        beside = axes.twinx()
        beside.plot(*zip(*counted, strict=True), "s--", color="C1")
        beside.set(ylabel="PCK@0.1 of held-out pairs in %", ylim=(0, 100))
    axes.spines[["top"]].set_visible(False)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=110, metadata={"Software": None})

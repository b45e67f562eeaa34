"""The model card that ships with the toy DINO, written from the record of the run: nothing in it is
typed by hand.
"""

import json
from pathlib import Path

CARD = """# The toy DINO

DINOv2's architecture in small, trained from scratch by self-distillation on pictures of the toybox, without a label. No
correspondence between two pictures was ever shown to it, only that a place is the same in two crops of one picture. Weights are stored in half precision; `Dinov2Model.from_pretrained` loads the folder.

| | |
| --- | --- |
| network | patches of {patch} x {patch} pixels at {image} x {image}, {layers} layers of {width} channels, {parameters:.2f} M parameters |
| data | {pool:,} rendered pictures of eighteen categories, drawn by `corrlib/toybox`; the data set's own toys are not among them |
| training | {images_seen:,} pictures seen in {steps:,} steps of {batch}; two crops of {wide} and {narrows} of {narrow} pixels; teacher kept at {keep:g} rising to 1, prototypes used alike, temperatures {sharp:g} and {soft:g}; loss at hidden patches weighs {patches:g}, of {points} shared places a crop {places:g}, told apart at {apart:g}; AdamW at {rate:g}, {warmup} steps of warm-up, falling over the last {cooldown:.0%} |
| seed | {seed} |
| hardware | {hardware}; torch {torch} |
| time | {hours:.1f} hours, on a machine that did other work too |
| train it again | `python data_scripts/train_toy_dino.py --out build/train-dino` |
| licence | MIT |

![The losses and the accuracy on validation pairs while it trained](training.png)

| pictures seen | loss of class tokens | of hidden patches | of shared places | best PCK | at |
| ---: | ---: | ---: | ---: | ---: | --- |
{rows}

PCK@0.1 of the target box in percent, per point, on all ordered pairs of a few validation pictures a category; the best of
{taps}. The first line is the random network's; raw pixels reach {pixels:.1f}. The whole record is `training.json`.
"""


def write_card(folder: Path) -> None:
    """Write README.md and training.png into the folder from its training.json and config.json."""
    record = json.loads((folder / "training.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    lines = record["record"]
    text = CARD.format(
        **record["recipe"],
        patch=config["patch_size"],
        image=config["image_size"],
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        parameters=record["parameters"] / 1e6,
        pool=record["history"][-1]["pool"],
        images_seen=record["images_seen"],
        steps=record["steps"],
        hardware=record["hardware"],
        torch=record["torch"],
        hours=record["seconds"] / 3600,
        rows="\n".join(map(_row, lines)),
        taps=", ".join(lines[-1]["pck"]),
        pixels=lines[-1]["pixels"],
    )
    (folder / "README.md").write_text(text)
    draw(record, folder / "training.png")


def _row(line: dict) -> str:
    tap = max(line["pck"], key=line["pck"].get)
    losses = [f"{value:.3f}" for value in line["losses"]] if line["losses"] else [""] * 3
    cells = [f"{line['images']:,}", *losses, f"{line['pck'][tap]:.1f}", tap]
    return f"| {' | '.join(cells)} |"


def draw(record: dict, path: Path) -> None:
    """The losses, and the best layer's accuracy of tokens and of keys, against pictures seen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from corrlib.viz import style

    style.apply()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for k, name in ((1, "class tokens"), (2, "hidden patches"), (3, "shared places")):
        left.plot(*zip(*[(row[0], row[k]) for row in record["curve"]], strict=True), label=name)
    left.set(xlabel="pictures seen", ylabel="loss")
    for facet in ("token", "key"):
        best = [
            max(value for tap, value in line["pck"].items() if tap.startswith(facet))
            for line in record["record"]
        ]
        right.plot([line["images"] for line in record["record"]], best, marker="o", label=facet)
    right.axhline(record["record"][-1]["pixels"], linestyle=":", color="gray", label="raw pixels")
    right.set(xlabel="pictures seen", ylabel="PCK@0.1 (%), best layer")
    right.set_xscale("symlog", linthresh=1000)
    right.set(xlim=(-100, None), ylim=(0, None))
    right.set_xticks([0, 1000, 10_000, 100_000], ["0", "1,000", "10,000", "100,000"])
    for axes in (left, right):
        axes.legend()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)

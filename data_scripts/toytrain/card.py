"""The model card that ships with the toy weights, written from the record of the run: nothing in it
is typed by hand.
"""

import json
from pathlib import Path

from data_scripts.toytrain import pool
from data_scripts.toytrain.models import FACTOR

CARD = """# The toy diffusion model

A latent diffusion model with Stable Diffusion's architecture in small, trained from scratch on pictures of the toybox. No
correspondence was ever shown to it. Weights are stored in half precision.

| | |
| --- | --- |
| parts | {parts} |
| data | {pool:,} rendered pictures of {pixels} pixels, eighteen categories, drawn and captioned by `corrlib/toybox` (seed 0); the data set's own toys are not among them |
| autoencoder | {vae_steps:,} steps of {vae_batch} crops of {crop} x {crop}; keeps {vae:.1f} % of the pictures' variance ({psnr:.1f} dB) in 4 numbers a 4 x 4 patch; PCA keeps {pca_4:.1f} % in 4, {pca_6:.1f} % in 6 and {pca_8:.1f} % in 8 |
| U-Net and text encoder | {images_seen:,} pictures seen in {steps:,} steps of {batches}, {optimizers}, with {warmup} steps of warm-up and a linear fall over the last {cooldown:.0%}; velocity prediction, SD's betas, Min-SNR weights (gamma {gamma:g}), captions dropped {dropout:.0%}, averaged weights ({ema}) |
| seed of the U-Net | {seed} |
| hardware | {hardware}; torch {torch} |
| time | {hours:.1f} hours for the U-Net, {vae_minutes:.0f} minutes for the autoencoder, on a machine that did other work too |
| train it again | `python data_scripts/train_toy_diffusion.py --out build/train{options}` |
| licence | MIT |

![Loss and DIFT's accuracy on validation pairs while it trained](training.png)

| pictures seen | world of the pairs | loss | {layers} |
| ---: | --- | ---: | {rule} |
{rows}

Loss: the mean of the last 200 steps, weighted. The other columns: PCK@0.1 of the target box in percent, per point, on all
ordered pairs of the validation pictures of a category (eight of the calibrated world, four of the hard one), one noise, the best of t = {timesteps}. The whole record is `training.json`.
"""

OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon for matrices and AdamW for the rest"}


def write_card(folder: Path, sizes: dict[str, int]) -> None:
    """Write README.md and training.png into the model's folder from its training.json; `sizes` are
    parameters of each part.
    """
    record = json.loads((folder / "training.json").read_text())
    recipe, vae = record["recipe"], record["autoencoder"]
    cells = list(record["record"][-1]["pck"])
    layers = list(dict.fromkeys(cell.split("@")[0] for cell in cells))
    rows = []
    for row in record["record"]:
        of = [
            [value for cell, value in row["pck"].items() if cell.startswith(layer + "@")]
            for layer in layers
        ]
        rows.append(
            f"| {row['images']:,} | {row.get('world', 'hard')} | {row['loss']:.4f} | "
            + " | ".join(f"{max(v):.1f}" if v else "" for v in of)
            + " |"
        )
    sides = merged(record["history"], "latents")
    pixels = ", then ".join(
        f"{FACTOR * s['latents']} x {FACTOR * s['latents']} (from picture {s['from']:,})"
        for s in sides
    )
    moved = [{"optimizer": "adamw", "rate": recipe["rate"]} | start for start in record["history"]]
    parts = (
        ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in sizes.items()) + " parameters"
    )
    batches = ", then ".join(
        f"{start['batch']} (from picture {start['from']:,})"
        for start in merged(record["history"], "batch")
    )
    optimizers = ", then ".join(
        f"{OPTIMIZERS[start['optimizer']]} at {start['rate']:g} (from picture {start['from']:,})"
        for start in merged(moved, "optimizer", "rate")
    )
    text = CARD.format(
        **recipe,
        options=options(record),
        batches=batches,
        optimizers=optimizers,
        pixels=pixels,
        steps=record["steps"],
        **vae["kept_percent"],
        parts=parts,
        pool=record["pool"],
        vae_steps=vae["steps"],
        vae_batch=vae["batch"],
        crop=vae["crop"],
        psnr=vae["kept_percent"]["psnr_db"],
        images_seen=record["images_seen"],
        hardware=record["hardware"],
        torch=record["torch"],
        hours=record["seconds"] / 3600,
        vae_minutes=vae["curve"][-1]["seconds"] / 60,
        layers=" | ".join(layers),
        rule=" | ".join("---:" for _ in layers),
        rows="\n".join(rows),
        timesteps=", ".join(dict.fromkeys(cell.split("@")[1] for cell in cells)),
    )
    (folder / "README.md").write_text(text)
    draw(record, folder / "training.png")


def options(record: dict) -> str:
    """What the command of a run of another seed says beyond its folder: so much, and whose
    autoencoder.
    """
    recipe, taken = record["recipe"], record["autoencoder"].get("taken_from")
    if not recipe["seed"]:
        return ""
    batch = record["history"][-1]["batch"]  # of all processes together
    said = f" --seed {recipe['seed']} --images {recipe['images']} --batch {batch}"
    said += f" --chunks {record['pool'] // pool.CHUNK}"
    return said + (f" --autoencoder {taken}" if taken else "")


def merged(history: list[dict], *keys: str) -> list[dict]:
    """The starts of a run that changed one of `keys`; a start that only went on is left out."""
    return [
        start
        for before, start in zip([{}, *history], history, strict=False)
        if any(start[key] != before.get(key) for key in keys)
    ]


def draw(record: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from corrlib.viz import style, training_record

    style.apply()
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    training_record(axes, record)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)

"""Does the toy model paint what it was asked for? Samples, named by a network that saw renders."""

from typing import Any

import numpy as np
import torch

from corrlib.backbones.diffusion import Diffuser
from corrlib.bench import benchmark
from corrlib.bench._kinds import name, renders, train
from corrlib.toybox.things import CATEGORIES


@benchmark("samples")
def bench_samples(
    preset: str = "toybox",
    each: int = 250,
    epochs: int = 25,
    samples: int = 1,
    steps: int = 25,
    guidance: float | int = 3.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Of `samples` pictures a kind, painted for "a photo of a KIND", how many are named right by a
    small classifier.

    The classifier is trained here, on `each` renders a kind, and never saw a sample; how often it
    is right on renders that it did not see (`held_out_percent`) bounds what its verdict is worth.
    """
    net = train(*renders(CATEGORIES, each, "trn", seed), epochs, seed=seed)
    images, labels = renders(CATEGORIES, max(each // 5, 4), "test", seed)
    right = (name(net, images) == labels).float().mean().item()
    diffuser = Diffuser.load(preset)
    pipeline = diffuser.pipeline()
    pipeline.set_progress_bar_config(disable=True)
    told = {}
    for i, kind in enumerate(CATEGORIES):
        painted = paint(pipeline, kind, samples, steps, guidance, seed + 1000 * i)
        told[kind] = [CATEGORIES[k] for k in name(net, painted).tolist()]
    hits = {kind: sum(word == kind for word in words) for kind, words in told.items()}
    return {
        "weights": diffuser.fingerprint,
        "classifier": f"small convolutional network, {each} renders a kind, {epochs} epochs",
        "held_out_percent": round(100 * right, 1),
        "held_out_renders": len(labels),
        "samples_a_kind": samples,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "right": sum(hits.values()),
        "of": samples * len(CATEGORIES),
        "kinds_right": sum(2 * n > samples for n in hits.values()),
        "kinds": len(CATEGORIES),
        "named": told,
    }


def paint(
    pipeline: Any, kind: str, count: int, steps: int, guidance: float | int, seed: int
) -> torch.Tensor:
    """`count` samples (count x 3 x H x W, in [0, 1]), each from noise of its own."""
    images = []
    for i in range(count):
        images += pipeline(
            f"a photo of a {kind}",
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(seed + i),
            output_type="np",
        ).images.tolist()
    return torch.from_numpy(np.array(images, dtype=np.float32)).permute(0, 3, 1, 2)

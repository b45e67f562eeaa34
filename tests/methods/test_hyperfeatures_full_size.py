"""Hyperfeatures at Stable Diffusion 1.5's real size with random weights: taps, head, two steps of
inversion. Minutes and 6 GB.

./run python -m pytest -m slow -s
"""

from dataclasses import replace

import pytest
import torch
from conftest import picture_view, tiny_networks

from corrlib.backbones.diffusion import Diffuser
from corrlib.backbones.skeletons import published
from corrlib.heads.bottleneck import parameters
from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures.frozen import FrozenPath
from corrlib.methods.hyperfeatures.method import new_head, with_head
from corrlib.methods.hyperfeatures.settings import PRESETS

pytestmark = pytest.mark.slow


def test_full_size():
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            max_position_embeddings=77,
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
        )
    )
    unet, vae = published("sd1-5", "cpu")
    small = tiny_networks()
    env = Env(models={"sd1-5": Diffuser(vae, unet, text, small["tokenizer"], small["scheduler"])})
    official = replace(PRESETS["official"], head="untrained")
    frozen = FrozenPath(official, env.diffuser("sd1-5"))
    assert len(frozen.layers) == 12 and sum(frozen.channels) == 10_560
    assert parameters(new_head(official, frozen)) == 6_529_668
    assert frozen.levels == (-1, 60, 160, 260, 360, 460, 560, 660, 760, 860, 960)

    two = replace(official, positions=(0, 1))  # of fifty: the walk ends after the second
    path, view = FrozenPath(two, env.diffuser("sd1-5")), picture_view(500, 375)
    visits = list(path.visits(view, dict.fromkeys((0, 1), path.layers)))
    assert [(v.position, v.t) for v in visits] == [(0, -1), (1, 0)]
    shapes = [tuple(m.shape[1:]) for m in visits[1].maps.values()]
    grids = ((1280, 8, 8), (1280, 16, 16), (640, 32, 32), (320, 64, 64))
    assert shapes == [shape for shape in grids for _ in range(3)]
    assert all(m.isfinite().all() for v in visits for m in v.maps.values())

    extract = with_head(two, None, env).extract
    total = None
    for number, visit in enumerate(visits):
        total = extract.fold(total, number, visit.maps)
    assert total.shape == (1, 384, 64, 64) and (total >= 0).all() and total.isfinite().all()
    assert not torch.equal(visits[0].maps[path.layers[0]], visits[1].maps[path.layers[0]])

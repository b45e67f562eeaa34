"""The diagram's rows are the layers of the configuration, with the shapes that a pass gives."""

import matplotlib.pyplot as plt
import torch

from corrlib.backbones.diffusion import decoder_layers
from corrlib.backbones.skeletons import published, skeleton
from corrlib.viz.unet import layers, unet


def test_rows_of_stable_diffusion_are_those_of_the_paper():
    net, _ = published("sd2-1")
    rows = {row.name: row for row in layers(net, (96, 96))}
    assert [n for n in rows if n.startswith("up")] == decoder_layers(net)
    shapes = {n: (rows[n].channels, *rows[n].grid) for n in ("up_blocks.1", "mid_block", "conv_in")}
    assert shapes == {
        "up_blocks.1": (1280, 48, 48),
        "mid_block": (1280, 12, 12),
        "conv_in": (320, 96, 96),
    }
    assert not rows["up_blocks.0"].reads_prompt and rows["up_blocks.1"].reads_prompt
    assert not rows["down_blocks.3"].reads_prompt and not rows["conv_out"].reads_prompt


def test_shapes_are_those_of_a_real_pass(tiny_diffuser):
    rows = {row.name: row for row in layers(skeleton(tiny_diffuser.unet), (16, 24))}
    z, condition = torch.zeros(1, 4, 24, 16), tiny_diffuser.condition("a cat")[None]
    found = tiny_diffuser.features(z, 100, condition, ["up_blocks.1"])["up_blocks.1"]
    row = rows["up_blocks.1"]
    assert (row.channels, *row.grid[::-1]) == tuple(found.shape[1:])


def test_every_row_is_drawn_and_one_is_marked(tiny_diffuser):
    rows = layers(skeleton(tiny_diffuser.unet), (16, 16))
    _, ax = plt.subplots()
    unet(ax, rows, marked="up_blocks.1")
    assert len(ax.patches) == len(rows)
    assert [t.get_text() for t in ax.texts if t.get_weight() == "bold"] == ["up_blocks.1"]
    plt.close("all")

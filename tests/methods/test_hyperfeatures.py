"""Hyperfeatures: what is read and where, the sum against the plain way, presets, seeds, stores."""

from functools import partial

import pytest
import torch
from conftest import picture_view
from torch.nn.functional import interpolate

from corrlib import methods
from corrlib.backbones.noise import noise_for
from corrlib.backbones.skeletons import skeleton
from corrlib.coords import Frame
from corrlib.heads import published_files
from corrlib.matching import feature_maps
from corrlib.matching.estimators import nearest
from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures.cost import cost
from corrlib.methods.hyperfeatures.frozen import FrozenPath, decoder_taps, loaded
from corrlib.methods.hyperfeatures.method import nearest_as_released, new_head, with_head
from corrlib.methods.hyperfeatures.settings import PRESETS
from corrlib.types import FeatureMap

SMALL = {
    "head": "untrained",
    "size": (32, 32),
    "steps": 4,
    "positions": (0, 1, 3),
    "grid": (8, 8),
    "width": 16,
    "middle": 8,
    "groups": 4,
}
A, B = picture_view(40, 30, 1), picture_view(30, 40, 2)
POINTS = torch.tensor([[4.0, 4.0], [34.0, 6.0], [20.0, 24.0]])


def settings(**changes):
    return methods.settings("hyperfeatures", "toybox", **{**SMALL, **changes})


def load(env, **changes):
    return methods.load("hyperfeatures", "toybox", env=env, **{**SMALL, **changes})


def shuffled(env, **changes):
    """A head whose mixing weights differ, so that their order shows."""
    s = settings(**changes)
    head = new_head(s, FrozenPath(s, env.diffuser("toybox")))
    weights = torch.randn(len(head.mixing_weights), generator=torch.Generator().manual_seed(3))
    head.mixing_weights.data = weights
    return head


def plainly(diffuser, head, view, s) -> torch.Tensor:
    """The way of the paper's figure: hooks, everything enlarged and concatenated, then the network,
    every convolution after enlarging.
    """
    image = loaded(view.image(), s.size, s.size)
    posterior = diffuser.posterior(image[None])
    z = posterior.mean + posterior.std * noise_for(
        0, view.id, 0, 0, tuple(posterior.mean.shape), kind="posterior"
    )
    x, big = z[None], []
    levels = [i * 250 for i in range(4)] if s.rule == "consistent" else [-1, 0, 250, 500]
    goals = [250, 500, 750, 750] if s.rule == "consistent" else [0, 250, 500, 750]
    text = diffuser.condition("")[None]

    def share(t: int) -> tuple[torch.Tensor, torch.Tensor]:
        abar = diffuser.scheduler.alphas_cumprod[t] if t >= 0 else torch.tensor(1.0)
        return abar**0.5, (1 - abar) ** 0.5

    for i in range(4):
        seen, handles = [], []
        for up in diffuser.unet.up_blocks:
            for block in up.resnets:
                keep = partial(lambda seen, m, a, out: seen.append(out.clone()), seen)
                handles.append(block.conv2.register_forward_hook(keep))
        with torch.no_grad():
            v = diffuser.unet(x, levels[i], encoder_hidden_states=text).sample
        for handle in handles:
            handle.remove()
        if i in s.positions:
            big.append([interpolate(m, (8, 8), mode="bilinear") for m in seen])
        (a, b), (c, d) = share(levels[i]), share(goals[i])
        x = c * (a * x - b * v) + d * (a * v + b * x)  # the tiny model predicts velocity
    mixture, total = head.mixing_weights.softmax(0), 0
    for i, maps in enumerate(big):
        for j, values in enumerate(maps):
            block = head.bottleneck_layers[j][0]
            y = block.conv3(block.conv2(block.conv1(values).relu()).relu())
            total = total + mixture[12 * i + j] * (y + block.shortcut(values)).relu()
    return total[0]


@pytest.mark.parametrize("rule", ["consistent", "released"])
def test_streamed_sum_is_that_of_the_plain_way(env, tiny_diffuser, rule):
    head, s = shuffled(env, rule=rule), settings(rule=rule)
    found = with_head(s, head, env).features(A)
    assert found.values.shape == (16, 8, 8) and found.frame.image == A.size
    with torch.no_grad():
        wanted = plainly(tiny_diffuser, head, A, s)
    torch.testing.assert_close(found.values, wanted, rtol=1e-4, atol=1e-5)


def test_twelve_taps_lie_before_the_shortcut(tiny_diffuser):
    taps = decoder_taps(tiny_diffuser.unet)
    assert len(taps) == 12 and taps[3] == "up_blocks.1.resnets.0.conv2"  # layer 4 of the paper
    assert [tiny_diffuser.unet.get_submodule(t).out_channels for t in taps] == ([64] * 6 + [32] * 6)


def test_the_network_stops_after_the_last_map(env, monkeypatch):
    calls = {"whole": 0, "tail": 0}
    unet = env.models["toybox"].unet
    for module, name in ((unet.conv_in, "whole"), (unet.conv_out, "tail")):
        original = module.forward

        def count(x, name=name, original=original):
            calls[name] += 1
            return original(x)

        monkeypatch.setattr(module, "forward", count)
    load(env).features(A)
    assert calls == {"whole": 4, "tail": 3}
    calls |= {"whole": 0, "tail": 0}
    alone = Env(models=env.models)  # methods of one Env share the longest walk
    load(alone, positions=(0, 1)).features(A)  # what is noisier than the last is not walked
    assert calls == {"whole": 2, "tail": 1}
    calls |= {"whole": 0, "tail": 0}
    load(Env(models=env.models), path="noised").features(A)
    assert calls == {"whole": 3, "tail": 0}


def test_one_step_reads_the_clean_latent(env):
    method = load(env, steps=1, positions=(0,), rule="released")
    assert method.extract.frozen.levels == (-1,)
    whole = load(env, rule="released").extract.frozen
    tap = whole.layers[5]
    one = method.extract.frozen.cells(A, [tap], [-1])[tap, -1]
    assert torch.equal(one.values, whole.cells(A, [tap], [-1])[tap, -1].values)
    with pytest.raises(ValueError, match=r"level 0 is not on this path; it has \[-1\]"):
        method.cells(A, [tap], [0])


def test_maps_side_by_side_are_the_raw_ones(env):
    frozen = load(env).extract.frozen
    one = frozen.cells(A, [frozen.layers[3]], [0])[frozen.layers[3], 0]
    four = load(env, steps=1, positions=(0,), layers=(4,), read="maps").features(A)
    wanted = feature_maps.resize(one, (8, 8)).values
    torch.testing.assert_close(four.values, wanted)
    every = load(env, steps=1, positions=(0,), read="maps").features(A).values
    assert every.shape == (576, 8, 8)
    torch.testing.assert_close(every[3 * 64 : 4 * 64], wanted)


def test_the_largest_weights_alone(env):
    head = shuffled(env)
    order = head.mixing_weights.argsort(descending=True).tolist()
    method = with_head(settings(keep=1), head, env)
    place, layer = (0, 1, 3)[order[0] // 12], method.extract.frozen.layers[order[0] % 12]
    assert method.extract.asked() == {place: (layer,)}
    t = method.extract.frozen.levels[order[0] // 12]
    raw = method.extract.frozen.cells(A, [layer], [t])[layer, t]
    block = head.bottleneck_layers[order[0] % 12][0]
    with torch.no_grad():
        wanted = head.mixture[order[0]] * block(raw.values[None], (8, 8))[0]
    torch.testing.assert_close(method.features(A).values, wanted)
    pruned = with_head(settings(keep=1, read="maps"), head, env).features(A).values
    torch.testing.assert_close(pruned, feature_maps.resize(raw, (8, 8)).values)
    every = with_head(settings(keep=36), head, env).features(A).values
    torch.testing.assert_close(every, with_head(settings(), head, env).features(A).values)


def test_noise_of_its_own_at_each_position(env):
    noisy = load(env, path="noised").extract.frozen
    tap = noisy.layers[0]
    alone = noisy.cells(A, [tap], [750])[tap, 750].values
    assert torch.equal(alone, noisy.cells(A, [tap], [0, 250, 750])[tap, 750].values)
    assert not torch.equal(alone, noisy.cells(A, [tap], [750], seed=1)[tap, 750].values)
    assert not torch.equal(alone, load(env).extract.frozen.cells(A, [tap], [750])[tap, 750].values)


def test_an_image_does_not_depend_on_what_else_is_asked(env):
    method = load(env)
    first = method(A, B, POINTS)
    torch.randn(3)
    again = load(env)
    again(B, A, POINTS.clamp(max=29))
    second = again(A, B, POINTS)
    assert torch.equal(first.points, second.points) and torch.equal(first.score, second.score)
    other = load(env).features(A, seed=1).values
    assert not torch.equal(method.features(A).values, other)
    mode = [load(env, posterior="mode").features(A, seed=i).values for i in (0, 1)]
    assert torch.equal(*mode)  # inversion itself draws nothing


def test_a_picture_matches_itself(env):
    found = load(env)(A, A, POINTS)
    assert (found.points - POINTS).norm(dim=1).max() <= 2.5  # half a cell, which is 5 pixels wide
    torch.testing.assert_close(found.score, torch.ones(3), rtol=1e-3, atol=1e-3)


def test_sizes_to_load_at(env):
    image = A.image()
    assert torch.equal(loaded(image, (32, 32), (32, 32)), loaded(image, (32, 32), (32, 32)))
    small = loaded(image, (8, 8), (32, 32))
    wanted = interpolate(loaded(image, (8, 8), (8, 8))[None], (32, 32), mode="bilinear")[0]
    torch.testing.assert_close(small, wanted)
    coarse, fine = load(env, load=(8, 8)).features(A), load(env).features(A)
    assert not torch.allclose(coarse.values, fine.values)


def test_matching_as_released_is_the_plain_one_at_the_loaded_size():
    """Maps enlarged to the loaded size, the source read at the rounded pixel, answers scaled
    without the half pixel.
    """
    g = torch.Generator().manual_seed(0)
    a, b = (FeatureMap(torch.rand(6, 4, 4, generator=g), load_frame(v)) for v in (A, B))
    found = nearest_as_released((12, 12), (16, 16))(a, b, POINTS)
    big_a, big_b = (
        torch.nn.functional.normalize(
            interpolate(m.values[None], (12, 12), mode="bilinear")[0], dim=0
        )
        for m in (a, b)
    )
    for (x, y), answer in zip(POINTS.tolist(), found.points, strict=True):
        column, row = round(x * 12 / 40), round(y * 12 / 30)
        cosine = torch.einsum("c,chw->hw", big_a[:, row, column], big_b)
        best = int(cosine.argmax())
        wanted = torch.tensor([best % 12 * 30 / 12, best // 12 * 40 / 12])
        torch.testing.assert_close(answer, wanted)
    assert not torch.allclose(found.points, nearest(a, b, POINTS).points)


def load_frame(view):
    return Frame(view.size, (4, 4))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": (0, 4)}, "different numbers from 0 to 3, rising"),
        ({"positions": (1, 0)}, "rising"),
        ({"layers": (0,)}, "from 1 to 12"),
        ({"steps": 0, "positions": ()}, "steps is 0"),
        ({"keep": -1}, "keep is -1"),
        ({"path": "forward"}, "wanted one of inversion, generation, noised"),
        ({"read": "raw"}, "wanted one of sum, maps"),
        ({"size": (33, 32)}, "multiples of 4"),
    ],
)
def test_wrong_settings_are_explained(env, changes, words):
    with pytest.raises(ValueError, match=words):
        load(env, **changes)


def test_presets_are_those_of_the_paper_and_the_released_code():
    paper, official = PRESETS["paper"], PRESETS["official"]
    assert (paper.rule, official.rule) == ("consistent", "released")
    assert (paper.load, official.load, paper.size) == ((224, 224), None, (512, 512))
    assert {p.head for p in (paper, official)} == {"published"}
    assert set(published_files.PUBLISHED) <= {p.head for p in PRESETS.values()}
    n = official.steps
    assert [n - 1 - i for i in official.positions] == [49, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0]


def test_a_generation_reads_on_the_way_down(env, tiny_diffuser):
    """The way up ends at the noisiest level, the way down begins there: the same first look; then
    the network's own errors part the two."""
    maps = {}
    for path in ("inversion", "generation"):
        frozen = FrozenPath(settings(path=path), tiny_diffuser)
        asked = dict.fromkeys(frozen.settings.places, frozen.layers[:1])
        visits = list(frozen.visits(A, asked))
        assert [v.position for v in visits] == ([0, 1, 3] if path == "inversion" else [3, 1, 0])
        maps[path] = {v.position: v.maps[frozen.layers[0]] for v in visits}
    assert torch.equal(maps["inversion"][3], maps["generation"][3])
    assert not torch.equal(maps["inversion"][0], maps["generation"][0])
    counted = cost(
        settings(path="generation"), *map(skeleton, (tiny_diffuser.unet, tiny_diffuser.vae))
    )
    assert counted.calls == 3 + 4

"""Learned prompts: what they are made of, and what they give."""

from dataclasses import replace

import pytest
import torch

from corrlib.heads import files
from corrlib.heads.bottleneck import parameters
from corrlib.heads.prompts import (
    ConditionalPrompts,
    FixedPrompts,
    PromptSettings,
    Seen,
    categories_of,
    make_prompts,
    rates,
)
from corrlib.validation.check import checked_fields

SMALL = PromptSettings(
    kind="conditional", width=6, shared=2, conditional=3, feature_width=4, patches=10
)


def seen(seed: int = 0, category: str = "cat") -> Seen:
    g = torch.Generator().manual_seed(seed)
    return Seen(category, torch.randn(10, 4, generator=g), torch.randn(4, generator=g))


def test_numbers_of_parameters_are_the_papers():
    single = FixedPrompts(PromptSettings())
    each = FixedPrompts(PromptSettings(kind="class", categories=tuple("abcdefghijklmnopqr")))
    cpm = ConditionalPrompts(PromptSettings(kind="conditional"))
    assert parameters(single) == 76_800 and parameters(each) == 18 * 76_800 == 1_382_400
    # 1536 x 1024 + 1024, 256 x 256 + 256, 25 shared, 50 positions and 50 scales of 1024
    assert parameters(cpm) == 1_573_888 + 65_792 + 25_600 + 2 * 51_200 == 1_767_680


def test_the_conditional_prompt_is_its_formula():
    a, b = seen(1), seen(2)
    prompts = ConditionalPrompts(SMALL)
    one, other = prompts(a, b)
    assert one is other and one.shape == (5, 6)
    x = torch.cat([a.patches, b.patches], 1) @ prompts.channels.weight.T + prompts.channels.bias
    x = prompts.mixer.weight @ x + prompts.mixer.bias[:, None]
    windows = [(0, 4), (3, 7), (6, 10)]  # floor(10 i / 3) to ceil(10 (i + 1) / 3)
    pooled = torch.stack([x[first:last].amax(0) for first, last in windows])
    made = torch.tanh(prompts.omega) * (pooled + prompts.position)
    torch.testing.assert_close(one, torch.cat([prompts.shared, made]))
    plain = ConditionalPrompts(replace(SMALL, scale="plain"))
    made = plain.omega * pooled + plain.position
    torch.testing.assert_close(plain(a, b)[0], torch.cat([plain.shared, made]))
    assert not torch.equal(prompts(b, a)[0], one)  # A before B: order matters


def test_the_six_cases_of_the_ablation():
    a, b = seen(1), seen(2)
    shapes = {
        "pair, global": replace(SMALL, features="global"),
        "image, local": replace(SMALL, seen="image", mixed=False),
        "image, global": replace(SMALL, seen="image", features="global"),
        "no shared vectors": replace(SMALL, shared=0),
        "no map over patches": replace(SMALL, mixed=False),
    }
    for name, settings in shapes.items():
        one, other = make_prompts(settings)(a, b)
        assert one.shape == (settings.length, 6), name
        assert (one is other) == (settings.seen == "pair"), name
    alone = make_prompts(shapes["image, local"])
    assert torch.equal(alone(a, b)[0], alone(a, seen(3))[0])  # of its own image only
    of_whole = make_prompts(shapes["pair, global"])
    blind = Seen("cat", None, a.whole)
    assert torch.equal(of_whole(blind, b)[0], of_whole(a, b)[0])


def test_what_a_prompt_lacks_is_said():
    with pytest.raises(ValueError, match="reads local features of images, and got none"):
        ConditionalPrompts(SMALL)(Seen("cat"), Seen("cat"))
    each = FixedPrompts(PromptSettings(kind="class", width=6, tokens=2, categories=("cat", "dog")))
    each.vectors.data.normal_()
    assert torch.equal(each(seen(), seen())[0], each.vectors[0])
    with pytest.raises(ValueError, match="no prompt for category 'cow'; there are cat, dog"):
        each(seen(), seen(category="cow"))
    for wrong in ({"kind": "class"}, {"categories": ("cat",)}, {"seen": "both"}, {"shared": -1}):
        with pytest.raises(ValueError):
            PromptSettings(**checked_fields(PromptSettings, wrong, "a prompt has no"))
    assert categories_of(["dog", "cat", None, "dog"]) == ("cat", "dog")


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        replace(SMALL, seen="image", mixed=False),
        PromptSettings(width=6, tokens=3),
        PromptSettings(kind="class", width=6, tokens=3, categories=("cat", "dog")),
    ],
)
def test_prompts_come_back_from_their_file(settings, tmp_path):
    prompts = make_prompts(settings)
    for parameter in prompts.parameters():
        parameter.data.normal_()
    path = files.save(prompts, tmp_path / "prompts.safetensors", learned="nothing")
    found = files.load(path, make_prompts, PromptSettings)
    assert found.settings == settings and files.fingerprint(found) == files.fingerprint(prompts)
    assert torch.equal(found(seen(1), seen(2))[0], prompts(seen(1), seen(2))[0])
    with pytest.raises(ValueError, match="another version"):
        files.load(path)  # a prompt is no head


def test_linear_maps_learn_at_their_own_rate():
    groups = rates(ConditionalPrompts(SMALL), 1e-2, 1e-3)
    assert [group["lr"] for group in groups] == [1e-2, 1e-3]
    assert [len(group["params"]) for group in groups] == [3, 4]
    assert len(rates(FixedPrompts(PromptSettings(width=6)), 1e-2, 1e-3)) == 1

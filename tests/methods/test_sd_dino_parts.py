"""SD + DINO's parts on tiny random networks: crops and mosaics, taps, the captioner's formulas,
and a head that learns.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch
from conftest import picture, picture_view
from small_sd_dino import LAYERS, A, build

from corrlib.backbones.canvas import letterbox, squash
from corrlib.backbones.capture import capture
from corrlib.backbones.noise import noise_for
from corrlib.backbones.weights import WeightsError
from corrlib.heads import files
from corrlib.heads.training import Fit
from corrlib.methods.sd_dino import captioner as captioners
from corrlib.methods.sd_dino.mosaic import corners, paste
from corrlib.methods.sd_dino.supervised import fit_head
from corrlib.types import Pair


@pytest.fixture
def make(tiny_folder, tiny_vit_folder):
    """Builds the method on the tiny networks; `preset` and settings as in `methods.load`."""
    return partial(build, tiny_folder, tiny_vit_folder)


@pytest.mark.parametrize(
    "side, crop, starts",
    [(960, 512, [0, 448]), (768, 512, [0, 256]), (1024, 512, [0, 512]), (512, 512, [0])],
)
def test_crops_begin_where_the_released_code_s_do(side, crop, starts):
    assert corners(side, crop) == [(x, y) for y in starts for x in starts]


@pytest.mark.parametrize("stride", [64, 32, 16])
def test_crops_of_a_map_give_the_map_again_and_overlaps_are_means(stride):
    whole = torch.randn(3, 960 // stride, 960 // stride, generator=torch.Generator().manual_seed(0))
    n = 512 // stride
    cut = {
        (x, y): whole[:, y // stride : y // stride + n, x // stride : x // stride + n]
        for x, y in corners(960, 512)
    }
    torch.testing.assert_close(paste(cut, 960, 512), whole)
    marked = {corner: torch.full((1, n, n), float(i)) for i, corner in enumerate(cut)}
    found = paste(marked, 960, 512)[0]
    first = 448 // stride  # the overlap: row 7 of 15, rows 14 and 15 of 30, rows 28 to 31 of 60
    assert found[0, first - 1] == 0 and found[0, n] == 1 and found[-1, 0] == 2
    assert (found[0, first:n] == 0.5).all() and (found[first:n, first:n] == 1.5).all()
    with pytest.raises(ValueError, match="do not begin on cells of 64"):
        paste({(0, 0): torch.zeros(1, 8, 8), (400, 0): torch.zeros(1, 8, 8)}, 912, 512)


def test_one_crop_of_the_whole_input_is_one_pass(make):
    whole = make(alpha=1).features(A)["sd"]
    noise = {"noise": "none"}
    one, same = (make(alpha=1, crop=c, **noise).features(A)["sd"] for c in (0, 64))
    for layer in LAYERS:
        assert torch.equal(one.maps[layer].values, same.maps[layer].values)
        assert not torch.equal(one.maps[layer].values, whole.maps[layer].values)


def test_taps_are_inputs_of_the_decoder_s_blocks_2_5_and_8(make):
    method = make(alpha=1)
    model, s = method.views.taps.diffuser, method.settings
    canvas = letterbox(A.image(), 64)
    z = model.posterior(canvas.tensor()[None] * 2 - 1).mean[None]
    noise = noise_for(0, A.id, 0, s.timestep, tuple(z.shape[1:]), kind="crop 0 0")[None]
    kept = {}
    for i, block in enumerate((0, 1, 2)):  # the third resnet of a block reads [block 3i+1 | skip]
        third = model.unet.up_blocks[block].resnets[2]
        third.register_forward_pre_hook(lambda m, args, i=i: kept.update({i: args[0].detach()}))
    with torch.no_grad():
        condition = model.condition("")[None]
        model.unet(model.noised(z, s.timestep, noise), s.timestep, encoder_hidden_states=condition)
    for third in (model.unet.up_blocks[b].resnets[2] for b in (0, 1, 2)):
        third._forward_pre_hooks.clear()
    found = method.features(A)["sd"].maps
    for i, layer in enumerate(LAYERS):
        wanted = kept[i][0, : found[layer].values.shape[0]]
        torch.testing.assert_close(found[layer].values, wanted, rtol=1e-5, atol=1e-5)


def test_crops_share_a_pass_or_not_and_noise_is_shared_or_not(make):
    options = {"alpha": 1, "sd_side": 96, "crop": 64, "noise": "shared"}
    singly, together = (make(**options, at_once=n).features(A)["sd"] for n in (1, 4))
    for layer in LAYERS:
        torch.testing.assert_close(
            singly.maps[layer].values, together.maps[layer].values, rtol=1e-4, atol=1e-5
        )
    twin = replace(A, id="twin")
    for noise, same in (("shared", True), ("view", False)):
        method = make(alpha=1, noise=noise)
        a, b = (method.features(view)["sd"].maps[LAYERS[0]].values for view in (A, twin))
        assert torch.equal(a, b) == same


def test_category_prompts_change_features_and_absent_ones_are_the_null_prompt(make):
    layer = LAYERS[2]
    named = make(alpha=1, prompt="a photo of a {category}")
    null, cat = make(alpha=1).features(A)["sd"], named.features(A)["sd"]
    assert not torch.equal(null.maps[layer].values, cat.maps[layer].values)
    nameless = replace(A, category=None)
    assert torch.equal(named.features(nameless)["sd"].maps[layer].values, null.maps[layer].values)


def captioner_folder(folder, tokens=77, width=32, time=128):
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(1)
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=24,
        patch_size=8,
        projection_dim=20,
    )
    clip = CLIPVisionModelWithProjection(config)
    clip.save_pretrained(folder / "clip")
    captioner = captioners.Captioner(clip, tokens, width, time)
    for name, parameter in captioner.named_parameters():
        if not name.startswith("clip."):
            torch.nn.init.normal_(parameter)
    tensors = {k: v for k, v in captioner.state_dict().items() if not k.startswith("clip.")}
    save_file(tensors, folder / captioners.WEIGHTS)
    return folder, tensors


def test_the_captioner_adds_to_the_null_prompt_and_to_the_time_embedding(make, tmp_path):
    folder, t = captioner_folder(tmp_path)
    method = make(alpha=1, captioner=str(folder))
    model, captioner = method.views.taps.diffuser, method.views.taps.captioner
    images = torch.stack([squash(picture(64, 64, i), (64, 64)).tensor() for i in range(2)])
    context, gain = captioner(images, model.condition(""))
    c = captioner.embed(images)
    wanted = c @ t["clip_project.linear.weight"].T + t["clip_project.linear.bias"]
    wanted = wanted[:, None] + t["clip_project.positional_embedding"]
    wanted = model.condition("") + t["alpha_cond"].tanh() * wanted
    torch.testing.assert_close(context, wanted, rtol=1e-5, atol=1e-5)
    second = c @ t["time_embed_project.linear.weight"].T + t["time_embed_project.linear.bias"]
    second = second + t["time_embed_project.positional_embedding"][0]
    torch.testing.assert_close(gain, t["alpha_cond_time_embed"].tanh() * second)
    with captioners.added_time(model.unet, gain[:1]), capture(model.unet, "time_embedding") as seen:
        model.unet(torch.zeros(1, 4, 16, 16), 100, encoder_hidden_states=context[:1])
    with capture(model.unet, "time_embedding") as before:
        model.unet(torch.zeros(1, 4, 16, 16), 100, encoder_hidden_states=context[:1])
    torch.testing.assert_close(seen["time_embedding"], before["time_embedding"] + gain[:1])
    without = make(alpha=1)
    assert method.weights != without.weights
    a, b = (m.features(A)["sd"].maps[LAYERS[1]].values for m in (method, without))
    assert not torch.allclose(a, b, atol=1e-3)


def test_the_captioner_is_read_from_odise_s_checkpoint_too(make, tmp_path):
    folder, tensors = captioner_folder(tmp_path)
    first = make(alpha=1, captioner=str(folder)).features(A)["sd"].maps[LAYERS[1]].values
    (folder / captioners.WEIGHTS).unlink()
    model = {captioners.PREFIX + k: v for k, v in tensors.items()} | {
        "sem_seg_head.x": torch.ones(1)
    }
    torch.save({"model": model}, folder / "odise_label_coco_50e.pth")
    second = make(alpha=1, captioner=str(folder)).features(A)["sd"].maps[LAYERS[1]].values
    assert torch.equal(first, second)


def test_a_missing_or_wrong_captioner_is_explained(make, tmp_path):
    with pytest.raises(WeightsError, match="no captioner 'odise'.*captioner='' and the prompt"):
        make("official", captioner="odise", crop=64)
    folder, tensors = captioner_folder(tmp_path / "wide", width=48)
    with pytest.raises(ValueError, match="does not fit this diffusion model"):
        make(alpha=1, captioner=str(folder))
    (folder / captioners.WEIGHTS).unlink()
    with pytest.raises(WeightsError, match="neither captioner.safetensors nor a .pth"):
        make(alpha=1, captioner=str(folder))


def toy_pairs() -> list[Pair]:
    """Three views cut from one picture, and the places that they share."""
    whole, pairs, views = picture(100, 90, 7), [], []
    starts = [(0, 0), (20, 10), (30, 24)]
    for i, (x, y) in enumerate(starts):
        cut = whole.crop((x, y, x + 64, y + 60))
        views.append(replace(picture_view(64, 60, 7), id=f"cut{i}", pixels=cut))
    points = torch.tensor([[34.0, 30.0], [50.0, 40.0], [60.0, 55.0], [40.0, 52.0], [58.0, 28.0]])
    for i, j in ((0, 1), (1, 2), (2, 0)):
        own, other = (points - torch.tensor(starts[k], dtype=torch.float32) for k in (i, j))
        names = tuple("abcde")
        pairs.append(Pair(f"{i}{j}", views[i], views[j], own, other, names, "cut"))
    return pairs


@pytest.mark.parametrize("among", ["cells", "keypoints"])
def test_a_head_learns_on_a_tiny_set_and_is_used(make, tmp_path, among):
    method, pairs = make(), toy_pairs()
    fit = Fit(learning_rate=0.01, among=among)
    shape = {"width": 16, "middle": 8, "groups": 4}
    head, losses = fit_head(method.views, pairs, 40, fit, progress=False, **shape)
    assert sum(losses[-6:]) < 0.5 * sum(losses[:6])
    path = files.save(head, tmp_path / "head.safetensors")
    learned = make(head=str(path))
    errors = []
    for pair in pairs:
        found = learned(pair.source, pair.target, pair.source_points)
        errors.append((found.points - pair.target_points).norm(dim=1))
    assert torch.cat(errors).median() <= 64 / 12  # a cell
    assert learned.weights != method.weights
    with pytest.raises(ValueError, match="set grid to it, it is 9"):
        make(head=str(path), grid=9)


def test_a_head_needs_a_keypoint(make):
    pair = toy_pairs()[0]
    bare = replace(
        pair, source_points=torch.zeros(0, 2), target_points=torch.zeros(0, 2), keypoints=()
    )
    with pytest.raises(ValueError, match="none of 1 pairs has a keypoint"):
        fit_head(make().views, [bare], 1, progress=False)

"""SD + DINO on tiny random networks: crops, the captioner's formulas, fusion against plain code,
alpha's ends, presets' quirks, determinism, the store, and a head that learns.
"""

from dataclasses import replace

import pytest
import torch
from conftest import picture, picture_view
from torch.nn.functional import interpolate, normalize

from corrlib import methods
from corrlib.backbones.capture import capture
from corrlib.backbones.noise import noise_for
from corrlib.backbones.weights import WeightsError
from corrlib.coords import Frame
from corrlib.heads import files
from corrlib.heads.training import Fit
from corrlib.methods.base import Env
from corrlib.methods.sd_dino import captioner as captioners
from corrlib.methods.sd_dino import fusion
from corrlib.methods.sd_dino.method import SdDino
from corrlib.methods.sd_dino.mosaic import corners, paste
from corrlib.methods.sd_dino.settings import PRESETS, SdDinoSettings
from corrlib.methods.sd_dino.supervised import fit_head
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap, Pair

LAYERS = ("up_blocks.0.resnets.1", "up_blocks.1.attentions.1", "up_blocks.2.attentions.1")
SMALL = {"sd_side": 64, "dino_side": 48, "grid": 12, "pca": (6, 16, 16), "fit": "letterbox"}


@pytest.fixture(scope="module")
def vit_folder(tmp_path_factory):
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        image_size=48, patch_size=4, hidden_size=32, num_hidden_layers=3, num_attention_heads=4
    )
    folder = tmp_path_factory.mktemp("vit")
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture
def make(tiny_folder, vit_folder):
    """Builds the method on the tiny networks; `preset` and settings as in `methods.load`."""

    def build(preset: str = "paper", store=None, **changes) -> SdDino:
        fixed = {"model": str(tiny_folder), "dino": str(vit_folder), "dino_layer": 2}
        fixed |= {"captioner": ""} if preset == "official" else {}
        return methods.load("sd_dino", preset, env=Env(store=store), **fixed | SMALL | changes)

    return build


A, B = picture_view(70, 50, 1, "cat"), picture_view(48, 66, 2, "cat")
QUERIES = torch.tensor([[10.0, 12.0], [33.5, 20.0], [65.0, 44.0], [3.0, 40.0]])


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
    from corrlib.backbones.canvas import letterbox

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


def plain(method: SdDino, a, b, queries: torch.Tensor, chain: bool = False) -> torch.Tensor:
    """Scores (n x grid^2) by the plainest code: SVD of stacked cells, whole maps, one vector."""
    s, joined = method.settings, []
    sides = [method.features(view) for view in (a, b)]
    reduced = {}
    for (name, k), layer in zip(zip(LAYERS, s.pca, strict=True), LAYERS, strict=True):
        maps = [side["sd"].maps[layer].values.double() for side in sides]
        rows = torch.cat([m.flatten(1).T for m in maps])
        rows = rows - rows.mean(0)
        basis = torch.linalg.svd(rows, full_matrices=False)[2][: min(k, *rows.shape)].T
        parts = (rows @ basis).split([m[0].numel() for m in maps])
        shaped = zip(parts, maps, strict=True)
        reduced[name] = [p.T.unflatten(1, m.shape[1:])[None] for p, m in shaped]
    size = (s.grid, s.grid)

    def up(x, size):
        return interpolate(x, size, mode="bilinear", align_corners=False)

    for i in range(2):
        s5, s4, s3 = (reduced[layer][i] for layer in LAYERS)
        if chain:
            s4 = torch.cat([up(s5, s4.shape[2:]), s4], 1)
            s3 = torch.cat([up(s4, s3.shape[2:]), s3], 1)
            sd = up(s3, size)[0]
        else:
            sd = torch.cat([up(part, size) for part in (s5, s4, s3)], 1)[0]
        dino = up(sides[i]["dino"].maps["dino"].values.double()[None], size)[0]
        parts = [s.alpha * normalize(sd, dim=0), (1 - s.alpha) * normalize(dino, dim=0)]
        joined.append(torch.cat(parts).flatten(1).T)
    frame = sides[0]["dino"].frame
    cells = (Frame(frame.image, size, frame.box).to_grid(queries.double()) + 0.5).floor().long()
    index = cells[:, 1].clamp(0, s.grid - 1) * s.grid + cells[:, 0].clamp(0, s.grid - 1)
    distance = torch.cdist(joined[0][index], joined[1])
    return -(distance**2)  # |joined|^2 is the same at every cell


@pytest.mark.parametrize("upsample", ["direct", "chain"])
@pytest.mark.parametrize("alpha", [0.5, 0.3])
def test_scores_rank_as_euclidean_distances_of_the_joined_vectors(make, alpha, upsample):
    method = make(alpha=alpha, upsample=upsample, border="open")
    found = method(A, B, QUERIES)
    wanted = plain(method, A, B, QUERIES, upsample == "chain")
    whole = alpha**2 + (1 - alpha) ** 2
    scores = method._blend(
        {name: side.at_cells() for name, side in method.joined(A, B, QUERIES).items()}
    ).flatten(1)
    torch.testing.assert_close(
        scores.double(), 1 + wanted / (2 * whole), rtol=1e-4, atol=1e-4
    )  # |a - b|^2 = 2 whole (1 - score)
    frame = method.features(B)["dino"].frame
    index = wanted.argmax(1)
    cells = torch.stack([index % 12, index // 12], 1).double()
    torch.testing.assert_close(found.points, frame.to_image(cells).float(), rtol=1e-5, atol=1e-4)


def test_the_source_is_read_only_where_it_is_asked(make):
    method = make()
    a, b = (method.features(view)["sd"] for view in (A, B))
    projections = fusion.pair_axes(a, b, method.settings.pca)
    places = torch.tensor([[0.0, 0.0], [3.0, 7.0], [2.25, 4.5], [11.0, 11.0], [-1.0, 12.0]])
    for chain in (False, True):
        whole = fusion.on_grid(a, projections, (12, 12), chain)
        wanted = FeatureMap(whole.values, Frame((12, 12), (12, 12))).at(places)
        found = fusion.at_cells(a, projections, (12, 12), chain, places)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_alpha_s_ends_are_the_single_features_and_load_only_their_own_network(make):
    sd, dino = make(alpha=1), make(alpha=0)
    assert sd.views.vit is None and dino.views.taps is None
    both = make(alpha=0.5).joined(A, B, QUERIES)
    for method, name in ((sd, "sd"), (dino, "dino")):
        joined = method.joined(A, B, QUERIES)
        assert list(joined) == [name]
        torch.testing.assert_close(joined[name].at_cells(), both[name].at_cells())
    plain_dino = dino.features(B)["dino"].maps["dino"]
    own = dino.features(A)["dino"].maps["dino"]
    cells = (own.frame.to_grid(QUERIES.double()) + 0.5).floor().long()
    vectors = normalize(own.values[:, cells[:, 1], cells[:, 0]].T, dim=1)
    index = (vectors @ normalize(plain_dino.values.flatten(1), dim=0)).argmax(1)
    wanted = plain_dino.frame.to_image(torch.stack([index % 12, index // 12], 1).float())
    torch.testing.assert_close(replaced(dino, border="open")(A, B, QUERIES).points, wanted)


def replaced(method: SdDino, **changes) -> SdDino:
    method.settings = replace(method.settings, **changes)
    return method


@pytest.mark.parametrize("answer", ["cells", "pixels"])
@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_a_view_is_matched_with_itself(make, alpha, answer):
    method = make(alpha=alpha, answer=answer)
    points = torch.cartesian_prod(torch.arange(4.0, 70, 9), torch.arange(4.0, 50, 9))
    found = method(A, A, points)
    cell = 70 / 12
    assert (
        (found.points - points).abs().amax(1) <= (cell / 2 + 0.01 if answer == "cells" else 3.0)
    ).all()
    torch.testing.assert_close(found.score, torch.ones(len(points)), rtol=1e-4, atol=1e-4)


def test_answers_lie_on_the_image_unless_the_border_is_open(make):
    queries = torch.cartesian_prod(torch.arange(0.0, 70, 4), torch.arange(0.0, 50, 4))
    for answer in ("cells", "pixels"):
        found = make(answer=answer)(A, B, queries).points
        assert ((found >= -0.5) & (found <= torch.tensor([47.5, 65.5]))).all()
    open_ = make(border="open")
    frame = open_.features(B)["dino"].frame
    outside = (~fusion.inside(frame)).nonzero()[0]  # its answer is pulled to a cell of the border
    side = open_.features(B)["dino"].maps["dino"].values
    open_.settings = replace(open_.settings, alpha=0)
    open_.joined = lambda *a, **k: {
        "dino": fusion.Joined(
            normalize(side[:, outside[0], outside[1]], dim=0)[None], FeatureMap(side, frame)
        )
    }
    best = open_(A, B, QUERIES[:1]).points
    wanted = frame.to_image(outside.flip(0)[None].float())
    torch.testing.assert_close(best, wanted)


def test_the_released_code_s_points_count_from_corners(make):
    method = make(points="corners", alpha=0)
    scale = 48 / 70
    queries = torch.tensor([[10.0, 12.0], [69.0, 49.0], [0.0, 0.0], [5.83, 5.83]])
    frame = method.features(A)["dino"].frame
    released = (queries * scale + torch.tensor([0.0, 7.0])) / 4  # letterbox: 48 x 34, 7 above
    torch.testing.assert_close(method._places(A, frame, queries), released.floor().double())
    answer = method(A, A, QUERIES).points  # itself: the cell's pixel 4 i + 1.5 on the canvas
    cell = ((QUERIES * scale + torch.tensor([0.0, 7.0])) / 4).floor()
    wanted = (4 * cell + 1.5 - torch.tensor([0.0, 7.0])) / scale
    torch.testing.assert_close(answer, wanted)


def test_two_runs_agree_bit_for_bit_whatever_came_before(make):
    first = make()(A, B, QUERIES, seed=3)
    torch.manual_seed(9)
    method = make()
    method(B, A, QUERIES.clamp(max=40), seed=3)
    again = method(A, B, QUERIES, seed=3)
    assert torch.equal(first.points, again.points) and torch.equal(first.score, again.score)
    singly = torch.cat([method(A, B, q[None], seed=3).points for q in QUERIES])
    torch.testing.assert_close(singly, first.points)
    assert not torch.equal(method(A, B, QUERIES, seed=4).score, first.score)


def test_features_come_from_the_store_and_a_sweep_of_alpha_computes_none(
    make, tmp_path, monkeypatch
):
    store = TensorStore(tmp_path)
    first = make(store=store)(A, B, QUERIES)
    assert len(store.keys()) == 4  # two sides of two views
    from corrlib.backbones.vit import ViT
    from corrlib.methods.sd_dino.taps import Taps

    for owner in (ViT, Taps):
        monkeypatch.setattr(owner, "maps" if owner is ViT else "__call__", None)
    again = make(store=store)(A, B, QUERIES)
    assert torch.equal(first.points, again.points) and torch.equal(first.score, again.score)
    for changes in ({"alpha": 0.7}, {"alpha": 1}, {"alpha": 0}, {"pca": (2, 4, 0)}, {"grid": 9}):
        make(store=store, **changes)(A, B, QUERIES)
    with pytest.raises(TypeError):
        make(store=store, timestep=50)(A, B, QUERIES)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_run_end_to_end(make, preset):
    crops = {"sd_side": 96, "crop": 64} if preset == "official" else {}
    method = make(preset, **crops)
    found = method(A, B, QUERIES)
    assert found.points.shape == (4, 2) and found.points.isfinite().all()
    assert (found.score.abs() <= 1).all() and method.preset.startswith(preset)
    empty = method(A, B, QUERIES[:0])
    assert empty.points.shape == (0, 2) and empty.score.shape == (0,)


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
    images = torch.stack([picture_view(64, 64, i).image() and _tensor(i) for i in range(2)])
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


def _tensor(seed: int) -> torch.Tensor:
    from corrlib.backbones.canvas import squash

    return squash(picture(64, 64, seed), (64, 64)).tensor()


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


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"alpha": 1.5}, "0 .DINO alone. to 1 .SD alone."),
        ({"pca": (256,)}, "3 layers and 1 numbers"),
        ({"facet": "keys"}, "facet is 'keys'; wanted one of token"),
        ({"crop": 2000}, "crop from 0 .none. to the input's 960"),
        ({"timestep": 1000}, "from 0 to 999"),
        ({"grid": 0}, "grid is 0"),
        ({"points": "corners", "fit": "squash"}, "wanted fit 'letterbox' and answer 'cells'"),
    ],
)
def test_wrong_settings_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        SdDinoSettings(**changes)


def test_a_size_that_is_no_multiple_is_refused_with_the_nearest(make):
    with pytest.raises(ValueError, match="patches of 4 pixels, so wanted a multiple of it.*48"):
        make(dino_side=50)
    with pytest.raises(ValueError, match="multiples of 4"):
        make(sd_side=66)


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

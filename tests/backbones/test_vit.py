"""Vision transformers: facets against plain hooks, early exit, positions, grids and frames, weights
by name and folder.
"""

import pytest
import torch
from conftest import picture
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate

from corrlib.backbones import vit_weights
from corrlib.backbones.canvas import Canvas, fitted, letterbox, squash
from corrlib.backbones.vit import MEAN, STD, ViT
from corrlib.backbones.weights import WeightsError


def network(kind: str = "dinov2", seed: int = 0):
    from transformers import (
        Dinov2Config,
        Dinov2Model,
        Dinov2WithRegistersModel,
        ViTConfig,
        ViTModel,
    )
    from transformers import Dinov2WithRegistersConfig as RegistersConfig

    size = {
        "image_size": 24,
        "patch_size": 4,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
    }
    torch.manual_seed(seed)
    if kind == "vit":
        model = ViTModel(ViTConfig(**size, intermediate_size=64), add_pooling_layer=False)
    elif kind == "registers":
        model = Dinov2WithRegistersModel(RegistersConfig(**size, num_register_tokens=2))
    else:
        model = Dinov2Model(Dinov2Config(**size, mlp_ratio=2))
    for parameter in model.parameters():  # away from the zeros and ones of the beginning
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def images(width: int, height: int, n: int = 2) -> torch.Tensor:
    return torch.stack([squash(picture(64, 64, i), (width, height)).tensor() for i in range(n)])


def normalised(x: torch.Tensor) -> torch.Tensor:
    return (x - x.new_tensor(MEAN).view(1, 3, 1, 1)) / x.new_tensor(STD).view(1, 3, 1, 1)


def layers_of(model):
    return model.layers if hasattr(model, "layers") else model.encoder.layer


TAPS = [(layer, facet) for layer in (0, 2) for facet in ("token", "key", "query", "value")]


@pytest.mark.parametrize("kind", ["dinov2", "registers", "vit"])
@pytest.mark.parametrize("size", [(24, 24), (32, 24)])
def test_facets_are_those_of_plain_hooks(kind, size):
    model, kept, handles = network(kind), {}, []
    x = images(*size)
    for i, layer in enumerate(layers_of(model)):  # as the released code: qkv anew from its input
        norm = layer.layernorm_before if kind == "vit" else layer.norm1
        handles.append(norm.register_forward_hook(lambda m, a, o, i=i: kept.update({(i, "in"): o})))
        handles.append(layer.register_forward_hook(lambda m, a, o, i=i: kept.update({i: o})))
    with torch.no_grad():
        more = {"interpolate_pos_encoding": True} if kind == "vit" else {}
        model(pixel_values=normalised(x), **more)
        for handle in handles:
            handle.remove()
        found = ViT(model).describe(x, TAPS)
        first = 3 if kind == "registers" else 1
        for layer, facet in TAPS:
            attention = layers_of(model)[layer].attention
            if facet == "token":
                wanted = kept[layer]
            else:
                wanted = getattr(attention, f"{facet[0]}_proj")(kept[layer, "in"])
            wanted = wanted[:, first:].transpose(1, 2).unflatten(2, (size[1] // 4, size[0] // 4))
            torch.testing.assert_close(found[layer, facet], wanted, rtol=1e-5, atol=1e-5)


def test_the_normed_token_of_the_last_layer_is_the_network_s_output():
    model, x = network(), images(24, 24)
    with torch.no_grad():
        wanted = model(pixel_values=normalised(x)).last_hidden_state[:, 1:]
    found = ViT(model).describe(x, [(2, "normed")])[2, "normed"]
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tap, ran", [((0, "token"), 0), ((1, "key"), 0), ((1, "token"), 1)])
def test_the_pass_ends_after_the_last_layer_wanted(tap, ran):
    model, seen = network(), []
    for i, layer in enumerate(layers_of(model)):
        layer.mlp.register_forward_hook(lambda m, a, o, i=i: seen.append(i))
    ViT(model).describe(images(24, 24), [tap])
    assert max(seen, default=-1) == ran


def test_an_image_does_not_depend_on_its_batch_and_a_run_repeats_bit_for_bit():
    vit, x = ViT(network()), images(24, 24, 3)
    whole, again = (vit.describe(x, [(2, "token")])[2, "token"] for _ in range(2))
    assert torch.equal(whole, again)
    alone = vit.describe(x[1:2], [(2, "token")])[2, "token"]
    torch.testing.assert_close(whole[1:2], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size, grid", [((24, 24), (6, 6)), ((27, 22), (6, 5)), ((4, 7), (1, 1))])
def test_what_is_no_whole_patch_is_not_seen_and_the_frame_says_so(size, grid):
    vit = ViT(network())
    canvas = squash(picture(54, 44), size)
    fm = vit.maps(canvas, [(1, "token")])[1, "token"]
    assert fm.frame.grid == vit.grid(size) == grid and fm.values.shape == (32, grid[1], grid[0])
    x0, y0, x1, y1 = fm.frame.edges
    assert (x0, y0) == (-0.5, -0.5)
    assert x1 == pytest.approx(54 * grid[0] * 4 / size[0] - 0.5)
    assert y1 == pytest.approx(44 * grid[1] * 4 / size[1] - 0.5)
    cut = canvas.tensor()[None, :, : grid[1] * 4, : grid[0] * 4]
    torch.testing.assert_close(fm.values, vit.describe(cut, [(1, "token")])[1, "token"][0])
    with pytest.raises(ValueError, match="at least one patch of 4 x 4"):
        vit.grid((3, 24))


def test_positions_of_another_grid_are_the_library_s_or_dino_s_own():
    model = network()
    exact, offset = ViT(model), ViT(model, positions="offset")
    tap = [(0, "token")]
    same = images(24, 24)
    assert torch.equal(
        exact.describe(same, tap)[0, "token"], offset.describe(same, tap)[0, "token"]
    )
    x = images(40, 32)
    found = offset.describe(x, tap)[0, "token"]
    table = model.embeddings.position_embeddings[:, 1:].unflatten(1, (6, 6)).permute(0, 3, 1, 2)
    scale = (8.1 / 6, 10.1 / 6)
    moved = interpolate(table, scale_factor=scale, mode="bicubic").flatten(2).transpose(1, 2)
    with torch.no_grad():
        tokens = model.embeddings.patch_embeddings(normalised(x)) + moved
        first = model.embeddings.cls_token + model.embeddings.position_embeddings[:, :1]
        wanted = layers_of(model)[0](torch.cat([first.expand(2, -1, -1), tokens], 1))[:, 1:]
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), wanted, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, exact.describe(x, tap)[0, "token"], atol=1e-3)


@pytest.mark.parametrize(
    "taps, words",
    [([], "no taps"), ([(3, "token")], "layers 0 to 2"), ([(0, "keys")], "token, normed, key")],
)
def test_wrong_taps_are_refused(taps, words):
    with pytest.raises(ValueError, match=words):
        ViT(network()).describe(images(24, 24), taps)


def test_other_networks_are_refused(tiny_diffuser):
    with pytest.raises(ValueError, match="kind 'clip_text_model'; wanted one of dinov2"):
        ViT(tiny_diffuser.text_encoder)


def test_a_folder_is_loaded_and_its_content_is_its_fingerprint(tmp_path, monkeypatch):
    network().save_pretrained(tmp_path / "weights" / "dinov2-base")
    network(seed=1).save_pretrained(tmp_path / "other")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    loaded, other = ViT.load("dinov2-base"), ViT.load(tmp_path / "other")
    assert loaded.fingerprint != other.fingerprint and len(loaded.fingerprint) == 12
    assert loaded.patch == 4 and loaded.depth == 3
    x = images(24, 24)
    torch.testing.assert_close(
        loaded.describe(x, [(2, "key")])[2, "key"],
        ViT(network()).describe(x, [(2, "key")])[2, "key"],
    )
    (tmp_path / "other" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="other lacks model.safetensors"):
        ViT.load(tmp_path / "other")


def test_a_network_with_holes_or_cut_off_is_refused(tmp_path):
    network("vit").save_pretrained(tmp_path / "vit")
    path = tmp_path / "vit" / "model.safetensors"
    whole, tensors = path.read_bytes(), load_file(path)
    save_file({k: v for k, v in tensors.items() if "pooler" not in k}, path, {"format": "pt"})
    assert ViT.load(tmp_path / "vit").depth == 3  # DINO's published files have no pooling layer
    lost = next(k for k in tensors if k.endswith("k_proj.weight") or k.endswith("key.weight"))
    save_file({k: v for k, v in tensors.items() if k != lost}, path, {"format": "pt"})
    with pytest.raises(WeightsError, match="vit lack 1 of the network's tensors"):
        ViT.load(tmp_path / "vit")
    path.write_bytes(whole[:-9])
    with pytest.raises(WeightsError, match="model.safetensors is truncated"):
        ViT.load(tmp_path / "vit")


def test_a_revision_is_never_served_from_another(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("CORRLIB_WEIGHTS", raising=False)
    home, commit = tmp_path / "models--me--vit", "a" * 40
    network().save_pretrained(home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    source = vit_weights.Source("me/vit", "b" * 40)
    assert vit_weights._cached(source) is None
    assert vit_weights._cached(vit_weights.Source("me/vit")) == home / "snapshots" / commit


def test_missing_weights_are_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("CORRLIB_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match="did you mean dinov2-base"):
        vit_weights.resolve("dinov2-bas")
    command = vit_weights.fetch_command(vit_weights.VITS["dinov2-base"])
    assert command.startswith("hf download facebook/dinov2-base --revision f9e44c8")
    monkeypatch.setattr(vit_weights, "ASSETS", tmp_path)
    with pytest.raises(WeightsError, match="train them with: python data_scripts/train_toy_dino"):
        vit_weights.resolve("toybox-dino")


@pytest.mark.parametrize(
    "size, inner, offset", [((60, 40), (48, 32), (0, 8)), ((35, 60), (28, 48), (10, 0))]
)
def test_a_letterbox_keeps_points_where_they_are(size, inner, offset):
    image = picture(*size)
    canvas = letterbox(image, 48)
    array = canvas.tensor()
    assert canvas.size == (48, 48)
    x, y = offset
    assert array[:, :y].sum() == 0 and array[:, :, :x].sum() == 0
    assert array[:, y : y + inner[1], x : x + inner[0]].mean() > 0.1
    frame = canvas.frame((48, 48))
    point = torch.tensor([[10.0, 20.0]], dtype=torch.float64)
    scale = 48 / max(size)
    wanted = (point + 0.5) * scale + torch.tensor(offset) - 0.5
    torch.testing.assert_close(frame.to_grid(point), wanted)
    torch.testing.assert_close(frame.to_image(wanted), point)


def test_a_letterbox_may_repeat_the_edge_and_a_squash_fills_the_canvas():
    image = picture(60, 40)
    edge = letterbox(image, 48, border="edge").tensor()
    assert torch.equal(edge[:, 0], edge[:, 8])
    assert squash(image, (12, 8)).frame((3, 2)).box is None
    assert isinstance(fitted(image, 16, "squash"), Canvas)
    with pytest.raises(ValueError, match="squash, letterbox"):
        fitted(image, 16, "crop")

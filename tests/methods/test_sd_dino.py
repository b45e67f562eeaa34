"""SD + DINO on tiny random networks: fusion against plain code, alpha's ends, points and borders,
determinism and the store.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch
from small_sd_dino import LAYERS, QUERIES, A, B, build
from torch.nn.functional import interpolate, normalize

from corrlib import methods
from corrlib.coords import Frame
from corrlib.methods.sd_dino import fusion
from corrlib.methods.sd_dino.method import SdDino
from corrlib.methods.sd_dino.settings import PRESETS
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap


@pytest.fixture
def make(tiny_folder, tiny_vit_folder):
    """Builds the method on the tiny networks; `preset` and settings as in `methods.load`."""
    return partial(build, tiny_folder, tiny_vit_folder)


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


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"alpha": 1.5}, "0 .DINO alone. to 1 .SD alone."),
        ({"pca": (256,)}, "3 layers and 1 numbers"),
        ({"facet": "keys"}, "facet is 'keys'; wanted one of token"),
        ({"crop": 2000}, "crop is 2000; wanted at most the input's 960"),
        ({"timestep": 1000}, "from 0 .* to 999"),
        ({"grid": 0}, "grid is 0"),
        ({"points": "corners", "fit": "squash"}, "wanted fit 'letterbox' and answer 'cells'"),
    ],
)
def test_wrong_settings_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        methods.settings("sd_dino", "paper", **changes)


def test_a_size_that_is_no_multiple_is_refused_with_the_nearest(make):
    with pytest.raises(ValueError, match="patches of 4 pixels, so wanted a multiple of it.*48"):
        make(dino_side=50)
    with pytest.raises(ValueError, match="multiples of 4"):
        make(sd_side=66)

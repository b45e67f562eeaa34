"""The benchmark of SD + DINO at a size of seconds: what it reports, and that both sides are one
computation where PCA is not random.
"""

import json

import pytest
import torch

from corrlib import bench
from corrlib.backbones.vit import ViT
from corrlib.bench import sd_dino
from corrlib.bench._straightforward_sd_dino import PARTS, Straightforward
from corrlib.methods.base import Env


def test_both_sides_in_one_run(monkeypatch):
    result = bench.run("sd_dino", images=2, runs=1)
    assert json.loads(json.dumps(result))["benchmark"] == "sd_dino"
    assert result["pairs"] == 2 and result["straightforward_pairs_measured"] == 2
    parts = result["exact_ratio"] * result["cached_ratio"]
    assert result["time_ratio"] == pytest.approx(parts)
    assert set(result["straightforward_shares"]) == set(PARTS)
    assert 90 < sum(result["straightforward_shares"].values()) <= 100.1
    assert result["queries_compared"] > 0 and result["same_answers"] >= 80


@pytest.mark.parametrize("changes", [{"pca": (18, 72, 64)}, {"alpha": 0.25, "pca": (18, 72, 64)}])
def test_with_all_components_both_sides_give_the_same_answers(
    tiny_diffuser, tiny_vit_folder, changes
):
    small = {"dino": str(tiny_vit_folder), "dino_side": 48, "grid": 12, "dino_layer": 2}
    settings = sd_dino.settings_of("tiny", **small | changes)
    vit = ViT.load(tiny_vit_folder, positions=settings.positions)
    made = sd_dino.toys(2)
    asked = sd_dino.pairs_of(made)[0]
    plain = Straightforward(tiny_diffuser, vit, settings)
    env = Env(models={"tiny": tiny_diffuser, settings.dino: vit})
    method = sd_dino._load(env, settings)
    views = sd_dino._views(made, asked)
    found, wanted = method(*views, asked.queries).points, plain(*views, asked.queries)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)


def test_a_network_that_is_not_here_is_a_random_one_and_is_called_so(tmp_path, monkeypatch):
    from corrlib.backbones import vit_weights

    monkeypatch.setattr(vit_weights, "ASSETS", tmp_path)
    vit, named = sd_dino.network("toybox-dino", "exact")
    assert named.startswith("random") and vit.depth == 6 and vit.patch == 6
    again = sd_dino.network("toybox-dino", "exact")[0]
    a, b = (next(network.model.parameters()) for network in (vit, again))
    assert torch.equal(a, b)

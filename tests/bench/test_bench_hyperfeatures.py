"""The benchmark of hyperfeatures, at a size of seconds: what it reports, and that both sides
agree.
"""

import json

import pytest
import torch

from corrlib import bench, methods
from corrlib.backbones.diffusion import Diffuser
from corrlib.bench.hyperfeatures import _plain, toys
from corrlib.methods.base import Env
from corrlib.methods.hyperfeatures.method import with_head


def test_both_sides_in_one_run():
    result = bench.run("hyperfeatures", images=3, runs=1, steps=3, positions=(0, 2))
    assert json.loads(json.dumps(result))["benchmark"] == "hyperfeatures"
    assert result["same_answer"] and result["pairs"] == 6 and result["points"] >= 3
    assert result["equal_points"] >= result["points"] - 1  # one may be a tie
    assert result["time_ratio"] > 0 and result["memory_ratio"] > 1
    # 1,056 channels of twelve maps at two steps of two images, all enlarged
    assert result["straightforward_features_mib"] == 2 * 2 * 1056 * 24 * 24 * 4 / 2**20
    assert result["features_ratio"] > 5
    assert result["seconds"] == pytest.approx(
        3 * result["seconds_an_image"] + 6 * result["seconds_a_match"]
    )


@pytest.mark.parametrize("rule", ["consistent", "released"])
def test_the_plain_way_has_our_features(rule):
    diffuser, (views, _) = Diffuser.load("toybox"), toys(2)
    s = methods.settings(
        "hyperfeatures", "toybox", steps=3, positions=(0, 2), size=(64, 64), rule=rule
    )
    plain = _plain(diffuser, s)
    with torch.no_grad():
        theirs = plain.aggregate(plain.features(views))
    ours = with_head(s, plain.head, Env(models={"toybox": diffuser}))
    for view, wanted in zip(views, theirs, strict=True):
        torch.testing.assert_close(ours.features(view).values, wanted, rtol=1e-3, atol=1e-4)

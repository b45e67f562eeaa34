"""Dense answers and swaps on tiny random networks: those of the method pixel by pixel, within the
masks.
"""

from functools import partial

import numpy as np
import pytest
import torch
from small_sd_dino import A, B, build

from corrlib.backbones.plug_and_play import Injection
from corrlib.methods.sd_dino.dense import dense
from corrlib.methods.sd_dino.swap import refined, swapped, thinned


@pytest.fixture
def make(tiny_folder, tiny_vit_folder):
    return partial(build, tiny_folder, tiny_vit_folder)


def mask(view, *box):
    found = torch.zeros(view.size[::-1], dtype=torch.bool)
    x0, y0, x1, y1 = box or (0, 0, *view.size)
    found[y0:y1, x0:x1] = True
    return found


@pytest.mark.parametrize("alpha", [0, 0.4, 1])
def test_over_the_whole_target_they_are_the_method_s_own_answers(make, alpha):
    method = make(alpha=alpha, answer="pixels")
    here = mask(A, 10, 12, 16, 15)
    found = dense(method, A, B, here, mask(B))
    rows, columns = here.nonzero(as_tuple=True)
    wanted = method(A, B, torch.stack([columns, rows], 1).float()).points
    same = (found[rows, columns] - wanted).abs().amax(1) <= 1.0  # a tie may go to a neighbour
    assert same.float().mean() > 0.9
    assert found[~here].isnan().all()


def test_answers_stay_within_the_target_s_mask_and_settings_do_not_matter(make):
    here, there = mask(A, 5, 5, 30, 20), mask(B, 20, 30, 40, 50)
    cells = dense(make(answer="cells"), A, B, here, there)
    x, y = cells[here].T
    assert (x >= 20).all() and (x < 40).all() and (y >= 30).all() and (y < 50).all()
    assert torch.equal(cells[here], dense(make(answer="pixels"), A, B, here, there)[here])


def test_a_swap_with_itself_changes_nothing_and_keeps_the_background(make):
    method, here = make(), mask(A, 20, 10, 50, 40)
    picture = torch.from_numpy(np.array(A.image())).permute(2, 0, 1) / 255
    same = swapped(method, A, A, here, here)
    assert (same - picture).abs().mean() < 0.02
    other = swapped(method, A, B, here, mask(B))
    assert torch.equal(other[:, ~here], picture[:, ~here])
    assert (other[:, here] - picture[:, here]).abs().mean() > 0.02


def test_a_refined_picture_has_its_own_size_and_is_another_one(make):
    diffuser = make().views.taps.diffuser
    picture = torch.from_numpy(np.array(A.image())).permute(2, 0, 1) / 255
    found = refined(diffuser, picture, "a cat", (64, 48), Injection(steps=2))
    assert found.shape == picture.shape and (found >= 0).all() and (found <= 1).all()
    assert (found - picture).abs().mean() > 1e-3


def test_masks_that_do_not_fit_are_refused(make):
    with pytest.raises(ValueError, match="a mask of 48 x 66 with 3168 pixels; wanted 70 x 50"):
        dense(make(), A, B, mask(B), mask(B))
    with pytest.raises(ValueError, match="with 0 pixels"):
        dense(make(), A, B, mask(A), mask(B, 3, 3, 3, 3))


def test_a_thinned_swap_has_the_same_colours_in_blocks(make):
    method, here = make(), mask(A, 16, 8, 48, 40)
    thin = swapped(method, A, A, here, here, step=4)
    picture = torch.from_numpy(np.array(A.image())).permute(2, 0, 1) / 255
    assert torch.equal(thin[:, ~here], picture[:, ~here])
    assert (thin - picture).abs().mean() < 0.1
    assert len(thin[:, here].T.unique(dim=0)) <= 64  # 8 x 8 pixels were asked
    assert thinned(mask(A, 17, 9, 18, 10), 4).sum() == 1  # none on the lattice: all of it

"""HPatches and Oxford-style folders: names, homographies and their flow; on the real graffiti and
on a tree written here.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.coords import Frame
from corrlib.data import check_tree, load
from corrlib.data.checks.findings import Notice
from corrlib.data.homographies import homography_flow
from corrlib.data.hpatches import LARGE, HPatches
from corrlib.experiments.evaluate import match_pairs
from corrlib.methods import load as load_method
from corrlib.metrics import homography_flow as homography_flow_of_metrics
from corrlib.types import DensePair, FeatureMap

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "oxford_graf"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the real graffiti sequence is not at {REAL}; set CORRLIB_DATA"
)
SHIFT = np.array([[1, 0, 2], [0, 1, -1], [0, 0, 1]])


def sequence(folder, count=6, image="{}.ppm", matrix="H_1_{}", size=(12, 9)):
    folder.mkdir(parents=True)
    for k in range(1, count + 1):
        pixels = np.random.default_rng(k).integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(folder / image.format(k))
        if k > 1:
            np.savetxt(folder / matrix.format(k), SHIFT * (k / 2))  # a factor changes nothing
    return folder


def check(root, **options) -> list[str]:
    return list(check_tree("hpatches", root, **options))


@pytest.fixture
def tree(tmp_path):
    """Two sequences and a large one, in the release's folder."""
    for name in ("v_wall", "i_dome", "v_talent"):
        sequence(tmp_path / "hpatches-sequences-release" / name)
    return tmp_path


def test_pairs_of_the_first_image(tree):
    data = load("hpatches", tree)
    assert (
        data.names == tuple(f"{s}:1-{k}" for s in ("i_dome", "v_wall") for k in range(2, 7))
        and LARGE[-1] == "v_talent"
    )
    assert (
        data.counts() == {"illumination": 5, "viewpoint": 5}
        and data.protocol is None
        and "corners" in data.measure
    )
    line = (
        "<HPatches, without the 8 of large images: 10 pairs, 2 categories; homography "
        "accuracy at 1, 3, 5 px; "
    )
    assert (
        repr(data) == f"{line}{tree}>"
        and len(HPatches(tree, all_sequences=True)) == 15
        and len(LARGE) == 8
    )
    assert (
        data.filter(category="viewpoint").names
        == HPatches(tree, categories="viewpoint").names
        == data.names[5:]
    )
    assert (
        data.filter(k=[2, 6], sequence="i_dome").names == ("i_dome:1-2", "i_dome:1-6")
        and len(data.views()) == 12
    )
    pair = data[4]
    assert isinstance(pair, DensePair) and (pair.id, pair.category) == (
        "i_dome:1-6",
        "illumination",
    )
    assert (pair.source.id, pair.target.id, pair.target.size) == (
        "i_dome/1",
        "i_dome/6",
        (12, 9),
    ) and pair.source.category is None
    assert (
        pair.homography.tolist() == (SHIFT * 3.0).tolist()
        and pair.homography.dtype == torch.float64
    )
    assert (
        pair.source_points.shape == (0, 2)
        and pair.keypoints == ()
        and data[-1].source is data[5].source
    )


def test_evaluation_says_that_there_are_no_keypoints(tree, tmp_path):
    with pytest.raises(
        ValueError,
        match="<HPatches, .*> has no pairs of keypoints to match; published is homography accuracy",
    ):
        match_pairs(load_method("copy_position"), HPatches(tree), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_flow_of_a_homography(tree):
    flow = HPatches(tree)[0].flow()
    known = ~flow.isnan().any(dim=2)
    assert flow.shape == (9, 12, 2) and flow[known].unique(dim=0).tolist() == [[2.0, -1.0]]
    wanted = torch.ones(9, 12, dtype=torch.bool)
    wanted[0, :], wanted[:, 10:] = False, False  # these leave the second image
    assert torch.equal(known, wanted)
    tilt = torch.tensor([[1.0, 0.2, 1.0], [0.1, 0.9, 2.0], [0.01, -0.02, 1.0]], dtype=torch.float64)
    for matrix in (tilt, -2 * tilt):
        u, v = (
            homography_flow(matrix, (20, 30), (200, 200))[4, 7] + torch.tensor([7.0, 4.0])
        ).tolist()
        w = 0.01 * 7 - 0.02 * 4 + 1
        assert (u, v) == pytest.approx(((7 + 0.2 * 4 + 1) / w, (0.7 + 0.9 * 4 + 2) / w), abs=1e-5)
    theirs = homography_flow_of_metrics(tilt.numpy(), (20, 30), (30, 20))
    np.testing.assert_allclose(
        homography_flow(tilt, (20, 30), (30, 20)).numpy(), theirs, atol=1e-5
    )  # NaN in the same pixels
    horizon = torch.tensor(
        [[1.0, 0, 0], [0, 1, 0], [-0.1, 0, 1.25]]
    )  # x = 12.5 is infinitely far, what is right of it behind
    assert (
        homography_flow(horizon, (20, 3), (10**6, 10**6))[1].isnan().any(dim=1).tolist()
        == [False] * 13 + [True] * 7
    )


def test_oxford_style(tmp_path):
    sequence(tmp_path / "graf", image="img{}.png", matrix="H1to{}p")
    sequence(tmp_path / "test-leuven", count=3, image="img{}.jpg", matrix="H1to{}p")
    sequence(tmp_path / "kitchen", count=12, image="img{}.ppm", matrix="H1to{}p")
    (tmp_path / "notes").mkdir()
    data = HPatches(tmp_path)
    assert (
        data.counts() == {"illumination": 2, "other": 11, "viewpoint": 5}
        and data.heading() == "HPatches, Oxford style"
    )
    assert (
        data.names[5:8] == ("kitchen:1-2", "kitchen:1-3", "kitchen:1-4")
        and data.names[15] == "kitchen:1-12"
    )
    assert (
        data[-1].homography is not None
        and data[-1].target.path.name == "img3.jpg"
        and list(check(tmp_path)) == []
    )
    assert HPatches(tmp_path / "graf").names == data.names[:5]  # one sequence alone
    pair = data[4]
    assert pair.flow()[5, 3].tolist() == [2.0, -1.0]


def test_errors_name_the_file(tree, tmp_path):
    wall = tree / "hpatches-sequences-release" / "v_wall"
    with pytest.raises(
        FileNotFoundError,
        match="no HPatches at .*nowhere: wanted a folder with <sequence>/H_1_2.*found: no folder",
    ):
        HPatches(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="split='val'; HPatches has the splits 'test'"):
        HPatches(tree, "val")
    with pytest.raises(
        TypeError,
        match="HPatches has no option 'base'; it has root, split, categories, all_sequences$",
    ):
        HPatches(tree, base="box")
    with pytest.raises(KeyError, match="no tag 'flip'.*sequence, k"):
        HPatches(tree).filter(flip=1)
    data = HPatches(tree, categories="viewpoint")
    for text, message in (
        ("1 0 0\n0 1 0\n", "H_1_2 has 2 x 3 numbers; wanted 3 x 3"),
        ("1 0 0\n0 1 0\n0 0\n", "H_1_2 is not a table of 3 x 3 numbers"),
        ("", "H_1_2 has 0 x .* numbers; wanted 3 x 3"),
        ("1 0 0\n0 inf 0\n0 0 1\n", "H_1_2 holds a number that is not finite"),
        ("1 2 3\n2 4 6\n0 0 1\n", "H_1_2 holds a matrix that cannot be inverted"),
    ):
        (wall / "H_1_2").write_text(text)
        with pytest.raises(ValueError, match=message):
            data[0]
    (wall / "H_1_2").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="no homography of images 1 and 2 in .*v_wall: wanted H_1_2 or H1to2p",
    ):
        data[0]
    (wall / "1.ppm").unlink()
    with pytest.raises(
        FileNotFoundError, match="no image 1 in .*v_wall: wanted 1.ppm or img1.ppm .*found: 2.ppm"
    ):
        data[1]
    (wall / "1.ppm").write_text("nothing")
    with pytest.raises(ValueError, match="1.ppm is not an image"):
        HPatches(tree).item("v_wall:1-3")


def test_check_does_not_stop_at_the_first(tree):
    found = list(check(tree))
    assert (
        len(found) == 1
        and isinstance(found[0], Notice)
        and found[0].startswith("pairs of HPatches: 15, published 580")
    )
    release = tree / "hpatches-sequences-release"
    (release / "v_wall/1.ppm").unlink()
    (release / "i_dome/H_1_4").unlink()
    (release / "v_talent/6.ppm").write_bytes((release / "v_talent/6.ppm").read_bytes()[:-40])
    (release / "v_new").mkdir()
    found = [p for p in check(tree) if not isinstance(p, Notice)]
    assert len(found) == 9  # of the empty folder, all six images
    for part in (
        "no image 1 in .*v_wall",
        "no homography of images 1 and 4 in .*i_dome",
        "no image 1 in .*v_new",
        "6.ppm.*truncated",
    ):
        assert sum(bool(re.search(part, p)) for p in found) == 1, part
    assert len([p for p in check(tree, decode=False) if not isinstance(p, Notice)]) == 8
    (release / "i_dome/4.ppm").write_text("nothing")  # and its homography is missing too
    assert sum("i_dome/4.ppm is not an image" in p for p in check(tree)) == 1
    assert next(iter(check(tree / "nowhere"))).startswith("no HPatches")


@real
def test_the_real_graffiti():
    data = HPatches(REAL)
    assert data.names == tuple(f"test-graf:1-{k}" for k in range(2, 7)) and data.categories == (
        "viewpoint",
    )
    pair = data[0]
    assert pair.source.size == (800, 640) and pair.homography[0].tolist() == [
        0.87976964,
        0.31245438,
        -39.430589,
    ]
    first, second = (
        torch.from_numpy(np.asarray(view.image().convert("L"), np.float32))
        for view in (pair.source, pair.target)
    )
    flow = pair.flow()
    known = ~flow.isnan().any(dim=2)
    points = (
        flow
        + torch.stack(
            torch.meshgrid(torch.arange(800.0), torch.arange(640.0), indexing="xy"), dim=2
        )
    )[known]
    warped = FeatureMap(second[None], Frame((800, 640), (800, 640))).at(points)[:, 0]

    def alike(a, b):
        return float(torch.corrcoef(torch.stack([a, b]))[0, 1])

    assert (
        alike(first[known], warped) > 0.85 and alike(first[known], second[known]) < 0.5
    )  # the flow leads to the same paint
    assert list(check(REAL)) == []

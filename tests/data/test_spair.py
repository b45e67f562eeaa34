"""SPair-71k's layout: written, read back equal, and read from the real bytes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.data import load
from corrlib.data.checks.findings import Notice
from corrlib.data.spair import SPair
from corrlib.toybox.writing.spair import CLASS_ID
from tests.data.spair_tree import REAL, check, edit, picture, real, spair_tree


@pytest.fixture
def tree(tmp_path) -> Path:
    """Three cats and two dogs, four pairs in test, one in val."""
    return spair_tree(tmp_path)


def test_what_is_written_is_read_back(tree):
    pairs = load("spair", tree, "test")
    assert pairs.names[0] == "000000-a1-a2:cat" and len(pairs) == 4
    pair = pairs[0]
    assert pair.keypoints == (
        "0",
        "11",
    )  # 1 is hidden in a2, 2 in both; 11 comes after 2, not after 1
    assert (
        torch.equal(pair.source_points, torch.tensor([[5.0, 6.0], [20.0, 0.0]]))
        and pair.source_points.dtype == torch.float32
    )
    assert pair.target_box == (3.0, 4.0, 43.0, 34.0)
    assert (pair.source.id, pair.source.size, pair.category) == ("cat/a1", (64, 48), "cat")
    assert dict(pair.tags) == {
        "viewpoint": 1,
        "scale": 0,
        "truncation": 2,
        "occlusion": 0,
        "source_pose": "Left",
        "target_pose": "Unspecified",
        "source_azimuth_id": 0,
        "target_azimuth_id": 1,
        "azimuth_difference": 50.0,
    }
    assert np.unique(pairs.segmentation(pair.source)).tolist() == [0, CLASS_ID["cat"]]
    difference = np.asarray(pair.source.image(), int) - np.asarray(picture(0), int)
    assert np.abs(difference).mean() < 6  # JPEG of noise at quality 95
    assert pairs.annotation("cat/a1")["keypoint_names"] == ["nose", "tail"]


def test_sequence(tree):
    pairs = SPair(tree)
    assert len(pairs[1:3]) == 2 and pairs[1:3][0].id == pairs[1].id and pairs[-1].category == "dog"
    assert [p.id for p in pairs[::2]] == [pairs.names[0], pairs.names[2]]
    assert repr(pairs).startswith(
        "<SPair-71k layout, test (large): 4 pairs, 2 categories"
    ) and "\n" not in repr(pairs)
    assert "2 of 4 pairs, 1 category;" in repr(pairs[:2])
    assert [v.id for v in pairs.views()] == ["cat/a1", "cat/a2", "cat/a3", "dog/d1", "dog/d2"]
    assert pairs.counts() == {"cat": 3, "dog": 1}
    assert SPair(tree, size="small").names == pairs.names[::2]
    assert (
        SPair(tree, categories="dog").names
        == SPair(tree, categories=["dog"]).names
        == pairs.names[3:]
    )


def test_filter(tree):
    pairs = SPair(tree)
    assert len(pairs.filter(category="cat")) == 3
    assert pairs.filter(viewpoint=2).names == pairs.names[3:]
    assert pairs.filter(category="cat", viewpoint=[0, 2]).names == (pairs.names[2],)
    assert pairs.filter(azimuth_difference=lambda d: d <= 35).names == (
        pairs.names[2],
    )  # 340 and 0 differ by 20
    assert pairs.filter(occlusion=2, truncation=0).names == pairs.names[3:]
    with pytest.raises(KeyError, match="no tag 'view'.*viewpoint"):
        pairs.filter(view=0)


def test_origin_and_borders(tree):
    assert torch.equal(
        SPair(tree, origin=1)[0].source_points, torch.tensor([[4.0, 5.0], [19.0, 0.0]])
    )  # y = -1 is moved to the border
    path = edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", src_kps=[[64, 48], [1, 1]])
    assert torch.equal(SPair(tree)[0].source_points[0], torch.tensor([63.0, 47.0]))
    edit(tree, path, src_kps=[[1, 1], [66, 3]])
    with pytest.raises(
        ValueError,
        match=r"000000-a1-a2:cat.json: src_kps puts keypoint '11' at \(66, 3\), outside of its "
        r"64 x 48",
    ):
        SPair(tree)[0]


@real
def test_the_real_bytes():
    pairs = SPair(REAL)  # the folder above SPair-71k will do
    assert len(pairs) == 4 and pairs.categories == ("aeroplane", "dog")
    pair = pairs[0]
    assert pair.id == "000167-2008_007604-2009_001056:aeroplane"
    assert (
        pair.source.id == "aeroplane/2008_007604"
        and pair.source.size == (333, 500)
        and pair.source.image().size == (333, 500)
    )
    assert pair.source_points[0].tolist() == [62, 462] and pair.target_points[-1].tolist() == [
        37,
        75,
    ]
    assert pair.keypoints == ("0", "1", "2", "16", "18", "22", "23") and pair.target_box == (
        14,
        71,
        483,
        220,
    )
    assert (pair.tags["viewpoint"], pair.tags["truncation"], pair.tags["target_azimuth_id"]) == (
        1,
        1,
        5,
    )
    assert "azimuth_difference" not in pair.tags
    assert torch.equal(pairs[1].target_points, pair.source_points)
    with pytest.raises(ValueError, match="no azimuth in degrees"):
        pairs.filter(azimuth_difference=lambda d: d < 35)
    notices = check(
        REAL
    )  # the subset has no masks, no small list, few pairs, and one split; nothing of it is wrong
    assert all(isinstance(notice, Notice) for notice in notices) and len(notices) == 5
    assert sum("split folder" in n for n in notices) == 2 and any(
        "test pairs: 4, published 12,234" in n for n in notices
    )


def test_the_protocol_is_the_published_one_unless_told_otherwise(tree):
    assert (
        str(SPair(tree).protocol)
        == "PCK per image, base target box, <=, original pixels, first pixel 0"
    )
    strict = SPair(tree, by="category", strict=True, frame=(512, 512))
    assert "PCK per category, base target box, <, frame 512 x 512, first pixel 0" in repr(strict)
    assert (
        strict[:2].protocol == strict.protocol
        and strict.filter(category="cat").protocol == strict.protocol
    )
    with pytest.raises(TypeError, match="SPair-71k layout has no option 'siez'; did you mean size"):
        load("spair", tree, siez="large")
    with pytest.raises(ValueError, match="base is 'boxes'; wanted one of box, image"):
        load("spair", tree, base="boxes")


def test_masks(tree):
    pairs = SPair(tree)
    mask = pairs.mask("cat/a1")
    assert mask.dtype == bool and mask.sum() == 10 * 20 and mask[10:20, 10:30].all()
    assert pairs.pair_annotation(pairs.names[0])["mirror"] == 0
    path = tree / "Segmentation/cat/a1.png"
    Image.new("L", (10, 10)).save(path)
    with pytest.raises(
        ValueError,
        match=r"a1.png has uint8 values of shape \(10, 10\); wanted class numbers .* \(48, 64\)",
    ):
        pairs.segmentation("cat/a1")
    path.write_bytes(b"no image")
    with pytest.raises(ValueError, match="cannot decode .*a1.png"):
        pairs.segmentation("cat/a1")
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no segmentation .*a1.png"):
        pairs.mask(pairs[0].source)

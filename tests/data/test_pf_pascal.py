"""PF-Pascal: a tiny tree read back exactly, mirrored pairs, the real lists, and every way in which
they can be wrong.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageOps
from scipy.io import savemat

from corrlib.data import check_tree, load
from corrlib.data.pf_pascal import PFPascal
from corrlib.experiments.evaluate import evaluate
from tests.data.pascal_tree import KPS, pascal_tree
from tests.data.test_pf import DATA, Exact, cut, problems

real = pytest.mark.skipif(
    not (DATA / "pf_pascal_pairs").is_dir(), reason=f"no real lists at {DATA}; set CORRLIB_DATA"
)
HEAD = "source_image,target_image,class,XA,YA,XB,YB\n"


@pytest.fixture
def pascal(tmp_path) -> Path:
    """Three cats, a test list with points, a validation list and a training list with mirrored
    rows.
    """
    return pascal_tree(tmp_path)


def test_test_list_has_its_own_points(pascal):
    pairs = load("pf_pascal", pascal)
    assert (
        load("pf_pascal", pascal / "PF-dataset-PASCAL").names
        == pairs.names
        == ("0000-one-two:cat",)
    )
    pair = pairs[0]
    assert pair.source_points.tolist() == [[3.5, 4], [40, 30]] and pair.target_points.tolist() == [
        [5, 6],
        [50.25, 9],
    ]
    assert (pair.keypoints, pair.category, pair.target_box) == (("0", "1"), "cat", (2, 3, 52, 33))
    from_mat = PFPascal(pascal, points="mat")[0]
    assert torch.equal(from_mat.source_points, pair.source_points) and from_mat.keypoints == (
        "0",
        "3",
    )
    assert PFPascal(pascal, origin=1)[0].source_points.tolist() == [[2.5, 3], [39, 29]]
    said = (
        "<PF-Pascal, test: 1 pairs, 1 category; PCK per image, base target image, <=, frame "
        "224 x 224, first pixel 0; "
    )
    assert repr(pairs).startswith(said)


def test_points_of_the_other_lists_are_in_the_mat_files(pascal):
    pair = load("pf_pascal", pascal, "val")[0]
    assert pair.keypoints == ("0", "1", "3")  # one lacks 2
    assert pair.target_points.tolist() == [[0, 0], [1, 2], [59, 39]]


def test_mirrored_rows(pascal):
    pairs = load("pf_pascal", pascal, "trn")
    assert pairs.names == (
        "0000-three-one:cat",
        "0001-three-one-flip:cat",
        "0002-three-one-flip:cat",
    )
    assert len(pairs.filter(flip=1)) == 2 and pairs[0].tags == {"flip": 0}
    plain, flipped = pairs[0], pairs[1]
    assert flipped.source_points[:, 0].tolist() == [
        59,
        59,
        1,
    ]  # 60 - x, and x = 0 does not leave the image
    exact = PFPascal(pascal, "trn", flip="W - 1 - x")[1]
    assert torch.equal(exact.source_points[:, 0], 59 - plain.source_points[:, 0])
    assert torch.equal(
        exact.source_points[:, 1], plain.source_points[:, 1]
    ) and exact.source_box == (7, 3, 57, 33)
    assert flipped.source_box == (8, 3, 58, 33)
    mirrored = ImageOps.mirror(plain.source.image())
    assert np.array_equal(flipped.source.image(), mirrored) and flipped.source.size == (60, 40)
    assert flipped.source.id == "three-flip" and flipped.source.digest() != plain.source.digest()
    x, y = exact.source_points[1].int().tolist()  # the pixel under the point is the same one
    assert flipped.source.image().getpixel((x, y)) == plain.source.image().getpixel((1, 2))


def test_is_counted_in_its_square(pascal):
    pairs = load("pf_pascal", pascal)
    table = evaluate(Exact(pairs, dx=3.0), pairs)
    assert table["distance_px"].to_numpy() == pytest.approx(3 * 224 / 60) and set(
        table["tolerance_px"]
    ) == {224}
    table = evaluate(Exact(pairs, dx=3.0), PFPascal(pascal, frame=None))
    assert table["distance_px"].to_numpy() == pytest.approx(3) and set(table["tolerance_px"]) == {
        60
    }


def test_check_lists_every_problem(pascal, tmp_path):
    assert problems("pf_pascal", pascal) == []
    notices = "\n".join(check_tree("pf_pascal", pascal))
    assert (
        "test pairs: 1, published 299" in notices
        and "trn pairs: 3, published 2,940" in notices
        and "published 2,414" in notices
    )
    assert "1 of the 2 images of test are in trn too" in notices
    cats = pascal / "PF-dataset-PASCAL" / "Annotations" / "cat"
    savemat(cats / "two.mat", {"kps": np.array(KPS["two"]) + 1, "bbox": [[2.0, 3.0, 52.0, 33.0]]})
    savemat(
        cats / "three.mat", {"kps": np.array(KPS["three"])[:3], "bbox": [[2.0, 3.0, 52.0, 33.0]]}
    )
    cut(pascal / "PF-dataset-PASCAL" / "JPEGImages" / "one.jpg")
    found = problems("pf_pascal", pascal)
    for said in (
        "line 2: 2 points of two are not in .*two.mat",
        "one.jpg.*truncated",
        "three.mat.*3.*wanted as many",
    ):
        assert any(re.search(said, problem) for problem in found), said
    (pascal / "val_pairs.csv").unlink()
    with pytest.raises(
        FileNotFoundError, match="no list of the split val: wanted val_pairs.csv.*lists=FOLDER"
    ):
        load("pf_pascal", pascal, "val")
    with pytest.raises(
        FileNotFoundError, match="no PF-Pascal at .*: wanted a folder with JPEGImages"
    ):
        load("pf_pascal", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="flip='W'; wanted .*'W - x' or 'W - 1 - x'"):
        PFPascal(pascal, flip="W")


def test_check_reads_on_after_a_broken_line(pascal):
    bad = [
        "one.jpg,two.jpg,21,1,1,1,1",
        "one.jpg,two.jpg,8,1;2,3,4;5,6;7",
        "one.jpg,nine.jpg,8,1,3,4,5",
    ]
    (pascal / "test_pairs.csv").write_text(HEAD + "\n".join(bad) + "\n")
    found = problems("pf_pascal", pascal)
    assert (
        len(found) == 3
        and "line 2: class is 21" in found[0]
        and "line 3, XA and YA" in found[1]
        and "nine.jpg" in found[2]
    )


@real
def test_the_real_lists(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    lists = DATA / "pf_pascal_pairs"
    pairs = PFPascal(tmp_path, lists=lists)
    counts = (15, 30, 10, 6, 8, 32, 19, 27, 13, 3, 8, 24, 9, 27, 12, 7, 1, 13, 20, 15)
    assert (
        len(pairs) == 299
        and tuple(pairs.counts().values()) == counts
        and pairs.counts()["sheep"] == 1
    )
    points = [len(pairs.row(name).points[0]) for name in pairs.names]
    assert (sum(points), min(points), max(points)) == (2414, 4, 17)
    images = {image for name in pairs.names for image in pairs.row(name).images}
    assert (
        len(images) == 506
        and len({frozenset(pairs.row(name).images) for name in pairs.names}) == 277
    )
    val = PFPascal(tmp_path, "val", lists=lists)
    assert len(val) == 308 and len(val.filter(flip=0)) == 308
    row = pairs.row(pairs.names[0])
    assert row.category == "aeroplane" and row.points[0][0].tolist() == pytest.approx(
        [253.6316622, 58.1813333]
    )
    with pytest.raises(FileNotFoundError, match="no image at .*2011_001407.jpg"):
        pairs[0]


def test_a_box_without_extent_names_its_file(pascal):
    path = pascal / "PF-dataset-PASCAL/Annotations/cat/one.mat"
    savemat(path, {"kps": np.array(KPS["one"]), "bbox": [[52.0, 3.0, 2.0, 33.0]]})
    with pytest.raises(ValueError, match=r"one.mat: bbox is .*; wanted \[x1, y1, x2, y2\]"):
        PFPascal(pascal)[0]

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
from tests.data.test_pf import DATA, Exact, cut, picture, problems

real = pytest.mark.skipif(
    not (DATA / "pf_pascal_pairs").is_dir(), reason=f"no real lists at {DATA}; set CORRLIB_DATA"
)
HEAD = "source_image,target_image,class,XA,YA,XB,YB\n"
KPS = {
    "one": [[3.5, 4], [10, 20], [np.nan, np.nan], [40, 30]],
    "two": [[5, 6], [np.nan, np.nan], [7, 8], [50.25, 9]],
    "three": [[0, 0], [1, 2], [3, 4], [59, 39]],
}


@pytest.fixture
def pascal(tmp_path) -> Path:
    """Three cats, a test list with points, a validation list and a training list with mirrored
    rows.
    """
    root = tmp_path / "PF-dataset-PASCAL"
    for i, (name, kps) in enumerate(KPS.items()):
        picture(root / "JPEGImages" / f"{name}.jpg", i)
        (root / "Annotations" / "cat").mkdir(parents=True, exist_ok=True)
        savemat(
            root / "Annotations" / "cat" / f"{name}.mat",
            {"kps": np.array(kps), "bbox": [[2.0, 3.0, 52.0, 33.0]]},
        )
    where = "PF-dataset-PASCAL/JPEGImages"
    points = "3.5;40,4;30,5;50.25,6;9"
    (tmp_path / "test_pairs.csv").write_text(
        f"source_image,target_image,class,XA,YA,XB,YB\n{where}/one.jpg,{where}/two.jpg,8,{points}\n"
    )
    head = "source_image,target_image,class,flip\n"
    (tmp_path / "val_pairs.csv").write_text(head + f"{where}/one.jpg,{where}/three.jpg,8,0\n")
    rows = [
        f"{where}/three.jpg,{where}/one.jpg,8,{flip}\n" for flip in (0, 1, 1)
    ]  # some rows are published twice
    (root / "image_pairs").mkdir()
    (root / "image_pairs" / "train_pairs.csv").write_text(head + "".join(rows))
    return tmp_path


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a,b,class\n",
            "test_pairs.csv has no column source_image, target_image; it has a, b, class",
        ),
        (
            "source_image,target_image,class\nx/one.jpg,x/two.jpg,21\n",
            "line 2: class is 21; wanted 1 to 20",
        ),
        (HEAD + "one.jpg,two.jpg,8,1;2,3,4;5,6;7\n", "line 2, XA and YA"),
        (HEAD + "one.jpg,two.jpg,8,1,3,4;5,6;7\n", "1 points in XA and 2 in XB"),
        (
            HEAD + "one.jpg,two.jpg,8,1,3,99,7\n",
            r"line 2, XB;YB puts keypoint '0' at \(99, 7\), outside of its 60 x 40 image",
        ),
    ],
)
def test_lists_that_are_wrong(pascal, text, said):
    (pascal / "test_pairs.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        load("pf_pascal", pascal)[0]
    assert any(re.search(said, problem) for problem in problems("pf_pascal", pascal))


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


def test_points_of_the_mat_files_do_not_ask_for_those_of_the_list(pascal):
    path = pascal / "test_pairs.csv"
    path.write_text(path.read_text().replace("5;50.25", "5;50.25;7"))
    with pytest.raises(ValueError, match="line 2, XB and YB"):
        PFPascal(pascal)
    assert PFPascal(pascal, points="mat")[0].keypoints == ("0", "3")
    assert len(problems("pf_pascal", pascal)) == 1
    assert problems("pf_pascal", pascal, points="mat") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "test_pairs.csv is empty; wanted a header"),
        ((HEAD + "a,b,8,1,2,3,4,5\n").encode(), "test_pairs.csv: .*; wanted as many values in"),
        ((HEAD + "a,b,8,1,2,3,4\na,b,8,1,2,3,4,5\n").encode(), "test_pairs.csv: .*Expected 7"),
        ("source_image,tärget".encode("latin1"), "test_pairs.csv is not UTF-8 text"),
    ],
)
def test_a_list_that_is_no_table_names_its_file(pascal, content, said):
    (pascal / "test_pairs.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        PFPascal(pascal)
    assert re.search(said, problems("pf_pascal", pascal)[0])


@pytest.mark.parametrize(
    ("row", "said"),
    [(",two.jpg,8,0", "line 2: an image has no name"), ("a,b,8,yes", "line 2: flip is 'yes'")],
)
def test_names_and_flips_that_are_none(pascal, row, said):
    (pascal / "val_pairs.csv").write_text(f"source_image,target_image,class,flip\n{row}\n")
    with pytest.raises(ValueError, match=said):
        PFPascal(pascal, "val")
    assert any(re.search(said, problem) for problem in problems("pf_pascal", pascal))


def test_a_list_of_another_name_and_place(pascal, tmp_path):
    path = tmp_path / "elsewhere" / "all_pairs.csv"
    path.parent.mkdir()
    (pascal / "test_pairs.csv").rename(path)
    assert len(PFPascal(pascal, lists=path)) == 1
    with pytest.raises(FileNotFoundError, match="no list .*none.csv"):
        PFPascal(pascal, lists=tmp_path / "none.csv")
    assert problems("pf_pascal", pascal, lists=str(path)) == []


def test_the_shared_images_are_those_of_their_two_lists(pascal):
    notices = [str(n) for n in check_tree("pf_pascal", pascal)]
    assert any("images of test are in trn too" in n and "302 of 506" in n for n in notices)
    assert any("images of test are in val too" in n and "148 of 506" in n for n in notices)
    assert any(n.endswith("of val are in trn too, as in the published lists") for n in notices)


@real
def test_the_number_of_shared_images_is_that_of_the_real_lists(pascal):
    lists = {
        split: PFPascal(pascal, split, lists=DATA / "pf_pascal_pairs") for split in ("test", "val")
    }
    images = {
        split: {image for name in pairs.names for image in pairs.row(name).images}
        for split, pairs in lists.items()
    }
    assert (len(images["test"] & images["val"]), len(images["test"])) == (148, 506)


def test_a_box_without_extent_names_its_file(pascal):
    path = pascal / "PF-dataset-PASCAL/Annotations/cat/one.mat"
    savemat(path, {"kps": np.array(KPS["one"]), "bbox": [[52.0, 3.0, 2.0, 33.0]]})
    with pytest.raises(ValueError, match=r"one.mat: bbox is .*; wanted \[x1, y1, x2, y2\]"):
        PFPascal(pascal)[0]

"""Lists of PF-Pascal: what can be wrong with them, where they lie, and what they share."""

import re
from pathlib import Path

import pytest

from corrlib.data import check_tree, load
from corrlib.data.pf_pascal import PFPascal
from tests.data.pascal_tree import pascal_tree
from tests.data.test_pf import DATA, problems

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

"""PF-Pascal's lists: what is no list, other names and places, boxes without extent."""
# ruff: noqa: F811  (a fixture is an argument of the same name)

import re

import numpy as np
import pytest
from scipy.io import savemat

from corrlib.data.pf_pascal import PFPascal
from tests.data.test_pf import problems
from tests.data.test_pf_pascal import HEAD, KPS, pascal  # noqa: F401


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


def test_a_box_without_extent_names_its_file(pascal):
    path = pascal / "PF-dataset-PASCAL/Annotations/cat/one.mat"
    savemat(path, {"kps": np.array(KPS["one"]), "bbox": [[52.0, 3.0, 2.0, 33.0]]})
    with pytest.raises(ValueError, match=r"one.mat: bbox is .*; wanted \[x1, y1, x2, y2\]"):
        PFPascal(pascal)[0]

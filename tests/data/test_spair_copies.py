"""Copies of SPair-71k that are damaged, incomplete or unpacked elsewhere: what its reader refuses,
what it reads all the same, and what the check lists.
"""

import os
from pathlib import Path

import pytest

from corrlib.data import load
from corrlib.data.checks.findings import Notice
from corrlib.data.spair import SPair
from tests.data.spair_tree import check, edit, picture, spair_tree


@pytest.fixture
def tree(tmp_path) -> Path:
    """Three cats and two dogs, four pairs in test, one in val."""
    return spair_tree(tmp_path)


def test_errors_say_what_is_wrong(tree, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match="wanted a folder.*found: ImageAnnotation, Layout.*make_toybox.py.*doctor",
    ):
        (tree / "JPEGImages").rename(tree / "Photographs")
        SPair(tree)
    (tree / "Photographs").rename(tree / "JPEGImages")
    with pytest.raises(FileNotFoundError, match="found: no folder"):
        SPair(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="split='train'.*'trn'"):
        SPair(tree, "train")
    with pytest.raises(FileNotFoundError, match="no split folder.*trn; there is test, val"):
        SPair(tree, "trn")
    with pytest.raises(ValueError, match="no pairs of cow.*cat, dog"):
        SPair(tree, categories=["cow", "cat"])
    with pytest.raises(KeyError, match="did you mean 'spair'"):
        load("spiar", tree)
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", trg_bndbox="gone")
    with pytest.raises(ValueError, match="000000-a1-a2:cat.json has no field 'trg_bndbox'"):
        SPair(tree)[0]
    (tree / "PairAnnotation/test/000001-a2-a1:cat.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        SPair(tree)[1]
    (tree / "JPEGImages/dog/d1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="d1.jpg"):
        SPair(tree)[3]
    os.remove(tree / "PairAnnotation/test/000002-a3-a1:cat.json")
    with pytest.raises(FileNotFoundError, match="lists 1 of 4 pairs.*000002-a3-a1:cat.json"):
        SPair(tree)


def test_a_truncated_image_and_a_wrong_size(tree):
    path = tree / "JPEGImages/cat/a1.jpg"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match="a1.jpg.*truncated"):
        SPair(tree)[0].source.image()
    picture(0, (32, 32)).save(path)
    with pytest.raises(ValueError, match=r"a1.jpg has size \(32, 32\).*says \(64, 48\)"):
        SPair(tree)[0]


def test_check_lists_every_problem(tree):
    # Small, and without training pairs: worth a notice, and nothing is wrong.
    assert all(isinstance(found, Notice) for found in check(tree))
    assert (
        check(tree)[0]
        == f"no split folder {tree / 'PairAnnotation' / 'trn'}: the split trn cannot be read"
    )
    assert check(tree)[1:] == [
        "val pairs: 1, published 5,384; a toy or a subset has fewer, a whole copy has not",
        "test pairs: 4, published 12,234; a toy or a subset has fewer, a whole copy has not",
    ]
    path = tree / "JPEGImages/cat/a3.jpg"
    path.write_bytes(path.read_bytes()[:1500])
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", kps_ids=["0", "1"])
    edit(tree, "PairAnnotation/test/000003-d1-d2:dog.json", viewpoint_variation="gone")
    (tree / "Segmentation/dog/v1.png").unlink()
    found = "\n".join(problem for problem in check(tree) if not isinstance(problem, Notice))
    assert all(
        part in found
        for part in (
            "a3.jpg",
            "differ in 1, 11",
            "'viewpoint_variation'",
            "Segmentation/dog/v1.png",
        )
    )
    assert found.count("\n") == 3 and "no SPair-71k at" in check(tree / "Layout")[0]
    os.remove(
        tree / "PairAnnotation/test/000002-a3-a1:cat.json"
    )  # told of both lists, and the other pairs are looked at
    found = [problem for problem in check(tree) if not isinstance(problem, Notice)]
    assert sum("lists 1 of" in problem for problem in found) == 2 and any(
        "differ in 1, 11" in problem for problem in found
    )


def test_without_layout_pairs_are_sorted(tree):
    names = SPair(tree).names
    for path in sorted((tree / "Layout").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tree / "Layout").rmdir()
    assert SPair(tree).names == tuple(sorted(names))
    with pytest.raises(FileNotFoundError, match="no list"):
        SPair(tree, size="small")


def test_order_is_that_of_the_list_whatever_the_file_system_says(tree, monkeypatch):
    names = SPair(tree).names
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path), reverse=True))
    assert SPair(tree).names == names


def test_keypoints_that_are_no_list_are_named(tree):
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", src_kps=[[1, 2], "three"])
    with pytest.raises(ValueError, match="000000-a1-a2:cat.json: src_kps is .*; wanted a list of"):
        SPair(tree)[0]


def problems(root, **options) -> list[str]:
    return [found for found in check(root, **options) if not isinstance(found, Notice)]


def remove_layout(tree):
    for path in sorted((tree / "Layout").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tree / "Layout").rmdir()


@pytest.mark.parametrize("layout", [True, False])
def test_a_copy_unpacked_on_windows_has_the_same_pairs(tree, layout):
    whole = SPair(tree)
    names, pair = whole.names, whole[0]
    if not layout:
        remove_layout(tree)
    for path in (tree / "PairAnnotation" / "test").iterdir():
        path.rename(path.with_name(path.name.replace(":", "_")))
    pairs = SPair(tree)
    assert pairs.names == tuple(sorted(names)) and pairs.categories == ("cat", "dog")
    assert pairs[0].source_points.equal(pair.source_points) and pairs[0].id == pair.id
    assert problems(tree) == []
    (tree / "PairAnnotation/test/000009-a1-a2_cow.json").write_text("{}")  # no such category
    if not layout:
        with pytest.raises(ValueError, match="000009-a1-a2_cow.json is not named as a pair; want"):
            SPair(tree)


def test_litter_of_a_mac_is_no_pair(tree):
    remove_layout(tree)
    names = SPair(tree).names
    for name in names:
        (tree / f"PairAnnotation/test/._{name}.json").write_bytes(b"\x00\x05\x16\x07")
    assert SPair(tree).names == names and problems(tree) == []


def test_a_list_that_has_every_pair_twice_is_refused(tree):
    path = tree / "Layout/large/test.txt"
    path.write_text(path.read_text() * 2)
    with pytest.raises(ValueError, match="test.txt lists 4 of 4 names more than once; the first"):
        SPair(tree)
    assert len([p for p in problems(tree) if "more than once" in p]) == 1


def test_an_absent_photograph_is_told_once(tree):
    (tree / "JPEGImages/cat/a1.jpg").unlink()  # of three pairs
    assert [p.startswith("no image at") and "a1.jpg" in p for p in problems(tree)] == [True]


@pytest.mark.parametrize(
    "box", [None, [1, 2, 3], [5, 5, 5, 9], [40, 4, 3, 34], [1, 2, "x", 4], [0, 0, 1e999, 3]]
)
def test_a_box_that_is_none_is_refused_and_told(tree, box):
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", trg_bndbox=box)
    with pytest.raises(ValueError, match=r"a1-a2:cat.json: trg_bndbox is .*; wanted \[x1, y1, x2"):
        SPair(tree)[0]
    assert len(problems(tree)) == 1 and "trg_bndbox is" in problems(tree)[0]
    edit(tree, "ImageAnnotation/dog/d1.json", bndbox=box)
    assert len(problems(tree)) == 2


def test_a_box_that_leaves_its_image_is_told_once(tree):
    for name in ("000000-a1-a2:cat", "000002-a3-a1:cat"):  # a1 is the source, then the target
        side = "src" if "a1-a2" in name else "trg"
        edit(tree, f"PairAnnotation/test/{name}.json", **{f"{side}_bndbox": [3, 4, 66, 34]})
    said = ["000000-a1-a2:cat: the box (3, 4, 66, 34) of cat/a1 leaves its 64 x 48 image"]
    assert problems(tree) == said
    assert SPair(tree)[0].source_box == (3, 4, 66, 34)  # PCK's length is what the file says


def test_fields_of_another_kind_are_named_and_do_not_stop_the_check(tree):
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", kps_ids=None)
    edit(tree, "PairAnnotation/test/000001-a2-a1:cat.json", src_imname=None)
    (tree / "PairAnnotation/test/000002-a3-a1:cat.json").write_text("[1, 2]")
    edit(tree, "ImageAnnotation/dog/d2.json", kps=[1, 2])  # what no reader words
    found = "\n".join(problems(tree))
    for said in (
        "kps_ids is None; wanted a list",
        "src_imname is None; wanted a str",
        "000002-a3-a1:cat.json holds a list; wanted an object",
        "000003-d1-d2:dog cannot be read (AttributeError",
    ):
        assert said in found
    assert found.count("\n") == 3


def test_part_of_a_copy_can_be_asked_for(tree):
    os.remove(tree / "PairAnnotation/test/000002-a3-a1:cat.json")
    assert len(SPair(tree, partial=True)) == 3
    assert len(problems(tree, size="small")) == 1 and len(problems(tree)) == 2

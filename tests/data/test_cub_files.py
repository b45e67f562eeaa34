"""CUB-200-2011's text files: what can be wrong with them, and what the check lists."""

import re
from pathlib import Path

import pytest

from corrlib.data import check_tree, load
from tests.data.cub_tree import cub_tree, problems, replace


@pytest.fixture(params=["\n", "\r\n"], ids=["LF", "CRLF"])
def tree(tmp_path, request) -> Path:
    """Class 1 with three test images and one of training, class 2 with two test images that share
    no part.
    """
    return cub_tree(tmp_path, request.param)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "images.txt",
            "2 001.",
            "two 001.",
            "images.txt, line 2: 'two 001.Black_Bird/b.png'; wanted <image> <class folder>",
        ),
        (
            "bounding_boxes.txt",
            "2 10.0 8.0",
            "2 10.0",
            "bounding_boxes.txt, line 2: .*wanted <image> <x> <y> <width> <height>",
        ),
        (
            "bounding_boxes.txt",
            "2 10.0",
            "2 ten",
            "bounding_boxes.txt, line 2: '2 ten 8.0 30.0 21.0'; wanted <image> <x>",
        ),
        (
            "train_test_split.txt",
            "5 0",
            "5 yes",
            "train_test_split.txt, line 5: '5 yes'; wanted <image> <1 training, 0 test>",
        ),
        (
            "bounding_boxes.txt",
            "6 10.0",
            "7 10.0",
            "bounding_boxes.txt lacks 1 images of images.txt; the first is 6",
        ),
        (
            "parts/part_locs.txt",
            "2 3 0.0 0.0 0",
            "2 2 0.0 0.0 0",
            "part_locs.txt, line 4 or soon after: parts not in order",
        ),
        (
            "parts/part_locs.txt",
            "6 3 7.0 7.0 1",
            "",
            "part_locs.txt has 17 lines of 5 numbers; wanted .*3 lines an image",
        ),
        (
            "parts/part_locs.txt",
            "6 3 7.0",
            "6 3 seven",
            "part_locs.txt: .*seven.*; wanted lines of <image> <part 1 to 3>",
        ),
    ],
)
def test_text_files_that_are_wrong(tree, file, old, new, said):
    replace(tree / file, old, new)
    with pytest.raises(ValueError, match=said):
        load("cub", tree)
    assert len(problems(tree)) == 1 and re.search(said, problems(tree)[0])


def test_check_lists_every_problem(tree, tmp_path):
    assert problems(tree) == []
    notices = "\n".join(check_tree("cub", tree))
    assert (
        "images in images.txt: 6, published 11,788" in notices
        and "test pairs of classes 1 to 3: 3, published 1,248" in notices
    )
    replace(tree / "parts/part_locs.txt", "1 1 11.0", "1 1 66.0")
    replace(tree / "bounding_boxes.txt", "2 10.0 8.0 30.0", "2 10.0 8.0 60.0")
    (tree / "images/001.Black_Bird/d.png").unlink()
    path = tree / "images/002.Red_Bird/e.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = problems(tree)
    for said in (
        r"image 1 has 'back' at \(66, 20\), outside of its 64 x 48",
        "image 2 has the box 10 8 60 21, not within 64 x 48",
        "no photograph .*d.png, and others of 001.Black_Bird are there",
        "e.png.*truncated",
    ):
        assert sum(bool(re.search(said, problem)) for problem in found) == 1, said
    assert len(found) == 4
    with pytest.raises(
        ValueError,
        match=r"part_locs.txt: image 1 puts keypoint 'back' at \(66, 20\), outside of its 64 x 48",
    ):
        load("cub", tree)[0]
    (tree / "train_test_split.txt").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="no CUB-200-2011 at .*: wanted a folder with images.txt, train_test_split.txt",
    ):
        load("cub", tree)
    with pytest.raises(FileNotFoundError, match="found: no folder"):
        load("cub", tmp_path / "nowhere")


def test_check_reads_on_after_a_broken_file(tree):
    replace(tree / "images.txt", "2 001.", "two 001.")
    replace(tree / "images.txt", "3 001.", "three 001.")
    replace(tree / "parts/part_locs.txt", "6 3 7.0", "6 3 seven")
    path = tree / "images/001.Black_Bird/a.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = problems(tree)
    assert len(found) == 3 and "line 2: 'two 001.Black_Bird/b.png' (and 1 more lines)" in found[0]
    assert "part_locs.txt" in found[1] and "a.png" in found[2]

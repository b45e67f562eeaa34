"""Your own images: with a csv file of points, without one, and every mistake that is easy to
make.
"""

import re

import numpy as np
import pytest
from PIL import Image

from corrlib.data import check_tree, load
from corrlib.data.folder import Folder

HEAD = "source,target,source_x,source_y,target_x,target_y\n"


@pytest.fixture
def folder(tmp_path):
    """Three images of 64 x 48 and two pairs with three points."""
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "pairs.csv").write_text(
        HEAD + "0.png,1.png,1,2,3.5,4\n0.png,2.png,1,2,3,4\n0.png,1.png,5,6,7,8\n"
    )
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_folder_of_own_images(folder):
    pairs = load("folder", folder)
    assert pairs.names == ("0.png:1.png", "0.png:2.png") and len(pairs.views()) == 3
    assert repr(pairs).startswith(
        "<folder: 2 pairs of 3 images, 1 category; PCK per image, base target image, <=, "
        "original pixels"
    )
    assert repr(pairs[:1]).startswith("<folder: 1 of 2 pairs of 2 images")
    assert (
        pairs[0].target_points.tolist() == [[3.5, 4.0], [7.0, 8.0]] and pairs[0].target_box is None
    )
    assert (pairs[0].category, pairs[0].source.category, pairs[0].keypoints) == (
        "image",
        None,
        ("0", "1"),
    )
    assert Folder(folder, origin=1)[0].target_points.tolist() == [[2.5, 3.0], [6.0, 7.0]]
    assert Folder(folder, base="keypoints").protocol.base == "keypoints"


def test_names_of_points_and_categories(folder):
    head = HEAD.strip() + ",keypoint,category\n"
    (folder / "pairs.csv").write_text(
        head + "0.png,1.png,1,2,3,4,nose,cat\n1.png,2.png,1,2,3,4,tail,dog\n"
    )
    pairs = load("folder", folder)
    assert pairs.counts() == {"cat": 1, "dog": 1} and pairs.filter(category="dog")[0].keypoints == (
        "tail",
    )
    assert [pair.target.category for pair in pairs] == ["cat", "dog"]


def test_without_a_file_every_image_is_paired_with_every_other(folder):
    (folder / "pairs.csv").unlink()
    pairs = load("folder", folder)
    assert pairs.names[:3] == ("0.png:1.png", "0.png:2.png", "1.png:0.png") and len(pairs) == 6
    assert (
        pairs[0].source_points.shape == (0, 2)
        and pairs[0].keypoints == ()
        and "folder without points" in repr(pairs)
    )
    assert list(check_tree("folder", folder)) == []
    with pytest.raises(
        FileNotFoundError,
        match=r"no .*mine.csv; write one with the header source,target,.*Found: 0.png, 1.png",
    ):
        Folder(folder, points="mine.csv")
    for i in (1, 2):
        (folder / f"{i}.png").unlink()
    with pytest.raises(FileNotFoundError, match="header source,target"):
        load("folder", folder)
    with pytest.raises(FileNotFoundError, match="Found: no folder"):
        load("folder", folder / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "0.png,1.png,1,2,300,4\n",
            r"0.png -> 1.png: target point 0 at \(300, 4\) lies outside of the image, which is "
            r"64 x 48",
        ),
        (
            "0.png,1.png,1,2,x,4\n0.png,1.png,1,2,3,4\n0.png,1.png,1,2,,4\n",
            "pairs.csv, line 2, 4: coordinates must be numbers",
        ),
        (",1.png,1,2,3,4\n", "line 2: .*both images named"),
        ("", "pairs.csv has a header and no rows"),
        ("0.png,9.png,1,2,3,4\n", "no image at .*9.png"),
        ("0.png,notes.txt,1,2,3,4\n", "notes.txt is not an image"),
    ],
)
def test_mistakes_are_named_when_the_folder_is_opened(folder, text, said):
    (folder / "pairs.csv").write_text(HEAD + text)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load("folder", folder)
    found = list(check_tree("folder", folder))
    assert len(found) == 1 and re.search(said, found[0])


def test_check_lists_every_mistake(folder):
    rows = [
        "0.png,1.png,1,2,300,4",
        "1.png,0.png,-9,2,3,4",
        "0.png,9.png,1,2,3,4",
        "2.png,0.png,1,2,3,4",
    ]
    (folder / "pairs.csv").write_text(HEAD + "\n".join(rows) + "\n")
    path = folder / "2.png"
    path.write_bytes(path.read_bytes()[:3000])
    found = "\n".join(check_tree("folder", folder))
    assert found.count("\n") == 3
    for said in ("target point 0 at (300, 4)", "source point 0 at (-9, 2)", "9.png", "2.png: "):
        assert said in found
    (folder / "pairs.csv").write_text("source,target,x,y\n")
    with pytest.raises(
        ValueError,
        match="pairs.csv has no column source_x, source_y, target_x, target_y; it has source",
    ):
        load("folder", folder)


def test_an_empty_category_is_none(folder):
    head = HEAD.strip() + ",keypoint,category\n"
    rows = ["0.png,1.png,1,2,3,4,,", "0.png,2.png,1,2,3,4,, ", "1.png,2.png,1,2,3,4,,cat"]
    (folder / "pairs.csv").write_text(head + "\n".join(rows) + "\n")
    pairs = load("folder", folder)
    assert [pair.source.category for pair in pairs] == [None, None, "cat"]  # no "photo of a nan"
    assert pairs.counts() == {"cat": 1, "image": 2} and pairs[0].keypoints == ("0",)
    (folder / "pairs.csv").write_text(head + rows[0] + "cat\n" + rows[0] + "dog\n")
    with pytest.raises(ValueError, match="line 3: another category than that of the pair's first"):
        load("folder", folder)


def test_names_that_look_like_nothing(folder):
    (folder / "0.png").rename(folder / "NA")
    (folder / "pairs.csv").write_text(HEAD + "NA,1.png,1,2,3,4\n")
    assert load("folder", folder).names == ("NA:1.png",)
    (folder / "pairs.csv").unlink()
    (folder / "._1.png").write_bytes(b"\x00\x05\x16\x07")
    assert load("folder", folder).names == ("1.png:2.png", "2.png:1.png")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pairs.csv is empty; wanted a header"),
        ((HEAD + "0.png,1.png,1,2,3,4,5\n").encode(), "pairs.csv: .*; wanted as many values"),
        ((HEAD + "k\xe4fer.png,1.png,1,2,3,4\n").encode("latin1"), "pairs.csv is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_table_is_named(folder, content, said):
    (folder / "pairs.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        load("folder", folder)

"""Lists of DAVIS: those of 2016, those of the test splits, whose first mask alone is published."""

import numpy as np
import pytest
from PIL import Image

from corrlib.data import check_tree, load
from corrlib.data.checks.findings import Notice
from corrlib.data.davis import Davis
from tests.data.test_davis import SIZE, frame, indexed


@pytest.fixture
def tree(tmp_path):
    """Two videos of four frames; the second has two objects."""
    for video, objects in (("bear", [(1, 0, 3)]), ("ants", [(1, 0, 2), (2, 4, 6), (255, 8, 9)])):
        for i in range(4):
            frame(tmp_path / f"DAVIS/JPEGImages/480p/{video}/{i:05d}.jpg", i)
            indexed(tmp_path / f"DAVIS/Annotations/480p/{video}/{i:05d}.png", *objects)
    return tmp_path


def write_list(tree, name, text):
    path = tree / "DAVIS/ImageSets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def findings(tree, kind, **options):
    found = check_tree("davis", tree, **options)
    return [str(f) for f in found if isinstance(f, Notice) == (kind == "notice")]


def keep_first_masks(tree):
    for path in (tree / "DAVIS/Annotations/480p").glob("*/*.png"):
        if path.stem != "00000":
            path.unlink()


@pytest.mark.parametrize("split", ["test-dev", "test-challenge"])
def test_one_mask_is_right_in_the_test_splits(tree, split):
    write_list(tree, f"2017/{split}.txt", "bear\nants\n")
    keep_first_masks(tree)
    assert findings(tree, "problem") == findings(tree, "problem", decode=False) == []
    notices = findings(tree, "notice")
    assert any(n.startswith("2 videos have their first mask alone, as test-dev") for n in notices)
    assert len(load("davis", tree, split)[0].frames) == 4
    (tree / "DAVIS/Annotations/480p/bear/00000.png").unlink()
    assert any("no mask" in p and "bear/00000.png" in p for p in findings(tree, "problem"))


def test_one_mask_is_a_problem_where_papers_score(tree):
    write_list(tree, "2017/val.txt", "bear\n")
    write_list(tree, "2017/train.txt", "ants\n")
    keep_first_masks(tree)
    assert sum("no mask" in p for p in findings(tree, "problem")) == 6


def test_without_lists_one_mask_is_a_notice(tree):
    keep_first_masks(tree)
    assert findings(tree, "problem") == []
    assert any("first mask alone" in n for n in findings(tree, "notice"))


def test_masks_that_the_mac_left_are_none(tree):
    (tree / "DAVIS/Annotations/480p/bear/._00000.png").write_bytes(b"\x00\x05\x16\x07")
    assert findings(tree, "problem") == []


PER_FRAME = "".join(
    f"/JPEGImages/480p/{v}/{i:05d}.jpg /Annotations/480p/{v}/{i:05d}.png\n"
    for v in ("bear", "ants")
    for i in range(4)
)


@pytest.mark.parametrize(
    ("name", "text"), [("480p/val.txt", PER_FRAME), ("2016/val.txt", "bear\nants\n")]
)
def test_lists_of_2016_are_an_option(tree, name, text):
    write_list(tree, name, text)
    data = load("davis", tree, "val", year=2016)
    assert data.names == ("ants", "bear") and repr(data).startswith("<DAVIS-2016, val: 2 videos")
    assert data[0].objects == ("1",)  # all objects are one, void stays
    assert data[0].masks(2)[:, 0].tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 255]
    with pytest.raises(FileNotFoundError, match="no list .*2017/val.txt"):
        Davis(tree)
    with pytest.raises(ValueError, match="year=2015; DAVIS has lists of 2017, 2016"):
        Davis(tree, year=2015)


def test_a_list_with_one_line_a_frame_is_read_wherever_it_lies(tree):
    write_list(tree, "2017/val.txt", PER_FRAME)
    assert Davis(tree).names == ("ants", "bear")
    write_list(tree, "2017/val.txt", "bear\nbear\n")
    with pytest.raises(ValueError, match="val.txt lists 1 of 1 names more than once"):
        Davis(tree)


def test_a_grey_mask_of_2016_stays_one_object(tree):
    ids = np.zeros(SIZE[::-1], np.uint8)
    ids[:3] = 255
    for path in (tree / "DAVIS/Annotations/480p/bear").glob("*.png"):
        Image.fromarray(ids).save(path)
    video = Davis(tree, year=2016, lists=False)[1]
    assert video.objects == ("1",) and video.masks(0)[:, 0].tolist() == [1] * 3 + [0] * 6

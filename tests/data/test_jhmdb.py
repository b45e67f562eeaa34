"""JHMDB: joints of .mat files with their origin, lists of splits, masks; on the real clip and on a
tree written here.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from corrlib.data import check_tree, load
from corrlib.data.checks.findings import Notice
from corrlib.data.jhmdb import JHMDB
from corrlib.data.jhmdb_files import JOINTS
from corrlib.types import Video

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "jhmdb_sample"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real JHMDB bytes are not at {REAL}; set CORRLIB_DATA"
)
SIZE = (12, 9)


def clip(root, name, count, joints=None, puppet=True):
    """A clip in which joint j of frame f is at (j + 1, f + 1), counted from 1, and frame f's mask
    is parts 1 to 3 of row f.
    """
    folder = root / "Rename_Images" / name
    folder.mkdir(parents=True)
    for f in range(count):
        pixels = np.random.default_rng(f).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{f + 1:05d}.png")
    n = count if joints is None else joints
    x, y = np.meshgrid(np.arange(1.0, 16), np.arange(1.0, n + 1), indexing="ij")
    mat(root, name, pos_img=np.stack([x, y]), pos_world=np.zeros((2, 15, n)))
    if puppet:
        parts = np.zeros((*SIZE[::-1], count), np.uint8)
        for f in range(count):
            parts[f, 2:5, f] = (1, 2, 3)
        mat(root, name, "puppet_mask", part_mask=parts)


def mat(root, name, kind="joint_positions", **variables):
    path = root / kind / name / f"{kind}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)
    return path


def check(root, **options) -> list[str]:
    return list(check_tree("jhmdb", root, **options))


@pytest.fixture
def tree(tmp_path):
    """Four clips of two actions; the second of "jump" has a frame more than joints and no mask."""
    clip(tmp_path, "jump/b b", 3)
    clip(tmp_path, "jump/a#1", 4, joints=3, puppet=False)
    clip(tmp_path, "catch/c", 3)
    clip(tmp_path, "catch/d", 3)
    (tmp_path / "Rename_Images/.AppleDouble").mkdir()
    (tmp_path / "Rename_Images/catch/c/.hidden.png").write_text("")
    (tmp_path / "splits").mkdir()
    for number, marks in ((1, "221"), (2, "112")):
        (tmp_path / f"splits/jump_test_split{number}.txt").write_text(
            f"a#1.avi {marks[0]} \nb b.avi {marks[1]}\n"
        )
        (tmp_path / f"splits/catch_test_split{number}.txt").write_text(
            f"c.avi {marks[2]}\r\nd.avi 0\r\n"
        )
    return tmp_path


def test_clips_of_a_split(tree):
    data = load("jhmdb", tree)
    assert data.names == ("jump/a#1", "jump/b b") and JHMDB(tree, "train").names == ("catch/c",)
    assert (
        JHMDB(tree, number=2).names == ("catch/c",)
        and JHMDB(tree, "train", number=2).names == data.names
    )
    assert JHMDB(tree, lists=None).names == ("catch/c", "catch/d", *data.names)
    line = (
        "<JHMDB, test (split 1): 2 clips, 1 category; PCK per joint, base 0.6 x diagonal of "
        "the joints' box, <=, without the "
    )
    assert (
        repr(data) == f"{line}first frame, first pixel 1; {tree}>"
        and data.protocol is None
        and "fifteen" in data.measure
    )
    everything = JHMDB(tree, lists=None)
    assert (
        everything.counts() == {"catch": 2, "jump": 2}
        and everything.filter(category="catch").names == everything.names[:2]
    )
    assert (
        everything.filter(frames=4).names
        == everything.filter(annotated=3, frames=[4, 5]).names
        == ("jump/a#1",)
    )
    assert "2 of 4 clips" in repr(everything[::2]) and len(everything.views()) == 13
    assert (
        everything.view("catch/c/00002").size == SIZE
        and JHMDB(tree, categories="jump").names == data.names
    )


def test_joints_and_masks(tree):
    video = JHMDB(tree)[1]
    assert (
        isinstance(video, Video)
        and len(video) == 3
        and video.category == "jump"
        and video.objects == JOINTS
        and len(JOINTS) == 15
    )
    assert video.joints.shape == (3, 15, 2) and video.joints.dtype == torch.float32
    assert video.joints[2, 4].tolist() == [4.0, 2.0] and JHMDB(tree, origin=0)[1].joints[
        2, 4
    ].tolist() == [5.0, 3.0]
    assert video.joints[0, 14].tolist() == [
        14.0,
        0.0,
    ]  # outside of the 12 pixels, as real ones are; not moved
    mask = video.masks(1)
    assert (
        mask.dtype == torch.uint8
        and mask.shape == (9, 12)
        and mask.nonzero().tolist() == [[1, 2], [1, 3], [1, 4]]
        and mask.max() == 1
    )
    longer = JHMDB(tree)[0]
    assert (
        longer.masks is None
        and longer.joints.shape == (4, 15, 2)
        and longer.tags == {"frames": 4, "annotated": 3}
    )
    assert longer.joints.isnan().all(dim=2).sum(dim=1).tolist() == [0, 0, 0, 15]


def test_errors_name_the_file(tree):
    with pytest.raises(
        FileNotFoundError,
        match="no JHMDB at .*splits: wanted a folder with Rename_Images, joint_positions",
    ):
        JHMDB(tree / "splits")
    with pytest.raises(ValueError, match="split='val'; JHMDB has the splits 'train', 'test'"):
        JHMDB(tree, "val")
    with pytest.raises(ValueError, match="number=4 .*wanted one of the splits 1, 2, 3"):
        JHMDB(tree, number=4)
    with pytest.raises(
        FileNotFoundError,
        match="no lists in .*splits: wanted <action>_test_split3.txt; found: catch_test_split1.txt",
    ):
        JHMDB(tree, number=3)
    with pytest.raises(
        TypeError,
        match="JHMDB has no option 'base'; it has root, split, categories, number, lists, origin$",
    ):
        JHMDB(tree, base="box")
    with pytest.raises(KeyError, match="no tag 'scale'.*frames, annotated"):
        JHMDB(tree).filter(scale=1)
    for wrong, message in (
        (
            {"pos_img": np.zeros((2, 13, 3))},
            r"joint_positions.mat: pos_img has shape \(2, 13, 3\); wanted 2 x 15 x n",
        ),
        (
            {"pos_img": np.zeros((2, 15, 5))},
            "joint_positions.mat has joints of 5 frames, but .*b b has 3 images",
        ),
        (
            {"pos_world": np.zeros((2, 15, 3))},
            "joint_positions.mat has no variable 'pos_img'; it has pos_world",
        ),
    ):
        path = mat(tree, "jump/b b", **wrong)
        with pytest.raises(ValueError, match=message):
            JHMDB(tree)[1]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        ValueError, match="joint_positions.mat is not a MATLAB file that can be read"
    ):
        JHMDB(tree)[1]
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no annotation .*b b/joint_positions.mat"):
        JHMDB(tree)[1]
    mat(tree, "catch/c", "puppet_mask", part_mask=np.zeros((9, 11, 2)))
    with pytest.raises(
        ValueError, match=r"puppet_mask.mat: part_mask has shape \(9, 11, 2\); wanted 9 x 12 x n"
    ):
        JHMDB(tree, "train")[0].masks(0)
    mat(tree, "catch/c", "puppet_mask", part_mask=np.zeros((9, 12, 2)))
    with pytest.raises(ValueError, match="part_mask has 2 frames; frame 2 "):
        JHMDB(tree, "train")[0].masks(2)
    (tree / "splits/jump_test_split1.txt").write_text("a#1.avi 2\nb b.avi\n")
    with pytest.raises(
        ValueError, match="jump_test_split1.txt, line 2, is 'b b.avi'; wanted <clip>.avi and 1"
    ):
        JHMDB(tree)
    (tree / "splits/jump_test_split1.txt").write_text("a#1.avi 2\nz.avi 2\n")
    with pytest.raises(
        FileNotFoundError,
        match="splits lists 1 of 2 test clips that .*Rename_Images lacks; the first is jump/z",
    ):
        JHMDB(tree)


def test_check_does_not_stop_at_the_first(tree):
    notices = list(check(tree))
    assert all(isinstance(n, Notice) for n in notices)
    assert "1 of 4 clips have more frames than joints" in notices[0] and len(notices) == 4
    assert notices[-1].startswith("clips of test 1 of JHMDB: 2, published 268")
    (tree / "joint_positions/jump/b b/joint_positions.mat").unlink()
    mat(tree, "catch/c", "puppet_mask", part_mask=np.zeros((3, 3, 3)))
    for name in ("jump/b b/00001.png", "jump/b b/00003.png", "catch/d/00002.png"):
        path = tree / "Rename_Images" / name
        path.write_bytes(path.read_bytes()[: 200 if name.startswith("catch") else 5])
    (tree / "splits/catch_test_split2.txt").unlink()
    found = [p for p in check(tree) if not isinstance(p, Notice)]
    for part in (
        "00001.png is not an image",
        "00003.png is not",
        "00002.png.*truncated",
        "part_mask has shape",
        "split 2 for catch",
    ):
        assert sum(bool(re.search(part, p)) for p in found) == 1, part
    (tree / "splits/jump_test_split1.txt").write_text("z.avi 2\n")
    assert (
        len(found) == 6 and sum("no annotation" in p for p in found) == 1
    )  # told although the clip's frames are broken too
    assert sum("lacks; the first is jump/z" in p for p in check(tree)) == 1
    assert list(check(tree / "nowhere"))[0].startswith("no JHMDB")


@real
def test_the_real_clip():
    data = JHMDB(REAL)
    assert (
        data.heading() == "JHMDB, all clips (without lists)"
        and len(data) == 1
        and data.categories == ("catch",)
    )
    video = data[0]
    assert (
        len(video) == 40
        and video.frames[0].size == (320, 240)
        and video.frames[39].id.endswith("_med_2/00040")
    )
    assert (
        video.joints.shape == (40, 15, 2) and video.masks is None and not video.joints.isnan().any()
    )
    assert video.joints[0, :3].tolist() == [
        [285.5, 105.5],
        [288.5, 127.5],
        [285.5, 89.5],
    ]  # neck, belly, head of the file, minus 1
    found = list(check(REAL))
    assert all(isinstance(p, Notice) for p in found) and len(found) == 3

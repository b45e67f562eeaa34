"""DAVIS: videos, indexed masks and those in the style of 2016; on the real bytes and on a tree
written here.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib import metrics
from corrlib.data import check_tree, load
from corrlib.data.checks.findings import Notice
from corrlib.data.davis import Davis
from corrlib.data.masks import masks_in, read_mask
from corrlib.types import Video

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "davis_car_shadow"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real DAVIS bytes are not at {REAL}; set CORRLIB_DATA"
)
SIZE = (16, 9)


def indexed(path, *objects):
    """A mask in which object `id` fills the rows from `first` up to `last`."""
    ids = np.zeros(SIZE[::-1], np.uint8)
    for id, first, last in objects:
        ids[first:last] = id
    image = Image.fromarray(ids)
    image.putpalette(
        [v for i in range(256) for v in (i * 37 % 256, 3, 250)]
    )  # colours that say nothing
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def frame(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 3), np.uint8)).save(
        path, quality=90
    )


def check(root, **options) -> list[str]:
    return list(check_tree("davis", root, **options))


@pytest.fixture
def tree(tmp_path):
    """Two videos of val, the second with two objects and void, and one of train in the style of
    2016.
    """
    root = tmp_path / "DAVIS"
    for video, count in (("bear", 3), ("ants", 4), ("old", 3)):
        for i in range(count):
            frame(root / f"JPEGImages/480p/{video}/{i:05d}.jpg", i)
    masks = root / "Annotations/480p"
    for i in range(3):
        indexed(masks / f"bear/{i:05d}.png", (1, i, i + 2))
        (masks / "old").mkdir(exist_ok=True)
        Image.fromarray(
            np.where(np.arange(144).reshape(9, 16) < 16 * i, 255, 0).astype(np.uint8)
        ).save(masks / f"old/{i:05d}.png")
    for i in range(4):
        indexed(masks / f"ants/{i:05d}.png", (1, 0, 2), (2, 2, 5 - i), (255, 8, 9))
    for split, names in (("val", "bear\nants\n"), ("train", "old\n")):
        (root / "ImageSets/2017").mkdir(parents=True, exist_ok=True)
        (root / f"ImageSets/2017/{split}.txt").write_text(names)
    return tmp_path


def test_videos_of_a_split(tree):
    data = load("davis", tree, "val")
    assert data.names == ("ants", "bear") == load("davis", tree).names and Davis(
        tree, "train"
    ).names == ("old",)
    assert repr(data) == (
        "<DAVIS-2017, val: 2 videos, 2 categories; J and F per object, without the first and "
        f"last frame; {tree / 'DAVIS'}>"
    )
    video = data[0]
    assert (
        isinstance(video, Video) and len(video) == 4 and video.objects == ("1", "2")
    )  # void is no object
    assert [view.id for view in video.frames] == [
        f"ants/{i:05d}" for i in range(4)
    ] and video.frames[0].size == SIZE
    assert (
        video.tags == {"frames": 4, "objects": 2}
        and video.joints is None
        and data.protocol is None
        and "J&F" in data.measure
    )
    mask = video.masks(1)
    assert mask.dtype == torch.uint8 and mask[:, 0].tolist() == [1, 1, 2, 2, 0, 0, 0, 0, 255]
    assert video.masks(3).unique().tolist() == [0, 1, 255]  # the second object has left
    assert len(data.views()) == 7 and data.view("bear/00002").size == SIZE
    assert (
        data.filter(objects=1).names
        == data[1:].names
        == data.filter(category="bear").names
        == ("bear",)
    )
    assert (
        data.filter(frames=lambda n: n > 3).names
        == Davis(tree, categories="ants").names
        == ("ants",)
    )
    assert "1 of 2 videos" in repr(data[:1]) and data.counts() == {"ants": 1, "bear": 1}


def test_masks_in_the_style_of_2016(tree):
    video = Davis(tree, "train")[0]
    assert video.objects == ()  # its first mask is empty here
    assert [video.masks(i).sum().item() for i in range(3)] == [0, 16, 32] and video.masks(
        2
    ).max() == 1
    path = tree / "a.png"
    for values, mode, wanted in (
        ([0, 1, 2], "L", [0, 1, 2]),
        ([0, 0, 0], "L", [0, 0, 0]),
        ([255, 255, 255], "L", [1, 1, 1]),
    ):
        Image.fromarray(np.array([values], np.uint8), mode).save(path)
        assert read_mask(path).tolist() == [wanted]
    Image.fromarray(np.array([[True, False]])).save(path)
    assert read_mask(path).tolist() == [[1, 0]]
    for values in ([0, 1, 255], [0, 128, 255]):
        Image.fromarray(np.array([values], np.uint8)).save(path)
        with pytest.raises(
            ValueError,
            match=r"a.png is grey \(mode L\) with values 0, .*; wanted 0 and 255, or an indexed "
            r"PNG",
        ):
            read_mask(path)
    Image.new("RGB", (3, 1)).save(path)
    with pytest.raises(ValueError, match="a.png has mode RGB; wanted an indexed PNG"):
        read_mask(path)


def test_masks_of_a_result(tree):
    video = Davis(tree)[1]
    for i in range(3):
        indexed(tree / f"mine/{i:05d}.png", (1, 4, 5 + i))
    masks = masks_in(tree / "mine", video)
    assert [int(masks(i).sum()) for i in range(3)] == [16, 32, 48]
    (tree / "mine/00001.png").unlink()
    with pytest.raises(FileNotFoundError, match="no mask .*mine/00001.png"):
        masks(1)


def test_a_copy_without_lists(tree):
    for path in (tree / "DAVIS/ImageSets/2017").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no list .*val.txt; there is nothing in"):
        Davis(tree)
    (tree / "DAVIS/ImageSets/2017").rmdir()
    (tree / "DAVIS/ImageSets").rmdir()
    data = Davis(tree / "DAVIS")
    assert data.names == ("ants", "bear", "old") and repr(data).startswith(
        "<DAVIS-2017, all videos (without lists): 3 videos"
    )
    found = check(tree)
    assert len(found) == 2 and all(isinstance(p, Notice) for p in found)
    assert (
        "old: objects 1 are not in the first mask" in found[0]
        and "every split has all videos" in found[1]
    )


def test_errors_name_the_file(tree):
    root = tree / "DAVIS"
    with pytest.raises(
        FileNotFoundError,
        match="no DAVIS at .*wanted a folder with JPEGImages/480p, Annotations/480p.*found: 2017",
    ):
        Davis(root / "ImageSets")
    with pytest.raises(FileNotFoundError, match="Annotations_unsupervised/480p"):
        Davis(tree, annotations="Annotations_unsupervised")
    with pytest.raises(ValueError, match="split='trn'; DAVIS-2017 has the splits 'train', 'val'"):
        Davis(tree, "trn")
    with pytest.raises(
        FileNotFoundError,
        match="no list .*test-dev.txt; there is train.txt, val.txt. Choose another split",
    ):
        Davis(tree, "test-dev")
    with pytest.raises(
        TypeError,
        match="DAVIS-2017 has no option 'base'; it has root, split, categories, annotations, "
        "resolution, "
        "year, lists$",
    ):
        Davis(tree, base="box")
    with pytest.raises(KeyError, match="no tag 'size'.*frames, objects"):
        Davis(tree).filter(size=3)
    mask = root / "Annotations/480p/bear/00001.png"
    indexed(mask, (1, 0, 3))
    Image.open(mask).resize((8, 9)).save(mask)
    with pytest.raises(
        ValueError,
        match=r"00001.png has size \(8, 9\) \(width, height\), but its image has \(16, 9\)",
    ):
        Davis(tree)[1].masks(1)
    frame(mask, 1)
    mask.write_bytes(mask.read_bytes()[:80])
    with pytest.raises(ValueError, match="cannot decode .*00001.png.*truncated"):
        Davis(tree)[1].masks(1)
    (root / "Annotations/480p/bear/00000.png").unlink()
    with pytest.raises(FileNotFoundError, match="no mask .*bear/00000.png"):
        Davis(tree)[1]
    for path in (root / "JPEGImages/480p/bear").iterdir():
        path.unlink()
    with pytest.raises(
        FileNotFoundError,
        match="no frames in .*bear: wanted numbered .jpg or .png files; found: nothing",
    ):
        Davis(tree)[1]
    (root / "JPEGImages/480p/bear").rmdir()
    with pytest.raises(
        FileNotFoundError, match="val.txt lists 1 of 2 videos that .*480p lacks; the first is bear"
    ):
        Davis(tree)
    assert Davis(tree, lists=False).names == ("ants", "old")
    assert any("lists 1 of 2 videos" in p for p in check(tree)) and any(
        "videos of train" in p for p in check(tree)
    )


def test_check_does_not_stop_at_the_first(tree):
    notices = check(tree)
    assert all(isinstance(n, Notice) for n in notices)
    for part in (
        "videos of train in DAVIS-2017: 1, published 60",
        "frames of val .*: 7, published 1,999",
        "objects of val .*: 3, publ",
    ):
        assert sum(bool(re.match(part, n)) for n in notices) == 1, part
    masks, frames = tree / "DAVIS/Annotations/480p", tree / "DAVIS/JPEGImages/480p"
    (masks / "ants/00000.png").unlink()
    (masks / "bear/00002.png").unlink()
    indexed(masks / "bear/00009.png")
    (frames / "bear/00001.jpg").write_bytes((frames / "bear/00001.jpg").read_bytes()[:700])
    found = [p for p in check(tree) if not isinstance(p, Notice)]
    for part in (
        "no mask .*ants/00000.png",
        "no mask .*bear/00002.png",
        "1 masks without a frame; the first is 00009.png",
        "00001.jpg",
    ):
        assert sum(bool(re.search(part, p)) for p in found) == 1, part
    assert (
        len(found) == 4
        and len([p for p in check(tree, decode=False) if not isinstance(p, Notice)]) == 3
    )
    (frames / "ants/00003.jpg").write_text("nothing")
    assert (
        sum(
            bool(re.search("0000[13].jpg is not an image|00001.jpg.*truncated", p))
            for p in check(tree)
        )
        == 2
    )
    (tree / "DAVIS/ImageSets/2017/train.txt").unlink()
    assert any("no list" in p and "train.txt" in p for p in check(tree))
    assert len(check(tree / "nowhere")) == 1


@real
def test_the_real_bytes():
    data = Davis(REAL)
    video = data[0]
    assert (
        data.names == ("car-shadow",)
        and len(video) == 40
        and video.objects == ("1",)
        and video.frames[0].size == (854, 480)
    )
    result = masks_in(REAL / "predictions_rvos/car-shadow", video)
    assert result(0).unique().tolist() == [
        i for i in range(21) if i not in (6, 10, 13)
    ]  # ids, not colours
    scores = metrics.score_objects(
        lambda i: (result(i) == 1).byte(), video.masks, len(video), sequence=video.id
    )
    assert scores[["J", "F"]].mean().round(4).tolist() == [0.9219, 0.9622] and len(scores) == 38
    assert [p for p in check(REAL) if not isinstance(p, Notice)] == []

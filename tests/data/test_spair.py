"""SPair-71k's layout: written, read back equal, read from the real bytes, and every way in which it
can be wrong.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.data import load
from corrlib.data.check import Notice
from corrlib.data.spair import SPair
from corrlib.data.spair_check import check
from corrlib.data.spair_files import angle_between
from corrlib.toybox.writing.spair import (
    CLASS_ID,
    ImageRecord,
    common_keypoints,
    scale_variation,
    viewpoint_variation,
    write_image,
    write_split,
)

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "spair71k_subset"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real SPair-71k bytes are not at {REAL}; set CORRLIB_DATA"
)


def record(name, category="cat", azimuth=0.0, box=(3, 4, 43, 34), **options):
    keypoints = {"0": (5, 6), "1": (40, 30), "2": None, "11": (20, 0)}
    return ImageRecord(
        name,
        category,
        64,
        48,
        box,
        keypoints,
        ("nose", "tail"),
        azimuth=azimuth,
        elevation=12.5,
        **options,
    )


def picture(seed, size=(64, 48)):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    )


@pytest.fixture
def tree(tmp_path):
    """Three cats and two dogs, four pairs in test, one in val."""
    cats = [
        record("a1", pose="Left"),
        record("a2", azimuth=50.0, truncated=True),
        record("a3", azimuth=340.0, box=(1, 1, 11, 9)),
    ]
    cats[1].keypoints["1"] = None
    dogs = [record("d1", "dog"), record("d2", "dog", azimuth=180.0, occluded=True)]
    late = [record("v1", "dog"), record("v2", "dog")]
    for i, r in enumerate([*cats, *dogs, *late]):
        mask = np.zeros((48, 64), np.uint8)
        mask[10:20, 10:30] = CLASS_ID[r.category]
        write_image(tmp_path, picture(i), r, mask)
    write_split(
        tmp_path,
        "test",
        [(cats[0], cats[1]), (cats[1], cats[0]), (cats[2], cats[0]), (dogs[0], dogs[1])],
        small=2,
    )
    write_split(tmp_path, "val", [(late[0], late[1])])
    return tmp_path


def test_what_is_written_is_read_back(tree):
    pairs = load("spair", tree, "test")
    assert pairs.names[0] == "000000-a1-a2:cat" and len(pairs) == 4
    pair = pairs[0]
    assert pair.keypoints == (
        "0",
        "11",
    )  # 1 is hidden in a2, 2 in both; 11 comes after 2, not after 1
    assert (
        torch.equal(pair.source_points, torch.tensor([[5.0, 6.0], [20.0, 0.0]]))
        and pair.source_points.dtype == torch.float32
    )
    assert pair.target_box == (3.0, 4.0, 43.0, 34.0)
    assert (pair.source.id, pair.source.size, pair.category) == ("cat/a1", (64, 48), "cat")
    assert dict(pair.tags) == {
        "viewpoint": 1,
        "scale": 0,
        "truncation": 2,
        "occlusion": 0,
        "source_pose": "Left",
        "target_pose": "Unspecified",
        "source_azimuth_id": 0,
        "target_azimuth_id": 1,
        "azimuth_difference": 50.0,
    }
    assert np.unique(pairs.segmentation(pair.source)).tolist() == [0, CLASS_ID["cat"]]
    difference = np.asarray(pair.source.image(), int) - np.asarray(picture(0), int)
    assert np.abs(difference).mean() < 6  # JPEG of noise at quality 95
    assert pairs.annotation("cat/a1")["keypoint_names"] == ["nose", "tail"]


def test_sequence(tree):
    pairs = SPair(tree)
    assert len(pairs[1:3]) == 2 and pairs[1:3][0].id == pairs[1].id and pairs[-1].category == "dog"
    assert [p.id for p in pairs[::2]] == [pairs.names[0], pairs.names[2]]
    assert repr(pairs).startswith(
        "<SPair-71k layout, test (large): 4 pairs, 2 categories"
    ) and "\n" not in repr(pairs)
    assert "2 of 4 pairs, 1 category;" in repr(pairs[:2])
    assert [v.id for v in pairs.views()] == ["cat/a1", "cat/a2", "cat/a3", "dog/d1", "dog/d2"]
    assert pairs.counts() == {"cat": 3, "dog": 1}
    assert SPair(tree, size="small").names == pairs.names[::2]
    assert (
        SPair(tree, categories="dog").names
        == SPair(tree, categories=["dog"]).names
        == pairs.names[3:]
    )


def test_filter(tree):
    pairs = SPair(tree)
    assert len(pairs.filter(category="cat")) == 3
    assert pairs.filter(viewpoint=2).names == pairs.names[3:]
    assert pairs.filter(category="cat", viewpoint=[0, 2]).names == (pairs.names[2],)
    assert pairs.filter(azimuth_difference=lambda d: d <= 35).names == (
        pairs.names[2],
    )  # 340 and 0 differ by 20
    assert pairs.filter(occlusion=2, truncation=0).names == pairs.names[3:]
    with pytest.raises(KeyError, match="no tag 'view'.*viewpoint"):
        pairs.filter(view=0)


def test_origin_and_borders(tree):
    assert torch.equal(
        SPair(tree, origin=1)[0].source_points, torch.tensor([[4.0, 5.0], [19.0, 0.0]])
    )  # y = -1 is moved to the border
    path = edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", src_kps=[[64, 48], [1, 1]])
    assert torch.equal(SPair(tree)[0].source_points[0], torch.tensor([63.0, 47.0]))
    edit(tree, path, src_kps=[[1, 1], [66, 3]])
    with pytest.raises(
        ValueError,
        match=r"000000-a1-a2:cat.json: src_kps puts keypoint '11' at \(66, 3\), outside of its "
        r"64 x 48",
    ):
        SPair(tree)[0]


def edit(tree, path, **changes):
    data = json.loads((tree / path).read_text())
    data.update(changes)
    (tree / path).write_text(json.dumps({k: v for k, v in data.items() if v != "gone"}))
    return path


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


def test_difficulty_thresholds():
    assert (angle_between(350, 10), angle_between(-90, 90), angle_between(5, 5)) == (
        20.0,
        180.0,
        0.0,
    )
    a = record("a")
    assert [
        viewpoint_variation(a, record("b", azimuth=d)) for d in (0, 34.9, 35, 79.9, 80, 180, 325.1)
    ] == [0, 0, 1, 1, 2, 2, 0]
    scales = [
        scale_variation(record("a", box=(1, 1, 21, 21)), record("b", box=(1, 1, 1 + n, 1 + n)))
        for n in (20, 25, 27, 35, 37, 15)
    ]
    assert scales == [0, 0, 1, 1, 2, 1]


def test_writer_is_deterministic_and_refuses_what_does_not_fit(tree, tmp_path):
    image, mask, r = picture(7), np.zeros((48, 64), np.uint8), record("z")
    for folder in ("one", "two"):
        write_image(tmp_path / folder, image, r, mask)
        write_split(tmp_path / folder, "trn", [(r, record("y"))], small=1)
    files = [
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*.*")}
        for f in ("one", "two")
    ]
    assert files[0] == files[1] and len(files[0]) == 6
    assert common_keypoints(r, record("y")) == ["0", "1", "11"]
    with pytest.raises(ValueError, match="name is without"):
        record("a-b")
    with pytest.raises(ValueError, match="no VOC class 'unicorn'"):
        record("a", "unicorn")
    with pytest.raises(ValueError, match="keypoint '0' at .*outside"):
        ImageRecord("a", "cat", 64, 48, (1, 1, 9, 9), {"0": (64, 3)})
    with pytest.raises(ValueError, match="the record says"):
        write_image(tmp_path, picture(0, (32, 32)), r, mask)
    with pytest.raises(ValueError, match="holds"):
        write_image(tmp_path, image, r, mask + 99)
    with pytest.raises(ValueError, match="share 0"):
        write_split(
            tmp_path, "trn", [(r, ImageRecord("q", "cat", 64, 48, (1, 1, 9, 9), {"0": None}))]
        )


def test_written_files_have_every_field_of_the_real_ones(tree):
    if not REAL.is_dir():
        pytest.skip(f"real SPair-71k bytes are not at {REAL}; set CORRLIB_DATA")
    for folder in ("PairAnnotation/test", "ImageAnnotation/dog"):
        theirs, ours = (
            json.loads(min((root / folder).iterdir()).read_text())
            for root in (REAL / "SPair-71k", tree)
        )
        assert list(theirs) == [
            key for key in ours if key in theirs
        ]  # all of them, and in the same order
        assert all(type(ours[key]) is type(theirs[key]) for key in theirs)
    assert list(json.loads((tree / "ImageAnnotation/dog/d1.json").read_text())["kps"]) == [
        str(i) for i in range(30)
    ]


@real
def test_the_real_bytes():
    pairs = SPair(REAL)  # the folder above SPair-71k will do
    assert len(pairs) == 4 and pairs.categories == ("aeroplane", "dog")
    pair = pairs[0]
    assert pair.id == "000167-2008_007604-2009_001056:aeroplane"
    assert (
        pair.source.id == "aeroplane/2008_007604"
        and pair.source.size == (333, 500)
        and pair.source.image().size == (333, 500)
    )
    assert pair.source_points[0].tolist() == [62, 462] and pair.target_points[-1].tolist() == [
        37,
        75,
    ]
    assert pair.keypoints == ("0", "1", "2", "16", "18", "22", "23") and pair.target_box == (
        14,
        71,
        483,
        220,
    )
    assert (pair.tags["viewpoint"], pair.tags["truncation"], pair.tags["target_azimuth_id"]) == (
        1,
        1,
        5,
    )
    assert "azimuth_difference" not in pair.tags
    assert torch.equal(pairs[1].target_points, pair.source_points)
    with pytest.raises(ValueError, match="no azimuth in degrees"):
        pairs.filter(azimuth_difference=lambda d: d < 35)
    notices = check(
        REAL
    )  # the subset has no masks, no small list, few pairs, and one split; nothing of it is wrong
    assert all(isinstance(notice, Notice) for notice in notices) and len(notices) == 5
    assert sum("split folder" in n for n in notices) == 2 and any(
        "test pairs: 4, published 12,234" in n for n in notices
    )


def test_the_protocol_is_the_published_one_unless_told_otherwise(tree):
    assert (
        str(SPair(tree).protocol)
        == "PCK per image, base target box, <=, original pixels, first pixel 0"
    )
    strict = SPair(tree, by="category", strict=True, frame=(512, 512))
    assert "PCK per category, base target box, <, frame 512 x 512, first pixel 0" in repr(strict)
    assert (
        strict[:2].protocol == strict.protocol
        and strict.filter(category="cat").protocol == strict.protocol
    )
    with pytest.raises(TypeError, match="SPair-71k layout has no option 'siez'; did you mean size"):
        load("spair", tree, siez="large")
    with pytest.raises(ValueError, match="base is 'boxes'; wanted one of box, image"):
        load("spair", tree, base="boxes")


def test_masks(tree):
    pairs = SPair(tree)
    mask = pairs.mask("cat/a1")
    assert mask.dtype == bool and mask.sum() == 10 * 20 and mask[10:20, 10:30].all()
    assert pairs.pair_annotation(pairs.names[0])["mirror"] == 0
    path = tree / "Segmentation/cat/a1.png"
    Image.new("L", (10, 10)).save(path)
    with pytest.raises(
        ValueError,
        match=r"a1.png has uint8 values of shape \(10, 10\); wanted class numbers .* \(48, 64\)",
    ):
        pairs.segmentation("cat/a1")
    path.write_bytes(b"no image")
    with pytest.raises(ValueError, match="cannot decode .*a1.png"):
        pairs.segmentation("cat/a1")
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no segmentation .*a1.png"):
        pairs.mask(pairs[0].source)


def test_order_is_that_of_the_list_whatever_the_file_system_says(tree, monkeypatch):
    names = SPair(tree).names
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path), reverse=True))
    assert SPair(tree).names == names


def test_keypoints_that_are_no_list_are_named(tree):
    edit(tree, "PairAnnotation/test/000000-a1-a2:cat.json", src_kps=[[1, 2], "three"])
    with pytest.raises(ValueError, match="000000-a1-a2:cat.json: src_kps is .*; wanted a list of"):
        SPair(tree)[0]

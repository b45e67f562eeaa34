"""TSS: flow files, masks, directions and mirrored pairs; on the real bytes and on a tree written
here.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib import metrics
from corrlib.coords import Frame
from corrlib.data import check_tree
from corrlib.data.checks.findings import Notice
from corrlib.data.flo import read_flo
from corrlib.data.tss import TSS
from corrlib.toybox.writing.flo import write_flo
from corrlib.types import FeatureMap

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "tss_sample"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real TSS bytes are not at {REAL}; set CORRLIB_DATA"
)


def check(root, **options) -> list[str]:
    return list(check_tree("tss", root, **options))


@pytest.fixture
def tree(tmp_path):
    """A car whose two images differ in size, and a mirrored bike with neither clicked points nor
    names.
    """
    for pair, sizes, flip in (
        ("FG3DCar/001_002", ((8, 6), (10, 4)), 0),
        ("PASCAL/bike_01_03", ((6, 6), (6, 6)), 1),
    ):
        folder = tmp_path / pair
        folder.mkdir(parents=True)
        for i, (w, h) in enumerate(sizes, start=1):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (h, w, 3), np.uint8)).save(
                folder / f"image{i}.png"
            )
            mask = np.zeros((h, w), np.uint8)
            mask[1:3, 2:5] = (255, 1)[flip]
            mask[1, 2] = 16  # a grey value is the object too
            Image.fromarray(mask).save(folder / f"mask{i}.png")
            flow = np.full((h, w, 2), np.nan, np.float32)
            flow[1:3, 2:5] = (i, -i)
            write_flo(folder / f"flow{i}.flo", flow)
        (folder / "flip_gt.txt").write_text(f"{flip}\r\n")
    car = tmp_path / "FG3DCar/001_002"
    (car / "corr.txt").write_text("0.5\t0.5\t0.4\t0.5\n0.25\t1\t0.1\t0.25\n")
    (car / "pair.txt").write_text("Image1,Image2\na.jpg,b.jpg\n")
    return tmp_path


def test_both_directions(tree):
    data = TSS(tree)
    assert data.names == tuple(
        f"{pair}:{way}"
        for pair in ("FG3DCar/001_002", "PASCAL/bike_01_03")
        for way in ("1to2", "2to1")
    )
    there, back = data[0], data[1]
    assert (there.source, there.target) == (
        back.target,
        back.source,
    ) and there.source.id == "FG3DCar/001_002/image1"
    assert (
        there.source.size == (8, 6)
        and there.target.size == (10, 4)
        and there.source.category == "car"
    )
    assert (
        there.source_points.tolist() == back.target_points.tolist() == [[3.0, 2.0], [1.0, 5.0]]
    )  # share of the size, minus 1
    assert there.target_points.tolist() == back.source_points.tolist() == [
        [3.0, 1.0],
        [0.0, 0.0],
    ] and there.keypoints == ("0", "1")
    assert TSS(tree, origin=0)[0].source_points.tolist() == [
        [4.0, 3.0],
        [2.0, 5.0],
    ]  # y = 6 is moved to the border
    for pair, i, shape in ((there, 1, (6, 8)), (back, 2, (4, 10))):
        known = ~pair.flow().isnan().any(dim=2)
        assert pair.flow().shape == (*shape, 2) and pair.flow()[known].unique(dim=0).tolist() == [
            [i, -i]
        ]
        assert (
            torch.equal(known, pair.source_mask())
            and int(known.sum()) == 6
            and pair.source_mask().dtype == torch.bool
        )
    assert there.target_mask().shape == (4, 10) and data[2].source_points.shape == (0, 2)
    assert (back.tags["source_name"], back.tags["target_name"]) == (
        "b.jpg",
        "a.jpg",
    ) and "source_name" not in data[2].tags


def test_selection(tree):
    data = TSS(tree)
    line = (
        "<TSS, test: 4 directions, 2 categories; PCK per image, base target image, <=, "
        "original pixels, first pixel 1; "
    )
    assert repr(data) == f"{line}{tree}>" and data.counts() == {"FG3DCar": 2, "PASCAL": 2}
    assert (
        data.filter(flip=True).names
        == data.names[2:]
        == data.filter(category="PASCAL").names
        == data[2:].names
    )
    assert (
        data.filter(direction="2to1", object="bike").names
        == TSS(tree, categories="PASCAL").names[1:]
    )
    assert len(data.filter(group=["FG3DCar", "JODS"])) == 2 and "2 of 4 directions" in repr(
        data[:2]
    )
    assert [view.id for view in data.views()] == [
        f"{p}/image{i}" for p in ("FG3DCar/001_002", "PASCAL/bike_01_03") for i in (1, 2)
    ]
    assert data.protocol.alphas == (0.05,) and TSS(tree, strict=True).protocol.strict
    with pytest.raises(KeyError, match="no tag 'mirror'.*flip, group"):
        data.filter(mirror=True)
    with pytest.raises(ValueError, match="split='val'; TSS has the splits 'test'"):
        TSS(tree, "val")
    with pytest.raises(TypeError, match="TSS has no option 'bias'; did you mean base"):
        TSS(tree, bias="box")
    with pytest.raises(ValueError, match="no directions of JODS"):
        TSS(tree, categories="JODS")


def test_errors_name_the_file(tree, tmp_path):
    car = tree / "FG3DCar/001_002"
    with pytest.raises(
        FileNotFoundError,
        match="no TSS at .*001_002: wanted a folder with FG3DCar, JODS, PASCAL.*found: corr.txt",
    ):
        TSS(car)
    write_flo(car / "flow1.flo", np.zeros((4, 10, 2)))
    with pytest.raises(
        ValueError,
        match=r"flow1.flo has size \(10, 4\) \(width, height\), but its image has \(8, 6\)",
    ):
        TSS(tree)[0].flow()
    (car / "flow2.flo").unlink()
    with pytest.raises(FileNotFoundError, match="no flow .*flow2.flo"):
        TSS(tree)[1].flow()
    Image.new("L", (3, 3)).save(car / "mask1.png")
    with pytest.raises(ValueError, match=r"mask1.png has size \(3, 3\)"):
        TSS(tree)[0].source_mask()
    Image.new("RGB", (10, 4)).save(car / "mask2.png")
    with pytest.raises(ValueError, match="mask2.png has mode RGB; wanted one grey channel"):
        TSS(tree)[1].source_mask()
    (car / "mask2.png").write_bytes((car / "image2.png").read_bytes()[:60])
    with pytest.raises(ValueError, match="cannot decode .*mask2.png.*truncated"):
        TSS(tree)[1].source_mask()
    (car / "mask2.png").unlink()
    with pytest.raises(FileNotFoundError, match="no mask .*mask2.png"):
        TSS(tree)[1].source_mask()
    for text, message in (
        ("0.5 0.5 0.5\n", "corr.txt has 1 x 3 numbers; wanted n x 4"),
        ("0.5 0.5 x 0.5\n", "corr.txt is not a table of n x 4 numbers"),
        ("0.5 0.5 nan 0.5\n", "corr.txt holds a number that is not finite"),
        (
            "0.5 0.5 1.5 0.5\n",
            r"corr.txt, image 2, puts keypoint '0' at \(14, 1\), outside of its 10 x 4 image",
        ),
    ):
        (car / "corr.txt").write_text(text)
        with pytest.raises(ValueError, match=message):
            TSS(tree)[0]
    (car / "flip_gt.txt").write_text("yes")
    with pytest.raises(ValueError, match="flip_gt.txt says 'yes'; wanted 0 or 1"):
        TSS(tree).filter(flip=True)
    (car / "flip_gt.txt").unlink()
    with pytest.raises(FileNotFoundError, match="flip_gt.txt"):
        TSS(tree).filter(flip=True)
    (car / "flip_gt.txt").write_text("0")
    (car / "image2.png").unlink()
    with pytest.raises(FileNotFoundError, match="no image at .*image2.png"):
        TSS(tree)[0]


def test_check_does_not_stop_at_the_first(tree):
    notices = check(tree)
    assert len(notices) == 2 and all(isinstance(n, Notice) for n in notices)
    assert notices[0].startswith("pairs of TSS: 2, published 400")
    assert notices[1].startswith("2 of 4 directions have no clicked points")
    car, bike = tree / "FG3DCar/001_002", tree / "PASCAL/bike_01_03"
    (bike / "flow2.flo").write_bytes((bike / "flow2.flo").read_bytes()[:-8])
    (bike / "mask1.png").unlink()
    (car / "image1.png").write_bytes((car / "image1.png").read_bytes()[:60])
    (car / "mask2.png").write_bytes((car / "mask1.png").read_bytes())
    found = [p for p in check(tree) if not isinstance(p, Notice)]
    for part in ("flow2.flo", "mask1.png", "image1.png", "mask2.png"):
        assert sum(part in p for p in found) == 1, part
    assert len(found) == 4
    quick = [
        p for p in check(tree, decode=False) if not isinstance(p, Notice)
    ]  # sizes and presence only
    assert len(quick) == 2 and "mask1.png" in quick[0] and "flow2.flo" in quick[1]
    Image.fromarray(np.full((6, 6), 9, np.uint8)).save(bike / "mask1.png")
    assert any(
        "mask1.png and the known flow of flow1.flo differ in 30 pixels" in p for p in check(tree)
    )
    (car / "image1.png").unlink()
    (car / "flow1.flo").unlink()
    found = check(tree)
    assert sum("no image at" in p for p in found) == 1 and sum("no flow" in p for p in found) == 1
    assert check(tree / "nowhere")[0].startswith("no TSS at")


@real
def test_the_real_bytes():
    data = TSS(REAL)
    assert (
        data.names[::2]
        == ("FG3DCar/001_005:1to2", "FG3DCar/001_021:1to2", "PASCAL/bike_01_03:1to2")
        and len(data) == 6
    )
    assert [pair.tags["flip"] for pair in data] == [False] * 4 + [True] * 2
    assert [int(pair.source_mask().sum()) for pair in data] == [
        180507,
        219040,
        180507,
        200404,
        68448,
        73134,
    ]
    for pair in (
        data
    ):  # the clicked points, the flow and the origin belong together, also in the mirrored pair
        flow = pair.flow()
        assert torch.equal(pair.source_mask(), ~flow.isnan().any(dim=2))
        field = FeatureMap(flow.permute(2, 0, 1), Frame(pair.source.size, pair.source.size))
        arrived = pair.source_points + field.at(pair.source_points)
        error = (arrived - pair.target_points).norm(dim=1)
        assert error.nanmedian() < 0.2 and error.isnan().float().mean() < 0.2, pair.id
    assert [p for p in check(REAL) if not isinstance(p, Notice)] == []


@real
def test_published_scores_come_out():
    for pair in TSS(REAL):
        group, folder = pair.id.rpartition(":")[0].split("/")
        flows = REAL / "Results" / group / folder
        predicted = read_flo(flows / f"flow{pair.tags['direction'][0]}.flo")
        score = metrics.score_flow(
            predicted, pair.flow(), pair.target.size, predicted_destination=(512, 384)
        )
        lines = [
            line.split(",")
            for line in (REAL / "Results" / group / "scores.csv").read_text().splitlines()
        ]
        names = [
            pair.tags["source_name"],
            pair.tags["target_name"],
        ]  # the kit calls both directions 1to2
        (row,) = [line for line in lines if line[0] == f"{folder}_1to2" and line[1:3] == names]
        official = dict(zip(lines[0], row, strict=False))
        assert score["T5"] / 100 == pytest.approx(float(official["T5"]), abs=5e-5), pair.id
        assert bool(int(official["Flip"])) == pair.tags["flip"]

"""PF-Willow and PF-Pascal: tiny trees read back exactly, the real bytes, and every way in which they can be wrong."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy.io import savemat

from corrlib.data import check_tree, load
from corrlib.data.check import Notice
from corrlib.data.pf_pascal import PFPascal
from corrlib.data.pf_willow import PFWillow
from corrlib.evaluate import evaluate
from corrlib.types import Matches

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[2] / "shared" / "data"))
real_willow = pytest.mark.skipif(not (DATA / "pf_willow").is_dir(), reason=f"no real PF-Willow at {DATA}; set CORRLIB_DATA")
real_lists = pytest.mark.skipif(not (DATA / "pf_pascal_pairs").is_dir(), reason=f"no real lists at {DATA}; set CORRLIB_DATA")


def picture(path: Path, seed: int, size=(60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return path


def cut(path: Path, keep: int = 900) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def problems(name: str, root: Path) -> list[str]:
    return [found for found in check_tree(name, root) if not isinstance(found, Notice)]


# ---------------------------------------------------------------- PF-Willow


def ten(seed: int, size=(60, 40)) -> np.ndarray:
    """2 x 10 points, first pixel 1."""
    return np.random.default_rng(seed).uniform(1, size, (10, 2)).round(2).T


@pytest.fixture
def willow(tmp_path) -> Path:
    """Three cars, of which (M) repeats one and has another of the same name as one of (S); two ducks."""
    root = tmp_path / "PF-dataset"
    files = {
        "car(G)/a": 0,
        "car(G)/b": 1,
        "car(M)/a": 0,
        "car(M)/c": 2,
        "car(S)/c": 3,
        "car(S)/d": 4,
        "duck(S)/a": 5,
        "duck(S)/e": 6,
    }
    for name, seed in files.items():
        picture(root / f"{name}.png", seed)
        savemat(root / f"{name}.mat", {"pts_coord": ten(seed)})
    return root


def write_csv(root: Path, rows: list[tuple[str, str, int, int]]) -> None:
    head = ",".join(["imageA", "imageB", *(f"{axis}{side}{i}" for side in "AB" for axis in "XY" for i in range(1, 11))])
    lines = [
        f"PF-dataset/{a}.png,PF-dataset/{b}.png," + ",".join(map(str, [*ten(i).ravel(), *ten(j).ravel()])) for a, b, i, j in rows
    ]
    (root / "test_pairs.csv").write_text("\n".join([head, *lines]) + "\n")


def test_willow_reads_all_ordered_pairs_of_either_root(willow):
    pairs = load("pf_willow", willow)
    assert load("pf_willow", willow.parent).names == pairs.names
    assert pairs.names[:2] == ("car(G)/a:b", "car(G)/b:a") and pairs.counts() == {
        "car(G)": 2, "car(M)": 2, "car(S)": 2, "duck(S)": 2
    }  # fmt: skip
    pair = pairs[0]
    assert torch.equal(pair.source_points, torch.tensor(ten(0).T - 1, dtype=torch.float32))  # the files count from 1
    assert torch.equal(pair.target_points, torch.tensor(ten(1).T - 1, dtype=torch.float32))
    x, y = ten(1) - 1
    assert pair.target_box == pytest.approx((x.min(), y.min(), x.max(), y.max()), abs=1e-5)
    assert (pair.category, pair.source.category, pair.tags) == ("car(G)", "car", {"object": "car"})
    assert torch.equal(PFWillow(willow, origin=0)[0].source_points, pair.source_points + 1)
    assert pairs.filter(object="duck").names == ("duck(S)/a:e", "duck(S)/e:a") and len(pairs[2:5]) == 3
    words = (
        "<PF-Willow, test: 8 pairs, 4 categories; PCK per image, base tight box of the target's keypoints, <=, original pixels, "
    )
    assert repr(pairs).startswith(words + "first pixel 1; ")


def test_willow_knows_a_photograph_again_but_not_by_its_name_alone(willow):
    pairs = load("pf_willow", willow)
    assert pairs.pair("car(M)/a:c").source.id == "car(G)/a"
    assert [view.id for view in pairs.views()] == [
        "car(G)/a",
        "car(G)/b",
        "car(M)/c",
        "car(S)/c",
        "car(S)/d",
        "duck(S)/a",
        "duck(S)/e",
    ]
    assert load("pf_willow", willow).pair("car(S)/c:d").source.id == "car(S)/c"  # whatever was opened before


def test_willow_from_the_csv_file(willow):
    write_csv(willow, [("duck(S)/e", "duck(S)/a", 6, 5), ("car(G)/a", "car(G)/b", 0, 7)])
    pairs = PFWillow(willow, pairs="test_pairs.csv")
    assert pairs.names == ("duck(S)/e:a", "car(G)/a:b")
    assert torch.equal(pairs[0].source_points, load("pf_willow", willow).pair("duck(S)/e:a").source_points)
    assert torch.equal(pairs[1].target_points, torch.tensor(ten(7).T - 1, dtype=torch.float32))
    assert [re.sub(r".*csv", "", p) for p in problems("pf_willow", willow)] == [
        f": points of car(G)/a:b differ from the .mat files' by up to {np.abs(ten(7) - ten(1)).max():.3g} px"
    ]
    (willow / "car(G)/b.mat").unlink()
    assert len(pairs[1].target_points) == 10  # the csv file has all that is needed


def test_willow_errors_say_what_is_wrong(willow, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no PF-Willow at .*: wanted a folder with car\(G\) in it; found: no folder"):
        load("pf_willow", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no list .*absent.csv; leave out `pairs`"):
        PFWillow(willow, pairs="absent.csv")
    with pytest.raises(ValueError, match="split='val'; PF-Willow has the splits 'test'"):
        load("pf_willow", willow, "val")
    with pytest.raises(TypeError, match="no option 'orgin'; it has root, split, pairs, categories, base"):
        load("pf_willow", willow, orgin=0)
    savemat(willow / "car(G)/a.mat", {"points": ten(0)})
    with pytest.raises(ValueError, match=r"car\(G\)/a.mat has no variable 'pts_coord'; it has points"):
        load("pf_willow", willow)[0]
    savemat(willow / "car(G)/b.mat", {"pts_coord": ten(0)[:, :9]})
    savemat(willow / "car(S)/c.mat", {"pts_coord": ten(0) + [[0], [40]]})
    (willow / "car(S)/d.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut off")
    (willow / "duck(S)/a.mat").unlink()
    cut(willow / "duck(S)/e.png")
    found = problems("pf_willow", willow.parent)
    wanted = [
        "a.mat has no variable",
        r"b.mat: pts_coord has shape \(2, 9\); wanted 2 x 10",
        r"c.mat: pts_coord puts keypoint '\d'",
    ]
    for said in (*wanted, "d.mat is not a MATLAB file", r"no annotation .*duck\(S\)/a.mat", "e.png.*truncated"):
        assert sum(bool(re.search(said, problem)) for problem in found) == 1, said
    assert len(found) == 6
    (willow / "test_pairs.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(ValueError, match="test_pairs.csv has 3 columns; wanted 42"):
        PFWillow(willow, pairs="test_pairs.csv")
    write_csv(willow, [("car(G)/a", "car(S)/c", 0, 3)])
    with pytest.raises(ValueError, match="line 2: .*; wanted two images of one sub-class"):
        PFWillow(willow, pairs="test_pairs.csv")


class Exact:
    """Answers the truth, which a test gives it, moved by `dx`."""

    name, preset, settings = "exact", "toybox", "exact"

    def __init__(self, pairs, dx: float = 0.0):
        self.truth, self.dx = {(p.source.id, p.target.id, p.category): p.target_points for p in pairs}, dx
        self.by_ends = {(p.source.id, p.target.id): p.target_points for p in pairs}

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(self.by_ends[source.id, target.id] + torch.tensor([self.dx, 0.0]), torch.ones(len(queries)))


@real_willow
def test_willow_the_real_bytes():
    pairs = load("pf_willow", DATA / "pf_willow")
    assert len(pairs) == 900 and set(pairs.counts().values()) == {90} and len(pairs.categories) == 10
    assert len(pairs.views()) == 70  # (M) repeats photographs of the others
    assert max(max(view.size) for view in pairs.views()) == 300
    assert pairs[0].id == "car(G)/Cars_006a:Cars_007a"
    assert pairs[0].source_points[0].tolist() == pytest.approx([46.93528, 97.15865], abs=1e-4)
    assert list(check_tree("pf_willow", DATA / "pf_willow")) == []


@real_willow
def test_willow_the_padded_box_is_known_to_be_1_28_times_too_long():
    tight, padded = (PFWillow(DATA / "pf_willow", base=base, frame=(240, 240)) for base in ("keypoints", "padded_keypoints_compat"))
    exact = Exact(tight)
    tables = {base: evaluate(exact, pairs) for base, pairs in (("tight", tight), ("padded", padded))}
    assert set(tables["padded"]["base"]) == {"padded_keypoints_compat"} and set(tables["padded"]["frame"]) == {"240x240"}
    ratio = tables["padded"].assign(ratio=tables["padded"]["tolerance_px"] / tables["tight"]["tolerance_px"])
    assert ratio["ratio"].mean() == pytest.approx(1.28, abs=0.006)
    by_class = ratio.groupby("category")["ratio"].mean()
    assert by_class["motorbike(M)"] == pytest.approx(1.54, abs=0.006)
    assert by_class["winebottle(woC)"] == pytest.approx(1.08, abs=0.006)


# ---------------------------------------------------------------- PF-Pascal

HEAD = "source_image,target_image,class,XA,YA,XB,YB\n"
KPS = {
    "one": [[3.5, 4], [10, 20], [np.nan, np.nan], [40, 30]],
    "two": [[5, 6], [np.nan, np.nan], [7, 8], [50.25, 9]],
    "three": [[0, 0], [1, 2], [3, 4], [59, 39]],
}


@pytest.fixture
def pascal(tmp_path) -> Path:
    """Three cats, a test list with points, a validation list and a training list with mirrored rows."""
    root = tmp_path / "PF-dataset-PASCAL"
    for i, (name, kps) in enumerate(KPS.items()):
        picture(root / "JPEGImages" / f"{name}.jpg", i)
        (root / "Annotations" / "cat").mkdir(parents=True, exist_ok=True)
        savemat(root / "Annotations" / "cat" / f"{name}.mat", {"kps": np.array(kps), "bbox": [[2.0, 3.0, 52.0, 33.0]]})
    where = "PF-dataset-PASCAL/JPEGImages"
    points = "3.5;40,4;30,5;50.25,6;9"
    (tmp_path / "test_pairs.csv").write_text(
        f"source_image,target_image,class,XA,YA,XB,YB\n{where}/one.jpg,{where}/two.jpg,8,{points}\n"
    )
    head = "source_image,target_image,class,flip\n"
    (tmp_path / "val_pairs.csv").write_text(head + f"{where}/one.jpg,{where}/three.jpg,8,0\n")
    rows = [f"{where}/three.jpg,{where}/one.jpg,8,{flip}\n" for flip in (0, 1, 1)]  # some rows are published twice
    (root / "image_pairs").mkdir()
    (root / "image_pairs" / "train_pairs.csv").write_text(head + "".join(rows))
    return tmp_path


def test_pascal_test_list_has_its_own_points(pascal):
    pairs = load("pf_pascal", pascal)
    assert load("pf_pascal", pascal / "PF-dataset-PASCAL").names == pairs.names == ("0000-one-two:cat",)
    pair = pairs[0]
    assert pair.source_points.tolist() == [[3.5, 4], [40, 30]] and pair.target_points.tolist() == [[5, 6], [50.25, 9]]
    assert (pair.keypoints, pair.category, pair.target_box) == (("0", "1"), "cat", (2, 3, 52, 33))
    from_mat = PFPascal(pascal, points="mat")[0]
    assert torch.equal(from_mat.source_points, pair.source_points) and from_mat.keypoints == ("0", "3")
    assert PFPascal(pascal, origin=1)[0].source_points.tolist() == [[2.5, 3], [39, 29]]
    said = "<PF-Pascal, test: 1 pairs, 1 category; PCK per image, base target image, <=, frame 224 x 224, first pixel 0; "
    assert repr(pairs).startswith(said)


def test_pascal_points_of_the_other_lists_are_in_the_mat_files(pascal):
    pair = load("pf_pascal", pascal, "val")[0]
    assert pair.keypoints == ("0", "1", "3")  # one lacks 2
    assert pair.target_points.tolist() == [[0, 0], [1, 2], [59, 39]]


def test_pascal_mirrored_rows(pascal):
    pairs = load("pf_pascal", pascal, "trn")
    assert pairs.names == ("0000-three-one:cat", "0001-three-one-flip:cat", "0002-three-one-flip:cat")
    assert len(pairs.filter(flip=1)) == 2 and pairs[0].tags == {"flip": 0}
    plain, flipped = pairs[0], pairs[1]
    assert flipped.source_points[:, 0].tolist() == [59, 59, 1]  # 60 - x, and x = 0 does not leave the image
    exact = PFPascal(pascal, "trn", flip="W - 1 - x")[1]
    assert torch.equal(exact.source_points[:, 0], 59 - plain.source_points[:, 0])
    assert torch.equal(exact.source_points[:, 1], plain.source_points[:, 1]) and exact.source_box == (7, 3, 57, 33)
    assert flipped.source_box == (8, 3, 58, 33)
    mirrored = ImageOps.mirror(plain.source.image())
    assert np.array_equal(flipped.source.image(), mirrored) and flipped.source.size == (60, 40)
    assert flipped.source.id == "three-flip" and flipped.source.digest() != plain.source.digest()
    x, y = exact.source_points[1].int().tolist()  # the pixel under the point is the same one
    assert flipped.source.image().getpixel((x, y)) == plain.source.image().getpixel((1, 2))


def test_pascal_is_counted_in_its_square(pascal):
    pairs = load("pf_pascal", pascal)
    table = evaluate(Exact(pairs, dx=3.0), pairs)
    assert table["distance_px"].to_numpy() == pytest.approx(3 * 224 / 60) and set(table["tolerance_px"]) == {224}
    table = evaluate(Exact(pairs, dx=3.0), PFPascal(pascal, frame=None))
    assert table["distance_px"].to_numpy() == pytest.approx(3) and set(table["tolerance_px"]) == {60}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,class\n", "test_pairs.csv has no column source_image, target_image; it has a, b, class"),
        ("source_image,target_image,class\nx/one.jpg,x/two.jpg,21\n", "line 2: class is 21; wanted 1 to 20"),
        (HEAD + "one.jpg,two.jpg,8,1;2,3,4;5,6;7\n", "line 2, XA and YA"),
        (HEAD + "one.jpg,two.jpg,8,1,3,4;5,6;7\n", "1 points in XA and 2 in XB"),
        (HEAD + "one.jpg,two.jpg,8,1,3,99,7\n", r"line 2, XB;YB puts keypoint '0' at \(99, 7\), outside of its 60 x 40 image"),
    ],
)
def test_pascal_lists_that_are_wrong(pascal, text, said):
    (pascal / "test_pairs.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        load("pf_pascal", pascal)[0]
    assert any(re.search(said, problem) for problem in problems("pf_pascal", pascal))


def test_pascal_check_lists_every_problem(pascal, tmp_path):
    assert problems("pf_pascal", pascal) == []
    notices = "\n".join(check_tree("pf_pascal", pascal))
    assert "test pairs: 1, published 299" in notices and "trn pairs: 3, published 2,940" in notices and "published 2,414" in notices
    assert "1 of the 2 images of test are in trn too" in notices
    cats = pascal / "PF-dataset-PASCAL" / "Annotations" / "cat"
    savemat(cats / "two.mat", {"kps": np.array(KPS["two"]) + 1, "bbox": [[2.0, 3.0, 52.0, 33.0]]})
    savemat(cats / "three.mat", {"kps": np.array(KPS["three"])[:3], "bbox": [[2.0, 3.0, 52.0, 33.0]]})
    cut(pascal / "PF-dataset-PASCAL" / "JPEGImages" / "one.jpg")
    found = problems("pf_pascal", pascal)
    for said in ("line 2: 2 points of two are not in .*two.mat", "one.jpg.*truncated", "three.mat.*3.*wanted as many"):
        assert any(re.search(said, problem) for problem in found), said
    (pascal / "val_pairs.csv").unlink()
    with pytest.raises(FileNotFoundError, match="no list of the split val: wanted val_pairs.csv.*lists=FOLDER"):
        load("pf_pascal", pascal, "val")
    with pytest.raises(FileNotFoundError, match="no PF-Pascal at .*: wanted a folder with JPEGImages"):
        load("pf_pascal", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="flip='W'; wanted .*'W - x' or 'W - 1 - x'"):
        PFPascal(pascal, flip="W")


@real_lists
def test_pascal_the_real_lists(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    lists = DATA / "pf_pascal_pairs"
    pairs = PFPascal(tmp_path, lists=lists)
    counts = (15, 30, 10, 6, 8, 32, 19, 27, 13, 3, 8, 24, 9, 27, 12, 7, 1, 13, 20, 15)
    assert len(pairs) == 299 and tuple(pairs.counts().values()) == counts and pairs.counts()["sheep"] == 1
    points = [len(pairs.row(name).points[0]) for name in pairs.names]
    assert (sum(points), min(points), max(points)) == (2414, 4, 17)
    images = {image for name in pairs.names for image in pairs.row(name).images}
    assert len(images) == 506 and len({frozenset(pairs.row(name).images) for name in pairs.names}) == 277
    val = PFPascal(tmp_path, "val", lists=lists)
    assert len(val) == 308 and len(val.filter(flip=0)) == 308
    row = pairs.row(pairs.names[0])
    assert row.category == "aeroplane" and row.points[0][0].tolist() == pytest.approx([253.6316622, 58.1813333])
    with pytest.raises(FileNotFoundError, match="no image at .*2011_001407.jpg"):
        pairs[0]

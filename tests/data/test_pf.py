"""PF-Willow: a tiny tree read back exactly, the real bytes, every way to be wrong; and what
test_pf_pascal.py shares.
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
from corrlib.data.pf_willow import PFWillow
from corrlib.experiments.evaluate import evaluate
from corrlib.types import Matches

DATA = Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
real = pytest.mark.skipif(
    not (DATA / "pf_willow").is_dir(), reason=f"no real PF-Willow at {DATA}; set CORRLIB_DATA"
)


def picture(path: Path, seed: int, size=(60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    ).save(path)
    return path


def cut(path: Path, keep: int = 900) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def problems(name: str, root: Path, **options) -> list[str]:
    return [found for found in check_tree(name, root, **options) if not isinstance(found, Notice)]


def ten(seed: int, size=(60, 40)) -> np.ndarray:
    """2 x 10 points, first pixel 1."""
    return np.random.default_rng(seed).uniform(1, size, (10, 2)).round(2).T


@pytest.fixture
def willow(tmp_path) -> Path:
    """Three cars, of which (M) repeats one and has another of the same name as one of (S); two
    ducks.
    """
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
    head = ",".join(
        [
            "imageA",
            "imageB",
            *(f"{axis}{side}{i}" for side in "AB" for axis in "XY" for i in range(1, 11)),
        ]
    )
    lines = [
        f"PF-dataset/{a}.png,PF-dataset/{b}.png,"
        + ",".join(map(str, [*ten(i).ravel(), *ten(j).ravel()]))
        for a, b, i, j in rows
    ]
    (root / "test_pairs.csv").write_text("\n".join([head, *lines]) + "\n")


def test_reads_all_ordered_pairs_of_either_root(willow):
    pairs = load("pf_willow", willow)
    assert load("pf_willow", willow.parent).names == pairs.names
    assert pairs.names[:2] == ("car(G)/a:b", "car(G)/b:a") and pairs.counts() == {
        "car(G)": 2,
        "car(M)": 2,
        "car(S)": 2,
        "duck(S)": 2,
    }
    pair = pairs[0]
    assert torch.equal(
        pair.source_points, torch.tensor(ten(0).T - 1, dtype=torch.float32)
    )  # the files count from 1
    assert torch.equal(pair.target_points, torch.tensor(ten(1).T - 1, dtype=torch.float32))
    x, y = ten(1) - 1
    assert pair.target_box == pytest.approx((x.min(), y.min(), x.max(), y.max()), abs=1e-5)
    assert (pair.category, pair.source.category, pair.tags) == ("car(G)", "car", {"object": "car"})
    assert torch.equal(PFWillow(willow, origin=0)[0].source_points, pair.source_points + 1)
    assert (
        pairs.filter(object="duck").names == ("duck(S)/a:e", "duck(S)/e:a") and len(pairs[2:5]) == 3
    )
    words = (
        "<PF-Willow, test: 8 pairs, 4 categories; PCK per image, base tight box of the "
        "target's keypoints, <=, original pixels, "
    )
    assert repr(pairs).startswith(words + "first pixel 1; ")


def test_knows_a_photograph_again_but_not_by_its_name_alone(willow):
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
    assert (
        load("pf_willow", willow).pair("car(S)/c:d").source.id == "car(S)/c"
    )  # whatever was opened before


def test_from_the_csv_file(willow):
    write_csv(willow, [("duck(S)/e", "duck(S)/a", 6, 5), ("car(G)/a", "car(G)/b", 0, 7)])
    pairs = PFWillow(willow, pairs="test_pairs.csv")
    assert pairs.names == ("duck(S)/e:a", "car(G)/a:b")
    assert torch.equal(
        pairs[0].source_points, load("pf_willow", willow).pair("duck(S)/e:a").source_points
    )
    assert torch.equal(pairs[1].target_points, torch.tensor(ten(7).T - 1, dtype=torch.float32))
    assert [re.sub(r".*csv", "", p) for p in problems("pf_willow", willow)] == [
        ": points of car(G)/a:b differ from the .mat files' by up to "
        f"{np.abs(ten(7) - ten(1)).max():.3g} px"
    ]
    (willow / "car(G)/b.mat").unlink()
    assert len(pairs[1].target_points) == 10  # the csv file has all that is needed


def test_errors_say_what_is_wrong(willow, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"no PF-Willow at .*: wanted a folder with car\(G\) in it; found: no folder",
    ):
        load("pf_willow", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no list .*absent.csv; leave out `pairs`"):
        PFWillow(willow, pairs="absent.csv")
    with pytest.raises(ValueError, match="split='val'; PF-Willow has the splits 'test'"):
        load("pf_willow", willow, "val")
    with pytest.raises(TypeError, match="PF-Willow has no option 'orgin'; did you mean origin?"):
        load("pf_willow", willow, orgin=0)
    savemat(willow / "car(G)/a.mat", {"points": ten(0)})
    with pytest.raises(
        ValueError, match=r"car\(G\)/a.mat has no variable 'pts_coord'; it has points"
    ):
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
    for said in (
        *wanted,
        "d.mat is not a MATLAB file",
        r"no annotation .*duck\(S\)/a.mat",
        "e.png.*truncated",
    ):
        assert sum(bool(re.search(said, problem)) for problem in found) == 1, said
    assert len(found) == 6
    (willow / "test_pairs.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(ValueError, match="test_pairs.csv has 3 columns; wanted 42"):
        PFWillow(willow, pairs="test_pairs.csv")
    write_csv(willow, [("car(G)/a", "car(S)/c", 0, 3)])
    with pytest.raises(ValueError, match="line 2: wanted two images of one sub-class"):
        PFWillow(willow, pairs="test_pairs.csv")


class Exact:
    """Answers the truth, which a test gives it, moved by `dx`."""

    name, preset, settings = "exact", "toybox", "exact"

    def __init__(self, pairs, dx: float = 0.0):
        self.truth, self.dx = (
            {(p.source.id, p.target.id, p.category): p.target_points for p in pairs},
            dx,
        )
        self.by_ends = {(p.source.id, p.target.id): p.target_points for p in pairs}

    def __call__(self, source, target, queries, *, seed=0):
        return Matches(
            self.by_ends[source.id, target.id] + torch.tensor([self.dx, 0.0]),
            torch.ones(len(queries)),
        )


@real
def test_the_real_bytes():
    pairs = load("pf_willow", DATA / "pf_willow")
    assert (
        len(pairs) == 900 and set(pairs.counts().values()) == {90} and len(pairs.categories) == 10
    )
    assert len(pairs.views()) == 70  # (M) repeats photographs of the others
    assert max(max(view.size) for view in pairs.views()) == 300
    assert pairs[0].id == "car(G)/Cars_006a:Cars_007a"
    assert pairs[0].source_points[0].tolist() == pytest.approx([46.93528, 97.15865], abs=1e-4)
    assert list(check_tree("pf_willow", DATA / "pf_willow")) == []


@real
def test_the_padded_box_is_known_to_be_1_28_times_too_long():
    tight, padded = (
        PFWillow(DATA / "pf_willow", base=base, frame=(240, 240))
        for base in ("keypoints", "padded_keypoints_compat")
    )
    exact = Exact(tight)
    tables = {
        base: evaluate(exact, pairs) for base, pairs in (("tight", tight), ("padded", padded))
    }
    assert set(tables["padded"]["base"]) == {"padded_keypoints_compat"} and set(
        tables["padded"]["frame"]
    ) == {"240x240"}
    ratio = tables["padded"].assign(
        ratio=tables["padded"]["tolerance_px"] / tables["tight"]["tolerance_px"]
    )
    assert ratio["ratio"].mean() == pytest.approx(1.28, abs=0.006)
    by_class = ratio.groupby("category")["ratio"].mean()
    assert by_class["motorbike(M)"] == pytest.approx(1.54, abs=0.006)
    assert by_class["winebottle(woC)"] == pytest.approx(1.08, abs=0.006)

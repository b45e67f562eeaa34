"""Every wrong value that can be typed is refused before any work, in one line that says what was
got and what was wanted; and the Python API says the same line.
"""

import dataclasses

import pytest
from conftest import picture

from corrlib import methods
from corrlib.cli import main
from corrlib.validation import Typed

RAW = (
    "Traceback",
    "NoneType",
    "could not convert",
    "unexpected keyword",
    "invalid literal",
    "not supported between",
    "has no attribute",
    "not subscriptable",
    "unhashable",
    "list index",
    "tuple index",
    "validation error",
    "pydantic",
    "Typed",
)
TEXTS = ("", "abc", "-1", "0", "1.5", "nan", "1e400", "None", "true", "maybe", "5", "96", "96x")
TEXTS += ("-1x3", "0x0", "100000x100000", "1,,2", "7,7", "(1,", "{x}", "[[1]]", "99999999999999999")


def one_line(said: str) -> None:
    """A refusal in words of ours."""
    assert said and "\n" not in said and len(said) < 700, said
    assert not [word for word in RAW if word in said], said


def refused(capsys, *argv) -> str:
    """The line that the command says on stderr, which ends with exit code 2 and prints nothing."""
    try:
        code = main([str(arg) for arg in argv])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "", (argv, code, out, err)
    assert err.startswith("error: ") and err.endswith("\n")
    one_line(err.removeprefix("error: ").rstrip("\n"))
    return err.removeprefix("error: ").rstrip("\n")


# ---------------- settings of methods

SETTINGS = [
    (name, field.name)
    for name in methods.list()
    for field in dataclasses.fields(methods.settings(name))
]


@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=lambda part: part)
def test_a_settings_text_is_read_or_refused_in_one_line(name, setting):
    """Text is a value of the setting's type, which the same value in Python is too; or one line."""
    for text in TEXTS:
        try:
            found = getattr(methods.settings(name, **{setting: Typed(text)}), setting)
        except (ValueError, TypeError) as error:
            one_line(str(error))
        else:
            assert type(found) is not Typed and found == found
            again = methods.settings(name, **{setting: found})
            assert getattr(again, setting) == found and hash(again)


@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=lambda part: part)
def test_a_settings_python_value_is_taken_or_refused_in_one_line(name, setting):
    values = (None, True, -1, 0, 1.5, float("nan"), "", "abc", (), [], (1,), (1, 2, 3), {}, b"x")
    for value in (*values, object, 10**30, ["a", 1]):
        try:
            hash(methods.settings(name, **{setting: value}))
        except (ValueError, TypeError) as error:
            one_line(str(error).replace("NoneType", "None") if value is None else str(error))


WRONG = [
    ("dift", "size=96", "size is '96'; wanted width and height in pixels, for example 768x768"),
    ("dift", "size=100000x100000", "takes 112 GiB of memory"),
    ("dift", "size=0x96", "wanted width and height"),
    ("dift", "size=96x96x96", "wanted width and height"),
    ("dift", "size=98x98", "this model wants multiples of 4, for example 96 x 96"),
    ("dift", "timestep=abc", "timestep is 'abc'; wanted an integer from 0 (least noise) to 999"),
    ("dift", "timestep=True", "timestep is 'True'; wanted an integer"),
    ("dift", "timestep=1000", "timestep is '1000'; wanted"),
    ("dift", "timestep=", "timestep is ''; wanted"),
    ("dift", "ensemble=1.5", "ensemble is '1.5'; wanted a number of noisy copies"),
    ("dift", "ensemble=1000000000", "wanted a number of noisy copies"),
    ("dift", "layer=5", "layer is '5'; wanted a module of the U-Net that puts out a map"),
    ("dift", "layer=time_embedding", "wanted a module of the U-Net that puts out a map"),
    ("dift", "layer=up_blocks.9", "has no module 'up_blocks.9'; the nearest are"),
    ("dift", "prompt=a {categry}", "wanted no braces but {category}"),
    ("dift", "posterior=mean", "wanted one of sample, mode"),
    ("dift", "dtype=float64", "wanted one of float32, bfloat16, float16"),
    ("dift", "model=", "model is ''; wanted a name"),
    ("dift", "timstep=5", "method 'dift' has no setting 'timstep'; did you mean timestep"),
    ("pixels", "stride=0", "stride is '0'; wanted an integer, 1 or more, for example 4"),
    ("pixels", "stride=5", "no multiple of stride 5"),
    ("pixels", "window=9", "must be stride 4 plus an even number"),
    ("latents", "size=96.0x96", "wanted width and height"),
    ("random_unet", "init_seed=-1", "init_seed is '-1'; wanted an integer, 0 or more"),
    ("copy_position", "seed=1", "method 'copy_position' has no setting 'seed'; it has none"),
    ("prompt_optimization", "pixel_softmax=maybe", "'maybe'; wanted true or false"),
    ("prompt_optimization", "crop=2", "crop is '2'; wanted a share of 0.5 to 1"),
    ("prompt_optimization", "crops=3", "crops is '3'; wanted 4 crops or more"),
    ("prompt_optimization", "layers=", "layers is ''; wanted one or more"),
    ("prompt_optimization", "layers=7,7", "layers is '7,7'; wanted all different"),
    ("prompt_optimization", "layers=99", "no layer 99: the"),
    ("prompt_optimization", "heads=x", "heads is 'x'; wanted integers, 0 or more"),
    ("prompt_optimization", "sigma=nan", "sigma is 'nan'; wanted a number above 0"),
    ("prompt_optimization", "size=96x96", "size is '96x96'; wanted one side in pixels"),
    ("word_attention", "prompt=a photo", 'wanted a sentence with "{category}" in it'),
    ("distilled", "layers=5", "layers is '5'; wanted a module of the U-Net"),
    ("distilled", "groups=7", "wanted a number that divides width (64) and middle (32)"),
    ("hyperfeatures", "positions=3,2", "wanted different numbers from 0 to 19, rising"),
    ("hyperfeatures", "prompt={category}", "this method fills in no category"),
    ("sd_dino", "alpha=2", "alpha is '2'; wanted a number from 0 (DINO alone) to 1 (SD alone)"),
    ("sd_dino", "pca=5", "wanted one number each"),
]


@pytest.fixture
def folder(tmp_path):
    """A data set of one's own images: one pair, one point."""
    picture(60, 45).save(tmp_path / "a.png"), picture(48, 70, seed=1).save(tmp_path / "b.png")
    rows = "source,target,source_x,source_y,target_x,target_y\na.png,b.png,9,9,8,8\n"
    (tmp_path / "pairs.csv").write_text(rows)
    return tmp_path


@pytest.mark.parametrize(("method", "setting", "said"), WRONG, ids=lambda part: part[:40])
def test_wrong_settings(capsys, folder, method, setting, said):
    out = folder / "out"
    data = ("--data", "folder", "--root", folder, "--out", out)
    err = refused(capsys, "evaluate", *data, "--method", method, "--set", setting)
    assert said in err and not out.exists()
    name, _, text = setting.partition("=")
    try:
        methods.load(method, **{name: Typed(text)})
    except (ValueError, TypeError, KeyError) as error:  # the Python API says the same line
        assert str(error.args[0]) == err
    else:
        raise AssertionError(f"the Python API takes {setting}")


@pytest.mark.parametrize(
    ("method", "setting", "meant"),
    [
        ("dift", "prompt=5", "5"),
        ("dift", "prompt=", ""),
        ("dift", "prompt=None", "None"),
        ("dift", "size=64x96", (64, 96)),
        ("dift", "size=(64, 96)", (64, 96)),
        ("distilled", "layers=up_blocks.1", ("up_blocks.1",)),
        ("distilled", "layers=", ()),
        ("prompt_optimization", "layers=11,12", (11, 12)),
        ("prompt_optimization", "heads=none", None),
        ("prompt_optimization", "pixel_softmax=on", True),
        ("prompt_optimization", "pixel_softmax=false", False),
        ("prompt_optimization", "sigma=28", 28.0),
    ],
)
def test_what_text_means(method, setting, meant):
    name, _, text = setting.partition("=")
    found = getattr(methods.settings(method, **{name: Typed(text)}), name)
    assert found == meant and type(found) is type(meant)


# ---------------- options of data sets, and everything else that is typed

OPTIONS = [
    ("frame=224", "frame is '224'; wanted width and height in pixels, for example"),
    ("frame=-1x3", "frame is '-1x3'; wanted"),
    ("alphas=-0.1", "alphas is '-0.1'; wanted numbers above 0"),
    ("alphas=nan", "alphas is 'nan'; wanted"),
    ("alphas=", "alphas is ''; wanted one or more"),
    ("strict=maybe", "strict is 'maybe'; wanted true or false"),
    ("base=boxes", "base is 'boxes'; wanted one of box, image"),
    ("by=pair", "by is 'pair'; wanted one of point, image, category"),
    ("origin=2", "origin is '2'; wanted one of 0, 1"),
    ("orgin=1", "has no option 'orgin'; did you mean origin"),
    ("early=maybe", "early is 'maybe'; wanted true or false"),
    ("categories=dog", "no pairs of dog in"),
    ("frame", "write name=value"),
]


@pytest.mark.parametrize(("option", "said"), OPTIONS, ids=lambda part: part[:40])
def test_wrong_options(capsys, folder, option, said):
    where = ("--data", "folder", "--root", folder, "--method", "copy_position")
    assert said in refused(capsys, "evaluate", *where, "--option", option)
    assert said in refused(capsys, "data", "info", "folder", folder, "--option", option)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("strict=false", "<="),
        ("strict=true", ", <, "),
        ("alphas=0.2", "PCK@0.2"),
        ("frame=224x224", "frame 224 x 224"),
        ("base=image", "target image"),
    ],
)
def test_what_options_mean(capsys, folder, option, said):
    where = ["--data", "folder", "--root", str(folder), "--method", "copy_position"]
    assert main(["evaluate", *where, "--out", str(folder / "out"), "--option", option]) == 0
    assert said in capsys.readouterr().out


COMMANDS = [
    (("table", "--alpha", "nan"), "--alpha is 'nan'; wanted a positive share of the base"),
    (("table", "--alpha", "-1"), "--alpha is '-1'; wanted a positive share"),
    (("table", "--alpha", "0"), "--alpha is '0'; wanted"),
    (("evaluate", "--limit", "0"), "--limit is '0'; wanted an integer, 1 or more"),
    (("evaluate", "--limit", "-3"), "--limit is '-3'; wanted"),
    (("evaluate", "--limit", "1.5"), "--limit is '1.5'; wanted"),
    (("evaluate", "--seed", "x"), "--seed is 'x'; wanted an integer, for example 0"),
    (("evaluate", "--timesteps", "1000"), "--timesteps is '1000'; wanted"),
    (("evaluate", "--timesteps", "51,51"), "--timesteps is '51,51'; wanted all different"),
    (("evaluate", "--timesteps", ""), "--timesteps is ''; wanted one or more"),
    (("evaluate", "--layers", ""), "--layers is ''; wanted one or more"),
    (("evaluate", "--shard", "2/2"), "shards of 2 are 0/2 to 1/2"),
    (("evaluate", "--set", "timestep"), "write name=value"),
    (("evaluate", "--set", "timestep=1", "--set", "timestep=2"), "given twice, 1 and 2"),
    (("evaluate", "--profile", "toybx"), "no profile 'toybx'; there are"),
    (("evaluate", "--data", "folder"), "profile toybox does not say where folder lies"),
    (("evaluate", "--data", "spiar"), "no data set 'spiar'; did you mean 'spair'"),
    (("data", "info", "folder"), "profile toybox does not say where folder lies"),
    (("trials", "nosuch"), "has no study 'nosuch'"),
    (("record", "check", "x", "--blocks", "0"), "--blocks is '0'; wanted"),
    (("bench", "match", "--set", "runs=0"), "runs is '0'; wanted an integer, 1 or more"),
    (("bench", "match", "--set", "cases=tiny"), "cases is 'tiny'; wanted several of one of toy"),
    (("bench", "match", "--set", "run=3"), "has no option 'run'; did you mean runs"),
    (("bench", "data", "--set", "pairs=x"), "pairs is 'x'; wanted an integer, 1 or more"),
    (("bench", "data", "--set", "split=all"), "wanted one of trn, val, test"),
    (("bench", "emergence", "--set", "timesteps=1000"), "timesteps is '1000'; wanted"),
    (("bench", "prompt_cost", "--set", "sweep=5,1"), "sweep is '5,1'; wanted"),
    (("bench", "prompt_cost", "--set", "crops=1"), "crops is '1'; wanted 4 crops or more"),
    (("bench", "nosuch"), "no benchmark 'nosuch'"),
    (("evaluate", "--method", "dfit"), "no method 'dfit'; did you mean dift"),
    (("evaluate", "--preset", "tiny"), "has no preset 'tiny'; it has"),
    (("evaluat",), "invalid choice"),
    ((), "required: COMMAND"),
]


@pytest.mark.parametrize(("argv", "said"), COMMANDS, ids=lambda part: " ".join(part)[:40])
def test_wrong_arguments(capsys, argv, said):
    assert said in refused(capsys, *argv)


def test_another_data_set_is_looked_for_where_the_profile_has_it(capsys, tmp_path, monkeypatch):
    (tmp_path / "corrlib").mkdir(), (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/toybox.yml").write_text(
        "{data: {name: spair, root: here}, benchmarks: {pf_willow: there}, split: test}"
    )
    monkeypatch.chdir(tmp_path)
    assert f"no PF-Willow at {tmp_path / 'there'}" in refused(capsys, "data", "info", "pf_willow")
    method = ("--method", "copy_position")
    err = refused(capsys, "evaluate", "--data", "pf_willow", *method, "--preset", "toybox")
    assert f"no PF-Willow at {tmp_path / 'there'}" in err


@pytest.mark.parametrize("points", [("40",), ("a,b",), ("1,2,3",), ("",), ("-400,3",), ("nan,3",)])
def test_wrong_points(capsys, folder, points):
    images = folder / "a.png", folder / "b.png"
    refused(capsys, "match", *images, "--points", *points, "--method", "copy_position")


def test_points_of_both_flags_count_and_may_lie_half_a_pixel_outside(capsys, folder):
    images = [str(folder / "a.png"), str(folder / "b.png")]
    points = ["--points", "-0.4,3", "5,6", "--points", "7,8"]
    assert main(["match", *images, *points, "--method", "copy_position"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" -> ")[0] for line in lines] == ["(-0.4, 3)", "(5, 6)", "(7, 8)"]

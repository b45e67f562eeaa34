"""Slips of a user: an edited method, a device that is not there, a file with a mistake in it,
truncated weights.
"""

import shutil

import pytest
from conftest import picture

from corrlib import methods
from corrlib.cli import main
from corrlib.methods.base import Env

OWN = """
from corrlib.methods import register
from corrlib.methods.base import FeatureMethod
from corrlib.methods.baselines import PIXEL_PRESETS as PRESETS, build_pixels as pixels

@register("mine", presets=PRESETS)
def build(settings, env):
    return pixels(settings, env)
"""


def said(capsys, *argv) -> tuple[int, str]:
    code = main([str(arg) for arg in argv])
    return code, capsys.readouterr().err


@pytest.fixture
def folder(tmp_path):
    """A data set of one's own images: one pair, two points."""
    picture(60, 45).save(tmp_path / "a.png"), picture(48, 70, seed=1).save(tmp_path / "b.png")
    (tmp_path / "pairs.csv").write_text(
        "source,target,source_x,source_y,target_x,target_y\n"
        "a.png,b.png,9,9,8,8\na.png,b.png,20,9,30,8\n"
    )
    return tmp_path


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    yield path
    methods._entries.pop("mine", None)


def test_an_edited_method_is_not_taken_for_its_older_self(capsys, own, tmp_path, folder):
    again = [
        "evaluate",
        "--data",
        "folder",
        "--root",
        folder,
        "--method",
        own,
        "--out",
        tmp_path / "out",
    ]
    assert said(capsys, *again) == (0, "") and said(capsys, *again) == (0, "")
    own.write_text(OWN + "# edited\n")
    methods._entries.pop("mine")  # another process
    code, err = said(capsys, *again)
    assert code == 2 and "holds the results of another run (source: " in err


def test_every_method_of_the_library_has_a_source():
    assert all(
        len(methods.source(name)) == 12 for name in methods.list() if name in methods._modules()
    )
    assert methods.source("dift") != methods.source("pixels")


def test_a_device_that_is_not_there(capsys, own):
    for device in ("cuda:7", "gpu"):
        with pytest.raises(
            ValueError,
            match=f"device '{device}' is not usable here .*; choose another, for example cpu",
        ):
            Env(device=device)
    code, err = said(capsys, "doctor", "pixels", "--device", "gpu")
    assert (
        code == 2
        and err.startswith("error: device 'gpu' is not usable here")
        and err.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "mine.py, line 1: "),
        (
            OWN + "import nosuchmodule\n",
            "cannot be imported: ModuleNotFoundError: No module named 'nosuchmodule'",
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_line(capsys, own, text, words):
    own.write_text(text)
    code, err = said(capsys, "doctor", own)
    assert code == 2 and words in err and "Traceback" not in err and err.count("\n") == 1


def test_a_template_whose_name_was_not_changed(monkeypatch, tmp_path):
    (tmp_path / "forgot.py").write_text(OWN)
    monkeypatch.setattr(methods, "_FOLDER", tmp_path)
    with pytest.raises(
        KeyError,
        match="no method 'forgot': .*forgot.py registers mine; change the name in its @register "
        "line",
    ):
        methods.entry("forgot")


def test_truncated_weights_say_what_to_type(capsys, tiny_folder, tmp_path):
    copy = shutil.copytree(tiny_folder, tmp_path / "weights")
    file = next((copy / "unet").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(OSError, match="model.safetensors is truncated .*; fetch it again"):
        Env().diffuser(str(copy))

"""What goes wrong in a command is one line with the file's name; Ctrl-C loses nothing."""

import argparse
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import picture, picture_view

from corrlib import methods
from corrlib.cli import answer, main, told
from corrlib.methods.base import Env
from corrlib.storage.tensor_store import TensorStore

QUIET, DEBUG = argparse.Namespace(debug=False), argparse.Namespace(debug=True)


def failing(error: BaseException):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("got 3;\n   wanted 4"), "got 3; wanted 4"),
        (KeyError("no method 'x'"), "no method 'x'"),
        (
            FileNotFoundError(2, "No such file or directory", "a.png"),
            "a.png: No such file or directory",
        ),
        (OSError(28, "the disk is full"), "the disk is full"),
        (OSError("no image at a.png"), "no image at a.png"),
        (RuntimeError("shapes\ndiffer"), "RuntimeError: shapes differ; add --debug to see where"),
        (AssertionError(), "AssertionError: ; add --debug to see where"),
    ],
)
def test_an_error_is_one_line(capsys, error, said):
    assert told(error) == said
    assert answer(failing(error), QUIET) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {said}\n")
    with pytest.raises(type(error)):
        answer(failing(error), DEBUG)


def test_codes_of_what_is_no_error(capsys):
    assert answer(lambda: None, QUIET) == 0 and answer(lambda: 1, QUIET) == 1
    assert answer(failing(BrokenPipeError()), QUIET) == 0
    assert capsys.readouterr().err == ""
    assert answer(failing(KeyboardInterrupt()), DEBUG) == 130
    assert "stopped; what is finished is kept" in capsys.readouterr().err


OWN = """
import time
from corrlib.methods import register
from corrlib.methods.baselines import PIXEL_PRESETS
from corrlib.types import Matches

@register("mine", presets=PIXEL_PRESETS)
class Slow:
    def __init__(self, settings, env):
        self.settings = settings

    def __call__(self, source, target, queries, *, seed=0):
        {body}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Many pairs of one's own and a method of one's own."""
    images = [f"{i}.png" for i in range(11)]
    for i, name in enumerate(images):
        picture(24, 18, i).save(tmp_path / name)
    rows = ["source,target,source_x,source_y,target_x,target_y"]
    rows += [f"{a},{b},3,4,5,6" for a in images for b in images if a != b]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    yield tmp_path
    methods._entries.pop("mine", None)


def asked(folder: Path, body: str) -> list[str]:
    (folder / "own.py").write_text(OWN.format(body=body))
    words = ["--root", folder, "--method", folder / "own.py", "--out", folder / "out"]
    return ["evaluate", "--data", "folder", *map(str, words)]


def test_a_stopped_run_says_so_and_goes_on(folder):
    words = asked(folder, "time.sleep(0.04); return Matches(queries, queries[:, 0])")
    command = [sys.executable, "-m", "corrlib", *words]
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": os.environ,
    }
    # whoever runs the tests in the background has the signal ignored, and children inherit that
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, **options, preexec_fn=heard)
    end = time.monotonic() + 120
    while not list((folder / "out").glob("part-*")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip().splitlines()[-1].startswith("stopped; what is finished is kept, type")
    assert "Traceback" not in err
    done = len(list((folder / "out").glob("part-*")))
    assert 0 < done < 6
    whole = subprocess.run(
        command, **{**options, "stdout": None, "stderr": None}, capture_output=True
    )
    assert whole.returncode == 0 and "110 pairs" in whole.stdout, whole.stderr


def test_a_method_that_fails_says_on_which_pair(capsys, folder):
    assert main(asked(folder, "raise RuntimeError('no memory')")) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: RuntimeError: no memory (pair 0.png:1.png, method mine)")
    assert err.count("\n") == 1


def test_a_stored_item_that_lacks_a_tensor_is_computed_again(tmp_path):
    env = Env(store=TensorStore(tmp_path))
    a, b = picture_view(40, 30, 0), picture_view(40, 30, 1)
    points = torch.tensor([[10.0, 12.0]])
    first = methods.load("pixels", env=env)(a, b, points)
    for key in env.store.keys():
        env.store.put(key, {"foreign": torch.zeros(1)})
    with pytest.warns(UserWarning, match="is damaged .it lacks values.*computed again"):
        again = methods.load("pixels", env=env)(a, b, points)
    assert torch.equal(first.points, again.points)
    assert all(env.store.get(key, wanted=["values"]) for key in env.store.keys())

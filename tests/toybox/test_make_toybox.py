"""The command that makes the toybox: the same bytes whatever the workers, sets whole or absent."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corrlib.data import load
from corrlib.toybox.sets import SETS, place
from corrlib.toybox.sets.base import ToySet

SCRIPT = Path(__file__).parents[2] / "data_scripts/make_toybox.py"
sys.path.insert(0, str(SCRIPT.parent))
import make_toybox  # noqa: E402


def hashes(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_bytes_repeat_whatever_the_workers(tmp_path):
    for folder, workers in (("one", 1), ("two", 2)):
        make_toybox.make(tmp_path / folder, ["pf_willow", "cub", "tss"], workers=workers, limit=1)
    one, two = hashes(tmp_path / "one"), hashes(tmp_path / "two")
    assert one == two and len(one) > 30
    same = {k.partition("/")[2]: v for k, v in one.items() if k.startswith("PF-dataset/car")}
    SETS["pf_willow"].work(tmp_path / "alone", ("car",), 0)
    assert same and same.items() <= hashes(tmp_path / "alone").items()
    SETS["tss"].work(tmp_path / "other", SETS["tss"].jobs[0], 1)
    image = "FG3DCar/001_002/image1.png"
    assert (tmp_path / "other" / image).read_bytes() != (
        tmp_path / "one/TSS_CVPR2016" / image
    ).read_bytes()  # another seed


def test_a_failure_leaves_what_stood_there(tmp_path, monkeypatch):
    make_toybox.make(tmp_path, ["tss"], limit=1)
    before = hashes(tmp_path)
    assert json.loads((tmp_path / "toybox.json").read_text())["tss"]["pairs"] == 1

    def broken(*_):
        raise RuntimeError("the disk is gone")

    monkeypatch.setitem(SETS, "tss", ToySet(**{**vars(SETS["tss"]), "finish": broken}))
    with pytest.raises(RuntimeError, match="disk"):
        make_toybox.make(tmp_path, ["tss"], limit=2)
    assert hashes(tmp_path) == before and not list(tmp_path.glob(f"{place.PREFIX}*"))


def test_runs_beside_each_other_and_a_killed_one(tmp_path):
    command = [
        sys.executable,
        str(SCRIPT),
        "--out",
        str(tmp_path),
        "--workers",
        "2",
        "--limit",
        "2",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    options = {
        "env": environment,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    killed = subprocess.Popen(
        [*command, "--only", "spair"], **{**options, "stderr": subprocess.DEVNULL}
    )
    end = time.monotonic() + 120
    while not list(tmp_path.glob(f"{place.PREFIX}*/*/*")) and time.monotonic() < end:
        time.sleep(0.2)
    (left,) = tmp_path.glob(f"{place.PREFIX}*")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "SPair-71k").exists()
    time.sleep(3)  # its workers notice
    runs = [subprocess.Popen([*command, "--only", "tss"], **options) for _ in range(2)]
    assert [(run.communicate()[1], run.returncode)[1] for run in runs] == [0, 0]
    assert not left.exists() and not list(tmp_path.glob(f"{place.PREFIX}*"))
    assert len(load("tss", tmp_path / "TSS_CVPR2016")) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".toybox.lock",
        "TSS_CVPR2016",
        "toybox.json",
    ]


def test_the_command_says_what_it_will_write(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        sys,
        "argv",
        ["make_toybox.py", "--plan", "--only", "davis,tss", "--out", str(tmp_path / "none")],
    )
    make_toybox.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["tss", "davis", "in"] and lines[
        -1
    ].rstrip().endswith("MB")
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr(sys, "argv", ["make_toybox.py", "--only", "kitti"])
    with pytest.raises(SystemExit):
        make_toybox.main()
    assert (
        "no toy set 'kitti'; there are spair, spair_more, spair_hard, pf_pascal"
        in capsys.readouterr().err
    )

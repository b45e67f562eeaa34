"""The profiles that nobody could run where this was written, rehearsed from the first download to
the last page: tiny models, toy pictures, a pretended GPU, no network but a local hub.

    ./run python -m pytest -m rehearsal
"""

import shlex
import sys

import pytest

from tests.rehearsal import fake_slurm
from tests.rehearsal.house import Machine, add_profile, clone, mirror, seconds, stock
from tests.rehearsal.hub import served
from tests.rehearsal.tiny_models import NOT_WANTED
from tests.rehearsal.toys import ROOT, toy_sets

pytestmark = pytest.mark.rehearsal
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def prepared(place, old: str, models: tuple[str, ...], benchmarks: tuple[str, ...]) -> Machine:
    """A clone whose profile `rehearsal` is `old` in small, with everything fetched; then the
    network goes.
    """
    house = clone(place / "house")
    add_profile(house, old, "rehearsal")
    data = "build/rehearsal/data"
    with served() as hub:
        machine = Machine(place, house, hub)
        stock(hub, place / "hub", models)
        mirror(hub, house, toy_sets(place), place / "mirror")
        fetch = sys.executable, "data_scripts/fetch.py"
        both = (
            (*fetch, "weights", *models, "--yes"),
            (*fetch, *benchmarks, "--yes", "--quiet", "--out", data),
        )
        for words in both:
            done = machine.type(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        asked = len(hub.asked)
        for words in both:
            done = machine.type(*words)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.count("nothing to do") == len(done.stdout.splitlines())
        assert len(hub.asked) == asked, "the second time nothing is asked for"
        assert not hub.fetched() & set(NOT_WANTED)
    return machine


def finish(machine: Machine, commands, *words: str) -> str:
    """The whole graph; what it printed."""
    graph = commands / "snakemake", "--cores", "2", "--resources", "gpu=1", "--quiet", "all"
    done = machine.type(*graph, "--keep-going", "--config", "profile=rehearsal", *words)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    print(sorted(seconds(done.stdout).items(), key=lambda item: -item[1])[:8])
    return done.stdout


@pytest.mark.slow
def test_the_paper_profile_from_the_download_to_the_last_page(tmp_path):
    machine = prepared(tmp_path, "paper", ("sd2-1", "sd1-4"), ("all",))
    with machine.warm() as commands:
        doctor = commands / "python", "-m", "corrlib", "doctor", "--profile", "rehearsal"
        done = machine.type(*doctor)
        assert done.returncode == 0, done.stdout
        assert "a pretended GPU, 75 GB of 86 GB free" in done.stdout
        finish(machine, commands)
        submit(machine, commands)
    built = machine.house / "build/rehearsal"
    pages = {path.stem for path in (built / "book/notebooks").glob("*.html")}
    assert pages == set(NOTEBOOKS)


def test_the_photos_profile_from_the_download_to_the_last_page(tmp_path):
    machine = prepared(
        tmp_path, "photos", ("sd1-5", "sd2-1", "dinov2-small"), ("spair", "pf_willow")
    )
    with machine.warm() as commands:
        finish(machine, commands, "device=cuda")  # and the same on a GPU, by one word
        left, right = sorted(
            (machine.house / "build/rehearsal/data/PF-dataset").glob("duck*/*.png")
        )[:2]
        words = (
            "match",
            left,
            right,
            "--points",
            "40,40",
            "--category",
            "duck",
            "--out",
            "match.png",
        )
        done = machine.type(commands / "python", "-m", "corrlib", *words, "--profile", "rehearsal")
        assert done.returncode == 0, done.stdout + done.stderr
    built = machine.house / "build/rehearsal"
    pages = {path.stem for path in (built / "book/notebooks").glob("*.html")}
    assert pages == set(NOTEBOOKS), "chapters that are not run are shown, too"
    rows = (built / "stage/tables/photographs.csv").read_text().splitlines()
    assert len(rows) == 6 and "not run" not in "".join(rows)


def documented(executor: str) -> list[str]:
    """The line of "How to use this book" that submits to a cluster, with names filled in."""
    page = (ROOT / "book/how_to_use.md").read_text().replace("\\\n", " ")
    line = next(line for line in page.splitlines() if f"--executor {executor}" in line)
    words = shlex.split(line.replace("YOUR_", "a_").replace("profile=paper", "profile=rehearsal"))
    assert words[:2] == ["./run", "snakemake"]
    return words[2:]


def submit(machine: Machine, commands) -> None:
    """The documented line of Slurm, for two steps of a finished graph: who asks for a GPU."""
    bin, notes = fake_slurm.install(machine.place / "slurm")
    wanted = {"test-pixels": False, "size-384": True}
    targets = [f"build/rehearsal/done/matches-{run}-0of1" for run in wanted]
    for target in targets:
        (machine.house / target).unlink()
    path = f"{bin}:{machine.environment['PATH']}"
    soon = "--slurm-init-seconds-before-status-checks", "1"
    done = machine.type(
        commands / "snakemake", *documented("slurm"), *soon, "--", *targets, PATH=path
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    asked = notes.read_text().splitlines()
    for run, gpu in wanted.items():
        (line,) = [line for line in asked if f"_run_{run}" in line or f"run={run}" in line]
        assert ("--gpus=1" in line) == gpu, line
        assert ("--mem 32000" in line) == gpu and "-t 240" in line and "a_account" in line.lower()

"""The profiles that nobody could run where this was written, rehearsed from the first download to
the last page: tiny models, toy pictures, a pretended GPU, no network but a local hub.

    ./run python -m pytest -m rehearsal
"""

import shlex
import sys

import pytest

from corrlib.backbones.known_weights import MODELS
from corrlib.backbones.vit_weights import VITS
from corrlib.doctor.models import needed
from corrlib.experiments.profiles import load_profile
from tests.rehearsal import fake_slurm
from tests.rehearsal.documented import documented
from tests.rehearsal.house import Machine, add_profile, clone, mirror, seconds, stock
from tests.rehearsal.hub import served
from tests.rehearsal.tiny_models import NOT_WANTED
from tests.rehearsal.toys import ROOT, toy_sets

pytestmark = pytest.mark.rehearsal
CHAPTER = "build/rehearsal/notebooks/08_sd4match.ipynb"
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def prepared(place, old: str, benchmarks: tuple[str, ...]) -> Machine:
    """A clone whose profile `rehearsal` is `old` in small, with all fetched that it needs; then the
    network goes.
    """
    house = clone(place / "house")
    add_profile(house, old, "rehearsal")
    models = [
        name for name in needed(load_profile("rehearsal", house)) if (MODELS | VITS)[name].sources
    ]
    with served() as hub:
        machine = Machine(place, house, hub)
        stock(hub, place / "hub", models)
        mirror(hub, house, toy_sets(place), place / "mirror")
        fetch = sys.executable, "data_scripts/fetch.py"
        both = (
            (*fetch, "weights", "--profile", "rehearsal", "--yes"),
            (*fetch, *benchmarks, "--yes", "--quiet", "--out", "build/rehearsal/data"),
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


def refused(machine: Machine, commands) -> None:
    """What needs prompts that nobody has taught is refused before anything runs, by one line."""
    graph = commands / "snakemake", "--cores", "1", "--quiet", "all"
    done = machine.type(*graph, "--config", "profile=rehearsal", "--", CHAPTER)
    assert done.returncode and "error: sd4match-main of profiles/rehearsal.yml" in done.stderr
    assert not (machine.house / "build/rehearsal/logs").exists()


def teach(machine: Machine, commands) -> None:
    """The prompts that the profile names, by the commands that `doctor` says, one step long;
    `doctor` is content after.
    """
    doctor = commands / "python", "-m", "corrlib", "doctor", "--profile", "rehearsal"
    said = machine.type(*doctor).stdout
    wanted = [line.split("train it with: ")[1] for line in said.splitlines() if "train it" in line]
    for line in wanted:
        words = [commands / "python", *shlex.split(line)[1:], "--limit", "6", "--validate", "2"]
        words[words.index("--steps") + 1] = "1"
        done = machine.type(*words, "--fit", "pairs=2")
        assert done.returncode == 0, done.stdout + done.stderr
    done = machine.type(*doctor)
    assert wanted and done.returncode == 0, done.stdout
    assert "a pretended GPU, 75 GB of 86 GB free" in done.stdout


def finish(machine: Machine, commands, *words: str) -> str:
    """The whole graph; what it printed."""
    graph = commands / "snakemake", "--cores", "2", "--resources", "gpu=1", "--quiet", "all"
    done = machine.type(*graph, "--keep-going", "--config", "profile=rehearsal", *words)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    print(sorted(seconds(done.stdout).items(), key=lambda item: -item[1])[:8])
    return done.stdout


@pytest.mark.slow
def test_the_paper_profile_from_the_download_to_the_last_page(tmp_path):
    machine = prepared(tmp_path, "paper", ("all",))
    with machine.warm() as commands:
        refused(machine, commands)
        teach(machine, commands)
        finish(machine, commands)
        submit(machine, commands)
    built = machine.house / "build/rehearsal"
    pages = {path.stem for path in (built / "book/notebooks").glob("*.html")}
    assert pages == set(NOTEBOOKS)


def test_the_photos_profile_from_the_download_to_the_last_page(tmp_path):
    machine = prepared(tmp_path, "photos", ("spair", "pf_willow"))
    with machine.warm() as commands:
        finish(machine, commands, "device=cuda")  # and the same on a GPU, by one word
        pictures = machine.house / "build/rehearsal/data/PF-dataset"
        left, right = sorted(pictures.glob("*/*.png"))[:2]
        words = (
            "match",
            left,
            right,
            "--points",
            "40,40",
            "--category",
            left.parent.name.partition("(")[0],
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

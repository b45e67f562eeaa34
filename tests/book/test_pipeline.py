"""The graph reruns what an edit asks for and nothing else; a killed step resumes; the book builds
from one small notebook.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from book import depends, step
from corrlib import methods

ROOT = Path(__file__).parents[2]
SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake"))]
LONG_AGO = 1_700_000_000
WEIGHTS = "corrlib/assets/toybox/diffusion/unet/diffusion_pytorch_model.safetensors"


def cell(kind: str, source: str, *tags: str) -> dict:
    base = {
        "cell_type": kind,
        "id": f"c{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
    }
    return base if kind == "markdown" else base | {"outputs": [], "execution_count": None}


def write_notebook(path: Path, *cells: dict) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(
        json.dumps({"cells": list(cells), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A copy of all that the graph reads, with one more notebook that only draws, as if everything
    had been made long ago.
    """
    house = tmp_path_factory.mktemp("house")
    for name in ("Snakefile", "pyproject.toml", "constraints.txt", "CHANGELOG.md"):
        shutil.copy(ROOT / name, house)
    skip = shutil.ignore_patterns("__pycache__", "mathjax", "assets")
    for name in ("book", "corrlib", "data_scripts", "notebooks", "profiles"):
        shutil.copytree(ROOT / name, house / name, ignore=skip)
    shutil.rmtree(house / "book/records/prompt-search")  # a study that no record stands for
    (house / WEIGHTS).parent.mkdir(parents=True)
    (house / WEIGHTS).write_text("trained once")
    code = cell("code", "from corrlib import book, viz\nrun = book.setup('90_drawing', profile)")
    write_notebook(house / "notebooks/90_drawing.ipynb", cell("markdown", "# Drawing"), code)
    for output, rule in plan(house).items():
        path = house / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(
            exist_ok=True
        ) if rule == "notebook" and "." not in path.name else path.write_text("as it was\n")
    for path in house.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    subprocess.run(
        [*SNAKEMAKE, "--touch", "--cores", "1"], cwd=house, capture_output=True, check=True
    )  # records what was done
    return house


@pytest.fixture
def house(finished, tmp_path) -> Path:
    """The finished house, to be edited."""
    return shutil.copytree(finished, tmp_path / "house")


def plan(house: Path) -> dict[str, str]:
    """Outputs that a run would make, each with the rule that makes it."""
    done = subprocess.run(
        [*SNAKEMAKE, "--summary"],
        cwd=house,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if row[5] == "update pending"}


def edit(path: Path, old: str = "", new: str = "# edited\n") -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + "\n" + new)


def test_times_alone_rerun_nothing(house):
    for path in house.rglob("*"):
        if "build" not in path.relative_to(house).parts:
            os.utime(path)
    assert plan(house) == {}


MATCHES = {"begin", "matches", "trials", "tables"}
PAGES = {"fitted", "notebook", "book", "all"}
EDITS = {  # what is edited: rules that must run again, rules that may besides
    ("corrlib/matching/estimators.py",): (MATCHES, {"record"} | PAGES),
    ("corrlib/viz/maps.py",): ({"notebook", "book"}, PAGES),
    ("corrlib/metrics/pck.py",): ({"tables"}, PAGES),
    ("corrlib/backbones/noised_pass.py",): ({"store", "features", "record"} | MATCHES, PAGES),
    ("corrlib/toybox/render.py",): ({"data", "features", "record"} | MATCHES, {"store"} | PAGES),
    ("book/records/prompt_cost/run.json", "2026", "2027"): ({"record"}, PAGES),
    ("book/index.md",): ({"book"}, PAGES - {"fitted", "notebook"}),
    ("profiles/toybox.yml", "about: ", "about: still "): ({"book"}, PAGES - {"fitted", "notebook"}),
    ("profiles/toybox.yml", "draws: ", "draws: 1"): ({"begin", "trials"}, PAGES),
    (WEIGHTS, "once", "twice"): ({"store", "features", "record"} | MATCHES, PAGES),
}


@pytest.mark.parametrize("change", EDITS, ids=lambda change: Path(change[0]).name)
def test_an_edit_reruns_what_depends_on_it(house, change):
    must, may = EDITS[change]
    edit(house / change[0], *change[1:])
    rules = set(plan(house).values())
    assert must <= rules <= must | may


def test_an_interrupted_run_goes_on_with_what_is_missing(house):
    edit(house / "corrlib/matching/estimators.py")
    begun = "build/toybox/matches/test-pixels/.begun"
    subprocess.run(
        [*SNAKEMAKE, "--cores", "1", "--", begun], cwd=house, capture_output=True, check=True
    )
    todo = plan(house)
    assert begun not in todo and "build/toybox/done/matches-test-pixels-0of1" in todo


def test_what_was_fetched_is_known_by_its_bytes(tmp_path):
    """Other bytes are told, the same bytes fetched at another time and other data sets' are not."""
    receipt = tmp_path / "fetched.json"
    assert depends.fetched(str(receipt), "spair") == "none"
    seen = []
    for name, sha, date in (("tss", 1, 1), ("spair", 1, 1), ("spair", 1, 2), ("spair", 2, 2)):
        receipt.write_text(json.dumps({f"{name}/a.tar": {"sha256": str(sha), "date": date}}))
        seen.append(depends.fetched(str(receipt), "spair"))
    assert seen[0] == "none" != seen[1] == seen[2] != seen[3]


def test_one_notebook_reruns_alone(house):
    write_notebook(house / "notebooks/90_drawing.ipynb", cell("markdown", "# Drawing, again"))
    changed = plan(house)
    assert {path for path, rule in changed.items() if rule == "notebook"} == {
        f"build/toybox/{part}"
        for part in (
            "notebooks/90_drawing.ipynb",
            "figures/90_drawing",
            "tables/90_drawing",
            "values/90_drawing.json",
        )
    }
    assert set(changed.values()) <= PAGES


def test_one_run_of_the_profile_reruns_alone(house):
    edit(
        house / "profiles/toybox.yml",
        "test-pixels: {method: pixels",
        "test-pixels: {set: {stride: 4}, method: pixels",
    )
    matched = {path for path, rule in plan(house).items() if rule in ("begin", "matches")}
    assert matched and all("test-pixels" in path for path in matched)


def test_the_paper_profile_is_the_same_graph(house):
    command = [*SNAKEMAKE, "--summary", "--config", "profile=paper"]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True)
    assert done.returncode != 0 and "says how to teach it" in done.stderr
    for kind in ("single", "class"):  # what `train_sd4match.py --preset paper` writes
        path = house / f"build/sd4match-{kind}/prompts.safetensors"
        path.parent.mkdir(parents=True)
        path.touch()
    done = subprocess.run(command, cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rules = {line.split("\t")[2] for line in done.stdout.splitlines()[1:]}
    assert rules == {
        "data",
        "store",
        "features",
        "begin",
        "matches",
        "trials",
        "tables",
        "fonts",
        "fitted",
        "notebook",
        "book",
    }


def test_a_method_asks_for_a_gpu_where_it_loads_a_network():
    having = {name for name in methods.list() if depends.loads_model(ROOT, name)}
    assert {"dift", "latents", "random_unet", "prompt_optimization", "sd_dino"} <= having
    assert not {"pixels", "copy_position"} & having
    assert depends.loads_model(ROOT, "one/of/my/own.py")


def test_a_step_shows_the_end_of_its_log(tmp_path, capsys):
    failing = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    assert step.main([str(tmp_path / "a.log"), "a label", "--", *failing]) == 3
    shown = capsys.readouterr().out
    assert "FAILED  a label" in shown and "the reason" in shown and "a.log" in shown


def test_closure_follows_imports_inside_of_functions(tmp_path):
    package = tmp_path / "corrlib"
    (package / "methods").mkdir(parents=True)
    register = "def register(name): return print\n\n\n@register('{}')\ndef f(): ...\n"
    files = {
        "__init__": "",
        "methods/__init__": "",
        "low": "",
        "apart": "",
        "top": "import corrlib.methods",
    }
    files |= {
        "high": "def f():\n    from corrlib.low import x\n",
        "methods/one": register.format("one"),
    }
    files |= {"methods/two": register.format("two") + "import corrlib.apart\n"}
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    names = {path.stem for path in depends.closure(tmp_path, "corrlib/high.py")}
    assert names == {"high", "low", "__init__"}
    assert {"one", "two", "apart"} <= {
        path.stem for path in depends.closure(tmp_path, "corrlib/top.py")
    }
    assert "two" not in {
        path.stem for path in depends.closure(tmp_path, "corrlib/top.py", methods=["one"])
    }
    with pytest.raises(KeyError, match="registers 'three'"):
        depends.method_file(tmp_path, "three")


def test_figures_are_the_same_bytes_in_two_processes(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "corrlib").mkdir()
    shutil.copy(ROOT / "profiles/toybox.yml", tmp_path / "profiles")
    code = """
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt, numpy as np, pandas as pd
from corrlib import book
run = book.setup("05_bytes")
fig, axes = plt.subplots(1, 2)
axes[0].imshow(np.random.default_rng(0).random((8, 8)))
axes[1].plot([1, 3, 2], label="$x_t$"); axes[1].legend()
run.save(fig, "two")
run.table(pd.DataFrame({"method": ["dift"], "pck": [41.26]}), "pck")
print(run.value("pck", 41.26, ".1f"))
"""
    seen = []
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "41.3"
        build = tmp_path / "build/toybox"
        seen.append(
            {
                path.name: path.read_bytes()
                for part in ("figures", "tables")
                for path in (build / part / "05_bytes").iterdir()
            }
        )
        shutil.rmtree(build)
    assert set(seen[0]) == {"two.svg", "two.png", "two-narrow.png", "pck.csv"}
    assert seen[0] == seen[1]
    assert seen[0]["pck.csv"] == b"method,pck\ndift,41.3\n"

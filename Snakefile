# The one graph of the book: data -> features -> matches -> tables -> notebooks -> pages.
#
#   ./run                                          everything, toybox profile, this machine's cores
#   ./run snakemake --cores all -n                 what would run, and why
#   ./run snakemake --cores all build/toybox/notebooks/03_dift.ipynb
#   ./run snakemake --config profile=paper --executor slurm --jobs 64 ...       "How to use this book" in book/how_to_use.md
#
# A step's sources enter as a file of their contents' hash (book/depends.py), so that times never matter and an edit reruns
# only what imports the edited module or reads the edited setting.
import glob
import os
import shlex
import sys

sys.path.insert(0, workflow.basedir)

from book import depends
from corrlib.profiles import load_profile

ROOT = __import__("pathlib").Path(workflow.basedir)
NAME = config.get("profile", "toybox")
PROFILE = load_profile(NAME, ROOT)
BUILD = f"build/{NAME}"
SPLIT, SHARDS, METHODS = PROFILE["split"], int(PROFILE["shards"]), PROFILE["methods"]
NOTEBOOKS = sorted(os.path.basename(path)[:-6] for path in glob.glob("notebooks/*.ipynb"))
GPU = dict(PROFILE.get("resources", {}))

# One thread a step, and nothing of the user's own settings: the same bytes on every machine.
threads_each = str(PROFILE["threads"])
os.environ.update(
    OMP_NUM_THREADS=threads_each, MKL_NUM_THREADS=threads_each, OPENBLAS_NUM_THREADS=threads_each, PYTHONHASHSEED="0",
    TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_OFFLINE="1" if PROFILE["offline"] else "0",
    SOURCE_DATE_EPOCH="1704067200", JUPYTER_PREFER_ENV_PATH="1", PYTHONWARNINGS="ignore::DeprecationWarning",
    IPYTHONDIR=str(ROOT / "build/.config/ipython"), MPLCONFIGDIR=str(ROOT / "build/.config/matplotlib"),
)  # fmt: skip

PINS = depends.pins(ROOT)
MODELS = {"corrlib/diffusion.py"}  # what imports these reads the profile's weights


def sources(name, *starts, also=(), sections=(), follow=True):
    """The input file that changes when what step `name` depends on changes; `sections` of the profile, `also` further files."""
    files = depends.closure(ROOT, *starts) if follow else [ROOT / start for start in starts]
    inside = {path.relative_to(ROOT).as_posix() for path in files}
    weights = PROFILE["weights"] if MODELS & inside else []
    settings = {key: PROFILE.get(key) for key in sections}
    content = depends.digest(ROOT, [*files, *also, *weights], pins=PINS, settings=settings)
    return depends.stamp(ROOT / BUILD / "inputs" / f"{name}.sha256", content)


def step(label, log, command, fresh=None):
    """The shell line of a step: announced, logged, and resuming in `fresh` = (folder, keys...) unless the sources changed."""
    options = "--fresh " + " ".join(fresh) + " " if fresh else ""
    return f"{shlex.quote(sys.executable)} book/step.py {log} {shlex.quote(label)} {options}-- {command}"


PYTHON = shlex.quote(sys.executable)


rule all:
    input:
        f"{BUILD}/book/index.html",


onstart:
    print(f"Building the book, profile {NAME} ({PROFILE['about']}):", flush=True)
    (ROOT / ".snakemake/worked").touch()


# ---------------------------------------------------------------- data

DATA = sources("data", *[word for word in PROFILE["data"]["make"].split() if word.endswith(".py")], sections=["data"])


rule data:
    input: DATA,
    output: touch(f"{BUILD}/data/.ready"),
    log: f"{BUILD}/logs/data.log",
    resources: mem_mb=3000, runtime=240,
    shell: step("data set", "{log}", f"{PYTHON} " + PROFILE["data"]["make"].removeprefix("python "), fresh=(f"{BUILD}/data", "{input}"))


# ---------------------------------------------------------------- notebooks


def notebook_sources(name):
    """A notebook, the modules that it imports, and the sections of the profile whose names stand in it or in them as strings."""
    path = f"notebooks/{name}.ipynb"
    text = "\n".join(depends.code_of(file) for file in depends.closure(ROOT, path))
    return sources(f"notebook-{name}", path, sections=[key for key in PROFILE if f'"{key}"' in text or f"'{key}'" in text])


NOTEBOOK_SOURCES = {name: notebook_sources(name) for name in NOTEBOOKS}


rule notebook:
    input:
        sources=lambda wildcards: NOTEBOOK_SOURCES[wildcards.name],
        data=rules.data.output,
    output:
        page=f"{BUILD}/notebooks/{{name}}.ipynb",
        figures=directory(f"{BUILD}/figures/{{name}}"),
        tables=directory(f"{BUILD}/tables/{{name}}"),
        values=f"{BUILD}/values/{{name}}.json",
    log: f"{BUILD}/logs/notebook-{{name}}.log",
    resources: mem_mb=3000, runtime=120, **GPU,
    shell:
        step(
            "notebook {wildcards.name}", "{log}",
            f"{PYTHON} -m papermill notebooks/{{wildcards.name}}.ipynb {{output.page}} -p profile {NAME}"
            " --cwd notebooks --kernel python3 --no-progress-bar --log-output",
        )


# ---------------------------------------------------------------- the book

PAGES = sources("book", "book/stage.py", also=["book", "CHANGELOG.md"] + depends.closure(ROOT, "corrlib/__init__.py"), sections=["about"])


rule book:
    input:
        PAGES,
        expand(rules.notebook.output, name=NOTEBOOKS),
    output: f"{BUILD}/book/index.html",
    log: f"{BUILD}/logs/book.log",
    resources: mem_mb=2000, runtime=30,
    shell: step("book", "{log}", f"{PYTHON} book/stage.py {NAME}")

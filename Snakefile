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
import json
import os
import shlex
import sys

sys.path.insert(0, workflow.basedir)

from book import depends
from corrlib.experiments.comparable import require_comparable
from corrlib.experiments.profiles import OVERRIDES, load_profile
from corrlib.experiments.whole_benchmarks import require_whole

ROOT = __import__("pathlib").Path(workflow.basedir)
NAME = config.get("profile", "toybox")
# `--config device=cuda:1 dtype=bfloat16` holds for every step and every notebook, in place of what the profile says.
os.environ.update({variable: config[key] for key, variable in OVERRIDES.items() if key in config})
PROFILE = load_profile(NAME, ROOT)


def refuse(said):
    """End before any work, with one line: what Snakemake says itself, `--quiet all` keeps silent."""
    print(f"error: {said}", file=sys.stderr, flush=True)
    raise WorkflowError(str(said))


try:
    require_comparable(PROFILE)
except ValueError as error:
    refuse(error)
BUILD = f"build/{NAME}"
NOTEBOOKS = sorted(os.path.basename(path)[:-6] for path in glob.glob("notebooks/*.ipynb"))
NOTEBOOKS = [name for name in NOTEBOOKS if name in (PROFILE.get("chapters") or NOTEBOOKS)]
GPU = dict(PROFILE.get("resources", {}))

# One thread a step, and nothing of the user's own settings: the same bytes on every machine.
threads_each = str(PROFILE["threads"])
os.environ.update(
    OMP_NUM_THREADS=threads_each, MKL_NUM_THREADS=threads_each, OPENBLAS_NUM_THREADS=threads_each, PYTHONHASHSEED="0",
    TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_OFFLINE="1" if PROFILE["offline"] else os.environ.get("HF_HUB_OFFLINE", "0"),
    SOURCE_DATE_EPOCH="1704067200", JUPYTER_PREFER_ENV_PATH="1", PYTHONWARNINGS="ignore::DeprecationWarning",
    IPYTHONDIR=str(ROOT / "build/.config/ipython"), MPLCONFIGDIR=str(ROOT / "build/.config/matplotlib"),
)  # fmt: skip



def needs(loads, runtime):
    """The resources of a rule: the profile's memory and GPU for a step that loads a model, little memory and no GPU for others."""
    given = {name: (lambda wildcards, value=value: value if loads(wildcards) else None) for name, value in GPU.items()}
    return dict(mem_mb=lambda wildcards: PROFILE["memory_mb"] if loads(wildcards) else 3000, runtime=runtime, **given)


PINS = depends.pins(ROOT)
MODELS = {"corrlib/backbones/diffusion.py"}  # what imports these reads the profile's weights


def sources(name, *starts, also=(), sections=(), without=(), methods=(), **settings):
    """The input file that changes when what step `name` depends on changes: `starts` and what they import except `without`,
    `also` further files, `sections` of the profile, `settings` of the step itself."""
    files = depends.closure(ROOT, *starts, without=without, methods=methods)
    weights = PROFILE["weights"] if MODELS & {path.relative_to(ROOT).as_posix() for path in files} else []
    settings |= {key: PROFILE.get(key) for key in sections}
    content = depends.digest(ROOT, [*files, *also, *weights], pins=PINS, settings=settings)
    return depends.stamp(f"{BUILD}/inputs/{name}.sha256", content)


PYTHON = shlex.quote(sys.executable)
# A mark says that a step is done, and holds what it was done from: Snakemake takes a file of the same content for unchanged, so
# that an empty mark would hide a change from a run that was interrupted between two steps.
MARK = " && cat {input} | sha256sum > {output}"


def step(label, log, command):
    """The shell line of a step: announced and logged."""
    return f"{PYTHON} book/step.py {log} {shlex.quote(label)} -- {command}"


wildcard_constraints:
    name="|".join(NOTEBOOKS) or "none",
    run="|".join([*PROFILE["runs"], *(PROFILE.get("studies") or {})]),
    i=r"\d+", n=r"\d+",  # a run's name may end in a number


localrules: all, store, begin, fonts, fitted


rule all:
    input:
        f"{BUILD}/book/index.html",
        lambda wildcards: CHECKED,


onstart:
    print(f"Building the book, profile {NAME} ({PROFILE['about']}):", flush=True)
    (ROOT / ".snakemake/worked").touch()


# ---------------------------------------------------------------- data

# What only counts answers changes neither data nor matches, nor does how a script ends. The protocol is written beside every match: it is none of these.
COUNT = sorted({*glob.glob("corrlib/metrics/*.py")} - {"corrlib/metrics/protocol.py"})
COUNT += ["corrlib/experiments/report.py", "corrlib/experiments/table_files.py"]
MAKERS = [word for word in PROFILE["data"]["make"].split() if word.endswith(".py")]
TABLE = ["corrlib/data/sources/benchmarks.yml"] if "data_scripts/fetch.py" in MAKERS else []
FETCHED = f"{BUILD}/data/fetched.json", PROFILE["data"]["name"]  # what data_scripts/fetch.py notes of it
DATA = sources("data", *MAKERS, also=TABLE, without=[*COUNT, "corrlib/cli/__init__.py"], sections=["data"])


def replaced():
    """The input of the data step that changes when what was fetched was replaced since: by its checksums, whatever its date."""
    mark, ready = f"{BUILD}/inputs/fetched.sha256", ROOT / BUILD / "data/.ready"
    now = depends.fetched(*FETCHED)
    if ready.is_file() and ready.read_text().split()[-1] == now and os.path.isfile(mark):
        return mark
    return depends.stamp(mark, now)


rule data:
    input: DATA, replaced(),
    output: f"{BUILD}/data/.ready",
    log: f"{BUILD}/logs/data.log",
    threads: 2
    resources: mem_mb=3000, runtime=240,
    shell: step("data set", "{log}", f"{PYTHON} " + PROFILE["data"]["make"].removeprefix("python ")) + f" && (cat {{input[0]}}; {PYTHON} book/depends.py {shlex.join(FETCHED)}) > {{output}}"


# ---------------------------------------------------------------- features: a network's pass over each image, once

# What only compares or counts features leaves the stored ones as they are.
COMPARE = ["corrlib/matching/estimators.py", "corrlib/matching/interpolation.py"]
COMPARE += ["corrlib/experiments/evaluate.py", "corrlib/experiments/sweep.py"]
COMPARE += ["corrlib/storage/result_folder.py"]
COMMAND = ["corrlib/__main__.py", "corrlib/cli/__init__.py"]
CORRLIB = f"{PYTHON} -m corrlib"
RUNS = {name: {"split": PROFILE["split"], "shards": PROFILE["shards"], **(run or {})} for name, run in PROFILE["runs"].items()}
STORED = sorted({(run["method"], run["split"]) for run in RUNS.values() if run.get("store")})
THREADS = int(PROFILE["threads"])

FEATURES = sources(
    "features", "corrlib/cli/features.py", *[depends.method_file(ROOT, method) for method, _ in STORED],
    without=[*COMPARE, *COUNT, "corrlib/methods/__init__.py"], also=COMMAND,
)  # fmt: skip


rule store:  # stored features are named by settings, weights and image; what computes them is not in the name, so an edit empties the store
    input: FEATURES,
    output: f"{BUILD}/features/.begun",
    shell: f"find {BUILD}/features -mindepth 1 -delete" + MARK


rule features:
    input: begun=rules.store.output, data=rules.data.output,
    output: f"{BUILD}/done/features-{{method}}-{{split}}-{{i}}of{{n}}",
    log: f"{BUILD}/logs/features-{{method}}-{{split}}-{{i}}of{{n}}.log",
    threads: THREADS
    resources: **needs(lambda wildcards: depends.loads_model(ROOT, wildcards.method), 240),
    shell:
        step(
            "features {wildcards.method}, {wildcards.split} {wildcards.i}/{wildcards.n}", "{log}",
            f"{CORRLIB} features --profile {NAME} --method {{wildcards.method}} --split {{wildcards.split}} --shard {{wildcards.i}}/{{wildcards.n}}",
        ) + MARK


# ---------------------------------------------------------------- matches: the runs of the profile


def features_of(run):
    """The feature steps that a run waits for."""
    n = PROFILE["shards"]
    return expand(rules.features.output, method=run["method"], split=run["split"], i=range(n), n=n) if run.get("store") else []


def arguments(wildcards):
    """The command line of a run."""
    run = RUNS[wildcards.run]
    words = ["--method", run["method"], "--split", run["split"], *(["--store"] if run.get("store") else [])]
    words += [f"--{key}={run[key]}" for key in ("data", "root", "preset", "limit", "layers", "timesteps") if key in run]
    words += [f"--set={key}={value}" for key, value in run.get("set", {}).items()]
    return " ".join(shlex.quote(str(word)) for word in words)


def taught(described):
    """The files of heads and prompts that a run, a study or one of its trials names."""
    given = [described.get("set") or {}, *[trial or {} for trial in (described.get("trials") or {}).values()]]
    return sorted({value for one in given for key, value in one.items() if key in ("head", "prompts") and "/" in value})


def run_sources(name):
    """What the matches of a run depend on."""
    run = {key: value for key, value in RUNS[name].items() if key != "shards"}
    shared = ["preset", "seed", "device", "dtype", "data"]
    start = "corrlib/cli/evaluate.py", depends.method_file(ROOT, run["method"])
    also = [*COMMAND, *filter(os.path.isfile, taught(run))]
    return sources(f"run-{name}", *start, without=COUNT, also=also, methods=[run["method"]], sections=shared, run=run)


# A study that has a record is not computed again: a sample of its record is.
RECORDS = {name: entry for name, entry in (PROFILE.get("records") or {}).items() if os.path.isfile(f"book/records/{name}/run.json")}
STUDIES = {name: study for name, study in (PROFILE.get("studies") or {}).items() if name not in RECORDS}


def require_taught(name):
    """No further input, but an error before anything runs where a run needs what has not been taught."""
    if absent := [path for path in taught(RUNS.get(name) or STUDIES[name]) if not os.path.isfile(path)]:
        refuse(f"{name} of profiles/{NAME}.yml needs {', '.join(absent)}: `python -m corrlib doctor --profile {NAME}` says how to teach it; without the chapters that read it (`chapters` in the profile) it is not needed")
    return []


def study_sources(name):
    """What the matches of a study depend on."""
    study = STUDIES[name]
    used = sorted({study["method"], *(trial["method"] for trial in study.get("trials", {}).values() if "method" in trial)})
    shared = ["preset", "split", "seed", "device", "dtype", "data", *(["benchmarks"] if "benchmark" in study else [])]
    starts = "corrlib/cli/trials.py", *[depends.method_file(ROOT, method) for method in used]
    also = [*COMMAND, *filter(os.path.isfile, taught(study))]
    return sources(f"run-{name}", *starts, without=COUNT, also=also, methods=used, sections=shared, study=study)


RUN_SOURCES = {name: run_sources(name) for name in RUNS} | {name: study_sources(name) for name in STUDIES}


rule begin:  # a killed run resumes from the parts in its folder; an edit of what they depend on removes them
    input: lambda wildcards: require_taught(wildcards.run), lambda wildcards: RUN_SOURCES[wildcards.run], rules.data.output, lambda wildcards: features_of(RUNS.get(wildcards.run, {})),
    output: f"{BUILD}/matches/{{run}}/.begun",
    priority: 2  # instant, and the longest steps wait for it
    shell: f"find {BUILD}/matches/{{wildcards.run}} -mindepth 1 -delete" + MARK


rule matches:
    input: rules.begin.output,
    output: f"{BUILD}/done/matches-{{run}}-{{i}}of{{n}}",
    params: arguments=arguments,
    log: f"{BUILD}/logs/matches-{{run}}-{{i}}of{{n}}.log",
    threads: THREADS
    resources: **needs(lambda wildcards: depends.loads_model(ROOT, RUNS[wildcards.run]["method"]), 240),
    shell:
        step(
            "matches {wildcards.run} {wildcards.i}/{wildcards.n}", "{log}",
            f"{CORRLIB} evaluate --profile {NAME} --out {BUILD}/matches/{{wildcards.run}} --shard {{wildcards.i}}/{{wildcards.n}} {{params.arguments}}",
        ) + MARK


MATCHES = []
for name, run in RUNS.items():
    MATCHES += expand(rules.matches.output, run=name, i=range(int(run["shards"])), n=run["shards"])


rule trials:  # many settings on the same few pairs; what is found for one of them is kept in its folder, and goes with it
    input: rules.begin.output,
    output: f"{BUILD}/done/trials-{{run}}-{{i}}of{{n}}",
    log: f"{BUILD}/logs/trials-{{run}}-{{i}}of{{n}}.log",
    priority: 1  # the longest steps begin first
    threads: THREADS
    resources: **needs(lambda wildcards: True, 240),
    shell:
        step(
            "trials {wildcards.run} {wildcards.i}/{wildcards.n}", "{log}",
            f"{CORRLIB} trials {{wildcards.run}} --profile {NAME} --out {BUILD}/matches/{{wildcards.run}} --shard {{wildcards.i}}/{{wildcards.n}}",
        ) + MARK


TRIALS = {}
for name in STUDIES:
    TRIALS[name] = expand(rules.trials.output, run=name, i=range(int(PROFILE["shards"])), n=PROFILE["shards"])

# ---------------------------------------------------------------- records: slow results that are kept; of each a sample is computed again

def record_sources(name):
    """What a check of a record depends on: the record, and what its rows do."""
    entry = RECORDS[name]
    study = entry.get("study", {})
    used = sorted({*([study["method"]] if study else []), *(trial["method"] for trial in study.get("trials", {}).values() if "method" in (trial or {}))})
    starts = "corrlib/cli/record.py", *[depends.method_file(ROOT, method) for method in used]
    shared = ["preset", "split", "seed", "device", "dtype", "data", *(["benchmarks"] if "benchmark" in study else [])]
    return sources(f"record-{name}", *starts, without=COUNT, also=[*COMMAND, f"book/records/{name}"], methods=used, sections=shared, entry=entry)


RECORD_SOURCES = {name: record_sources(name) for name in RECORDS}


rule record:
    input: lambda wildcards: RECORD_SOURCES[wildcards.record], rules.data.output,
    output: f"{BUILD}/records/{{record}}.json",
    log: f"{BUILD}/logs/record-{{record}}.log",
    threads: THREADS
    resources: **needs(lambda wildcards: True, 240),
    shell: step("a sample of the record {wildcards.record}", "{log}", f"{CORRLIB} record check {{wildcards.record}} --profile {NAME} --force --out {{output}}")


CHECKED = expand(rules.record.output, record=RECORDS)

# ---------------------------------------------------------------- tables

FOLDERS = " ".join(f"{BUILD}/matches/{name}" for name in sorted(RUNS))  # not what a run that left the profile wrote
TABLES = sources("tables", "corrlib/cli/table.py", also=COMMAND + ["book/paper_numbers"], sections=["runs"])


rule tables:
    input: TABLES, MATCHES,
    output: f"{BUILD}/tables/results.csv",
    log: f"{BUILD}/logs/tables.log",
    resources: mem_mb=3000, runtime=60,
    shell: step("tables", "{log}", f"{CORRLIB} table --profile {NAME} --force --out {BUILD}/tables {FOLDERS}")


# ---------------------------------------------------------------- notebooks


def parameters(name):
    """What the profile sets of a notebook's parameters."""
    return (PROFILE.get("notebooks") or {}).get(name, {})


def notebook_sources(name):
    """A notebook, the modules that it imports, and the sections of the profile whose names stand in it or in them as strings."""
    path = f"notebooks/{name}.ipynb"
    text = "\n".join(depends.code_of(file) for file in depends.closure(ROOT, path))
    kept = {"paper_numbers": "book/paper_numbers", "run.record(": "book/records", "run.matches(": "book/records", "run.trials(": "book/records", "run.rows(": "book/records", "shipped()": "corrlib/assets/toybox/labels", "corrlib.viz.explorer": "corrlib/viz/explorer"}
    numbers = [folder for words, folder in kept.items() if words in text]
    return sources(f"notebook-{name}", path, also=["book/fit.py", *numbers], given=parameters(name), sections=[key for key in PROFILE if f'"{key}"' in text or f"'{key}'" in text])


def reads(name):
    """The steps that a notebook asks for; the others it need not wait for."""
    code = depends.code_of(ROOT / f"notebooks/{name}.ipynb")
    runs = [*rules.tables.output, *MATCHES] if any(f'run.need("{folder}"' in code for folder in ("tables", "matches")) else []
    runs += [done for study, steps in TRIALS.items() if f'"{study}"' in code for done in steps]
    if "run.chapter(" in code:  # what other chapters found
        runs += [f"{BUILD}/notebooks/{other}.ipynb" for other in NOTEBOOKS if f'"{other}"' in code and other != name]
    return runs + [done for record, done in zip(RECORDS, CHECKED) if f'"{record}"' in code]


def require_read(name):
    """No further input, but an error before anything runs where a notebook opens a benchmark that is incomplete."""
    if "benchmarks_here" in depends.code_of(ROOT / f"notebooks/{name}.ipynb"):
        try:
            require_whole(PROFILE)
        except ValueError as error:
            refuse(error)
    return []


READS = {name: reads(name) for name in NOTEBOOKS}
WITH_MODEL = [name for name in NOTEBOOKS if "run.env(" in depends.code_of(ROOT / f"notebooks/{name}.ipynb")]
NOTEBOOK_SOURCES = {name: notebook_sources(name) for name in NOTEBOOKS}


rule fonts:  # matplotlib lists the fonts once, and when that takes long it says so, which must not land in a page
    output: "build/.config/fonts",
    shell: f"{PYTHON} -c 'import matplotlib.font_manager' 2> {{output}}"


rule fitted:  # without the cells of other profiles
    input: sources=lambda wildcards: NOTEBOOK_SOURCES[wildcards.name]
    output: f"{BUILD}/fitted/{{name}}.ipynb"
    shell: f"{PYTHON} book/fit.py notebooks/{{wildcards.name}}.ipynb {NAME} {{output}}"


rule notebook:
    input:
        fitted=rules.fitted.output,
        fonts=rules.fonts.output,
        sources=lambda wildcards: NOTEBOOK_SOURCES[wildcards.name],
        data=rules.data.output,
        whole=lambda wildcards: require_read(wildcards.name),
        runs=lambda wildcards: READS[wildcards.name],
    output:
        page=f"{BUILD}/notebooks/{{name}}.ipynb",
        figures=directory(f"{BUILD}/figures/{{name}}"),
        tables=directory(f"{BUILD}/tables/{{name}}"),
        values=f"{BUILD}/values/{{name}}.json",
    params: given=lambda wildcards: shlex.quote(json.dumps(parameters(wildcards.name))),
    log: f"{BUILD}/logs/notebook-{{name}}.log",
    resources: **needs(lambda wildcards: wildcards.name in WITH_MODEL, 240),
    shell:
        step(
            "notebook {wildcards.name}", "{log}",
            f"{PYTHON} -m papermill {{input.fitted}} {{output.page}} -p profile {NAME} -y {{params.given}}"
            " --cwd notebooks --kernel python3 --no-progress-bar --log-output",
        )


# ---------------------------------------------------------------- the book

PAGES = sources("book", "book/stage.py", also=["book", "CHANGELOG.md"] + depends.closure(ROOT, "corrlib/__init__.py"), sections=["about", "chapters"])


rule book:
    input:
        PAGES,
        rules.tables.output,
        expand(rules.notebook.output, name=NOTEBOOKS),
    output: f"{BUILD}/book/index.html",
    log: f"{BUILD}/logs/book.log",
    resources: mem_mb=2000, runtime=30,
    shell: step("book", "{log}", f"{PYTHON} book/stage.py {NAME}")

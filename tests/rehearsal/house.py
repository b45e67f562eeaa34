"""A clone with a profile of the rehearsal, a local hub, and mirrors of benchmarks in small."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import yaml

from corrlib.backbones.known_weights import MODELS, Model
from corrlib.backbones.vit_weights import VITS
from corrlib.data.sources.table import FILE
from corrlib.heads.published_files import REPO
from tests.rehearsal import tiny_models, warm
from tests.rehearsal.hub import Hub
from tests.rehearsal.smaller import smaller_notebook, smaller_profile

ROOT = Path(__file__).parents[2]
HOUSE = ("book", "corrlib", "data_scripts", "notebooks", "profiles", "tests")
FILES = ("Snakefile", "pyproject.toml", "constraints.txt", "CHANGELOG.md")


def clone(place: Path) -> Path:
    """A copy of what the graph reads."""
    place.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, place)
    for name in HOUSE:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def add_profile(house: Path, old: str, name: str) -> None:
    """The profile `name`: `old` with sizes reduced."""
    settings = yaml.safe_load((house / f"profiles/{old}.yml").read_text())
    made = smaller_profile(settings, name, old)
    given = settings.get("notebooks") or {}
    made["notebooks"] = {
        path.stem: smaller_notebook(path, given.get(path.stem, {}))
        for path in sorted((house / "notebooks").glob("*.ipynb"))
    }
    (house / f"profiles/{name}.yml").write_text(yaml.safe_dump(made, sort_keys=False))


def stock(hub: Hub, place: Path, names: Iterable[str]) -> None:
    """Put the tiny models of these names on the hub, at the first address that has each, and the
    published heads.
    """
    for name in names:
        model: Model = MODELS.get(name) or VITS[name]
        write = tiny_models.write_dino if name in VITS else tiny_models.write_diffusion
        write(place / name, name)
        source = model.sources[0]
        hub.repos[source.repo] = (place / name, source.revision or "0" * 40)
    tiny_models.write_heads(place / "heads")
    hub.repos[REPO] = (place / "heads", "0" * 40)


def mirror(hub: Hub, house: Path, sets: Path, place: Path) -> None:
    """Serve each set below `sets` as the archive that its benchmark publishes, and let the clone's
    table of addresses name the local server, with the counts of the small sets.
    """
    table = yaml.safe_load(FILE.read_text())
    for name, benchmark in table.items():
        root = sets / benchmark["folder"]
        kept = []
        for number, part in enumerate(benchmark["parts"]):
            source = root / part.get("place", "")
            if not source.exists():
                continue
            file = f"{name}-{number}.tar" if source.is_dir() else f"{name}-{number}{source.suffix}"
            pack(source, place / file, [p["place"] for p in benchmark["parts"] if "place" in p])
            hub.files[f"mirror/{file}"] = place / file
            for key in ("holds", "usual"):
                counts = part.get(key, {})
                part[key] = {pattern: len(list(source.glob(pattern))) for pattern in counts}
            part |= {"rows": 1} if "rows" in part else {}
            part |= {"mirrors": [{"url": f"{hub.address}/mirror/{file}"}]}
            part |= {"megabytes": 20, "unpacked": 40}
            kept.append(part)
        benchmark["parts"] = kept
    table = {name: benchmark for name, benchmark in table.items() if benchmark["parts"]}
    (house / "corrlib/data/sources/benchmarks.yml").write_text(yaml.safe_dump(table))


def pack(source: Path, file: Path, apart: list[str]) -> None:
    """A file, or a tar of a folder without the parts that are published apart."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy(source, file)
        return
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(source.iterdir()):
            if path.name not in apart:
                archive.add(path, f"{source.name}/{path.name}")


class Machine:
    """A machine with a clone of the house, a cache of the hub's, and no other network."""

    def __init__(self, place: Path, house: Path, hub: Hub):
        self.place, self.house = place, house
        self.environment = os.environ | {
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(place / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(house),
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
        }
        for variable in ("HF_HUB_OFFLINE", "CORRLIB_WEIGHTS", "PYTEST_CURRENT_TEST"):
            self.environment.pop(variable, None)

    def type(self, *words: str | Path, **more: str):
        """Run a command in the clone; the finished process."""
        return subprocess.run(
            list(map(str, words)),
            cwd=self.house,
            env=self.environment | more,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    @contextmanager
    def warm(self):
        """The folder of a Python that starts warm, with a pretended GPU, and a Snakemake for it."""
        commands, log = warm.install(self.place), self.place / "warm.log"
        with open(log, "w") as out:
            words = [sys.executable, "tests/rehearsal/warm.py", str(self.place)]
            server = subprocess.Popen(
                words, cwd=self.house, env=self.environment, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            while not (self.place / "socket").exists():
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            yield commands
        finally:
            server.terminate()
            server.wait()


def seconds(said: str) -> dict[str, int]:
    """What each step of a graph took, by the lines that it printed."""
    return {label: int(s) for label, s in re.findall(r"^  done  (.*)  \((\d+) s\)$", said, re.M)}

"""What every notebook of the book begins with: the profile, the style, and a `Run` that hands
results over as files.

    run = book.setup("03_dift", profile)
    run.save(figure, "layers")            # .../figures/03_dift/layers.svg, .png, -narrow.png
    run.page(explorer, "explorer")        # build/<profile>/figures/03_dift/explorer.html
    run.table(frame, "layers")            # build/<profile>/tables/03_dift/layers.csv
    # build/<profile>/values/03_dift.json; in a page: {{ dift_pck_all }}
    run.value("pck_all", 41.3, ".1f")
    kept = run.record("prompt-main")      # kept.table: a slow result that is kept with the book
    verdicts, said = run.judge("dift_laws", tested)   # claims of a paper, tested

Files are the same bytes on every run: no dates, fixed ids, one thread. A notebook that reads what a
step of the graph wrote asks for it by `run.need(...)`, which says what to type when it is not
there.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from corrlib.experiments.profiles import Profile, load_profile
from corrlib.storage.atomic_write import atomic_write
from corrlib.validation.notebook import require_parameters

# Bars of downloads and notes on optional packages would land in the page.
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}


@dataclass
class Run:
    """One notebook's run under one profile: where its results go and what it has recorded."""

    name: str
    profile: Profile
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The repository's root folder."""
        return self.profile.root

    def env(self) -> Any:
        """Where this profile's methods run: its device and dtype (`methods.base.Env`)."""
        return self.profile.env()

    def save(self, figure: Any, name: str) -> None:
        """Write a matplotlib figure as SVG and PNG, and as NAME-narrow.png for phones,
        byte-identical from run to run. Raises ValueError on an unfit name.
        """
        from corrlib.viz.narrow import narrowed

        _check(name)
        folder = _folder(self.profile.build("figures", self.name))
        for kind, tags in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            with atomic_write(folder / f"{name}.{kind}") as part:
                figure.savefig(part, format=kind, metadata=tags)
        with narrowed(figure), atomic_write(folder / f"{name}-narrow.png") as part:
            figure.savefig(part, format="png", metadata={"Software": None}, dpi=200)

    def page(self, explorer: Any, name: str, most: int = 400_000) -> int:
        """Write a figure that answers (`viz.explorer`) as a piece of a page, for `{raw} html`;
        returns its bytes. Raises ValueError on an unfit name and where it has more than `most`.
        """
        _check(name)
        text = explorer.html()
        if (size := len(text.encode())) > most:
            raise ValueError(
                f"the figure {name} has {size:,} bytes, a page may have {most:,} of it; take fewer "
                "layers, timesteps or components"
            )
        _write(_folder(self.profile.build("figures", self.name)) / f"{name}.html", text)
        return size

    def table(self, frame: Any, name: str, digits: int = 1) -> Any:
        """Write a pandas table as CSV with `digits` decimals and return it; pages include the file,
        so nothing is typed twice. Of a table without a row there is no file, and pages say that it
        was not run.
        """
        _check(name)
        folder = _folder(self.profile.build("tables", self.name))
        if not len(frame):
            (folder / f"{name}.csv").unlink(missing_ok=True)
            return frame
        index = frame.index.name is not None or frame.index.nlevels > 1
        _write(
            folder / f"{name}.csv",
            frame.to_csv(index=index, float_format=f"%.{digits}f", lineterminator="\n"),
        )
        return frame.round(digits)

    def value(self, name: str, value: Any, spec: str = "") -> str:
        """Record a named value for the prose of other pages and return it formatted by `spec` (as
        in `format`).
        """
        _check(name)
        self.values[name] = format(value, spec)
        self._record()
        return self.values[name]

    def say(self, text: str) -> Any:
        """Markdown with computed numbers in it, to be shown as a cell's last expression. A number
        below zero has a minus sign, not a hyphen, but in code.
        """
        from IPython.display import Markdown

        parts = text.split("`")
        parts[::2] = [re.sub(r"(?<![\w-])-(?=\d)", "−", part) for part in parts[::2]]
        return Markdown("`".join(parts))

    def need(self, *parts: str) -> Path:
        """The path of what a step of the graph wrote under build/<profile>/. Raises
        FileNotFoundError with the command.
        """
        path = self.profile.build(*parts)
        if not path.exists():
            wanted = path.relative_to(self.root)
            command = f"./run snakemake --cores all {self._option()}{wanted}"
            raise FileNotFoundError(f"{wanted} is not there yet; make it with: {command}")
        return path

    def record(self, name: str) -> Any:
        """The record `name` of book/records, with what this build's check of it found: `table` for
        figures, `line()` for the page. Raises FileNotFoundError with the command that makes it.
        """
        from corrlib.experiments.records import Record

        checked = self.profile.build("records", f"{name}.json")
        return Record.open(self.profile.path("book", "records", name), checked)

    def matches(self, name: str) -> Any:
        """The matches of the study `name`, a table with a column `trial`, and a line on where they
        come from: its record, where one is kept, else what this build computed.
        """
        from corrlib.experiments.evaluate import read

        if self.profile.path("book", "records", name, "run.json").is_file():
            kept = self.record(name)
            if kept.run["described"].get("profile") == self.profile.name:
                return kept.table, kept.line()
        table = read(self.need("matches", name))
        return table, f"*{name}*: computed by this build. {table['subset'].iloc[0]}".strip()

    def rows(self, name: str) -> Any:
        """As `matches`; None, and a line that says so, where the profile has no such study, or
        plans it as a record that has not been made.
        """
        studies, records = (self.profile.get(part) or {} for part in ("studies", "records"))
        if name not in {**studies, **records}:
            return None, f"*{name}*: not run, the profile {self.profile.name} has no such study."
        made = self.profile.path("book", "records", name, "run.json").is_file()
        if name not in studies and not made:
            command = f"`python -m corrlib record make {name}`"
            return None, f"*{name}*: not run, a record that {command} has still to make."
        return self.matches(name)

    def trials(self, name: str) -> Any:
        """The keypoint table of every trial of the study `name`, by the trial's name, and the line
        on where they come from; no table, and a line that says so, where there is none (`rows`).
        """
        from corrlib.experiments.evaluate import score

        table, line = self.rows(name)
        found = {} if table is None else dict(list(score(table).groupby("trial", sort=False)))
        return found, line

    def chapter(self, name: str, table: str) -> Any:
        """A table that another notebook wrote with `table`, as it stands in its CSV file; None
        where the profile leaves that chapter out. Raises FileNotFoundError with the command where
        it has not run, or wrote no such table.
        """
        import pandas as pd

        if name not in (self.profile.get("chapters") or [name]):
            return None
        self.need("notebooks", f"{name}.ipynb")
        path = self.profile.build("tables", name, f"{table}.csv")
        if not path.is_file():
            raise FileNotFoundError(f"the chapter {name} writes no table {table!r}")
        return pd.read_csv(path)

    def judge(self, name: str, tested: Any) -> tuple[Any, str]:
        """Test the claims of book/paper_numbers/NAME.yml by the comparisons of `tested`: writes the
        tables `laws`, `laws_in_parts`, `readings` and `at_size` and each verdict as law_KEY;
        returns the table that `viz.law_plot` draws, and what we make of each, as Markdown. Raises
        as `readings.judged`.
        """
        import yaml

        from corrlib.experiments import laws, readings

        known = yaml.safe_load(self.profile.path(f"book/paper_numbers/{name}.yml").read_text())
        found = readings.judged(known, tested)
        for key, law in found.items():
            self.value(f"law_{key}", law.verdict)
        parts = laws.parts_table(found.values())
        self.table(parts.drop(columns=["pairs", "margin", "above", "below"]), "laws_in_parts")
        self.table(readings.table(found, known), "readings")
        self.table(readings.at_size(found, known), "at_size", 4)
        return self.table(laws.table(found.values()), "laws"), readings.said(found, known)

    def _record(self) -> None:
        record = {
            "notebook": self.name,
            "profile": self.profile.name,
            "values": dict(sorted(self.values.items())),
        }
        record["provenance"] = provenance(self.root)
        _write(
            _folder(self.profile.build("values")) / f"{self.name}.json",
            json.dumps(record, indent=1) + "\n",
        )

    def _option(self) -> str:
        return "" if self.profile.name == "toybox" else f"--config profile={self.profile.name} -- "


def setup(name: str, profile: str | Profile = "toybox", threads: int = 1) -> Run:
    """Start notebook `name` under `profile`: style, quiet libraries, and `threads` threads (one:
    the same sums everywhere).

    In a notebook its parameters are checked first, by their annotations. Raises FileNotFoundError
    when the profile is unknown, TypeError on a parameter that the notebook has not, ValueError on a
    bad value.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        require_parameters(shell.user_ns)
    profile = profile if isinstance(profile, Profile) else load_profile(profile)
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    if profile.get("offline", False):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from corrlib.viz import style, tables

    style.apply()
    tables.show_tables_so()
    if (
        "ipykernel" in sys.modules
    ):  # PNG twice as dense as the page: sharp on every screen, and smaller than SVG around images
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")
    import torch

    torch.set_num_threads(threads)
    run = Run(name, profile)
    _folder(profile.build("figures", name)), _folder(profile.build("tables", name))
    run._record()
    return run


def provenance(root: Path) -> dict[str, str]:
    """Commit and versions behind a result; the only part of a run's record that differs between two
    equal runs.
    """
    git = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True
    )
    packages = ("torch", "diffusers", "transformers", "numpy", "pandas", "matplotlib")
    return {
        "commit": git.stdout.strip() or "unknown",
        **{name: metadata.version(name) for name in packages},
    }


def _check(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot name a result; use small letters, digits and underscores, "
            "beginning with a letter"
        )


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text)

"""Lay the book's sources out for one profile and build the HTML: pages, executed notebooks,
figures, tables, recorded values.

    python book/stage.py PROFILE

Pages stay free of results: a table is a file that a step wrote (`:file: tables/...`), a number in
the prose a recorded value (`{{ dift_pck_all }}` is `pck_all` of notebook 03_dift). What this
profile did not run is shown as "not run".
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from book.fit import fit, page_for  # noqa: E402
from book.library_page import library_page  # noqa: E402
from book.looked_at import looked_at  # noqa: E402
from book.not_run import NOT_RUN, fill_missing  # noqa: E402
from corrlib.experiments.profiles import Profile, load_profile  # noqa: E402

WORDS_A_MINUTE = 200  # of technical prose with formulas; figures and code are not counted


def recorded_values(profile: Profile) -> dict[str, str]:
    """What the notebooks recorded, under the names that pages use: the notebook's name without its
    number, then the value's.
    """
    values = {"profile": profile.name, "profile_about": profile["about"]}
    for path in sorted(profile.build("values").glob("*.json")):
        prefix = re.sub(r"^[A-Z]?\d+[a-z]?_", "", path.stem)
        values |= {
            f"{prefix}_{name}": value
            for name, value in json.loads(path.read_text())["values"].items()
        }
    return values


def banner(profile: Profile, depth: int, chapter: str = "") -> str:
    """The line under a page's title that says which profile its numbers come from, after what there
    is to know of the chapter.
    """
    link = "../" * depth + "how_to_use.md"
    return (
        f":::{{div}} profile-line\n{chapter}Profile **{profile.name}**: {profile['about']}. [What "
        f"this means]({link})\n:::"
    )


def number(name: str) -> str:
    """A chapter's number as its file has it: 4, 4b, A1. Raises ValueError where it has none."""
    if not (found := re.match(r"0*([A-Z]?\d+[a-z]?)_", name)):
        raise ValueError(f"notebook {name!r} has no number; wanted 07_NAME, 04b_NAME or A1_NAME")
    return found[1]


def about_chapter(name: str, cells: Sequence[dict], first: Mapping[str, Sequence[str]]) -> str:
    """A chapter's number, how long it takes to read (only its text is counted), and which chapters
    to read `first`.
    """
    words = sum(
        len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown"
    )
    before = [f"{{doc}}`{number(other)} <{other}>`" for other in first.get(name, ())]
    needs = f", after chapter{'s' * (len(before) > 1)} {' and '.join(before)}" if before else ""
    minutes = max(1, round(words / WORDS_A_MINUTE))
    kind = "Appendix" if name[0].isalpha() else "Chapter"
    return f"{kind} {number(name)}: {minutes} minute{'s' * (minutes > 1)} to read{needs}.\n"


def under_title(text: str, line: str) -> str:
    """`text` with `line` as a paragraph of its own below the first heading."""
    head, mark, rest = text.partition("\n") if text.startswith("# ") else ("", "", text)
    return f"{head}{mark}\n{line}\n\n{rest.lstrip()}" if mark or head else f"{line}\n\n{text}"


def stage_notebook(source: Path, target: Path, profile: Profile) -> None:
    """Copy an executed notebook with the banner under its title, and without the place of this
    clone in any output.
    """
    book = json.loads(source.read_text().replace(f"{ROOT}/", ""))
    read_first = yaml.safe_load((ROOT / "book/chapters.yml").read_text())["read_first"]
    code = "\n".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    about = about_chapter(source.stem, book["cells"], read_first) + looked_at(code, profile)
    line = banner(profile, 1, about)
    for cell in book["cells"]:  # papermill's own cell: the parameters' cell says the same
        if "injected-parameters" in (tags := cell["metadata"].get("tags", [])):
            cell["metadata"]["tags"] = [*tags, "remove-cell"]
    first = next(cell for cell in book["cells"] if cell["cell_type"] == "markdown")
    first["source"] = under_title("".join(first["source"]), line)
    target.write_text(json.dumps(book))


def widen(numbers: Path, folder: Path) -> None:
    """Tables as papers print them, one row a method and one column a category, from a tidy file;
    one per definition of PCK.
    """
    with open(numbers, newline="") as lines:
        rows = list(csv.DictReader(lines))
    folder.mkdir(parents=True, exist_ok=True)
    for definition in dict.fromkeys(row["definition"] for row in rows):
        mine = [row for row in rows if row["definition"] == definition]
        categories = dict.fromkeys(row["category"] for row in mine)
        totals = [name for name in ("all", "mean") if name in categories]
        columns = totals + [name for name in categories if name not in totals]
        cells = {(row["method"], row["category"]): row["pck"] for row in mine}
        methods = dict.fromkeys((row["method"], row["supervision"]) for row in mine)
        with open(
            folder / f"{numbers.stem}_{definition.replace(' ', '_')}.csv", "w", newline=""
        ) as out:
            table = csv.writer(out)
            table.writerow(["method", "supervision", *columns])
            table.writerows(
                [method, kind, *(cells.get((method, name), "") for name in columns)]
                for method, kind in methods
            )


def front_rows(profile: Profile, titles: Mapping[str, str] | None = None) -> list[list[str]]:
    """A table of runs under their titles, by default the first page's, head first: PCK, or "not
    run", and how many pairs were looked at where some run looked at a part of them only.
    """
    if titles is None:  # methods that were trained on keypoints first
        titles = {**profile.get("front_trained", {}), **profile["front"]}
    path = profile.build("tables/results.csv")
    found = {}
    if path.is_file():
        with open(path, newline="") as lines:
            found = {row["name"]: row for row in csv.DictReader(lines)}
    for row in found.values():
        part = re.search(r"subset: ([\d,]+ of [\d,]+ \w+)", row.get("run", ""))
        row["looked at"] = part[1] if part else "all"
    columns = ["per point", "per image", "per category"]
    partly = any(found[run]["looked at"] != "all" for run in titles if run in found)
    columns += ["looked at"] if partly else []
    rows = [
        [title, *(found.get(run, {}).get(name, NOT_RUN) for name in columns)]
        for run, title in titles.items()
    ]
    return [["method", *columns], *rows]


def stage_not_run(source: Path, target: Path, profile: Profile) -> None:
    """Copy a chapter that this profile does not run: text and code, without results."""
    told = f"```{{note}}\nNot run in the profile `{profile.name}`: text and code, no results.\n```"
    note = {"cell_type": "markdown", "id": "not-run", "metadata": {}, "source": told}
    book = fit(json.loads(source.read_text()), profile.name)
    with TemporaryDirectory() as folder:
        fitted = Path(folder) / source.name
        fitted.write_text(
            json.dumps(book | {"cells": [book["cells"][0], note, *book["cells"][1:]]})
        )
        stage_notebook(fitted, target, profile)


def photograph_rows(profile: Profile) -> list[list[str]]:
    """The runs of a profile on another benchmark than its own, head first, with their PCK."""
    others = {
        name: name for name, run in (profile.get("runs") or {}).items() if run and run.get("data")
    }
    return front_rows(profile, others or {"no such run": NOT_RUN})


def stage(profile: Profile, folder: Path) -> list[str]:
    """Write the sources of this profile's book into `folder`, from nothing; returns what was
    missing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(ROOT / "book", folder, ignore=ignore)
    for page in folder.glob("*.md"):
        page.write_text(under_title(page_for(page.read_text(), profile.name), banner(profile, 0)))
    (folder / "library.md").write_text(library_page(ROOT / "corrlib"))
    words = json.dumps(terms((ROOT / "book/glossary.md").read_text()), sort_keys=True)
    (folder / "static/terms.js").write_text(f"window.TERMS = {words};\n")
    for part in ("figures", "tables"):
        if profile.build(part).is_dir():
            shutil.copytree(profile.build(part), folder / part, ignore=shutil.ignore_patterns(".*"))
    (folder / "tables").mkdir(exist_ok=True)
    with open(folder / "tables/front.csv", "w", newline="") as out:
        csv.writer(out).writerows(front_rows(profile))
    with open(folder / "tables/photographs.csv", "w", newline="") as out:
        csv.writer(out).writerows(photograph_rows(profile))
    for paper in ("dift", "sd_dino"):
        widen(ROOT / f"book/paper_numbers/{paper}_spair.csv", folder / "tables/paper")
    (folder / "notebooks").mkdir()
    for path in sorted(profile.build("notebooks").glob("*.ipynb")):
        stage_notebook(path, folder / "notebooks" / path.name, profile)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if profile.get("chapters") and path.stem not in profile["chapters"]:
            stage_not_run(path, folder / "notebooks" / path.name, profile)
    values = recorded_values(profile)
    missing = fill_missing(folder, values)
    config = yaml.safe_load((folder / "_config.yml").read_text())
    config["parse"]["myst_substitutions"] = values
    config["sphinx"]["config"]["html_theme_options"] |= repository_buttons()
    config["sphinx"]["local_extensions"] = {"narrow_figures": str(ROOT / "book")}
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return missing


def terms(glossary: str) -> dict[str, str]:
    """The glossary's terms as links name them (small letters, hyphens) with their plain texts."""
    body = glossary.partition("```{glossary}\n")[2].partition("```")[0]
    found = {}
    for entry in re.split(r"\n(?=\S)", body.strip("\n")):
        term, _, text = entry.partition("\n")
        text = re.sub(r"\{\w+\}`([^`<]*?)(?: <[^`]*>)?`", r"\1", " ".join(text.split()))
        found[term.strip().replace(" ", "-").lower()] = re.sub(r"[*`]", "", text)
    return found


def repository_buttons() -> dict[str, object]:
    """Theme options that show where the repository is: pyproject.toml's `urls.repository`, the one
    place of its address. No button without it.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if not (address := project.get("urls", {}).get("repository")):
        return {}
    buttons = {"repository_url": address, "repository_branch": "main"}
    buttons |= {"use_repository_button": True, "use_issues_button": True}
    if "github.com" in address:  # Colab opens notebooks from there only
        buttons["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}
    return buttons


def build(stage: Path, html: Path) -> None:
    """Build HTML with warnings as errors and put it at `html`. Raises CalledProcessError with the
    log on the screen.
    """
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        str(stage),
        "-W",
        "-n",
        "--keep-going",
        "-q",
    ]
    subprocess.run(command, check=True, env={**os.environ, "NO_COLOR": "1"})
    shutil.rmtree(html, ignore_errors=True)
    os.replace(stage / "_build" / "html", html)


def main(name: str) -> None:
    """Stage and build the book of profile `name` into build/NAME/book."""
    profile = load_profile(name, ROOT)
    missing = stage(profile, profile.build("stage"))
    if missing:
        print("shown as not run:", ", ".join(missing))
    build(profile.build("stage"), profile.build("book"))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The book's sources: staging, the papers' numbers, the library's page, links that work offline,
the README's table.
"""

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from book import library_page, readme, stage
from corrlib import book
from corrlib.experiments.profiles import load_profile

ROOT = Path(__file__).parents[2]


def test_staging_is_complete_and_says_its_profile(profile, tmp_path):
    folder = tmp_path / "stage"
    (folder / "left_over.md").parent.mkdir()
    (folder / "left_over.md").write_text("old")
    missing = stage.stage(profile, folder)
    assert not (folder / "left_over.md").exists(), "staging begins from nothing"
    first = json.loads((folder / "notebooks/03_dift.ipynb").read_text())["cells"][0]["source"]
    assert (
        first.startswith("# A title\n")
        and "Chapter 3: 1 minute to read, after chapters {doc}`1 <01_toybox>` and {doc}`2 <02_"
        in first
        and "Profile **toybox**: a test" in first
        and first.endswith("Text.")
    )
    assert "Profile **toybox**" in (folder / "index.md").read_text().split("\n\n")[1]
    values = yaml.safe_load((folder / "_config.yml").read_text())["parse"]["myst_substitutions"]
    assert values["dift_pck_all"] == "41.3" and values["profile"] == "toybox"
    assert not [name for name in missing if name.startswith("tables/front")]
    assert (folder / "tables/front.csv").read_text().splitlines()[1:] == [
        "First,1.0,2.0,3.0",
        "Second,not run,not run,not run",
    ]


def test_what_was_not_run_is_shown_so(tmp_path):
    (tmp_path / "page.md").write_text(
        "# T\n\n```{csv-table}\n:file: tables/absent.csv\n```\n\n{{ dift_gap }} and {{ profile }}\n"
    )
    values = {"profile": "toybox"}
    assert stage.fill_missing(tmp_path, values) == ["tables/absent.csv", "dift_gap"]
    assert (
        values["dift_gap"] == "not run"
        and "not run" in (tmp_path / "tables/absent.csv").read_text()
    )


def test_paper_rows_agree_with_their_printed_means(tmp_path):
    stage.widen(ROOT / "book/paper_numbers/dift_spair.csv", tmp_path)
    with open(tmp_path / "dift_spair_per_point.csv", newline="") as lines:
        rows = {row["method"]: row for row in csv.DictReader(lines)}
    ours = rows["DIFT (SD 2.1)"]
    assert (ours["mean"], ours["all"], ours["aeroplane"], ours["tvmonitor"]) == (
        "57.7",
        "59.5",
        "63.5",
        "63.4",
    )
    for name in ("DIFT (SD 2.1)", "DIFT (ADM)", "DINO", "OpenCLIP"):
        categories = [
            float(value)
            for key, value in rows[name].items()
            if key not in ("method", "supervision", "mean", "all")
        ]
        assert len(categories) == 18
        assert sum(categories) / 18 == pytest.approx(float(rows[name]["mean"]), abs=0.06)


def test_unread_numbers_are_marked():
    with open(ROOT / "book/paper_numbers/dift_settings.csv", newline="") as lines:
        verified = {
            (row["question"], row["setting"]): row["verified"] for row in csv.DictReader(lines)
        }
    assert verified["ensemble", "one noise"] == verified["prompt", "empty"] == "no"
    assert verified["image size", "384"] == "yes"


def test_library_page_has_every_public_module():
    page = library_page.library_page(ROOT / "corrlib")
    for name in ("coords", "matching.estimators", "methods.dift", "viz.matches"):
        assert f"## `corrlib.{name}`" in page
    assert "`nearest(" in page and "corrlib.cli" not in page


def test_pages_load_nothing_from_elsewhere():
    config = yaml.safe_load((ROOT / "book/_config.yml").read_text())["sphinx"]["config"]
    assert (ROOT / "book/vendor" / config["mathjax_path"]).is_file()
    assert "_static" not in config["html_static_path"], (
        "every script in a folder of that name would be loaded on every page"
    )
    styles = (ROOT / "book/static/book.css").read_text()
    assert not re.search(r"@import|url\(", styles)


def test_every_citation_has_its_entry():
    entries = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text(), re.M))
    sources = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    cited = {
        key.strip()
        for path in sources
        for keys in re.findall(r"\{cite:[pt]\}`([^`]+)`", path.read_text())
        for key in keys.split(",")
    }
    assert cited <= entries, f"not in references.bib: {cited - entries}"


def test_readme_table_is_between_its_marks(monkeypatch):
    monkeypatch.setattr(
        readme, "front_rows", lambda profile: [["method", "per point"], ["DIFT", "41.3"]]
    )
    text = readme.updated((ROOT / "README.md").read_text())
    assert "| method | per point |\n| --- | ---: |\n| DIFT | 41.3 |" in text
    assert readme.updated(text) == text


def test_readme_shows_the_built_results():
    built = ROOT / "build/toybox/tables/results.csv"
    if not built.is_file():
        pytest.skip("no results yet: ./run makes them")
    shown = re.findall(r"^\| ([^|]+?) \| ([\d.]+) \|", (ROOT / "README.md").read_text(), re.M)
    found = [(row[0], row[1]) for row in stage.front_rows(load_profile("toybox", ROOT))[1:]]
    assert [name for name, _ in shown] == [name for name, _ in found]
    # another processor may round a feature otherwise, and with it one match in a thousand
    for (name, old), (_, new) in zip(shown, found, strict=True):
        assert float(old) == pytest.approx(float(new), abs=0.3), (
            f"{name}: README.md is old: ./run python book/readme.py"
        )


def test_a_result_needs_a_fit_name(profile):
    run = book.Run("03_dift", profile)
    with pytest.raises(ValueError, match="small letters"):
        run.value("PCK all", 1)
    with pytest.raises(
        FileNotFoundError, match="./run snakemake --cores all build/toybox/tables/gone.csv"
    ):
        run.need("tables", "gone.csv")


def test_a_study_that_a_profile_has_not_is_said_to_be_not_run(profile):
    run = book.Run("03_dift", profile)
    tables, line = run.trials("no-such-study")
    assert tables == {} and "not run" in line and "no-such-study" in line


def test_a_chapter_reads_what_another_one_wrote(profile):
    import pandas as pd

    run = book.Run("10_what_was_found", profile)
    with pytest.raises(FileNotFoundError, match="build/toybox/notebooks/08_sd4match.ipynb"):
        run.chapter("08_sd4match", "laws")
    page = profile.build("notebooks", "08_sd4match.ipynb")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("{}")
    with pytest.raises(FileNotFoundError, match="writes no table 'laws'"):
        run.chapter("08_sd4match", "laws")
    laws = pd.DataFrame({"law": ["a"], "difference": [1.25]})
    book.Run("08_sd4match", profile).table(laws, "laws", digits=2)
    assert run.chapter("08_sd4match", "laws").equals(laws)
    profile.settings["chapters"] = ["03_dift"]
    assert run.chapter("08_sd4match", "laws") is None


def test_profiles_say_what_there_is(profile):
    with pytest.raises(KeyError, match="about"):
        profile["abuot"]
    with pytest.raises(FileNotFoundError, match="there are: toybox"):
        load_profile("papper", profile.root)


def test_both_profiles_have_the_same_sections():
    toybox, paper = load_profile("toybox", ROOT), load_profile("paper", ROOT)
    assert set(paper) - set(toybox) <= {"resources", "dtype"}
    assert set(toybox) - set(paper) <= {"labels", "records"}  # of the toys alone
    # the toybox keeps its dear knobs as a record, whose trials have the names of the paper's runs
    kept = toybox["records"]["dift-choices"]["study"]["trials"]
    names = [
        {re.sub(r"^size-\d+$", "size", name) for name in runs}
        for runs in ({**toybox["runs"], **kept}, paper["runs"])
    ]
    # the toybox has an exam of its own besides, and a head that need not be fetched
    own = {"hard-dift", "test-hyper-one-step"}
    assert names[0] - own == names[1], "the same notebooks read the same runs"
    assert {*toybox["front"], *toybox["front_trained"]} <= set(toybox["runs"])


def test_a_chapter_says_its_number_its_minutes_and_what_to_read_first():
    cells = [
        {"cell_type": "markdown", "source": ["word " * 500, "word " * 100]},
        {"cell_type": "code", "source": ["word " * 5000]},
    ]
    said = stage.about_chapter("07_next", cells, {"07_next": ["03_dift"]})
    assert said == "Chapter 7: 3 minutes to read, after chapter {doc}`3 <03_dift>`.\n"
    assert stage.about_chapter("00_start", [], {}) == "Chapter 0: 1 minute to read.\n"


def test_buttons_need_an_address(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert stage.repository_buttons() == {}
    address = "https://github.com/a/b"
    with open(tmp_path / "pyproject.toml", "a") as file:
        file.write(f"[project.urls]\nrepository = '{address}'\n")
    buttons = stage.repository_buttons()
    assert buttons["repository_url"] == address and "colab_url" in buttons["launch_buttons"]
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'x'\n[project.urls]\nrepository = 'https://gitlab.com/a/b'\n"
    )
    assert "launch_buttons" not in stage.repository_buttons()


def test_what_to_read_first_are_chapters():
    chapters = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    first = yaml.safe_load((ROOT / "book/chapters.yml").read_text())["read_first"]
    assert {*first, *sum(first.values(), [])} <= chapters
    assert all(other < name for name, others in first.items() for other in others)


def test_previews_have_the_plain_text_of_every_term():
    found = stage.terms((ROOT / "book/glossary.md").read_text())
    assert found["u-net"].startswith("The denoising network: an encoder")
    assert not any(set("*`{}") & set(text) for text in found.values())
    assert {"posterior", "ensemble", "preset", "knob", "member", "lmeds", "up_blocks.n"} <= set(
        found
    )


def test_a_number_is_that_of_the_file():
    assert [stage.number(n) for n in ("04_x", "04b_x", "10_x", "A1_x")] == ["4", "4b", "10", "A1"]
    assert stage.about_chapter("A1_more", [], {}) == "Appendix A1: 1 minute to read.\n"
    with pytest.raises(ValueError, match="has no number"):
        stage.number("more")


def test_the_cell_that_papermill_injects_is_not_shown(tmp_path, profile):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# One"]},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": ["a = 1"]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["a: int = 1"]},
    ]
    (tmp_path / "04_one.ipynb").write_text(json.dumps({"cells": cells}))
    stage.stage_notebook(tmp_path / "04_one.ipynb", tmp_path / "out.ipynb", profile)
    tags = [
        c["metadata"].get("tags") for c in json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    ]
    assert tags == [None, ["injected-parameters", "remove-cell"], ["parameters"]]


def test_a_figure_that_answers_has_a_stand_in_where_it_was_not_run(tmp_path):
    (tmp_path / "index.md").write_text(":::{raw} html\n:file: figures/03_dift/explorer.html\n:::\n")
    assert stage.fill_missing(tmp_path, {}) == ["figures/03_dift/explorer.html"]
    assert "not run" in (tmp_path / "figures/03_dift/explorer.html").read_text()


def test_a_figure_that_is_too_large_for_a_page_is_refused(profile):
    class Figure:
        def html(self):
            return "x" * 500_000

    run = book.Run("03_dift", profile)
    with pytest.raises(ValueError, match="a page may have 400,000"):
        run.page(Figure(), "explorer")
    assert run.page(Figure(), "explorer", most=500_000) == 500_000

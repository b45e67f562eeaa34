"""What a profile has not run, or has looked at in part, is shown as that."""

from book import not_run, stage
from corrlib.experiments.profiles import Profile
from tests.rehearsal.toys import ROOT


def test_the_first_page_says_where_a_part_of_the_pairs_was_looked_at(tmp_path):
    whole, some = (
        "profile x, dift (toybox)",
        "profile x, dift (toybox), subset: 6 of 1,080 pairs; v",
    )
    (tmp_path / "build/x/tables").mkdir(parents=True)
    found = tmp_path / "build/x/tables/results.csv"
    head = "name,per point,per image,per category,run\n"
    found.write_text(f'{head}a,1,2,3,"{whole}"\nb,4,5,6,"{some}"\n')
    one = Profile("x", tmp_path, {"front": {"a": "A"}, "runs": {}})
    assert stage.front_rows(one) == [["method", *head.split(",")[1:4]], ["A", "1", "2", "3"]]
    rows = stage.front_rows(one, {"a": "A", "b": "B", "c": "C"})
    assert [row[-1] for row in rows] == ["looked at", "all", "6 of 1,080 pairs", "not run"]


def test_a_chapter_that_a_profile_does_not_run_stands_there_without_results(tmp_path):
    profile = Profile("x", tmp_path, {"about": "a test", "chapters": ["00_quickstart"]})
    (tmp_path / "notebooks").mkdir()
    source = ROOT / "notebooks/03_dift.ipynb"
    stage.stage_not_run(source, tmp_path / "notebooks/03_dift.ipynb", profile)
    text = not_run.text_of(tmp_path / "notebooks/03_dift.ipynb")
    assert "Not run in the profile `x`: text and code, no results." in text
    missing = stage.fill_missing(tmp_path, {})
    assert "figures/03_dift/result.png" in missing
    assert all((tmp_path / name).is_file() for name in missing if "/" in name)

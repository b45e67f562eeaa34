"""A chapter says where its runs looked at a part of the data; a page says what is true of its
profile.
"""

import json

import pytest

from book.fit import page_for
from book.looked_at import looked_at
from corrlib.experiments.profiles import Profile
from tests.rehearsal.toys import ROOT

SUBSETS = {
    "test-dift": "",
    "val-sweep": "1000 of 5384 pairs; viewpoint 300 easy",
    "val-clean": "1000 of 5384 pairs",
    "size-384": "20 of 12234 pairs",
    "other": "1 of 2 pairs",
}
CODE = 'keypoints("val-sweep"), keypoints("val-clean"), knob("size"), run.profile["front"]'


@pytest.fixture
def profile(tmp_path) -> Profile:
    found = Profile("x", tmp_path, {"front": {"test-dift": "DIFT"}, "runs": dict.fromkeys(SUBSETS)})
    for name, subset in SUBSETS.items():
        found.build("matches", name).mkdir(parents=True)
        found.build("matches", name, "run.json").write_text(json.dumps({"subset": subset}))
    return found


def test_the_runs_that_a_chapter_reads_are_named_with_their_parts(profile):
    assert looked_at(CODE, profile) == (
        "Some of its runs looked at a part of the data: 1,000 of 5,384 pairs (val-sweep, "
        "val-clean); 20 of 12,234 pairs (size-384).\n"
    )


def test_whole_runs_and_those_of_other_chapters_say_nothing(profile):
    assert looked_at('keypoints("test-dift"), run.profile["front"]', profile) == ""
    (profile.build("matches", "val-sweep", "run.json")).unlink()  # not run: another line says so
    assert looked_at('keypoints("val-sweep")', profile) == ""


def test_a_page_has_what_is_for_its_profile():
    text = "a\n% only toybox\nb\n% end\n% not toybox\nc\n% end\nd\n"
    assert page_for(text, "toybox") == "a\nb\nd\n" and page_for(text, "paper") == "a\nc\nd\n"
    front = (ROOT / "book/index.md").read_text()
    assert "toys and toy models" in page_for(front, "toybox")
    other = page_for(front, "paper")
    assert "rendered toys" not in other and "toy models" not in other and "% " not in other[:99]
    assert "\n% " not in other + page_for(front, "toybox")


def test_no_title_of_a_directive_breaks_its_fence():
    """A fence of backticks is none when its first line has another backtick (CommonMark): the page
    then shows the markup. Such a directive wants colons.
    """
    texts = {path.name: path.read_text() for path in (ROOT / "book").glob("*.md")}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        texts[path.name] = "\n".join(
            "".join(c["source"]) for c in cells if c["cell_type"] != "code"
        )
    broken = [
        (name, line[:60])
        for name, text in texts.items()
        for line in text.splitlines()
        if line.startswith("```") and "`" in line.lstrip("`")
    ]
    assert len(texts) > 15 and not broken

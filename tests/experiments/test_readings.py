"""The text that is shown is that of the comparison which decided."""

import pytest

from corrlib.experiments.laws import Comparison, Law
from corrlib.experiments.readings import at_size, judged, reading, said, table
from corrlib.metrics import Interval

ABOVE, ACROSS = Interval(3.0, 1.0, 5.0), Interval(0.5, -1.0, 2.0)
NEVER = Interval(*[float("nan")] * 3)
KNOWN = {"whose": "Ours", "where": "Nowhere.", "holds": "It does.", "cannot tell": ["one", "two"]}


def law(*intervals: Interval) -> Law:
    parts = [Comparison(f"part {i}", interval) for i, interval in enumerate(intervals)]
    return Law("noise helps", parts)


def test_the_text_is_that_of_the_deciding_comparison():
    assert reading(law(ABOVE, ACROSS), KNOWN) == "two"
    assert reading(law(ACROSS, ABOVE), KNOWN) == "one"
    assert reading(law(ABOVE, ABOVE), KNOWN) == "It does."


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="wanted one text each"):
        reading(law(ABOVE, ACROSS, ABOVE), KNOWN)


def test_a_paragraph_says_verdict_numbers_and_source():
    text = said({"noise": law(ABOVE, ACROSS)}, {"noise": KNOWN})
    assert text.startswith(
        "**Noise helps: cannot tell.** Decided by *part 1*: +0.5 points, from −1.0"
    )
    assert text.endswith("two *Ours.* Nowhere.")


def test_a_verdict_is_a_sentence_and_a_margin_is_taken_out():
    asked = Comparison("one - none - 5", Interval(-5.6, -6.9, -4.4), margin=-5.0)
    text = said({"noise": Law("noise helps", [asked])}, {"noise": KNOWN})
    assert text.startswith(
        "**Noise helps: does not hold.** Decided by *one minus none minus 5*: −5.6 points, "
        "from −6.9 to −4.4 (without the margin −0.6)."
    )
    pixels = Law("flow is smooth", [Comparison("DINO - SD", Interval(2, 1, 3), unit="pixels")])
    assert "*DINO minus SD*: +2.0 pixels, from" in said({"noise": pixels}, {"noise": KNOWN})


def test_what_was_not_run_is_said():
    assert "which was not run" in said({"noise": law(NEVER, ABOVE)}, {"noise": KNOWN})


def test_the_table_has_what_a_paragraph_says():
    found = {"noise": law(ABOVE, ACROSS)}
    row = table(found, {"noise": KNOWN}).iloc[0]
    assert (row["key"], row["verdict"], row["reading"]) == ("noise", "cannot tell", "two")
    text = said(found, {"noise": KNOWN})
    assert row["numbers"] in text and row["where"] in text and row["claim"] == "noise helps"


def test_each_claim_is_tested():
    known = {"noise": {"claim": "noise helps"}, "size": {"claim": "size helps"}}
    part = Comparison("noise - none", ABOVE)
    found = judged({"noise": known["noise"]}, {"noise": [part]})
    assert found["noise"].text == "noise helps" and found["noise"].verdict == "holds"
    with pytest.raises(ValueError, match=r"\['size'\] have no comparison"):
        judged(known, {"noise": [part]})
    with pytest.raises(KeyError):
        judged({}, {"noise": [part]})


def test_an_effect_is_held_against_half_of_the_papers():
    apart = Comparison("one - none - 5", Interval(-1.0, -2.0, 0.0), margin=-5.0)  # 4 [3, 5]
    found = {"noise": Law("noise helps", [*law(ABOVE, ACROSS).parts, apart])}
    known = {"noise": {**KNOWN, "paper": [1.9, 6, 12]}}
    sizes = at_size(found, known)
    assert list(sizes["verdict"]) == ["holds", "does not", "does not"]
    assert sizes.loc[2, ["paper", "here", "low", "high"]].tolist() == [12, 4, 3, 5]
    one = at_size(found, {"noise": {**KNOWN, "paper": [None, None, 8]}})
    assert one[["comparison", "verdict"]].values.tolist() == [["one - none - 5", "cannot tell"]]
    never = at_size({"noise": law(NEVER)}, {"noise": {**KNOWN, "paper": [3]}})
    assert never["verdict"].tolist() == ["not run"] and never["here"].isna().all()
    assert at_size(found, {"noise": KNOWN}).empty
    with pytest.raises(ValueError, match="3 comparisons and 1 numbers of the paper; wanted one"):
        at_size(found, {"noise": {**KNOWN, "paper": [1]}})

"""What a reader's options, a category and a number may be."""

import pytest
from conftest import picture

from corrlib import data
from corrlib.validation import Typed


@pytest.fixture
def pairs(tmp_path):
    """Three pairs of two categories."""
    for name in "ab":
        picture(30, 20).save(tmp_path / f"{name}.png")
    rows = ["a.png,b.png,9,9,8,8,cat", "b.png,a.png,9,9,8,8,dog", "a.png,a.png,5,5,5,5,dog"]
    head = "source,target,source_x,source_y,target_x,target_y,category"
    (tmp_path / "pairs.csv").write_text("\n".join([head, *rows]) + "\n")
    return data.load("folder", tmp_path)


def test_an_unknown_category_is_refused_with_the_nearest(pairs):
    with pytest.raises(ValueError, match="no pairs of cta in <.*; did you mean cat. It has cat, d"):
        pairs.filter(category="cta")
    with pytest.raises(ValueError, match="no pairs of cow in <"):
        data.load("folder", pairs.root, categories=["cat", "cow"])
    assert len(pairs.filter(category=["cat", "dog"])) == 3
    assert not pairs.filter(category="cat").filter(category="dog")  # it exists, but not in there


def test_a_number_beyond_the_end_says_how_many_there_are(pairs):
    assert pairs[2].id == pairs[-1].id
    for number in (3, -4):
        with pytest.raises(IndexError, match=f"no item {number} in <.*>; wanted 0 to 2"):
            pairs[number]


def test_options_are_read_by_their_types(pairs):
    root = pairs.root
    assert data.load("folder", root, strict=Typed("false")).protocol.strict is False
    assert data.load("folder", root, strict=Typed("true")).protocol.strict is True
    assert data.load("folder", root, alphas=Typed("0.1")).protocol.alphas == (0.1,)
    assert data.load("folder", root, frame=Typed("224x96")).protocol.frame == (224, 96)
    assert len(data.load("folder", root, categories=Typed("cat"))) == 1
    assert len(data.load("folder", root, categories=Typed("cat,dog"))) == 3
    for option, said in (
        ({"frame": 224}, "frame is 224; wanted width and height"),
        ({"alphas": 0.1}, "alphas is 0.1; wanted numbers above 0"),
        ({"strict": 1}, "strict is 1; wanted true or false"),
        ({"early": "no"}, "early is 'no'; wanted true or false"),
        ({"points": 5}, "points is 5; wanted text"),
    ):
        with pytest.raises(ValueError, match=said):
            data.load("folder", root, **option)

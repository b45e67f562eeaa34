"""What is checked by its type: fields, arguments, mappings, notebooks' parameters."""

import dataclasses
from collections.abc import Collection

import numpy as np
import pytest

from corrlib.validation import Typed, Validated, checked, require_known, validated
from corrlib.validation.kinds import Alpha, Count, ImageSize, Timestep
from corrlib.validation.notebook import require_parameters


@dataclasses.dataclass(frozen=True)
class Small(Validated):
    size: ImageSize = (8, 6)
    steps: Count = 3
    share: Alpha = 0.5
    word: str = "a"
    some: tuple[int, ...] = ()
    maybe: int | None = None
    on: bool = False


def test_repr_equality_and_hash_are_those_of_a_dataclass():
    assert repr(Small()) == (
        "Small(size=(8, 6), steps=3, share=0.5, word='a', some=(), maybe=None, on=False)"
    )
    assert Small() == Small(size=(8, 6)) and hash(Small()) == hash(Small(steps=3))
    assert dataclasses.replace(Small(), steps=4) == Small(steps=4) != Small()


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        (int, " 5", 5),
        (int | None, "none", None),
        (float, "1e-3", 1e-3),
        (bool, "No", False),
        (bool, "1", True),
        (str, "1", "1"),
        (str | None, "none", None),
        (ImageSize, "8x6", (8, 6)),
        (ImageSize, "[8, 6]", (8, 6)),
        (tuple[int, ...], "1", (1,)),
        (tuple[int, ...], "1,2,", (1, 2)),
        (tuple[str, ...], "car(S),b", ("car(S)", "b")),
        (Collection[int] | None, "2", (2,)),
        (str | Collection[str] | None, "cat", "cat"),
        (str | Collection[str] | None, "cat,dog", ("cat", "dog")),
        (tuple[tuple[int, int], ...], "(1,2),(3,4)", ((1, 2), (3, 4))),
    ],
)
def test_text_is_read_by_the_type(kind, text, meant):
    found = checked("x", Typed(text), kind)
    assert found == meant and type(found) is type(meant)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (int, np.int64(5), 5),
        (float, np.float32(0.5), 0.5),
        (float, 2, 2.0),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, ...], np.array([1, 2]), (1, 2)),
        (tuple[int, ...], range(2), (0, 1)),
        (tuple[int, ...], {2}, (2,)),
        (ImageSize, "8x6", (8, 6)),
    ],
)
def test_equal_values_are_one_value(kind, value, meant):
    found = checked("x", value, kind)
    assert found == meant and repr(found) == repr(meant)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Timestep, True, "x is True; wanted an integer from 0 (least noise) to 999"),
        (Timestep, "5", "x is '5'; wanted an integer from 0 (least noise) to 999"),
        (Timestep, 5.0, "x is 5.0; wanted an integer"),
        (Alpha, float("nan"), "x is nan; wanted a positive share of the base"),
        (bool, 1, "x is 1; wanted true or false"),
        (str, 1, "x is 1; wanted text"),
        (ImageSize, (8, -6), "x is (8, -6); wanted width and height in pixels"),
        (ImageSize, (10**5, 10**5), "takes 112 GiB of memory"),
        (tuple[int, ...], "1,b", "x is '1,b'; wanted integers, with commas between them"),
        (int | None, "a" * 999, "aaa...; wanted an integer, or none"),
    ],
)
def test_what_is_refused_is_one_line(kind, value, said):
    with pytest.raises(ValueError) as refused:
        checked("x", value, kind)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(TypeError, match=r"^a box has no key 'siez'; did you mean size\?$"):
        require_known("a box has no key", ["siez"], ["size", "colour"])
    with pytest.raises(TypeError, match="^a box has no key 'q'; it has size, colour$"):
        require_known("a box has no key", ["size", "q"], ["size", "colour"])


def test_arguments_are_checked_before_the_function_runs():
    ran = []

    @validated
    def work(path, steps: Count = 1, **rest):
        ran.append(steps)

    work("a", Typed("3"), more=1)
    with pytest.raises(ValueError, match="steps is 0; wanted an integer, 1 or more, for example 1"):
        work("a", steps=0)
    assert ran == [3]


# ---------------- notebooks

KNOBS = {"profile": str, "number": int, "alpha": float, "levels": list[int], "toys": list}
KNOBS |= {"percents": list, "lengths": list}
VALUES = {"profile": "toybox", "number": 1, "alpha": 0.1, "levels": [1, 5], "toys": ["dog"]}
VALUES |= {"percents": [10, 25], "lengths": [100, 200]}


def space(cell: str = "", **changes) -> dict:
    """A notebook's names after its parameters' cell and what papermill put in."""
    return {"__annotations__": KNOBS, **VALUES, "In": ["", "profile: str = ...", cell], **changes}


def test_a_notebooks_parameters_may_be_what_they_are():
    given = space("# Parameters\nnumber = 2\nlevels = [3]\n", number=2, levels=[3], alpha=1)
    before = dict(given)
    require_parameters(given)
    assert given == before
    given = space(levels="[3, 4]")  # papermill's -p gives text
    require_parameters(given)
    assert given["levels"] == [3, 4]
    require_parameters({})  # no notebook


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": "two"}, "number is 'two'; wanted an integer"),
        ({"number": 1.5}, "number is 1.5; wanted an integer"),
        ({"number": -1}, "number is -1; wanted an integer, 0 or more"),
        ({"alpha": float("nan")}, "alpha is nan; wanted a positive share"),
        ({"profile": 5}, "profile is 5; wanted text"),
        ({"levels": [1, "b"]}, "levels is [1, 'b']; wanted integers"),
        ({"levels": 5}, "levels is 5; wanted integers"),
        ({"percents": [0, 25]}, "percents is [0, 25]; wanted"),
        ({"percents": [25, 25]}, "percents is [25, 25]; wanted all different"),
        ({"percents": [25, 101]}, "percents is [25, 101]; wanted"),
        ({"lengths": []}, "lengths is []; wanted one or more"),
        ({"lengths": [100, 0]}, "lengths is [100, 0]; wanted integers, 1 or more"),
    ],
)
def test_a_notebooks_parameter_of_a_wrong_kind_is_refused(changes, said):
    with pytest.raises(ValueError) as refused:
        require_parameters(space(**changes))
    assert said in str(refused.value)


def test_a_parameter_that_the_notebook_has_not_is_refused():
    with pytest.raises(TypeError, match="the notebook has no parameter 'numbr'; did you mean numb"):
        require_parameters(space("# Parameters\nprofile = 'toybox'\nnumbr = 2\n", numbr=2))

"""What chapters compare is told apart from what they cannot, before any work."""

import pytest

from corrlib.experiments.comparable import require_comparable
from corrlib.experiments.profiles import load_profile
from tests.rehearsal.toys import ROOT

RUN, SWEEP = {"method": "dift"}, {"method": "dift", "timesteps": "1,2", "limit": 9}
STUDY = {"method": "dift", "limit": 8, "block": 2}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "profiles").glob("*.yml")))
def test_the_profiles_that_are_shipped_can_be_compared(name):
    require_comparable(load_profile(name, ROOT))


def test_what_is_not_compared_may_differ():
    runs = {"a": RUN, "b": SWEEP, "c": RUN | {"root": "hard", "limit": 5}}
    runs |= {"d": SWEEP | {"split": "val", "limit": 3}}
    require_comparable({"runs": runs, "studies": {"s": STUDY | {"draws": 3}, "t": {}}})


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"runs": {"a": RUN, "b": RUN | {"limit": 5}}}, "runs.b looks at 5 pairs, runs.a at all p"),
        ({"runs": {"a": SWEEP, "b": SWEEP | {"limit": 5}}}, "runs.b looks at 5 pairs, runs.a at 9"),
        ({"studies": {"s": STUDY | {"limit": 1}}}, "studies.s has limit 1; wanted 2 or more"),
        ({"studies": {"s": STUDY | {"draws": 2, "limit": 6}}}, "wanted 8 or more: a search in bl"),
    ],
)
def test_what_cannot_be_compared_is_named(profile, said):
    with pytest.raises(ValueError) as refused:
        require_comparable(profile)
    assert said in str(refused.value)

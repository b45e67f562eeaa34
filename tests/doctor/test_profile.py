"""A profile's runs and studies are looked through before any of them runs."""

from pathlib import Path

import pytest

from corrlib.doctor.profile import profile_finding
from corrlib.experiments.profiles import Profile, load_profile

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "profiles").glob("*.yml")))
def test_the_profiles_that_are_shipped_ask_for_what_there_is(name):
    found = profile_finding(load_profile(name, ROOT))
    assert found.ok and "runs and trials have their settings" in found.said


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"runs": {"a": {"method": "dift", "set": {"ensmble": 1}}}},
            "runs.a of profiles/x.yml: method 'dift' has no setting 'ensmble'; did you mean ensem",
        ),
        ({"runs": {"a": {"method": "dift", "set": {"size": 384}}}}, "size is '384'; wanted width"),
        ({"runs": {"a": {"method": "dfit"}}}, "no method 'dfit'"),
        (
            {"studies": {"s": {"method": "dift", "trials": {"t": {"timestep": "51"}}}}},
            "studies.s.t of profiles/x.yml: timestep is '51'; wanted an integer",
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_place(sections, said):
    found = profile_finding(Profile("x", ROOT, {"preset": "toybox", **sections}))
    assert found.ok is False and said in found.said

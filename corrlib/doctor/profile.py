"""Whether every run and study of a profile asks for a method, a preset and settings that there
are: said at once, not when their turn comes.
"""

from collections.abc import Iterator

from corrlib import methods
from corrlib.doctor.finding import Finding
from corrlib.experiments.comparable import require_comparable
from corrlib.experiments.profiles import Profile
from corrlib.experiments.trials import variants
from corrlib.validation import Typed


def profile_finding(profile: Profile) -> Finding:
    """The first run or trial that cannot be, or how many can."""
    count = 0
    for place, method, preset, values in _asked(profile):
        try:
            methods.settings(method, preset, **values)
        except (KeyError, TypeError, ValueError) as error:
            said = f"{place} of profiles/{profile.name}.yml: {error.args[0]}"
            return Finding("profile", False, said)
        count += 1
    try:
        require_comparable(profile)
    except ValueError as error:
        return Finding("profile", False, f"profiles/{profile.name}.yml: {error}")
    return Finding("profile", True, f"{profile.name}: {count} runs and trials have their settings")


def _asked(profile: Profile) -> Iterator[tuple]:
    """(where it stands, method, preset, settings) of every run and every trial."""
    preset = profile.get("preset", "toybox")
    for name, run in (profile.get("runs") or {}).items():
        if not run:
            continue
        values = {key: Typed(value) for key, value in run.get("set", {}).items()}  # as if typed
        yield f"runs.{name}", run["method"], run.get("preset", preset), values
    for name, study in (profile.get("studies") or {}).items():
        for trial, values in variants(study).items():
            given = {"method": study["method"], "preset": study.get("preset", preset), **values}
            yield f"studies.{name}.{trial}", given.pop("method"), given.pop("preset"), given

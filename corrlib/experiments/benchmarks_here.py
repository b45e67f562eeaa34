"""The benchmarks that a profile names, as far as they lie on this disk."""

from corrlib import data
from corrlib.data.selection import Selection
from corrlib.experiments.profiles import Profile


def benchmarks_here(profile: Profile) -> tuple[dict[str, Selection], list[str]]:
    """Data sets by name, in the profile's order, and the names of those that are not on the disk.

    Raises ValueError where one is there and not as it should be.
    """
    sets: dict[str, Selection] = {}
    missing = []
    for name, root in profile["benchmarks"].items():
        try:
            sets[name] = data.load(name, profile.path(root))
        except FileNotFoundError:
            missing.append(name)
    return sets, missing

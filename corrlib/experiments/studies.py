"""A study of a profile, opened: its trials as methods, its pairs, and the rows of a block of them.

A study is a mapping such as `trials.py` shows: a method, what its trials replace, and which pairs
they see.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corrlib import data, methods
from corrlib.experiments.flow_study import FlowSettings
from corrlib.experiments.profiles import Profile
from corrlib.experiments.swap_study import Swap
from corrlib.experiments.trials import variants
from corrlib.methods.base import FeatureMethod
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import Method

MEMORY = 2**31  # bytes of features, of all trials together


class Study:
    """The study `described`, on the profile's data, with what is found for a source kept in
    `store`.

    `names` are those of its trials; `load(name)` gives one of them, `pairs` are all pairs of its
    split, `few` which of them it looks at, as `run_trials` takes it.
    """

    def __init__(
        self, profile: Profile, described: Mapping[str, Any], store: Path, device: str | None = None
    ):
        self.profile, self.described = profile, described
        self.seed = int(profile.settings.get("seed", 0))
        self.trials = variants(described, self.seed)
        self.names = list(self.trials)
        self.few = {k: described[k] for k in ("limit", "block", "points") if k in described}
        if "flow" in described:
            grid = described["flow"].get("grid")
            self.few["flow"] = FlowSettings(grid and tuple(grid))
        kept = TensorStore(store) if described.get("store", True) else None
        self.env = profile.env(device, kept)
        self.pairs = _pairs(profile, described)
        if "swap" in described:
            self.few["swap"] = Swap(**described["swap"], data=self.pairs)

    def load(self, name: str) -> Method:
        """The method of a trial. Raises as `methods.load`."""
        values = dict(self.trials[name])
        method = values.pop("method", self.described["method"])
        preset = values.pop("preset", self.described.get("preset", self.profile["preset"]))
        found = methods.load(method, preset, env=self.env, **values)
        if isinstance(found, FeatureMethod):
            found.keep_at_most(MEMORY // len(self.names))
        return found


def _pairs(profile: Profile, described: Mapping[str, Any]) -> Any:
    """The pairs of a study: of another benchmark of the profile (`benchmark`: its name, what its
    reader takes, and `root` where it lies elsewhere), between categories (`across`), of toys
    rendered for one question (`challenges`), or of the profile's own data; a benchmark's or the
    profile's also with points that nobody clicked (`surface`).
    """
    where, split = profile["data"], described.get("split", profile["split"])
    if "benchmark" in described:
        options = dict(described["benchmark"])
        name, at = options.pop("name"), options.pop("root", None)
        at = profile.path(at or profile["benchmarks"][name])
        return _asked(data.load(name, at, split, **options), described)
    if "challenges" in described:
        from corrlib.toybox.challenges import Challenges

        return Challenges(**described["challenges"])
    root = profile.path(where["root"])
    if "across" in described:
        from corrlib.data.across_categories import Across

        return Across(root, split, **described["across"])
    size = {"size": where["size"]} if "size" in where else {}
    return _asked(data.load(where["name"], root, split, **size), described)


def _asked(pairs: Any, described: Mapping[str, Any]) -> Any:
    """The pairs, with other points where the study asks for them."""
    if "surface" not in described:
        return pairs
    from corrlib.toybox.surface_pairs import SurfacePairs

    return SurfacePairs(pairs, **described["surface"])

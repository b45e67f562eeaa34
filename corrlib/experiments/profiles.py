"""Profiles: what a run of the book uses (weights, data, sizes), read from `profiles/NAME.yml`.

A profile never chooses an algorithm. `toybox` runs on a laptop in minutes, `paper` on a GPU at the
papers' size.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from corrlib.experiments.profile_schema import Sections
from corrlib.validation.check import checked_mapping

# What stands in these environment variables holds in place of the profile's section, in every step
# and every notebook.
OVERRIDES = {"device": "CORRLIB_DEVICE", "dtype": "CORRLIB_DTYPE"}


@dataclass(frozen=True, eq=False)
class Profile(Mapping):
    """The settings of `profiles/NAME.yml` as a read-only mapping, and the folders that belong to
    them.
    """

    name: str
    root: Path
    settings: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        if key not in self.settings:
            near = difflib.get_close_matches(key, self.settings, n=3) or sorted(self.settings)
            raise KeyError(
                f"profile {self.name} has no section {key!r}; it has {', '.join(near)}: see "
                f"profiles/{self.name}.yml"
            )
        return self.settings[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def path(self, *parts: str) -> Path:
        """A path under the repository's root, `profile.path("notebooks")`; an absolute part is kept
        as it is.
        """
        return self.root.joinpath(*parts)

    def prompts(self) -> dict[str, str]:
        """The taught prompts of SD4Match by kind: the name of a shipped one, or a file's path."""
        from corrlib.heads.shipped import PROMPTS

        found = self.get("prompts") or {}
        return {
            kind: name if name in PROMPTS else str(self.path(name)) for kind, name in found.items()
        }

    def env(self, device: str | None = None, store: Any = None) -> Any:
        """Where methods run: a `methods.base.Env` on `device`, by default the profile's, with its
        dtype. Raises ValueError where the device is not usable here.
        """
        from corrlib.methods.base import Env

        device = device or self.get("device", "cpu")
        return Env(device=device, store=store, dtype=self.get("dtype", ""))

    def build(self, *parts: str) -> Path:
        """A path under this profile's build folder, `build/NAME/...`."""
        return self.root.joinpath("build", self.name, *parts)


def find_root(start: str | Path | None = None) -> Path:
    """The repository's root: the nearest folder at or above `start` (default: the working folder)
    that holds profiles/, else the one that this package was installed from. Raises
    FileNotFoundError."""
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[2]):
        if (folder / "profiles").is_dir() and (folder / "corrlib").is_dir():
            return folder
    raise FileNotFoundError(
        f"no profiles/ folder at or above {start}; run this inside a clone of the book's repository"
    )


def load_profile(name: str = "toybox", root: str | Path | None = None) -> Profile:
    """The profile `name`. Raises FileNotFoundError naming the profiles there are, ValueError on a
    malformed file or a wrong value, TypeError on a key that no profile has.
    """
    root = Path(root) if root else find_root()
    path = root / "profiles" / f"{name}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yml"))) or "none"
        raise FileNotFoundError(
            f"no profile {name!r}; there are: {known} (the files in {path.parent})"
        )
    try:
        settings = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise ValueError(
            f"{path} holds {type(settings).__name__}; wanted a mapping of sections, as in "
            "profiles/toybox.yml"
        )
    settings |= {key: os.environ[v] for key, v in OVERRIDES.items() if os.environ.get(v)}
    checked_mapping(settings, Sections, str(path))
    return Profile(name, root, settings)

"""Weights, heads and prompts: which of them a profile needs, which are here and whole, and how to
get the others.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corrlib.backbones import vit_weights, weights
from corrlib.data.sources import human
from corrlib.doctor.asked import asked_of
from corrlib.doctor.finding import Finding
from corrlib.experiments.profiles import Profile
from corrlib.heads import published_files, shipped


def needed(profile: Profile) -> dict[str, list[str]]:
    """The models that a profile's runs, studies, records and chapters load, and by which of
    them.
    """
    found: dict[str, list[str]] = {}
    for name, settings in asked_of(profile):
        share = settings.get("alpha", 1)  # of the diffusion model, where a method has both
        for key, loaded in (("model", share > 0), ("dino", share < 1)):
            if loaded and key in settings:
                _note(found, settings[key], name)
    return found


def files_needed(profile: Profile) -> dict[tuple[str, str], list[str]]:
    """The published heads and the files of heads and prompts, ("head" or "prompts", name), that a
    profile's methods load, and by which of them; not what ships.
    """
    found: dict[tuple[str, str], list[str]] = {}
    none = {"", "untrained", *shipped.HEADS, *shipped.PROMPTS}
    for name, settings in asked_of(profile):
        for kind in ("head", "prompts"):
            if settings.get(kind, "") not in none:
                _note(found, (kind, settings[kind]), name)
    return found


def _note(found: dict[Any, list[str]], key: Any, name: str) -> None:
    if name not in found.setdefault(key, []):
        found[key].append(name)


def model_findings(profile: Profile) -> Iterator[Finding]:
    """One finding a model: first those that the profile needs."""
    wanted = needed(profile)
    for name in dict.fromkeys((*wanted, *weights.MODELS, *vit_weights.VITS)):
        runs = wanted.get(name, [])
        ok, said = _state(name)
        need = _by(runs, profile)
        yield Finding(f"weights {name}", False if runs and ok is None else ok, f"{need}; {said}")
    for (kind, name), runs in files_needed(profile).items():
        ok, said = _state_of_file(profile, kind, name)
        yield Finding(f"{kind} {name}", ok, f"{_by(runs, profile)}; {said}")


def _by(runs: list[str], profile: Profile) -> str:
    some = ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
    return f"needed by {some} of profile {profile.name}" if runs else "not needed"


def _state_of_file(profile: Profile, kind: str, name: str) -> tuple[bool, str]:
    """Whether a head or prompts are here, in words."""
    if name in published_files.PUBLISHED:
        if path := published_files.cached(name):
            return True, f"{path}, {human(path.stat().st_size)}"
        return False, f"not on this machine; fetch it with: {published_files.command(name)}"
    if (path := profile.path(name)).is_file():
        return True, f"{path}, {human(path.stat().st_size)}"
    kinds = {file: word for word, file in (profile.get("prompts") or {}).items()}
    if kind == "head":
        teach = "python data_scripts/train_hyperfeatures.py"
    else:
        teach = (
            f"python data_scripts/train_sd4match.py --preset {profile['preset']} --kind "
            f"{kinds.get(name, 'single')} --steps 29600"
        )
    root = profile["data"]["root"]
    return False, f"not there; train it with: {teach} --root {root} --out {Path(name).parent}"


def _state(name: str) -> tuple[bool | None, str]:
    """Whether a model is here and whole (None: it is absent), in words."""
    transformer = name in vit_weights.VITS or (Path(name).expanduser() / "config.json").is_file()
    module = vit_weights if transformer else weights
    model = vit_weights.VITS.get(name) or weights.MODELS.get(name)
    try:
        folder = module.locate(name)
    except weights.WeightsError as error:
        return False, str(error)
    if folder is not None:
        return (
            True,
            f"{folder}, {human(bytes_of(folder))}, fingerprint {module.fingerprint(folder)}",
        )
    if model is None:
        return None, "not on this machine; it is fetched from the hub when used"
    if not model.sources:
        return None, f"not on this machine; train them with: {model.remake}"
    command = f"python data_scripts/fetch.py weights {name}"
    addresses = ", else ".join(source.short for source in model.sources)
    return None, (
        f"not on this machine; fetch them ({model.gigabytes:g} GB) with: {command} (from "
        f"{addresses}; commits as public projects quote them, not checked by us)"
    )


def bytes_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

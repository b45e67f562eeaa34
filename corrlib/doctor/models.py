"""Weights: which of them a profile needs, which are here and whole, and how to get the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from corrlib import methods
from corrlib.backbones import vit_weights, weights
from corrlib.data.sources import human
from corrlib.doctor.finding import Finding
from corrlib.experiments.profiles import Profile


def needed(profile: Profile) -> dict[str, list[str]]:
    """The models that a profile's runs and studies load, and by which of them."""
    found: dict[str, list[str]] = {}
    preset = profile.get("preset", "toybox")
    sections = (profile.get(section) or {} for section in ("runs", "studies"))
    for name, run in (item for section in sections for item in section.items()):
        run = run or {}
        base = {"preset": preset, **run, **(run.get("set") or {})}
        for trial in ({}, *(run.get("trials") or {}).values()):
            for model in _models({**base, **(trial or {})}):
                if name not in found.setdefault(model, []):
                    found[model].append(name)
    return found


def _models(run: Mapping[str, Any]) -> list[str]:
    """The models of one run; none of a method or preset that there is not, which the run itself
    will say.
    """
    try:
        preset = methods.settings(run["method"], run["preset"])
    except (KeyError, ValueError, TypeError):
        return []
    values = {**vars(preset), **run}
    share = values.get("alpha", 1)  # of the diffusion model, where a method has both
    wanted = (("model", share > 0), ("dino", share < 1))
    return [values[name] for name, loaded in wanted if loaded and hasattr(preset, name)]


def model_findings(profile: Profile) -> Iterator[Finding]:
    """One finding a model: first those that the profile needs."""
    wanted = needed(profile)
    for name in dict.fromkeys((*wanted, *weights.MODELS, *vit_weights.VITS)):
        runs = wanted.get(name, [])
        some = ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
        need = f"needed by {some} of profile {profile.name}" if runs else "not needed"
        ok, said = _state(name)
        yield Finding(f"weights {name}", False if runs and ok is None else ok, f"{need}; {said}")


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

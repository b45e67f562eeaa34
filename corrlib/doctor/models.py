"""Weights: which of them a profile needs, which are here and whole, and how to get the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from corrlib import methods
from corrlib.backbones import weights
from corrlib.data.sources import human
from corrlib.doctor.finding import Finding
from corrlib.experiments.profiles import Profile


def needed(profile: Profile) -> dict[str, list[str]]:
    """The models that a profile's runs and studies load, and by which of them."""
    found: dict[str, list[str]] = {}
    preset = profile.get("preset", "toybox")
    for name, run in [
        *(profile.get("runs") or {}).items(),
        *(profile.get("studies") or {}).items(),
    ]:
        run = run or {}
        base = {**run, **(run.get("set") or {})}
        for trial in ({}, *(run.get("trials") or {}).values()):
            model = _model({"preset": preset, **base, **(trial or {})})
            if model and name not in found.setdefault(model, []):
                found[model].append(name)
    return found


def _model(run: Mapping[str, Any]) -> str | None:
    """The model of one run; None of a method without one, and of a method or preset that there is
    not, which the run itself will say.
    """
    if "model" in run:
        return run["model"]
    try:
        return getattr(methods.settings(run["method"], run["preset"]), "model", None)
    except (KeyError, ValueError, TypeError):
        return None


def model_findings(profile: Profile) -> Iterator[Finding]:
    """One finding a model: first those that the profile needs."""
    wanted = needed(profile)
    for name in dict.fromkeys((*wanted, *weights.MODELS)):
        found, runs = _finding(name, name in wanted), wanted.get(name, [])
        some = ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
        said = f"needed by {some} of profile {profile.name}" if runs else "not needed"
        yield Finding(found.name, found.ok, f"{said}; {found.said}")


def _finding(name: str, wanted: bool) -> Finding:
    title, absent = f"weights {name}", False if wanted else None
    model = weights.MODELS.get(name)
    try:
        folder = weights.locate(name)
    except weights.WeightsError as error:
        return Finding(title, False, str(error))
    if folder is not None:
        size, mark = human(bytes_of(folder)), weights.fingerprint(folder)
        return Finding(title, True, f"{folder}, {size}, fingerprint {mark}")
    if model is None:
        return Finding(title, absent, "not on this machine; it is fetched from the hub when used")
    if not model.sources:
        return Finding(title, absent, f"not on this machine; train them with: {model.remake}")
    addresses = ", else ".join(source.short for source in model.sources)
    return Finding(
        title,
        absent,
        f"not on this machine; fetch them ({model.gigabytes:g} GB) with: "
        f"python data_scripts/fetch.py weights {name} (from {addresses}; commits as public "
        "projects quote them, not checked by us)",
    )


def bytes_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

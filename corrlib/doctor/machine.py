"""What this machine has: versions, device, weights, the profile's data, every benchmark; and how to
get what is missing.
"""

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from corrlib.data.sources import HOME, Benchmark, human, receipts
from corrlib.data.sources.table import BENCHMARKS
from corrlib.doctor.finding import Finding
from corrlib.doctor.models import bytes_of, model_findings
from corrlib.doctor.profile import profile_finding
from corrlib.experiments.profiles import Profile


def present(
    profile: Profile, home: Path | None = None, device: str | None = None
) -> Iterator[Finding]:
    """What is here and what is not, one finding a thing.

    `home` is the folder of the benchmarks, by default where `data_scripts/fetch.py` puts them;
    `device` by default the profile's.
    """
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("torch", "diffusers", "transformers", "numpy", "pandas")
    )
    yield Finding("versions", None, f"Python {platform.python_version()}, {versions}")
    yield _device(device, profile)
    yield profile_finding(profile)
    yield from model_findings(profile)
    yield _data(profile)
    home = home or home_of(profile)
    if home.is_relative_to(profile.root):  # commands are typed in the root
        home = home.relative_to(profile.root)
    yield from (_benchmark(benchmark, profile.root, home) for benchmark in BENCHMARKS.values())


def home_of(profile: Profile) -> Path:
    """The folder in which a profile has its benchmarks, where they are fetched; else the paper
    profile's.
    """
    places = [*profile.get("benchmarks", {}).values(), profile["data"]["root"]]
    fetched = "fetch.py" in profile["data"].get("make", "")
    return profile.path(places[0]).parent if fetched else profile.path(HOME)


def _device(device: str | None, profile: Profile) -> Finding:
    from corrlib.methods.base import Env

    asked = "you ask" if device else f"profile {profile.name} asks"
    device = device or str(profile.get("device", "cpu"))
    asked, threads = f"{asked} for {device}: ", f"{torch.get_num_threads()} threads"
    try:
        Env(device=device)
    except ValueError as error:
        cure = _cure(device)
        return Finding("device", False, f"{asked}{error}{cure and f'; {cure}'}; {threads}")
    kind = torch.device(device)
    card = f", {_card(kind)}" if kind.type == "cuda" else ""
    return Finding("device", True, f"{asked}usable{card}; {threads}")


def _card(device: torch.device) -> str:
    """A GPU's name and memory in words."""
    free, total = torch.cuda.mem_get_info(device)
    return f"{torch.cuda.get_device_name(device)}, {human(free)} of {human(total)} free"


def _cure(device: str) -> str:
    """Why there is no CUDA here, as far as can be told, and what to do; "" of any other device."""
    if not device.startswith("cuda"):
        return ""
    if torch.version.cuda is None:
        return (
            f"this is PyTorch {torch.__version__} without CUDA: install the build for your GPU, "
            "https://pytorch.org/get-started"
        )
    if (count := torch.cuda.device_count()) == 0:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = "" if seen is None else f"; CUDA_VISIBLE_DEVICES is {seen!r}"
        return (
            f"PyTorch with CUDA {torch.version.cuda} sees no GPU: does `nvidia-smi` show one, with "
            f"a driver that is new enough?{hidden}"
        )
    return f"the GPUs here are cuda:0 to cuda:{count - 1}" if count > 1 else "the GPU here is cuda"


def _data(profile: Profile) -> Finding:
    settings: dict[str, Any] = dict(profile["data"])
    root = profile.path(settings["root"])
    if not root.is_dir():
        make = settings.get("make", "see data_scripts/")
        return Finding("data", False, f"no folder {root}; make it with: {make}")
    from corrlib import data

    try:
        pairs = data.load(settings["name"], root, profile["split"])
    except (OSError, ValueError) as error:
        return Finding("data", False, str(error))
    return Finding("data", True, repr(pairs))


def _benchmark(benchmark: Benchmark, root: Path, home: Path) -> Finding:
    name, folder = f"benchmark {benchmark.name}", home / benchmark.folder
    place = f"{benchmark.title} at {folder}"
    about = "" if all(part.mirrors[0].size for part in benchmark.parts) else "about "
    size = f"{human(benchmark.size)} to download, about {human(benchmark.on_disk)} on disk"
    fetch = f"fetch it ({about}{size}) with: {benchmark.command(home)}"
    if not (root / folder).exists():
        return Finding(name, None, f"{benchmark.title} is not at {folder}; {fetch}")
    if missing := benchmark.missing(root / home):
        said = "; ".join(line for lines in missing.values() for line in lines)
        said = said.replace(f"{root}/", "")
        return Finding(name, False, f"{place} is incomplete: {said}; {fetch} --replace")
    urls = {
        note["url"]
        for key, note in receipts(root / home).items()
        if key.startswith(f"{benchmark.name}/")
    }
    known = f"fetched from {', '.join(sorted(urls))}" if urls else "not fetched by our command"
    said = f"{place}, {human(bytes_of(root / folder))}, {known}"
    if extras := [part.extra for part in benchmark.missing(root / home, extras=True)]:
        said += f"; without {', '.join(extras)}, which come with: {benchmark.command(home)}"
    return Finding(name, True, said)

"""Is everything here, and does a method behave? Synthetic checks that need no data set, and what is
present or missing.
"""

import math
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from corrlib.backbones import weights
from corrlib.coords import Points
from corrlib.data.sources import HOME, Benchmark, human, receipts
from corrlib.data.sources.table import BENCHMARKS
from corrlib.experiments.profiles import Profile
from corrlib.types import Method, View


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, whether it is well (None: just said), and what
    was seen, in words.
    """

    name: str
    ok: bool | None
    said: str

    def __str__(self) -> str:
        return (
            f"{ {True: 'ok     ', False: 'FAILED ', None: '       '}[self.ok] } {self.name}: "
            f"{self.said}"
        )


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth, colourful random picture in which no two places look alike: coarse shapes with
    finer ones on top.
    """
    rng, total = np.random.default_rng(seed), np.zeros((height, width, 3))
    for cell, weight in ((48, 0.55), (24, 0.3), (12, 0.15)):
        coarse = rng.integers(
            0, 256, (math.ceil(height / cell) + 1, math.ceil(width / cell) + 1, 3), dtype=np.uint8
        )
        total += weight * np.asarray(
            Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), float
        )
    return Image.fromarray(total.round().clip(0, 255).astype(np.uint8))


def _view(image: Image.Image, id: str) -> View:
    return View(id, image.size, None, pixels=image)


def _grid(x0: int, y0: int, x1: int, y1: int, n: int = 4) -> Points:
    """n x n whole pixels inside of a box."""
    xs, ys = (torch.linspace(a, b, n).round() for a, b in ((x0, x1), (y0, y1)))
    return torch.cartesian_prod(xs, ys)


def check_method(make: Callable[[], Method]) -> Iterator[Finding]:
    """The five synthetic checks of a method; `make` builds it anew, so that nothing remembered can
    help.

    A method that raises fails the check it raised in, with the error's words.
    """
    for name, check in (
        ("identity", _identity),
        ("known warp", _known_warp),
        ("odd sizes", _odd_sizes),
        ("determinism", _determinism),
        ("batch invariance", _batch_invariance),
    ):
        try:
            ok, said = check(make)
        except Exception as error:  # whatever a method raises is a finding
            ok, said = False, f"raised {type(error).__name__}: {error}"
        yield Finding(name, ok, said)


def _distances(found: Points, true: Points) -> tuple[float, float]:
    distance = (found - true).norm(dim=1)
    return distance.median().item(), distance.max().item()


def toys() -> Iterator[tuple[str, Image.Image, Points]]:
    """Large toys, 352 x 256: category, picture and visible keypoints (n x 2, pixels). Models
    trained on toys or photographs know what is on them, as on a random picture they do not."""
    from corrlib.toybox.items import item
    from corrlib.toybox.render import picture as rendered
    from corrlib.toybox.sets.shots import to_image
    from corrlib.toybox.truth import keypoint_truth

    for category in ("car", "bus", "bicycle", "boat"):
        scene, size = item("doctor", category, 0)[0], (352, 256)
        truth = keypoint_truth(scene, size)
        yield category, to_image(rendered(scene, size)[0]), truth.points[truth.visible].float()


def _identity(make) -> tuple[bool, str]:
    method, distances = make(), []
    for category, image, points in toys():
        view = View(f"identity-{category}", image.size, category, pixels=image)
        distances.append((method(view, view, points).points - points).norm(dim=1))
    median = torch.cat(distances).median().item()
    said = f"toys matched with themselves: the median distance is {median:.1f} px of 352"
    return median <= 18, said + (
        ""
        if median <= 18
        else "; wanted at most 18 px: do both sides get the same noise and frame?"
    )


def _known_warp(make) -> tuple[bool, str]:
    method, distances, first, second = make(), [], (0, 0, 256, 192), (96, 64, 352, 256)
    for category, image, points in toys():
        source = View(f"warp-source-{category}", (256, 192), category, pixels=image.crop(first))
        wide = image.crop(second).resize((282, 192), Image.Resampling.BICUBIC)
        target = View(f"warp-target-{category}", wide.size, category, pixels=wide)
        low, high = (
            torch.tensor(corner, dtype=points.dtype) for corner in (second[:2], first[2:])
        )  # what both cuts hold
        points = points[((points >= low + 10) & (points <= high - 10)).all(1)]
        true = (points - low + 0.5) * torch.tensor([282 / 256, 1.0]) - 0.5
        distances.append((method(source, target, points).points - true).norm(dim=1))
    median = torch.cat(distances).median().item()
    said = (
        "another cut of one picture, widened by a tenth: the median distance is "
        f"{median:.1f} px of 282"
    )
    far = (
        "; wanted at most 42 px: the answers do not follow the image (copying positions is "
        "124 px off)"
    )
    return median <= 42, said + ("" if median <= 42 else far)


def _odd_sizes(make) -> tuple[bool, str]:
    source, target = (
        _view(picture(313, 471, 2), "odd-source"),
        _view(picture(257, 339, 3), "odd-target"),
    )
    corners = torch.tensor([[0.0, 0.0], [312.0, 470.0], [156.5, 200.25], [312.0, 0.0]])
    points = torch.cat(
        [corners, _grid(6, 6, 306, 464, 8)]
    )  # many: an answer of a wrong frame lies inside by luck now and then
    matches = make()(source, target, points)
    found, n = matches.points, len(points)
    if tuple(found.shape) != (n, 2) or tuple(matches.score.shape) != (n,):
        shapes = f"points {tuple(found.shape)} and score {tuple(matches.score.shape)}"
        return False, f"{n} queries gave {shapes}; wanted ({n}, 2) and ({n},)"
    if not (found.isfinite().all() and matches.score.isfinite().all()):
        return False, "313 x 471 against 257 x 339 gave numbers that are not finite"
    inside = ((found >= -0.5) & (found <= torch.tensor([256.5, 338.5]))).all()
    said = "313 x 471 against 257 x 339, corners asked: all answers lie inside of the target"
    return (
        bool(inside),
        said
        if inside
        else f"an answer lies outside of the 257 x 339 target: {found.tolist()}; mind the frame",
    )


def _determinism(make) -> tuple[bool, str]:
    a, b, points = (
        _view(picture(160, 120, 4), "same-a"),
        _view(picture(120, 160, 5), "same-b"),
        _grid(10, 10, 150, 110),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = make()(a, b, points, seed=7)
        torch.manual_seed(2)
        method = make()
        method(
            b, a, points.flip(1).clamp(max=110), seed=7
        )  # other work first: its order must not matter
        second = method(a, b, points, seed=7)
    ok = torch.equal(first.points, second.points) and torch.equal(first.score, second.score)
    if ok:
        return (
            True,
            "two runs agree bit for bit, whatever the global random state and the work before",
        )
    distance = _distances(first.points, second.points)[1]
    return (
        False,
        f"two runs differ by up to {distance:.2f} px; draw noise with "
        "corrlib.backbones.noise.noise_for, "
        "not from the global state",
    )


def _batch_invariance(make) -> tuple[bool, str]:
    a, b, points = (
        _view(picture(160, 120, 6), "batch-a"),
        _view(picture(160, 120, 7), "batch-b"),
        _grid(10, 10, 150, 110, 3),
    )
    method = make()
    together = method(a, b, points).points
    singly = torch.cat([method(a, b, point[None]).points for point in points])
    largest = _distances(together, singly)[1]
    said = f"nine queries at once and one by one differ by at most {largest:.2f} px"
    return largest <= 0.5, said + (
        "" if largest <= 0.5 else "; an answer must depend on its own query only"
    )


def present(
    profile: Profile, home: Path | None = None, device: str | None = None
) -> Iterator[Finding]:
    """What this machine has: versions, weights of every model, the profile's data, every benchmark;
    how to get what is missing.

    `home` is the folder of the benchmarks, by default where `data_scripts/fetch.py` puts them;
    `device` by default the profile's.
    """
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("torch", "diffusers", "transformers", "numpy", "pandas")
    )
    yield Finding("versions", None, f"Python {platform.python_version()}, {versions}")
    asked = "you ask" if device else f"profile {profile.name} asks"
    device = device or str(profile.get("device", "cpu"))
    usable = _usable(device)
    here = "usable" if usable else "not usable here; choose another with --device"
    yield Finding(
        "device", usable, f"{asked} for {device}: {here}; {torch.get_num_threads()} threads"
    )
    yield from (_model(model) for model in weights.MODELS.values())
    yield _data(profile)
    home = home or profile.path(HOME)
    if home.is_relative_to(profile.root):  # commands are typed in the root
        home = home.relative_to(profile.root)
    yield from (_benchmark(benchmark, profile.root, home) for benchmark in BENCHMARKS.values())


def _usable(device: str) -> bool:
    from corrlib.methods.base import Env

    try:
        Env(device=device)
    except ValueError:
        return False
    return True


def _model(model: weights.Model) -> Finding:
    name = f"weights {model.name}"
    try:
        folder = weights.locate(model.name)
    except weights.WeightsError as error:
        return Finding(name, False if model.asset else None, str(error))
    if folder is not None:
        return Finding(
            name,
            True,
            f"{folder}, {human(_bytes(folder))}, fingerprint {weights.fingerprint(folder)}",
        )
    if not model.sources:
        return Finding(name, None, f"not on this machine; train them with: {model.remake}")
    addresses = ", else ".join(source.short for source in model.sources)
    said = (
        f"not on this machine; fetch them ({model.gigabytes:g} GB) with: python "
        f"data_scripts/fetch.py weights {model.name}"
    )
    return Finding(
        name,
        None,
        f"{said} (from {addresses}; commits as public projects quote them, not checked by us)",
    )


def _benchmark(benchmark: Benchmark, root: Path, home: Path) -> Finding:
    name, folder = f"benchmark {benchmark.name}", home / benchmark.folder
    stated = all(part.mirrors[0].size for part in benchmark.parts)
    size = f"{human(benchmark.size)} to download, about {human(benchmark.on_disk)} on disk"
    fetch = f"fetch it ({'' if stated else 'about '}{size}) with: {benchmark.command(home)}"
    if not (root / folder).exists():
        return Finding(name, None, f"{benchmark.title} is not at {folder}; {fetch}")
    if missing := benchmark.missing(root / home):
        said = "; ".join(line for lines in missing.values() for line in lines).replace(
            f"{root}/", ""
        )
        return Finding(
            name, False, f"{benchmark.title} at {folder} is incomplete: {said}; {fetch} --replace"
        )
    noted = [
        note for key, note in receipts(root / home).items() if key.startswith(f"{benchmark.name}/")
    ]
    known = (
        "fetched from " + ", ".join(sorted({note["url"] for note in noted}))
        if noted
        else "not fetched by our command"
    )
    extras = [part.extra for part in benchmark.missing(root / home, extras=True)]
    without = (
        f"; without {', '.join(extras)}, which come with: {benchmark.command(home)}"
        if extras
        else ""
    )
    return Finding(
        name,
        True,
        f"{benchmark.title} at {folder}, {human(_bytes(root / folder))}, {known}{without}",
    )


def _bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _data(profile: Profile) -> Finding:
    settings: dict[str, Any] = dict(profile["data"])
    root = profile.path(settings["root"])
    if not root.is_dir():
        return Finding(
            "data",
            False,
            f"no folder {root}; make it with: {settings.get('make', 'see data_scripts/')}",
        )
    from corrlib import data

    try:
        pairs = data.load(settings["name"], root, profile["split"])
    except (OSError, ValueError) as error:
        return Finding("data", False, str(error))
    return Finding("data", True, repr(pairs))

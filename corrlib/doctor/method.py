"""Does a method behave? Five checks without any data set.

A faulty method mostly gives plausible numbers: a frame that forgets the border, noise from the
global state, answers that depend on the batch. Each check finds a fault that none of the others
sees (`tests/doctor/test_method_checks.py` has one for each), and says in words what to look at.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image

from corrlib.coords import Points
from corrlib.doctor.finding import Finding
from corrlib.types import Method, View


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

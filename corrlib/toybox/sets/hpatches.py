"""The toybox as HPatches: textured boards seen by six cameras (v_) or under six lights (i_), with
exact homographies.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from corrlib.toybox.boards import paint_board, photograph, pose
from corrlib.toybox.items import generator_for
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.writing import encoded, write

SIZE = (240, 180)
NAMES = ("poster", "nursery", "shelf", "quilt", "wall")
IMAGES = 6


def cameras(key: tuple, size: tuple[int, int]) -> list[np.ndarray]:
    """Homographies of images 2 to 6, harder with each."""
    r = torch.rand(IMAGES - 1, 6, generator=generator_for("cameras", *key)).tolist()
    signs = [
        (-1, 1)[int(v > 0.5)]
        for v in torch.rand(3, generator=generator_for("sides", *key)).tolist()
    ]
    poses = []
    for k, (a, b, c, d, e, f) in enumerate(r, start=1):
        poses.append(
            pose(
                size,
                yaw=signs[0] * k * (6 + 3 * a),
                pitch=signs[1] * k * (2 + 3 * b),
                roll=signs[2] * k * (1 + 4 * c),
                zoom=1.0 + (0.12 * k) * (d - 0.5),
                shift=(0.1 * (e - 0.5), 0.1 * (f - 0.5)),
            )
        )
    return poses


def lit(rgb: Float[np.ndarray, "H W 3"], key: tuple, k: int) -> Float[np.ndarray, "H W 3"]:
    """Image k of a board that does not move: another exposure, colour and direction of light, a
    lamp, and a shadow's edge.
    """
    if k == 1:
        return rgb
    v = torch.rand(10, generator=generator_for("light", *key, k)).tolist()
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in rgb.shape[:2]), indexing="ij")
    hard = k / IMAGES
    slope = 1 + hard * 0.9 * ((v[0] - 0.5) * x + (v[1] - 0.5) * y)
    lamp = 1 + hard * 0.7 * v[2] * np.exp(-3 * ((x - 2 * v[3] + 1) ** 2 + (y - 2 * v[4] + 1) ** 2))
    edge = 1 / (1 + np.exp(-18 * (np.cos(6.28 * v[5]) * x + np.sin(6.28 * v[5]) * y + v[6] - 0.2)))
    shadow = 1 - 0.5 * hard * edge
    tint = 1 + hard * 0.35 * np.array([v[7] - 0.5, 0.0, 0.5 - v[7]])
    gain = 2.0 ** ((-1, 1)[int(v[8] > 0.5)] * (0.2 + 0.5 * hard))
    light = (slope * lamp * shadow)[..., None] * tint * gain
    return np.clip(rgb * light, 0, 1) ** (1 + hard * 0.5 * (v[9] - 0.5))


def work(root: Path, job: tuple, seed: int) -> int:
    """One sequence: six photographs and five homographies."""
    (name,) = job
    key, folder = (seed, name), root / name
    board = paint_board(key, SIZE)
    turned = cameras(key, SIZE) if name.startswith("v_") else [np.eye(3)] * (IMAGES - 1)
    for k, homography in enumerate([np.eye(3), *turned], start=1):
        if k > 1:
            text = "".join(" ".join(f"{v:.17g}" for v in row) + "\n" for row in homography)
            write(folder / f"H_1_{k}", text)
        rgb = photograph(board, homography, SIZE)
        rgb = rgb if name.startswith("v_") else lit(rgb, key, k)
        write(
            folder / f"{k}.ppm",
            encoded(Image.fromarray((rgb * 255).round().astype(np.uint8)), "PPM"),
        )
    return IMAGES


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """Counts only: the layout has no lists."""
    return {"sequences": len(results), "pairs": sum(images - 1 for _, images in results)}


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    return Load(IMAGES, 2 * IMAGES - 1, IMAGES * (SIZE[0] * SIZE[1] * 3 + 15) / 1e6 + 0.001)


SET = ToySet(
    folder="hpatches-sequences-release",
    about="textured boards under known homographies, and under changing light",
    jobs=tuple((f"{kind}_toy{name}",) for kind in "iv" for name in NAMES),
    work=work,
    finish=finish,
    load=load,
)

"""The toybox as JHMDB: clips of a toy person that walks, runs, waves and jumps, with fifteen joints
and a mask a frame.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from corrlib.toybox.film import frame, joints, stand
from corrlib.toybox.gait import crouch, stride, wave
from corrlib.toybox.items import generator_for
from corrlib.toybox.maker import Parts
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.davis import stage_of, toy_of
from corrlib.toybox.sets.shots import to_image
from corrlib.toybox.writing import encoded, mat, write

SIZE = (192, 144)  # the real frames are 320 x 240
FRAMES = 12
CLIPS = 3  # of an action; clip k is training in split k, test in the others
ACTIONS = ("jump", "run", "walk", "wave")
GROUND = 0.44
# Joints lie within the limbs, where bones meet. The right one comes first, as in the files.
# Shoulder, hip, elbow, knee, wrist, ankle: a bone, and its start or end.
PAIRED = (
    ("upper_arm", -1),
    ("thigh", -1),
    ("forearm", -1),
    ("shin", -1),
    ("forearm", 1),
    ("shin", 1),
)
JOINTS = (
    ("neck", (0, 0, 0)),
    ("torso", (0, 0, -0.3)),  # belly
    ("head", (0, 0, 0)),
    *((f"{side}_{bone}", (0, 0, end)) for bone, end in PAIRED for side in ("right", "left")),
)


def move(parts: Parts, action: str, i: int) -> tuple[Parts, float, float]:
    """A person's pose at frame i, how far it went and how high it is (in radii of the toy's
    ball).
    """
    if action == "walk":
        return stride(parts, 2 * math.pi * i / 8), 0.16 * i, 0.0
    if action == "run":
        return (
            stride(parts, 2 * math.pi * i / 6, swing=0.75, lift=1.3),
            0.25 * i,
            0.1 * abs(math.sin(2 * math.pi * i / 6)),
        )
    if action == "wave":
        return wave(parts, 2 * math.pi * i / 6), 0.0, 0.0
    t = i / (FRAMES - 1)
    height = max(0.0, 1 - ((t - 0.5) / 0.3) ** 2)  # in the air from 0.2 to 0.8 of the clip
    return (
        crouch(parts, 0.75 * math.cos(math.pi * min(abs(t - 0.2), abs(t - 0.8), 0.2) / 0.4)),
        0.0,
        0.55 * height,
    )


def work(root: Path, job: tuple, seed: int) -> list[str]:
    """An action's clips: frames, joints and masks; returns their names."""
    return [clip(root, *job, number, seed) for number in range(1, CLIPS + 1)]


def clip(root: Path, action: str, number: int, seed: int) -> str:
    """One clip's files; returns its name."""
    name, key = f"Toybox_{action}_{number}", ("jhmdb", seed, action, number)
    r = torch.rand(4, generator=generator_for("clip", *key)).tolist()
    stage, scale = stage_of(key, elevation=6 + 10 * r[0]), 0.4 + 0.06 * r[1]
    toy = toy_of(key, "person", scale)
    left = r[2] < 0.5  # walks to the left of the picture, or to the right
    side = {"wave": 20.0, "jump": 60.0}.get(action, 80.0) + 20 * r[3]
    azimuth = side if left else 360 - side
    turn, start = (
        math.radians(azimuth),
        0.55 if action == "run" else 0.4 if action == "walk" else 0.0,
    )
    masks, places = [], []
    for i in range(FRAMES):
        parts, along, lift = move(toy.parts, action, i)
        posed = replace(toy, parts=parts, azimuth=torch.tensor([azimuth]))
        x = (start if left else -start) - math.sin(turn) * along * scale
        actor = stand(
            stage, posed, x=x, far=-math.cos(turn) * along * scale, ground=GROUND, lift=lift * scale
        )
        rgb, ids = frame([actor], SIZE)
        write(
            root / f"Rename_Images/{action}/{name}/{i + 1:05d}.png", encoded(to_image(rgb), "PNG")
        )
        masks.append(ids.numpy())
        places.append(joints(actor, JOINTS, SIZE).double().numpy().T)
    image = np.stack(places, 2) + 1  # 2 x 15 x frames, first pixel 1
    # as in the real files: from the picture's middle, in units of 0.45 times its height
    world = (image - np.array(SIZE).reshape(2, 1, 1) / 2) / (0.45 * SIZE[1])
    write(
        root / f"joint_positions/{action}/{name}/joint_positions.mat",
        mat({"pos_img": image, "pos_world": world}),
    )
    write(
        root / f"puppet_mask/{action}/{name}/puppet_mask.mat",
        mat({"part_mask": np.stack(masks, 2)}, compress=True),
    )
    return name


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """Three splits, of which each has one clip of an action for training (1) and the others for
    test (2).
    """
    for split in range(1, CLIPS + 1):
        for (action,), names in results:
            lines = [
                f"{name}.avi {1 if number == split else 2}\n"
                for number, name in enumerate(names, start=1)
            ]
            write(root / f"splits/{action}_test_split{split}.txt", "".join(lines))
    return {"clips": CLIPS * len(results), "frames": CLIPS * FRAMES * len(results)}


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    return Load(
        CLIPS * FRAMES, CLIPS * (FRAMES + 3), CLIPS * (FRAMES * 0.0152 + 0.01)
    )  # as many lists as clips


SET = ToySet(
    folder="JHMDB",
    about="a toy person's fifteen joints and mask in four actions",
    jobs=tuple((action,) for action in ACTIONS),
    work=work,
    finish=finish,
    load=load,
)

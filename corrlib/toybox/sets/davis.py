"""The toybox as DAVIS-2017: short films of toys that turn, walk and pass each other, with a mask of
object ids for every frame.
"""

import math
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path

import torch

from corrlib.toybox.film import Actor, frame, stand
from corrlib.toybox.gait import stride
from corrlib.toybox.items import generator_for
from corrlib.toybox.scene import Knobs, Scene, draw
from corrlib.toybox.sets.base import Load, ToySet
from corrlib.toybox.sets.shots import to_image
from corrlib.toybox.writing import indexed_png, jpeg, write

SIZE = (224, 128)  # the real frames are 854 x 480
FRAMES = 16
GROUND = 0.36  # where the floor's line of far = 0 is in the picture (screen units, down)
BEAT = 2 * math.pi / 8  # of a walk, a frame


@dataclass(frozen=True)
class Role:
    """What one toy does: where it begins (screen units), the side that it shows (degrees), and its
    change a frame.
    """

    toy: str
    scale: Real
    x: Real
    far: Real = 0.0
    azimuth: Real = 90.0
    spin: Real = 0.0  # degrees a frame
    speed: Real = 0.0  # screen units a frame, to where the toy looks
    walks: bool = False


@dataclass(frozen=True)
class Script:
    """A film: its split, its toys, how fast the camera follows, and a post (x, half width) that
    stands before everything.
    """

    split: str
    roles: tuple[Role, ...]
    pan: Real = 0.0
    post: tuple[Real, Real] | None = None


FILMS = {
    "bus-turntable": Script("train", (Role("bus", 0.46, 0.0, azimuth=20, spin=12),)),
    "sheep-walk": Script("train", (Role("sheep", 0.4, 0.25, azimuth=80, speed=0.035, walks=True),)),
    "car-turntable": Script("val", (Role("car", 0.48, 0.0, azimuth=300, spin=-14),)),
    "chair-turntable": Script("val", (Role("chair", 0.42, 0.0, azimuth=10, spin=10),)),
    "dog-post": Script(
        "val", (Role("dog", 0.36, -0.5, azimuth=275, speed=0.058, walks=True),), post=(0.02, 0.07)
    ),
    "horse-walk": Script(
        "val", (Role("horse", 0.46, 0.35, azimuth=68, speed=0.05, walks=True),), pan=-0.02
    ),
    "person-dog": Script(
        "val",
        (
            Role("person", 0.42, -0.55, far=-0.1, azimuth=280, speed=0.068, walks=True),
            Role("dog", 0.33, 0.5, far=0.45, azimuth=92, speed=0.06, walks=True),
        ),
    ),
    "three-toys": Script(
        "val",
        (
            Role("cat", 0.3, -0.62, far=0.2, azimuth=272, speed=0.05, walks=True),
            Role("pottedplant", 0.34, 0.05, far=-0.15, azimuth=15),
            Role("car", 0.36, 0.6, far=0.9, azimuth=88, speed=0.052),
        ),
    ),
}


def stage_of(key: tuple, *, elevation: Real = 14.0, post: tuple[Real, Real] | None = None) -> Scene:
    """Wall, floor, light and camera of a film; `post` is a pole's place and half width."""
    stage = draw("bottle", 1, generator_for("stage", *key), Knobs(occluder=0, roll=0, clutter=0.5))
    occluder = stage.occluder.clone()
    if post:
        occluder[0, :6] = torch.tensor([post[0], 0.0, post[1], 0.75, 0.0, 0.0])
    return replace(
        stage, elevation=torch.tensor([elevation]), horizon=torch.tensor([0.55]), occluder=occluder
    )


def toy_of(key: tuple, toy: str, scale: Real) -> Scene:
    """A toy to be put on a stage."""
    return draw(toy, 1, generator_for("toybox", *key, toy), Knobs(pattern=0.9)).seen_from(
        scale=torch.tensor([scale])
    )


def act(stage: Scene, toy: Scene, role: Role, i: int) -> Actor:
    """A role at frame i."""
    heading = math.radians(role.azimuth)
    x, far = (
        role.x - math.sin(heading) * role.speed * i,
        role.far - math.cos(heading) * role.speed * i,
    )
    parts = stride(toy.parts, BEAT * i + 0.4) if role.walks else toy.parts
    turned = replace(
        toy, parts=parts, azimuth=torch.tensor([(role.azimuth + role.spin * i) % 360.0])
    )
    return stand(stage, turned, x=x, far=far, ground=GROUND)


def work(root: Path, job: tuple, seed: int) -> tuple[str, int]:
    """One film's frames and masks; returns its split and number of objects."""
    (name,) = job
    script, key = FILMS[name], ("davis", seed, name)
    stage = stage_of(key, post=script.post)
    toys = [toy_of((*key, i), role.toy, role.scale) for i, role in enumerate(script.roles)]
    for i in range(FRAMES):
        actors = [act(stage, toy, role, i) for toy, role in zip(toys, script.roles, strict=True)]
        rgb, ids = frame(actors, SIZE, pan=script.pan * i)
        write(root / f"JPEGImages/480p/{name}/{i:05d}.jpg", jpeg(to_image(rgb)))
        write(root / f"Annotations/480p/{name}/{i:05d}.png", indexed_png(ids.numpy()))
    return script.split, len(script.roles)


def finish(root: Path, results: list, seed: int) -> dict[str, int]:
    """The lists of films, and counts."""
    splits = {
        split: sorted(name for (name,), (of, _) in results if of == split)
        for split in ("train", "val")
    }
    for split, names in splits.items():
        write(root / f"ImageSets/2017/{split}.txt", "".join(f"{name}\n" for name in names))
    counts = {f"{split} films": len(names) for split, names in splits.items()}
    return {
        **counts,
        "frames": FRAMES * len(results),
        "objects": sum(objects for _, (_, objects) in results),
    }


def load(job: tuple) -> Load:
    """What a job takes, known before it is done."""
    return Load(FRAMES, 2 * FRAMES, FRAMES * 0.0102)


SET = ToySet(
    folder="DAVIS",
    about="films of toys that turn, walk and pass each other, with masks",
    jobs=tuple((name,) for name in FILMS),
    work=work,
    finish=finish,
    load=load,
    lists=Load(files=2),
)

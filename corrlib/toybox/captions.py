"""What a scene's caption says: category, colours, pattern, background and view, in the sentence
form that DIFT prompts with.
"""

import torch

from corrlib.toybox.scene import COLORS, GROUNDS, PATTERNS, Scene

VIEWS = ("front", "front left", "left", "back left", "back", "back right", "right", "front right")
ABOVE = 24.0  # degrees of elevation from which a caption says "from above"


def view_name(azimuth: float) -> str:
    """Which of eight sides the camera sees at an azimuth in degrees."""
    return VIEWS[int((azimuth % 360 + 22.5) // 45) % 8]


def captions(scene: Scene, generator: torch.Generator) -> list[str]:
    """One caption an instance; every clause is dropped now and then, so that short prompts are in
    the model's world too.
    """
    keep = torch.rand(len(scene), 5, generator=generator, device=generator.device).cpu()
    body, accent, pattern, wall, floor = (
        v.tolist()
        for v in (
            scene.body_color,
            scene.accent_color,
            scene.pattern,
            scene.wall_color,
            scene.floor_color,
        )
    )
    azimuth, elevation = scene.azimuth.tolist(), scene.elevation.tolist()
    lines = []
    for i in range(len(scene)):
        bare = keep[i, 0] < 0.2
        words = ["a photo of a"]
        if not bare and keep[i, 1] < 0.8:
            marks = f" and {COLORS[accent[i]][0]} {PATTERNS[pattern[i]]}" if pattern[i] else ""
            words.append(COLORS[body[i]][0] + marks)
        words.append(scene.category)
        if not bare and keep[i, 2] < 0.7:
            words.append(
                f"seen from the {view_name(azimuth[i])}"
                + (" and from above" if elevation[i] > ABOVE else "")
            )
        if not bare and keep[i, 3] < 0.5:
            words.append(f"on a {GROUNDS[floor[i]][0]} floor")
        if not bare and keep[i, 4] < 0.5:
            words.append(f"in front of a {GROUNDS[wall[i]][0]} wall")
        lines.append(" ".join(words))
    return lines

"""How a benchmark is counted: the choices that move a number although no prediction changes.

A data set carries the protocol that its papers publish as its default; every result repeats it in
words.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

Size = tuple[
    int, int
]  # (width, height); corrlib.coords says the same, but importing it would import torch

BASES = (
    "box",
    "image",
    "keypoints",
    "padded_keypoints_compat",
    "source_box",
    "box_x_factor_compat",
    "box_y_factor_compat",
)
BY = ("point", "image", "category")


@dataclass(frozen=True)
class Protocol:
    """The rules of PCK on one benchmark.

    `base` is the length that alpha multiplies (see `corrlib.metrics.tolerance_px`), `by` what is
    averaged, `strict` whether a distance equal to the threshold is wrong. `origin` is the number
    that the annotators gave to the first pixel, which the loader subtracts. `frame` (width, height)
    is the size to which both images, points and boxes are resized, each axis by itself, before
    distances are measured; None measures in the original pixels. Raises ValueError on a value that
    does not exist.
    """

    base: str = "box"
    by: str = "image"
    alphas: tuple[float, ...] = (0.05, 0.1, 0.15)
    strict: bool = False
    origin: int = 0
    frame: Size | None = None

    def __post_init__(self):
        for name, wanted in (("base", BASES), ("by", BY), ("origin", (0, 1))):
            if getattr(self, name) not in wanted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; wanted one of "
                    f"{', '.join(map(str, wanted))}"
                )
        if not self.alphas or min(self.alphas) <= 0:
            raise ValueError(
                f"alphas are {self.alphas}; wanted positive shares of the base, for example "
                "(0.05, 0.1)"
            )

    def __str__(self) -> str:
        """One line for a caption: "PCK per image, base target box, <=, original pixels, first pixel
        0".
        """
        words = {
            "box": "target box",
            "image": "target image",
            "keypoints": "tight box of the target's keypoints",
        }
        words |= {
            "padded_keypoints_compat": "padded keypoints (compatibility)",
            "source_box": "source box (compatibility)",
        }
        words["box_x_factor_compat"] = (
            "target box scaled by the width's factor alone (compatibility)"
        )
        words["box_y_factor_compat"] = (
            "target box scaled by the height's factor alone (compatibility)"
        )
        frame = (
            "original pixels" if self.frame is None else f"frame {self.frame[0]} x {self.frame[1]}"
        )
        sign = "<" if self.strict else "<="
        return (
            f"PCK per {self.by}, base {words[self.base]}, {sign}, {frame}, first pixel "
            f"{self.origin}"
        )

    def but(self, **changes: Any) -> "Protocol":
        """The same rules with some changed: `protocol.but(by="point")`. Raises ValueError naming an
        unknown rule.
        """
        known = [field.name for field in fields(self)]
        if unknown := sorted(set(changes) - set(known)):
            raise ValueError(f"a protocol has no {unknown[0]!r}; it has {', '.join(known)}")
        return replace(self, **changes)

    def labels(self) -> dict[str, Any]:
        """Columns that say the rules, for a table of results."""
        columns = asdict(self)
        columns["alphas"] = " ".join(f"{alpha:g}" for alpha in self.alphas)
        columns["frame"] = "original" if self.frame is None else f"{self.frame[0]}x{self.frame[1]}"
        return columns

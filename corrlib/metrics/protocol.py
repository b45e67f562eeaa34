"""How a benchmark is counted: the choices that move a number although no prediction changes.

A data set carries the protocol that its papers publish as its default; every result repeats it in
words.
"""

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, get_args

from corrlib.validation import Validated
from corrlib.validation.check import checked_fields
from corrlib.validation.kinds import DIFFERENT, SOME, Alpha, ImageSize

Base = Literal[
    "box",
    "image",
    "keypoints",
    "padded_keypoints_compat",
    "source_box",
    "box_x_factor_compat",
    "box_y_factor_compat",
]
By = Literal["point", "image", "category"]
BASES, BY = get_args(Base), get_args(By)


@dataclass(frozen=True)
class Protocol(Validated):
    """The rules of PCK on one benchmark.

    `base` is the length that alpha multiplies (see `corrlib.metrics.tolerance_px`), `by` what is
    averaged, `strict` whether a distance equal to the threshold is wrong. `origin` is the number
    that the annotators gave to the first pixel, which the loader subtracts. `frame` (width, height)
    is the size to which both images, points and boxes are resized, each axis by itself, before
    distances are measured; None measures in the original pixels. Raises ValueError on a value that
    does not exist.
    """

    base: Base = "box"
    by: By = "image"
    alphas: Annotated[tuple[Alpha, ...], SOME, DIFFERENT] = (0.05, 0.1, 0.15)
    strict: bool = False
    origin: Literal[0, 1] = 0
    frame: ImageSize | None = None

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
        """The same rules with some changed: `protocol.but(by="point")`. Raises TypeError naming an
        unknown rule, ValueError on a bad value.
        """
        return replace(self, **checked_fields(type(self), changes, "a protocol has no rule"))

    def labels(self) -> dict[str, Any]:
        """Columns that say the rules, for a table of results."""
        columns = asdict(self)
        columns["alphas"] = " ".join(f"{alpha:g}" for alpha in self.alphas)
        columns["frame"] = "original" if self.frame is None else f"{self.frame[0]}x{self.frame[1]}"
        return columns

"""Kinds of values that many rooms ask for, with their ranges and their words."""

from typing import Annotated

from pydantic import AfterValidator, Field

LARGEST = 16384  # side of an image in pixels; a float32 image of that size takes 3 GiB

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=LARGEST, description=f"one side in pixels, 1 to {LARGEST}")]
Few = Annotated[int, Field(ge=1, le=4096)]  # what is held in memory at once
Seed = Annotated[int, Field(ge=0, lt=2**63, description="an integer, 0 or more")]
Name = Annotated[str, Field(min_length=1, description="a name")]
Number = float | int  # of a field; FLOAT makes one kind of it, so that 28 and 28.0 are one setting
FLOAT = AfterValidator(float)
Positive = Annotated[Number, Field(gt=0), FLOAT]
NotNegative = Annotated[Number, Field(ge=0), FLOAT]
Share = Annotated[Number, Field(ge=0, le=1), FLOAT]
Alpha = Annotated[Number, Field(gt=0, description="a positive share of the base"), FLOAT]
Timestep = Annotated[
    int,
    Field(ge=0, le=999, description="an integer from 0 (least noise) to 999 (almost only noise)"),
]


def _affordable(size: tuple[int, int]) -> tuple[int, int]:
    if max(size) > LARGEST:
        gib = 3 * 4 * size[0] * size[1] / 2**30
        raise ValueError(
            f"an image of that size takes {gib:,.0f} GiB of memory before any network sees it; "
            f"wanted sides of at most {LARGEST} pixels, for example 768x768"
        )
    return size


ImageSize = Annotated[
    tuple[Count, Count],
    Field(description="width and height in pixels, for example 768x768"),
    AfterValidator(_affordable),
]


def _different(values: tuple) -> tuple:
    if len(set(values)) != len(values):
        raise ValueError("wanted all different")
    return values


def _some(values: tuple) -> tuple:
    if not values:
        raise ValueError("wanted one or more")
    return values


# Of a list: Annotated[tuple[int, ...], SOME, DIFFERENT]
SOME, DIFFERENT = AfterValidator(_some), AfterValidator(_different)
Counts = Annotated[tuple[Count, ...], SOME, DIFFERENT]
Percents = Annotated[
    tuple[Annotated[Number, Field(gt=0, le=100), FLOAT], ...], SOME, DIFFERENT
]  # shares of a whole, none of them nothing

"""How many pictures a verdict takes: said before a study, from the spread that a pilot showed.

    pilot = laws.compare("a - b", a, b)               # some pairs, or an older study
    power.pairs_needed(pilot, effect=2)               # to find a difference of two points
    power.chance(pilot, effect=2, pairs=324)          # that 324 pairs find it

The width of an interval falls as the square root of the number of pairs, as long as pictures are
added with them: a study of the same pictures in more pairs gains less.
*Source:* Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences".
"""

import math
from collections.abc import Mapping
from numbers import Real

import pandas as pd
from scipy.special import ndtr, ndtri

from corrlib.experiments.laws import Comparison

LEVEL = 0.95  # of the intervals


def standard_error(pilot: Comparison) -> float:
    """That of the pilot's difference, in points, read off its interval; a little too large where
    the pilot is small, whose interval is a t distribution's.
    """
    if not math.isfinite(pilot.half):
        raise ValueError(f"{pilot.text!r} was not run: no power can be said before a pilot")
    return pilot.half / float(ndtri((1 + LEVEL) / 2))


def chance(pilot: Comparison, effect: Real, pairs: int) -> float:
    """The chance (0 to 1) that `pairs` pairs find a true difference of `effect` points: that its
    interval lies above zero.
    """
    error = standard_error(pilot) * math.sqrt(pilot.pairs / pairs)
    return float(ndtr(effect / error - ndtri((1 + LEVEL) / 2))) if error else 1.0


def pairs_needed(pilot: Comparison, effect: Real, power: float = 0.8) -> int:
    """The least number of pairs that finds a true difference of `effect` points with chance
    `power`. Raises ValueError unless `effect` is positive and `power` between 0.5 and 1.
    """
    if not effect > 0 or not 0.5 <= power < 1:
        raise ValueError(
            f"effect is {effect!r}, power {power!r}; wanted a difference above 0 points, and a "
            "chance from 0.5 to below 1"
        )
    errors = ndtri((1 + LEVEL) / 2) + ndtri(power)
    return max(2, math.ceil(pilot.pairs * (errors * standard_error(pilot) / effect) ** 2))


def table(pilots: Mapping[str, Comparison], effect: Real, power: float = 0.8) -> pd.DataFrame:
    """One row a pilot: its difference, half of its interval, its pairs, and the pairs that a
    difference of `effect` points takes.
    """
    rows = {
        name: {
            "difference": pilot.interval.value,
            "half": pilot.half,
            "pairs": pilot.pairs,
            "pairs needed": pairs_needed(pilot, effect, power),
        }
        for name, pilot in pilots.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")

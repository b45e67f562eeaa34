"""How much of a search's best result is luck: best of n, the same choice on pictures it has not
seen, and luck alone.

    # a keypoint table with a column `trial`
    table = score(read("build/toybox/matches/prompt-search"))
    # PCK of each trial and its standard error
    scores(table)
    # one row a number of trials; `viz.search.best_of_n` draws it
    best_of_n(table)

The best of n trials looks better than it is, because the points that measure it also chose it: the
more trials and the fewer points, the more of it is chance. Four numbers are told apart for each n:

`apparent`. What a search of n trials reports, on average, in percent. N trials were run; of n of
    them, drawn without replacement, the k-th smallest is the best with chance C(k - 1, n - 1) /
    C(N, n), so no random number is needed. *Source:* Dodge et al. 2019, "Show Your Work"; drawing
    with replacement as there is biased: Tang et al. 2020, "Showing Your Work Doesn't Always Work".
`left_out`. What the chosen trial scores where it was not chosen: pictures are resampled (a pair
    counts the product of how often its two were drawn), each resample chooses its best of n, and a
    pair is asked of those resamples that drew neither of its pictures.
    *Source:* Efron 1979 for the bootstrap, 1983 for leaving out ("Estimating the Error Rate of a
    Prediction Rule").
`optimism` = apparent - left_out, in points: the bias of choosing (Cawley and Talbot 2010, "On
    Over-fitting in Model Selection"). At n = 1 it is zero, for nothing was chosen. Where trials are
    equal in truth it is unbiased; where they are not, it is a point or two too large, since a
    resample knows fewer pictures and chooses worse: it errs on the side of caution. Leaving out one
    pair at a time has no such bias, and several times the standard error. *Interval:* jackknife
    over ten groups of pictures.
    Resampling stays here, where other intervals are formulas (`metrics.pck_interval`): the best of
    n is no smooth function of the pictures, and which pairs a choice did not see must be known.
`luck`. What the best of n would report if all trials were equal in truth: on each source picture,
    the trials' results are shuffled among them. What is found once for a source serves all its
    pairs, so these are shuffled together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
import pandas as pd

from corrlib.metrics import correct
from corrlib.metrics.clustered_error import Sharing, clustered_error
from corrlib.metrics.table import require

BLOCK = 100  # resamples at a time
GROUPS = 10  # of pictures, of the jackknife


@dataclass(frozen=True, eq=False)
class Tally:
    """How many points of each pair each trial has right (`right`, trials x pairs) of `total`; the
    pair's pictures by number.
    """

    trials: list[str]
    right: np.ndarray
    total: np.ndarray
    source: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, alpha: Real = 0.1) -> "Tally":
        """Count a keypoint table; its order does not matter. Raises ValueError when a trial lacks a
        keypoint or has one twice.
        """
        keys = ["pair", "keypoint"]
        require(table, ("trial", *keys, "source_image", "target_image"))
        rows = table[["trial", *keys]].assign(right=correct(table, alpha))
        if (twice := rows.duplicated(["trial", *keys])).any():
            row = tuple(rows.loc[twice, ["trial", *keys]].iloc[0])
            raise ValueError(
                f"the table has trial, pair, keypoint {row} twice; give the table of one search"
            )
        points = rows.pivot(index=keys, columns="trial", values="right")
        if (lacks := points.isna()).to_numpy().any():
            trial = lacks.columns[lacks.any()][0]
            raise ValueError(
                f"trial {trial} lacks keypoint {lacks.index[lacks[trial]][0]}; trials are "
                "compared on the same ones"
            )
        pairs = points.astype(float).groupby(level="pair")
        right, images = pairs.sum(), table.drop_duplicates("pair").set_index("pair")
        names = np.concatenate(
            [images.loc[right.index, f"{end}_image"] for end in ("source", "target")]
        )
        source, target = np.split(pd.factorize(names, sort=True)[0], 2)
        return cls(
            list(right.columns), right.to_numpy().T, pairs.size().to_numpy(float), source, target
        )

    @property
    def pictures(self) -> int:
        """The number of pictures, 0 where there is no pair."""
        return int(np.concatenate([self.source, self.target]).max(initial=-1)) + 1

    @property
    def pck(self) -> np.ndarray:
        """PCK of each trial over all points, in percent."""
        return self.percent(self.right)

    def percent(self, right: np.ndarray) -> np.ndarray:
        """Right answers (... x pairs) in percent of all points."""
        return 100 * right.sum(-1) / self.total.sum()

    def without(self, group: np.ndarray) -> "Tally":
        """The tally of the pairs that have no picture in `group`, true or false for each
        picture.
        """
        kept = ~(group[self.source] | group[self.target])
        source, target = np.split(
            pd.factorize(np.concatenate([self.source[kept], self.target[kept]]))[0], 2
        )
        return replace(
            self, right=self.right[:, kept], total=self.total[kept], source=source, target=target
        )

    def resampled(
        self, n: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of resamples of the pictures: PCK (resamples x trials), and which pairs have no
        picture in it (x pairs).
        """
        even = np.full(self.pictures, 1 / max(1, self.pictures))
        for start in range(0, n, BLOCK):
            drawn = rng.multinomial(self.pictures, even, min(BLOCK, n - start)).astype(float)
            source, target = drawn[:, self.source], drawn[:, self.target]
            weights = source * target
            some = weights.any(1)  # a resample may have drawn both pictures of no pair
            pck = 100 * (weights[some] @ self.right.T) / (weights[some] @ self.total)[:, None]
            yield pck, (source + target == 0)[some].astype(float)


def scores(table: pd.DataFrame, alpha: Real = 0.1) -> pd.DataFrame:
    """One row a trial: pck in percent, and two standard errors over pictures, in points.

    `error` is that of PCK itself, `apart` that of its difference from the mean of all trials: easy
    and hard pictures are so to all trials, so that trials are told apart better than any one is
    known.
    """
    tally = Tally.of(table, alpha)
    weights = tally.total / tally.total.sum()
    sharing, one = Sharing.of(tally.source, tally.target), np.zeros(len(weights), int)

    def errors(right: np.ndarray) -> list[float]:
        shares = 100 * right / tally.total.sum()
        left = shares - weights * shares.sum(1, keepdims=True)
        return [clustered_error(of, weights, one, sharing)[0] for of in left]

    apart = errors(tally.right - tally.right.mean(0))
    found = {"trial": tally.trials, "pck": tally.pck, "error": errors(tally.right), "apart": apart}
    return pd.DataFrame(found)


def best_of_n(table: pd.DataFrame, alpha: Real = 0.1, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """One row for each number of trials, column n: apparent, left_out, optimism, luck, and the ends
    (_low, _high) of 95 % of each.

    For `apparent` and `luck` these are where the result of one search falls: of n trials drawn from
    those of the table (with all of them there is one result), and of `n` shuffles. For `left_out`
    and `optimism` they are how sure the estimate is. Raises ValueError when pictures are too few
    for every pair to be left out by some of `n` resamples.
    """
    tally, rng, ends = Tally.of(table, alpha), np.random.default_rng(seed), (0.025, 0.975)
    ranked, below = np.sort(tally.pck), none_above(len(tally.trials))
    apparent = expected(tally.pck)
    optimism = optimism_of(tally, n, seed)
    sure = 1.96 * jackknife(tally, n, seed)
    luck = np.concatenate(
        [shuffled(tally, min(BLOCK, n - start), rng) for start in range(0, n, BLOCK)]
    )
    found = {
        "apparent": (apparent, *(ranked[np.argmax(below[:, 1:] >= end, axis=1)] for end in ends)),
        "left_out": (apparent - optimism, apparent - optimism - sure, apparent - optimism + sure),
        "optimism": (optimism, optimism - sure, optimism + sure),
        "luck": (luck.mean(0), *np.quantile(luck, ends, axis=0)),
    }
    columns = {
        name + end: of
        for name, all in found.items()
        for end, of in zip(("", "_low", "_high"), all, strict=True)
    }
    return pd.DataFrame({"n": np.arange(1, len(ranked) + 1), **columns})


def none_above(trials: int) -> np.ndarray:
    """n x (0 ... N): the chance that n of N trials, drawn without replacement, are all among the k
    smallest: C(k, n) / C(N, n).
    """
    k, drawn = np.arange(trials + 1), np.arange(trials)[:, None]
    return np.cumprod(np.clip((k - drawn) / (trials - drawn), 0, 1), axis=0)


def chosen(values: np.ndarray) -> np.ndarray:
    """... x n x trials: the chance that each trial is the best of n by `values` (... x trials);
    equals share it.
    """
    below = none_above(values.shape[-1])
    less = (values[..., :, None] > values[..., None, :]).sum(-1)
    equal = (values[..., :, None] == values[..., None, :]).sum(-1)
    return np.moveaxis((below[:, less + equal] - below[:, less]) / equal, 0, -2)


def expected(values: np.ndarray) -> np.ndarray:
    """... x n: the best of n of `values` (... x trials), on average over all ways to draw n of
    them.
    """
    return np.einsum("...nt,...t->...n", chosen(values), values)


def optimism_of(tally: Tally, n: int, seed: int) -> np.ndarray:
    """The optimism, in points, of the best of 1, 2, ... trials, from `n` resamples."""
    trials, rng = len(tally.trials), np.random.default_rng(seed)
    who, out = np.zeros((trials, trials, len(tally.total))), np.zeros(len(tally.total))
    for pck, outside in tally.resampled(n, rng):
        who += np.tensordot(
            chosen(pck), outside, (0, 0)
        )  # n x trials x pairs: how often a trial was the choice for a pair
        out += outside.sum(0)
    if not out.size or not out.all():
        few = (
            f"{tally.pictures} pictures in {len(out)} pairs: in {n} resamples some pair was "
            "never left out"
        )
        raise ValueError(f"{few}; search on pairs of more pictures, or draw more resamples")
    left_out = np.einsum("ntp,tp->np", who, tally.right) / out
    return expected(tally.pck) - tally.percent(left_out)


def jackknife(tally: Tally, n: int, seed: int) -> np.ndarray:
    """The standard error of `optimism_of`, from leaving out each of ten random groups of
    pictures.
    """
    group = np.random.default_rng(seed).permutation(tally.pictures) % min(GROUPS, tally.pictures)
    found = np.array([optimism_of(tally.without(group == i), n, seed) for i in np.unique(group)])
    return np.sqrt((len(found) - 1) / len(found) * ((found - found.mean(0)) ** 2).sum(0))


def shuffled(tally: Tally, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` x n: the expected best of n after the trials' results were shuffled on each source
    picture.
    """
    of_source = tally.right @ (
        tally.source[:, None] == np.unique(tally.source)
    )  # trials x source pictures
    shuffles = rng.permuted(np.broadcast_to(of_source, (count, *of_source.shape)), axis=1)
    return expected(tally.percent(shuffles))

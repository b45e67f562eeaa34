"""What is made of a verdict, in words: the text that belongs to the comparison which decided it.

found = judged(known, {"noise": [laws.compare(...)]})   # laws by key; `known` is a file's texts
said(found, known)                                      # a paragraph each
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from corrlib.experiments.laws import DOES_NOT, NOT_RUN, Comparison, Law, verdict


def in_words(says: str) -> str:
    """A verdict as it stands in a sentence."""
    return {DOES_NOT: "does not hold"}.get(says, says)


def judged(
    known: Mapping[str, Mapping[str, Any]], tested: Mapping[str, Sequence[Comparison]]
) -> dict[str, Law]:
    """The laws of the claims of `known`, in the order of `tested`, which has their comparisons.
    Raises KeyError on a key that `known` has not, ValueError where a claim of it was not tested.
    """
    if missing := [key for key in known if key not in tested]:
        raise ValueError(f"the claims {missing} have no comparison; test them, or take them out")
    return {key: Law(known[key]["claim"], parts) for key, parts in tested.items()}


def reading(law: Law, known: Mapping[str, Any]) -> str:
    """The text of `known` for the law's verdict. Where it is a list, with one text a comparison,
    that of the deciding one; nothing where no text is given. Raises ValueError on a list of another
    length.
    """
    text = known.get(law.verdict, "")
    if isinstance(text, str):
        return text
    if len(text) != len(law.parts):
        raise ValueError(
            f"the law {law.text!r} has {len(law.parts)} comparisons and {len(text)} texts for "
            f"{law.verdict!r}; wanted one text each, or one for all"
        )
    return text[next(i for i, part in enumerate(law.parts) if part is law.deciding)]


def said(laws: Mapping[str, Law], known: Mapping[str, Mapping[str, Any]]) -> str:
    """A paragraph (Markdown) for each law: verdict, deciding numbers, what we make of it, whose
    claim it is.

    `known` has for each key of `laws` the texts of `reading`, and `whose` and `where`.
    """
    paragraphs = []
    for key, law in laws.items():
        about = known[key]
        paragraphs.append(
            f"**{law.text[:1].upper()}{law.text[1:]}: {in_words(law.verdict)}.** "
            f"Decided by {_numbers(law)}. "
            f"{reading(law, about)} *{about['whose']}.* {about['where']}"
        )
    return "\n\n".join(paragraphs)


def table(laws: Mapping[str, Law], known: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The same as one row a law, for a page that gathers the laws of all chapters: `key`, `claim`,
    `verdict`, `numbers` (of the deciding comparison), `reading`, `whose` claim, and `where`.
    """
    rows = []
    for key, law in laws.items():
        about = known[key]
        rows.append(
            {
                "key": key,
                "claim": law.text,
                "verdict": law.verdict,
                "numbers": _numbers(law),
                "reading": reading(law, about),
                "whose": about["whose"],
                "where": about["where"],
            }
        )
    return pd.DataFrame(rows)


def at_size(
    laws: Mapping[str, Law], known: Mapping[str, Mapping[str, Any]], share: float = 0.5
) -> pd.DataFrame:
    """Whether an effect is as large as the paper's, where the paper gives a number: one row a
    comparison with `claim`, `comparison`, the difference in the `paper` and `here` with its
    interval (`low`, `high`), without margins, and as `verdict` whether it reaches `share` of the
    paper's; NaN and "not run" of what was not.

    `known` may have under `paper` one number for each comparison of a law, null where there is
    none. Raises ValueError on a list of another length.
    """
    rows = []
    for key, law in laws.items():
        numbers = known[key].get("paper") or [None] * len(law.parts)
        if len(numbers) != len(law.parts):
            raise ValueError(
                f"the law {law.text!r} has {len(law.parts)} comparisons and {len(numbers)} numbers "
                "of the paper; wanted one each, null where there is none"
            )
        for number, part in zip(numbers, law.parts, strict=True):
            if number is not None:
                here = [end - part.margin for end in part.interval]
                ran = np.isfinite(part.interval.value)
                says = verdict(*here[1:], above=share * number) if ran else NOT_RUN
                rows.append((key, law.text, part.text, number, *here, says))
    columns = ["key", "claim", "comparison", "paper", "here", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _numbers(law: Law) -> str:
    """The deciding difference in words and numbers; a margin in it is taken out again, too."""
    part = law.deciding
    value, low, high = part.interval
    what = f"*{part.text.replace(' - ', ' minus ')}*"
    if not np.isfinite(value):
        return f"{what}, which was {NOT_RUN}"
    plain = f" (without the margin {value - part.margin:+.1f})" if part.margin else ""
    said = f"{what}: {value:+.1f} {part.unit}, from {low:+.1f} to {high:+.1f}{plain}"
    return re.sub(r"-(?=\d)", "−", said)

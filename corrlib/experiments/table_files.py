"""A table as CSV, JSON, LaTeX and HTML: equal tables give equal bytes."""

import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from corrlib.experiments.report import shown
from corrlib.storage.atomic_write import atomic_write

KINDS = ("csv", "json", "latex", "html")
SUFFIX = {"csv": ".csv", "json": ".json", "latex": ".tex", "html": ".html"}
LATEX = {c: "\\" + c for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def export(
    frame: pd.DataFrame,
    path: str | Path,
    kinds: Sequence[str] = KINDS,
    *,
    caption: str = "",
    provenance: Mapping[str, Any] | None = None,
    digits: int = 1,
) -> list[Path]:
    """Write `frame` beside `path` with the suffix of each kind; returns the files, in the order of
    `kinds`.

    CSV, LaTeX and HTML hold what is printed (see `report.shown`); JSON holds the exact numbers
    (null where there is none), caption and provenance, which LaTeX has as comments and HTML in its
    caption's title. Raises ValueError on an unknown kind.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(
            f"cannot export to {', '.join(unknown)}; wanted some of {', '.join(KINDS)}"
        )
    text, files = shown(frame, digits), []
    for kind in kinds:
        if kind == "csv":
            data = text.to_csv(lineterminator="\n")
        elif kind == "json":
            data = to_json(frame, caption, provenance)
        else:
            data = (to_latex if kind == "latex" else to_html)(
                text, _numeric(frame), caption, provenance or {}
            )
        file = Path(path).with_name(Path(path).name + SUFFIX[kind])
        with atomic_write(file) as part:
            part.write_text(data, encoding="utf-8", newline="\n")
        files.append(file)
    return files


def to_json(
    frame: pd.DataFrame, caption: str = "", provenance: Mapping[str, Any] | None = None
) -> str:
    """The table's rows as objects, with its caption and provenance."""
    rows = frame.reset_index().to_dict("records")
    clean = [
        {key: None if isinstance(v, float) and math.isnan(v) else v for key, v in row.items()}
        for row in rows
    ]
    return (
        json.dumps(
            {"caption": caption, "provenance": dict(provenance or {}), "rows": clean},
            indent=1,
            default=str,
        )
        + "\n"
    )


def to_latex(
    text: pd.DataFrame, numeric: Sequence[str], caption: str, provenance: Mapping[str, Any]
) -> str:
    """A `table` of booktabs; columns that say the same in every row (definition, run) become a note
    under it.
    """
    text, same = _split(text)
    header = [text.index.name or "", *text.columns]
    note = [f"\\par\\smallskip{{\\small {_tex('; '.join(same.values()))}}}"] if same else []
    lines = [f"% {_flat(key)}: {_flat(value)}" for key, value in provenance.items()]
    lines += [r"\begin{table}", r"\centering", f"\\caption{{{_tex(caption)}}}"]
    lines += [
        f"\\begin{{tabular}}{{l{''.join('r' if c in numeric else 'l' for c in text.columns)}}}",
        r"\toprule",
    ]
    lines += [" & ".join(map(_tex, header)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_tex, row)) + r" \\" for row in text.itertuples(name=None)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *note, r"\end{table}", ""])


def to_html(
    text: pd.DataFrame, numeric: Sequence[str], caption: str, provenance: Mapping[str, Any]
) -> str:
    """A plain `<table>`; columns that say the same in every row (definition, run) go to the
    caption.
    """
    text, same = _split(text)
    origin = html.escape("; ".join(f"{key}: {value}" for key, value in provenance.items()))
    said = html.escape(". ".join(filter(None, [caption.rstrip("."), *same.values()])))
    side = {name: ' style="text-align: right"' if name in numeric else "" for name in text.columns}
    lines = [
        '<table class="table">',
        f'<caption title="{origin}">{said}</caption>' if said or origin else "",
    ]
    head = "".join(f'<th scope="col"{side[name]}>{html.escape(name)}</th>' for name in text.columns)
    lines.append(
        f'<thead><tr><th scope="col">{html.escape(text.index.name or "")}</th>{head}</tr></thead>'
    )
    lines.append("<tbody>")
    for first, *row in text.itertuples(name=None):
        cells = "".join(
            f"<td{side[name]}>{html.escape(cell)}</td>"
            for name, cell in zip(text.columns, row, strict=True)
        )
        lines.append(f'<tr><th scope="row">{html.escape(str(first))}</th>{cells}</tr>')
    return "\n".join([*filter(None, lines), "</tbody>", "</table>", ""])


def _split(text: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    same = {
        name: text[name].iloc[0]
        for name in ("definition", "run")
        if name in text and text[name].nunique() == 1
    }
    return text.drop(columns=list(same)), same


def _numeric(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]


def _tex(text: Any) -> str:
    return "".join(LATEX.get(character, character) for character in str(text))


def _flat(value: Any) -> str:
    return " ".join(str(value).split())

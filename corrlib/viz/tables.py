"""A pandas table as a page shows it: one row of headings, as many decimals as are meant, a dash for
what is not there.

    show_tables_so()          # in a notebook: every table that a cell shows
    as_html(frame)            # the same for one
"""

import numpy as np
import pandas as pd

ROWS = 60  # longer tables are shortened by pandas
DECIMALS = 4  # a column that has more is rounded
TINY = 1e-3  # a column below it is written with powers of ten


def as_html(frame: pd.DataFrame) -> str:
    """The table as HTML. A named index becomes the first columns, and an unnamed one of numbers 0,
    1, 2 .. is left out; a column of whole numbers has no decimals; NaN is a dash.

    Tables with several rows of headings, and those of more than 60 rows, are as pandas shows them.
    """
    if frame.columns.nlevels > 1 or len(frame) > ROWS:
        return frame.to_html(max_rows=ROWS, border=0)
    named = any(name is not None for name in frame.index.names)
    table = _once(frame.reset_index(), frame.index.nlevels - 1) if named else frame
    plain = not named and isinstance(frame.index, pd.RangeIndex)
    written = table.copy().rename_axis(columns=None)  # a pivot's name of them is no heading
    for i in range(table.shape[1]):  # by place: two columns may have one name
        written.isetitem(i, _written(table.iloc[:, i]))
    names = frame.index.nlevels if named else 1  # columns of names, which stand at the left
    how = {"border": 0, "na_rep": "–", "classes": f"names-{names}"}
    return written.to_html(index=not named and not plain, **how)


def show_tables_so() -> None:
    """Let the running notebook show its tables by `as_html`; nothing outside of one."""
    from IPython import get_ipython

    if (shell := get_ipython()) is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, as_html)


def _once(table: pd.DataFrame, levels: int) -> pd.DataFrame:
    """The first `levels` columns say a name once, not in each row that it holds for."""
    keys = table.iloc[:, :levels].astype(str)
    for i in range(levels):
        same = (keys.iloc[:, : i + 1] == keys.iloc[:, : i + 1].shift()).all(axis=1)
        table.isetitem(i, keys.iloc[:, i].mask(same, ""))
    return table


def _written(column: pd.Series) -> pd.Series:
    """A column of fractions as text, all with the same number of decimals."""
    if column.dtype.kind != "f":
        return column
    values = column.to_numpy(float)
    finite = values[np.isfinite(values)]
    if len(finite) and 0 < np.abs(finite).max() < TINY:
        digits = ".1e"
    else:
        exact = (d for d in range(DECIMALS) if np.allclose(finite.round(d), finite, 1e-6, 1e-9))
        digits = f".{next(exact, 2 if len(finite) and np.abs(finite).max() >= 10 else 3)}f"
    texts = [format(v + 0.0, digits) if np.isfinite(v) else "–" for v in values]
    unsigned = [text.lstrip("-") if not text.strip("-0.") else text for text in texts]
    return pd.Series(unsigned, index=column.index, name=column.name)

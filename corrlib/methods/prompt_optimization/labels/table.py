"""The table of labels as a file: one row a label, with the ids of both pictures."""

from pathlib import Path

import pandas as pd

ASSETS = Path(__file__).parents[3] / "assets"
SHIPPED = ASSETS / "toybox" / "labels" / "prompt_labels.parquet"
COLUMNS = (
    "pair",
    "category",
    "source_image",
    "target_image",
    "source_x",
    "source_y",
    "target_x",
    "target_y",
    "agreement_px",
    "peak",
    "peak_ratio",
    "cycle_px",
)


def read(path: str | Path) -> pd.DataFrame:
    """The labels in a Parquet file. Raises FileNotFoundError with the command that makes them,
    ValueError naming a lost column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no labels at {path}; make them with: python data_scripts/label_by_prompts.py"
        )
    table = pd.read_parquet(path)
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path} holds no labels: it has no column {', '.join(missing)}")
    return table


def shipped() -> pd.DataFrame:
    """The labels of prompt optimisation on the toybox's training pictures that come with the
    library.
    """
    return read(SHIPPED)


def pair_name(source_id: str, target_id: str) -> str:
    """The name of a pair of pictures as SPair-71k's pairs are named, without a number:
    "trn_0000-trn_0001:cat".
    """
    category, source = source_id.split("/")
    return f"{source}-{target_id.split('/')[1]}:{category}"

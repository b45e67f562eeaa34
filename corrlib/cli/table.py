"""`python -m corrlib table`: what finished evaluations found, as tables on the screen and as CSV, JSON, LaTeX and HTML."""

import argparse
from pathlib import Path

from corrlib.cli.common import add_profile

PAPERS = {"dift": ("book/paper_numbers/dift_spair.csv", "DIFT (SD 2.1)")}  # whose numbers a method's are set beside


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("folders", nargs="*", type=Path, help="folders of matches (default: all under build/PROFILE/matches)")
    parser.add_argument("--out", type=Path, help="write results, categories, sweeps and comparisons into this folder")
    parser.add_argument("--alpha", type=float, default=0.1, help="share of the tolerance that counts as right (default: 0.1)")
    add_profile(parser)


def run(args: argparse.Namespace) -> None:
    """Print the results, and write all tables."""
    from corrlib.evaluate import score
    from corrlib.parts import Parts
    from corrlib.profiles import load_profile
    from corrlib.report import shown

    folders = args.folders
    profile = None
    if not folders or args.out is not None:
        profile = load_profile(args.profile)
    if not folders:
        folders = sorted(path.parent for path in profile.build("matches").glob("*/run.json"))
    if not folders:
        raise FileNotFoundError(f"no finished evaluation under {profile.build('matches')}; begin with: python -m corrlib evaluate")
    runs = {folder.name: Parts.open(folder) for folder in folders}
    tables = {name: score(parts.read()) for name, parts in runs.items()}
    sweeps = {name: table for name, table in tables.items() if "layer" in table}
    plain = {name: table for name, table in tables.items() if name not in sweeps}
    if plain:
        print(shown(results(plain, args.alpha)).drop(columns="definition").to_string())
    if args.out is not None:
        for path in _write(args.out, profile.root, runs, plain, sweeps, args.alpha):
            print(path)


def results(tables: dict, alpha: float):
    """One row a run: PCK in percent per point, per image and per category, with the definition and the run in words."""
    import pandas as pd

    from corrlib import metrics, report

    rows = {
        name: {f"per {by}": metrics.pck(table, alpha, by) for by in metrics.BY}
        | {"definition": f"{alpha:g} box", "run": report.describe(table)}
        for name, table in tables.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def _write(out: Path, root: Path, runs: dict, plain: dict, sweeps: dict, alpha: float) -> list[Path]:
    from corrlib import export, report
    from corrlib.sweep import grid

    origin = {name: report.provenance({**plain, **sweeps}[name], parts.run) for name, parts in runs.items()}
    files = []
    if plain:
        files += export.export(results(plain, alpha), out / "results", caption="PCK in percent", provenance=origin)
        by_category = report.by_method(plain, alpha=alpha)
        files += export.export(by_category, out / "categories", caption="PCK in percent by category", provenance=origin)
    for name, table in sweeps.items():
        cells = grid(table, alpha).assign(definition=report.definition(alpha), run=report.describe(table)).set_index("layer")
        caption = "PCK in percent by layer and timestep"
        files += export.export(cells, out / name, caption=caption, provenance=origin[name], digits=2)
    for name, table in plain.items():
        method = table["method"].iloc[0]
        if method in PAPERS and (root / PAPERS[method][0]).is_file():
            paper = report.read_paper(root / PAPERS[method][0])
            for by in ("point", "image"):
                beside = report.comparison(table, paper, method=PAPERS[method][1], alpha=alpha, by=by)
                caption = f"{method}: the paper's, ours and the difference, per {by}"
                files += export.export(beside, out / f"{name}_beside_paper_per_{by}", caption=caption, provenance=origin[name])
    return files

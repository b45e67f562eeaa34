"""`python -m corrlib table`: what finished evaluations found, as tables on the screen and as CSV,
JSON, LaTeX and HTML.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from corrlib.cli.common import add_profile, typed
from corrlib.validation.kinds import Alpha

PAPERS = {
    "dift": ("book/paper_numbers/dift_spair.csv", "DIFT (SD 2.1)")
}  # whose numbers a method's are set beside


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        help="folders of matches (default: all under build/PROFILE/matches)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="write results, categories, sweeps and comparisons into this folder",
    )
    parser.add_argument(
        "--alpha",
        type=typed("alpha", Alpha, 0.1),
        default=0.1,
        help="share of the tolerance that counts as right (default: 0.1)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace files of --out that this command did not write",
    )
    add_profile(parser)


def run(args: argparse.Namespace) -> None:
    """Print the results, and write all tables."""
    from corrlib.experiments import table_files
    from corrlib.experiments.evaluate import score
    from corrlib.experiments.profiles import load_profile
    from corrlib.experiments.report import shown
    from corrlib.storage.outputs import claim_files
    from corrlib.storage.result_folder import ResultFolder

    folders = args.folders
    profile = None
    if not folders or args.out is not None:
        profile = load_profile(args.profile)
    if not folders:
        folders = sorted(path.parent for path in profile.build("matches").glob("*/run.json"))
    if not folders:
        raise FileNotFoundError(
            f"no finished evaluation under {profile.build('matches')}; begin with: python -m "
            "corrlib evaluate"
        )
    runs = {name: ResultFolder.open(folder) for name, folder in named(folders).items()}
    tables = {}
    for name in [name for name, parts in runs.items() if "task" in parts.run]:
        _print_task(name, runs.pop(name))
    for name, parts in runs.items():
        try:
            tables[name] = score(parts.read())
        except ValueError as error:
            error.add_note(f"(in {parts.root})")
            raise
    sweeps = {name: table for name, table in tables.items() if "layer" in table}
    studies = [
        name for name, table in tables.items() if "trial" in table
    ]  # many settings in one table
    plain = {
        name: table for name, table in tables.items() if name not in sweeps and name not in studies
    }
    if studies:
        print(f"studies, see `python -m corrlib trials NAME`: {', '.join(studies)}")
    if plain:
        found = shown(results(plain, args.alpha))
        print(found.drop(columns=["definition", "protocol"]).to_string())
        for protocol, names in found.groupby("protocol", sort=False).groups.items():
            print(f"{', '.join(names)}: {protocol}, alpha {args.alpha:g}")
    if args.out is not None:
        files = {
            table.stem: table for table in _tables(profile.root, runs, plain, sweeps, args.alpha)
        }
        claim_files(
            args.out,
            [stem + ending for stem in files for ending in table_files.SUFFIX.values()],
            force=args.force,
        )
        for table in files.values():
            for path in table.export(args.out):
                print(path)


def _print_task(name: str, parts) -> None:
    """Print what `evaluate` counted of a benchmark that is not counted by PCK."""
    import pandas as pd

    run = parts.run
    print(f"{name}: {run['method']} ({run['preset']}) on {run['data']}, {run['subset'] or 'whole'}")
    files = sorted(parts.root.glob("*.csv"))
    if not files:
        print("not counted yet; the command that began it, typed again, does it")
    for path in files:
        print(f"{path.stem}\n{pd.read_csv(path).round(1).to_string(index=False)}")


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """The folders by the shortest ends of their paths that tell them apart: their names, or "x/run"
    and "y/run" where both are called run. A folder that is given twice is one.
    """
    whole = list(dict.fromkeys(folder.resolve() for folder in folders))
    found = {}
    for folder in whole:
        for length in range(1, len(folder.parts) + 1):
            end = folder.parts[-length:]
            if not any(other.parts[-length:] == end for other in whole if other != folder):
                break
        found["/".join(end)] = folder
    return found


def results(tables: dict, alpha: float):
    """One row a run: PCK in percent per point, per image and per category; definition, protocol and
    run in words.
    """
    import pandas as pd

    from corrlib import metrics
    from corrlib.experiments import report

    rows = {}
    for name, table in tables.items():
        length, strict, words = counting(table)
        rows[name] = {
            f"per {by}": metrics.pck(table, alpha, by, strict=strict) for by in metrics.BY
        }
        rows[name] |= {
            "definition": f"{alpha:g} {length}{', strict' * strict}",
            "protocol": words,
            "run": report.describe(table),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def counting(table) -> tuple[str, bool, str]:
    """The length that alpha multiplies in the words of the papers' numbers, whether < is meant, and
    the protocol in words.
    """
    from corrlib.experiments.evaluate import protocol_of

    rules = protocol_of(table)
    frame = f" at {rules.frame[0]} x {rules.frame[1]}" if rules.frame else ""
    return f"{rules.base.replace('_', ' ')}{frame}", rules.strict, str(rules)


def categories(tables: dict, alpha: float):
    """One row a run, one column a category, each run counted by its own protocol."""
    import pandas as pd

    from corrlib.experiments import report

    rows = []
    for name, table in tables.items():
        length, strict, _ = counting(table)
        rows.append(report.by_method({name: table}, alpha=alpha, length=length, strict=strict))
    whole = pd.concat(rows)
    ends = ["all", "mean"], ["definition", "run"]
    return whole[[*ends[0], *sorted(set(whole.columns) - {*ends[0], *ends[1]}), *ends[1]]]


class Table(NamedTuple):
    """A table to be written: under which name (without an ending), and what `table_files.export`
    takes.
    """

    stem: str
    frame: Any
    options: dict[str, Any]

    def export(self, folder: Path) -> list[Path]:
        """Write it in every format."""
        from corrlib.experiments import table_files

        return table_files.export(self.frame, folder / self.stem, **self.options)


def _tables(root: Path, runs: dict, plain: dict, sweeps: dict, alpha: float) -> Iterator[Table]:
    from corrlib.experiments import report
    from corrlib.experiments.sweep import grid

    if taken := sorted({"results", "categories"} & set(sweeps)):
        raise ValueError(
            f"a sweep's folder is called {taken[0]}, as the table of all runs is; rename it"
        )
    origin = {
        name: report.provenance(table, runs[name].run)
        for name, table in {**plain, **sweeps}.items()
    }
    if plain:
        options = {"caption": "PCK in percent", "provenance": origin}
        yield Table("results", results(plain, alpha), options)
        options = {"caption": "PCK in percent by category", "provenance": origin}
        yield Table("categories", categories(plain, alpha), options)
    for name, table in sweeps.items():
        length, strict, _ = counting(table)
        cells = grid(table, alpha, strict=strict).assign(
            definition=report.definition(alpha, "point", length, strict)
        )
        cells = cells.assign(run=report.describe(table)).set_index("layer")
        options = {"caption": "PCK in percent by layer and timestep", "provenance": origin[name]}
        yield Table(name, cells, {**options, "digits": 2})
    for name, table in plain.items():
        method, (length, strict, _) = table["method"].iloc[0], counting(table)
        data = set(table.get("data", ["SPair-71k"])).pop()
        if (alpha, length, strict) != (0.1, "box", False) or not data.startswith("SPair-71k"):
            # the papers' numbers at hand are of SPair-71k, counted by a tenth of the target's box
            continue
        if method in PAPERS and (root / PAPERS[method][0]).is_file():
            paper = report.read_paper(root / PAPERS[method][0])
            for by in ("point", "image"):
                beside = report.comparison(
                    table, paper, method=PAPERS[method][1], alpha=alpha, by=by
                )
                caption = f"{method}: the paper's, ours and the difference, per {by}"
                options = {"caption": caption, "provenance": origin[name]}
                yield Table(f"{name}_beside_paper_per_{by}", beside, options)

"""`python -m corrlib match A.png B.png --points 40,60 --method dift --out fig.png`."""

import argparse
from pathlib import Path

from corrlib.cli.common import add_method, add_profile
from corrlib.validation import Typed


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no point; write x,y in pixels of the first image, for example 40,60"
        ) from None
    return x, y


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("source", type=Path, help="the image in which the points are")
    parser.add_argument("target", type=Path, help="the image in which to find them")
    parser.add_argument(
        "--points",
        type=_point,
        nargs="+",
        action="extend",
        required=True,
        metavar="x,y",
        help="in pixels of the source image; may be repeated",
    )
    parser.add_argument(
        "--category", help='what both images show, for prompts such as "a photo of a {category}"'
    )
    parser.add_argument(
        "--prompt", help="the whole prompt of a diffusion method, instead of the preset's"
    )
    parser.add_argument(
        "--out", type=Path, help="draw the matches into this file (.png, .jpg, .svg, .pdf)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the file --out if it is there"
    )
    add_profile(parser)
    add_method(parser)


def run(args: argparse.Namespace) -> None:
    """Print one line a point, and draw them."""
    import torch

    from corrlib.cli.common import open_method, open_profile, seed_of
    from corrlib.coords import require_inside
    from corrlib.storage.outputs import require_new
    from corrlib.types import View

    profile = open_profile(args)
    source, target = (
        View.open(path, category=args.category) for path in (args.source, args.target)
    )
    queries = torch.tensor(args.points)
    require_inside(queries, source.size)
    if args.out is not None:
        _require_drawable(args.out)
        require_new(args.out, force=args.force, inputs=[args.source, args.target])
    if args.prompt is not None:
        args.settings.append(("prompt", Typed(args.prompt)))
    method = open_method(args, profile)
    matches = method(source, target, queries, seed=seed_of(args, profile))
    for (x, y), (u, v), score in zip(
        queries.tolist(), matches.points.tolist(), matches.score.tolist(), strict=True
    ):
        print(f"({x:g}, {y:g}) -> ({u:.1f}, {v:.1f})  score {score:.3f}")
    if args.out is not None:
        _draw(args.out, source, target, queries, matches.points, f"{method.name} ({method.preset})")
        print(args.out)


def _require_drawable(path: Path) -> None:
    known = (".png", ".svg", ".pdf", ".jpg")
    if path.suffix.lower() not in known:
        raise ValueError(f"cannot draw into {path}; its ending must be one of {', '.join(known)}")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"no folder {path.absolute().parent} to write {path.name} into; make it first"
        )


def _draw(path: Path, source, target, queries, points, title: str) -> None:
    from matplotlib.figure import Figure

    from corrlib import viz
    from corrlib.storage.atomic_write import atomic_write

    figure = Figure(figsize=(9, 4.5), constrained_layout=True)
    viz.matches(figure.add_subplot(), [source.image(), target.image()], queries, points).set_title(
        title
    )
    with atomic_write(path) as part:
        figure.savefig(part, format=path.suffix[1:].lower(), dpi=160)

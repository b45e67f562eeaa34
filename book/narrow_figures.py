"""A Sphinx extension: where a figure has a second file for narrow pages, phones show that one.

`layers-narrow.png` beside `layers.png` is what `corrlib.book.Run.save` writes. The page then has a
`<picture>` of both, of which a browser fetches one.
"""

import re
import shutil
from pathlib import Path
from typing import Any

NARROW = 600  # pixels: book.css has the same


def twin(path: Path) -> Path:
    """The file for narrow pages of a figure."""
    return path.with_name(f"{path.stem}-narrow{path.suffix}")


def with_sources(body: str, twins: dict[str, str]) -> str:
    """A page's HTML, in which the images that have a twin stand in a `<picture>` with it; `twins`
    by the names in _images.
    """

    def wrapped(found: re.Match) -> str:
        folder, name = found["folder"], found["name"]
        if name not in twins:
            return found[0]
        source = f'<source media="(max-width: {NARROW}px)" srcset="{folder}{twins[name]}">'
        return f"<picture>{source}{found[0]}</picture>"

    return re.sub(r'<img[^>]*src="(?P<folder>[^"]*_images/)(?P<name>[^"/]+)"[^>]*>', wrapped, body)


def add_sources(app: Any, page: str, template: str, context: dict, doctree: Any) -> None:
    """Sphinx calls this for every page before it is written."""
    if doctree is None or "body" not in context:
        return
    images, twins = Path(app.outdir) / "_images", {}
    for source, name in app.builder.images.items():
        if (narrow := twin(Path(app.srcdir) / source)).is_file():
            twins[name] = twin(Path(name)).name
            images.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(narrow, images / twins[name])
    context["body"] = with_sources(context["body"], twins)


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx asks an extension for."""
    app.connect("html-page-context", add_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Screenshots of every page of a built book, wide and narrow, for looking at; not part of any
build.

    python book/screenshots.py [PROFILE] [FOLDER]

Needs Chromium. Writes FOLDER/PAGE-1400-0.png, -1.png, ... and PAGE-390-0.png, ... (default folder:
build/PROFILE/screenshots), each a part of the page.
`--dark` takes the dark theme.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from corrlib.storage.outputs import claim_files  # noqa: E402

WIDTHS = (1400, 390)  # of the window, in CSS pixels
# a long page is taken in parts of this height: Chromium refuses pictures beyond 16,384 pixels
PART = 6000


def framed(page: Path, width: int, height: int, top: int, dark: bool) -> Path:
    """A page that shows `page` from `top` on in a frame of `width` pixels: Chromium's own window is
    never narrower than about 500.

    The frame writes the height of what it shows into the title of the page.
    """
    mode = (
        "localStorage.setItem('mode','dark');localStorage.setItem('theme','dark');"
        if dark
        else "localStorage.clear();"
    )
    size = f"border:0;width:{width}px;height:{height}px;margin-top:-{top}px"
    measure = "setTimeout(()=>{document.title=f.contentDocument.documentElement.scrollHeight},3000)"
    script = (
        f"const f=document.getElementById('f');{mode}f.onload=()=>{measure};f.src='{page.as_uri()}'"
    )
    copy = Path(tempfile.mkdtemp()) / "frame.html"
    body = f'<iframe id="f" style="{size}"></iframe><script>{script}</script>'
    copy.write_text(
        f'<!doctype html><title></title><body style="margin:0;overflow:hidden">{body}</body>'
    )
    return copy


def chromium(browser: str, copy: Path, *options: str) -> str:
    common = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--allow-file-access-from-files",
    ]
    command = [browser, *common, "--virtual-time-budget=20000", *options, copy.as_uri()]
    try:
        return subprocess.run(command, capture_output=True, timeout=240, text=True).stdout
    finally:
        shutil.rmtree(copy.parent)


def height_of(browser: str, page: Path, width: int) -> int:
    """Pixels that the whole page is tall at this width."""
    title = re.search(
        r"<title>(\d+)</title>",
        chromium(
            browser,
            framed(page, width, 800, 0, False),
            f"--window-size={max(width, 500)},800",
            "--dump-dom",
        ),
    )
    return int(title[1]) if title else PART


def main(profile: str = "toybox", folder: str | None = None, *, dark: bool = False) -> None:
    """Take all screenshots. Raises SystemExit when there is no Chromium or no book."""
    browser = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    book = ROOT / "build" / profile / "book"
    if not browser or not book.is_dir():
        sys.exit(
            "Chromium is not installed" if not browser else f"no book in {book}: ./run makes it"
        )
    out = Path(folder) if folder else ROOT / "build" / profile / "screenshots"
    for page in sorted(book.rglob("*.html")):
        if "_static" in page.parts or page.stem in ("genindex", "search"):
            continue
        for width in WIDTHS:
            height = height_of(browser, page, width)
            for i, top in enumerate(range(0, height, PART)):
                target = out / f"{page.stem}-{width}{'-dark' if dark else ''}-{i}.png"
                claim_files(out, [target.name])
                window = f"--window-size={max(width, 500)},{min(PART, height - top)}"
                extra = ["--force-dark-mode"] if dark else []
                chromium(
                    browser,
                    framed(page, width, height, top, dark),
                    window,
                    f"--screenshot={target}",
                    *extra,
                )
                print(target, flush=True)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--dark"]
    try:
        main(*words, dark="--dark" in sys.argv)
    except FileExistsError as error:  # a picture of one's own
        sys.exit(f"error: {error}")

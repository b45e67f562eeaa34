"""Screenshots of every page of a built book, wide and narrow, for looking at; not part of any build.

    python book/screenshots.py [PROFILE] [FOLDER]

Needs Chromium. Writes FOLDER/PAGE-1400.png and PAGE-390.png (default folder: build/PROFILE/screenshots).
`--dark` takes the dark theme.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = {1400: 3200, 390: 4200}  # width and height of the window in CSS pixels


def page_copy(page: Path, width: int, dark: bool) -> Path:
    """A page that holds `page` in a frame of `width` pixels, because Chromium's own window is never narrower than about 500."""
    mode = "localStorage.setItem('mode','dark');localStorage.setItem('theme','dark');" if dark else "localStorage.clear();"
    frame = f'<iframe id="f" style="border:0;width:{width}px;height:{SIZES[width]}px"></iframe>'
    script = f"<script>{mode}document.getElementById('f').src='{page.as_uri()}'</script>"
    copy = Path(tempfile.mkdtemp()) / "frame.html"
    copy.write_text(f'<!doctype html><body style="margin:0">{frame}{script}</body>')
    return copy


def main(profile: str = "toybox", folder: str | None = None, *, dark: bool = False) -> None:
    """Take all screenshots. Raises SystemExit when there is no Chromium or no book."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    book = ROOT / "build" / profile / "book"
    if not browser or not book.is_dir():
        sys.exit("Chromium is not installed" if not browser else f"no book in {book}: ./run makes it")
    out = Path(folder) if folder else ROOT / "build" / profile / "screenshots"
    out.mkdir(parents=True, exist_ok=True)
    for page in sorted(book.rglob("*.html")):
        if "_static" in page.parts or page.stem in ("genindex", "search"):
            continue
        for width, height in SIZES.items():
            target = out / f"{page.stem}-{width}{'-dark' if dark else ''}.png"
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
            options += ["--virtual-time-budget=20000", f"--window-size={max(width, 500)},{height}", f"--screenshot={target}"]
            if dark:
                options.append("--force-dark-mode")
            subprocess.run([browser, *options, page_copy(page, width, dark).as_uri()], capture_output=True, timeout=120)
            print(target)


if __name__ == "__main__":
    main(*[argument for argument in sys.argv[1:] if argument != "--dark"], dark="--dark" in sys.argv)

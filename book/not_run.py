"""What stands in the place of what a profile has not run: tables, figures and values that pages
name.
"""

import csv
import json
import re
from pathlib import Path

from PIL import Image, ImageDraw

NOT_RUN = "not run"


def text_of(page: Path) -> str:
    """The text of a page, or of a notebook's Markdown."""
    if page.suffix != ".ipynb":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def fill_missing(stage: Path, values: dict[str, str]) -> list[str]:
    """Stand-ins for tables, figures and values that pages name and this profile has not made;
    returns their names.
    """
    missing = []
    for page in [*stage.glob("*.md"), *stage.glob("notebooks/*.ipynb")]:
        text = text_of(page)
        for name in sorted(set(re.findall(r"^:file: *(?:\.\./)?(tables/\S+\.csv)", text, re.M))):
            if not (stage / name).is_file():
                missing.append(name)
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                with open(stage / name, "w", newline="") as out:
                    csv.writer(out).writerows([["result"], [NOT_RUN]])
        for name in sorted(set(re.findall(r"^:file: *(?:\.\./)?(figures/\S+\.html)", text, re.M))):
            if not (stage / name).is_file():
                missing.append(name)
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                (stage / name).write_text(f"<p>This figure: {NOT_RUN}.</p>\n")
        for name in sorted(set(re.findall(r"(?:\.\./)?(figures/[\w/]+\.png)", text))):
            if not (stage / name).is_file():
                missing.append(name)
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                not_run_picture().save(stage / name)
        for name in sorted(set(re.findall(r"\{\{ *(\w+) *\}\}", text)) - set(values)):
            missing.append(name)
            values[name] = NOT_RUN
    return missing


def not_run_picture() -> Image.Image:
    """What stands in the place of a figure that was not run."""
    picture = Image.new("RGB", (480, 120), "#f2f2f2")
    ImageDraw.Draw(picture).text((240, 60), NOT_RUN, fill="#555555", anchor="mm", font_size=24)
    return picture

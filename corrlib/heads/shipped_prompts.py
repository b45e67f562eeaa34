"""The prompts that ship with the book, taught on the toybox: a file and its card each."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "assets" / "toybox" / "prompts"
SHIPPED = {"toybox-single": "single", "toybox-class": "class"}  # by the name that stands for it


def locate(name: str) -> Path:
    """The file of prompts that a setting names: a shipped one, or the path itself. Raises
    FileNotFoundError that says how to teach a shipped one anew.
    """
    if name not in SHIPPED:
        return Path(name)
    path = FOLDER / SHIPPED[name] / "prompts.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"prompts {name!r} are not at {path}; teach them anew with the command in the card "
            "beside it, or fetch the repository whole"
        )
    return path

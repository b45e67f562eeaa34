"""The heads that ship with the book, trained on the toybox: a file and its card each."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "assets" / "toybox" / "hyperfeatures"
SHIPPED = {  # by the name that stands for it
    "toybox": "multi-step",
    "toybox-one-step": "one-step",
    "toybox-untrained-unet": "untrained-unet",
}


def locate(name: str) -> Path:
    """The file of a shipped head. Raises FileNotFoundError that says how to train it anew."""
    path = FOLDER / SHIPPED[name] / "head.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"head {name!r} is not at {path}; train it anew with the command in the card beside "
            "it, or fetch the repository whole"
        )
    return path

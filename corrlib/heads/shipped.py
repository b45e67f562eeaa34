"""What is trained on the toybox and ships with the book, heads and prompts: a file and its card
each.
"""

from pathlib import Path

ASSETS = Path(__file__).parents[1] / "assets" / "toybox"
CASES = (*range(1, 7), "pascal")  # of the paper's ablation, and taught on PF-Pascal
STARTS = ("ids", "empty", "object")  # what Single begins from
HEADS = {  # by the name that stands for it: its file
    "toybox": "hyperfeatures/multi-step/head.safetensors",
    "toybox-one-step": "hyperfeatures/one-step/head.safetensors",
    "toybox-second": "hyperfeatures/second/head.safetensors",
    "toybox-second-multi-step": "hyperfeatures/second-multi-step/head.safetensors",
    "toybox-untrained-unet": "hyperfeatures/untrained-unet/head.safetensors",
    "toybox-sd-dino": "sd_dino/fused/head.safetensors",
    "toybox-sd-dino-sd": "sd_dino/sd/head.safetensors",
    "toybox-sd-dino-dino": "sd_dino/dino/head.safetensors",
    "toybox-sd-dino-keypoints": "sd_dino/keypoints/head.safetensors",
}
PROMPTS = {
    "toybox-single": "prompts/single/prompts.safetensors",
    "toybox-class": "prompts/class/prompts.safetensors",
    "toybox-conditional": "prompts/conditional/prompts.safetensors",
    **{f"toybox-cpm-{case}": f"prompts/cpm-{case}/prompts.safetensors" for case in CASES},
    **{f"toybox-start-{start}": f"prompts/start-{start}/prompts.safetensors" for start in STARTS},
}


def locate(name: str) -> Path:
    """The file of a shipped head or prompt. Raises FileNotFoundError that says how to train it
    anew.
    """
    path = ASSETS / (HEADS | PROMPTS)[name]
    if not path.is_file():
        raise FileNotFoundError(
            f"{name!r} is not at {path}; train it anew with the command in the card beside it, or "
            "fetch the repository whole"
        )
    return path

"""What a folder with a diffusion model must hold, in diffusers' layout, and whether its parts fit
together: told by file names, the headers of the weights and the configurations. No tensor is
loaded and no torch imported. Each check stands for a model that else gives wrong numbers, or that
fails after its gigabytes were loaded.

Weights are safetensors files only. A .bin file is a pickle, which can run any program when it is
opened, so none ever is.
"""

import json
import re
from pathlib import Path
from typing import Any

NETWORKS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
VARIANTS = ("", ".fp16")  # as they are looked for; diffusers' name of the second is "fp16"
SDXL = "Stable Diffusion XL, which is not supported: its U-Net wants two text encoders"
CONVERT = (
    "import sys, torch, safetensors.torch as s; "
    "[s.save_file({k: v.clone().contiguous() for k, v in torch.load(p, weights_only=True).items()},"
    " p.replace('/pytorch_', '/')[:-3] + 'safetensors', {'format': 'pt'}) for p in sys.argv[1:]]"
)


class WeightsError(FileNotFoundError):
    """Weights that cannot be used; the message says what is missing and what to type."""


class UnfitError(WeightsError):
    """A model of another kind, or whose parts contradict each other: fetching it again is no
    cure.
    """


def missing_files(folder: Path) -> list[str]:
    """What a diffusers folder lacks, as paths relative to it; empty when nothing is absent."""
    missing = [
        f"{part}/config.json" for part in NETWORKS if not (folder / part / "config.json").is_file()
    ]
    missing += [
        f"{part}/{stem}.safetensors"
        for part, stem in NETWORKS.items()
        if not weight_files(folder, part)[1]
    ]
    if not (folder / "tokenizer" / "tokenizer.json").is_file():
        missing += [
            f"tokenizer/{file}"
            for file in ("vocab.json", "merges.txt")
            if not (folder / "tokenizer" / file).is_file()
        ]
    if not (folder / "scheduler" / "scheduler_config.json").is_file():
        missing.append("scheduler/scheduler_config.json")
    return missing


def weight_files(folder: Path, part: str) -> tuple[str, list[Path]]:
    """The variant ("" or ".fp16") and the safetensors files, one or all shards, of which a network
    is loaded; an empty list where there is no whole set.
    """
    stem = NETWORKS[part]
    for variant in VARIANTS:
        if (whole := folder / part / f"{stem}{variant}.safetensors").is_file():
            return variant, [whole]
        shards = sorted((folder / part).glob(f"{stem}{variant}-*-of-*.safetensors"))
        if shards and len(shards) == int(re.search(r"-of-(\d+)", shards[0].name)[1]):
            return variant, shards
    return "", []


def require_folder(folder: str | Path, what: str = "", cure: str = "") -> Path:
    """`folder` as a path when it holds a whole model that fits together, else a WeightsError naming
    what is wrong and the `cure`.
    """
    folder = Path(folder)
    label, cure = f"weights {what!r}: " if what else "", f"; {cure}" if cure else ""
    if not folder.is_dir():
        raise WeightsError(f"{label}there is no folder {folder}{cure}")
    if unlike := other_kind(folder):
        raise UnfitError(f"{label}{folder} holds {unlike}")
    if missing := missing_files(folder):
        raise WeightsError(f"{label}{_absent(folder, missing)}{cure}")
    if damaged := [said for part in NETWORKS for said in _damage(folder, part)]:
        raise WeightsError(f"{label}{'; '.join(damaged)}{cure or '; fetch it again'}")
    require_kind(folder, f"{label}{folder}")
    return folder


def require_kind(folder: Path, what: str) -> None:
    """Raise UnfitError unless the configurations in `folder`, all that is looked at, are those of a
    model like Stable Diffusion 1 or 2.
    """
    if unlike := other_kind(folder):
        raise UnfitError(f"{what} holds {unlike}")
    if unfit := mismatch(folder):
        raise UnfitError(f"the parts of {what} do not fit together: {unfit}")


def _absent(folder: Path, missing: list[str]) -> str:
    if not any(folder.iterdir()):
        return (
            f"folder {folder} is empty; wanted unet/, vae/, text_encoder/, tokenizer/ and "
            "scheduler/"
        )
    said = f"{folder} is not a whole diffusers model, it lacks {', '.join(missing)}"
    if not missing_files(folder.parent):
        return f"{said}; this is one part of the model in {folder.parent}: name that folder"
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not missing_files(child):
            return f"{said}; but {child} is a whole model: name that folder"
    pickles = [
        pickle
        for part, stem in NETWORKS.items()
        if f"{part}/{stem}.safetensors" in missing and (pickle := _pickle(folder, part))
    ]
    if pickles:
        files = " ".join(f"'{path}'" for path in pickles)
        return (
            f"{said}; its .bin files are pickles, which can run any program and are never opened "
            f'here; convert them once with: python -c "{CONVERT}" {files}'
        )
    return said


def _pickle(folder: Path, part: str) -> Path | None:
    stem = {"text_encoder": "pytorch_model"}.get(part, NETWORKS[part])
    paths = (folder / part / f"{stem}{variant}.bin" for variant in VARIANTS)
    return next((path for path in paths if path.is_file()), None)


def _damage(folder: Path, part: str) -> list[str]:
    """What is wrong with the weight files of a part, by their headers."""
    return [said for path in weight_files(folder, part)[1] if (said := broken(path))]


def broken(path: Path) -> str:
    """What is wrong with a safetensors file, "" if nothing is. It begins with 8 bytes that say how
    long the header is; then come the header (JSON) and as many bytes as its tensors have.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start == b"version ":
            return f"{path} is a pointer of Git LFS, not the file itself; type: git lfs pull"
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            return f"{path} is truncated or no safetensors file ({size:,} bytes)"
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for k, entry in header.items() if k != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return f"{path} has a damaged header"
    wanted = 8 + length + max(ends, default=0)
    return f"{path} is truncated: {size:,} of {wanted:,} bytes" if size < wanted else ""


def other_kind(folder: Path) -> str:
    """What a folder holds that is another kind of model, known by name; "" of a latent diffusion
    model like Stable Diffusion 1 and 2.
    """
    pipeline = str(_config(folder / "model_index.json").get("_class_name", ""))
    unet = _config(folder / "unet" / "config.json")
    scheduler = str(_config(folder / "scheduler" / "scheduler_config.json").get("_class_name", ""))
    if "XL" in pipeline or unet.get("addition_embed_type") or (folder / "text_encoder_2").is_dir():
        return SDXL
    if (folder / "transformer").is_dir() or scheduler.startswith("FlowMatch"):
        named = f" ({pipeline})" if pipeline else ""
        return f"a diffusion transformer{named}, which has no U-Net; it is not supported"
    wanted = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
    for part, kind in wanted.items():
        found = _config(folder / part / "config.json").get("_class_name", kind)
        if found != kind:
            return f"a {found} in {part}/; wanted a {kind}"
    kind = _config(folder / "text_encoder" / "config.json").get("model_type", "clip_text_model")
    if kind not in ("clip_text_model", "clip"):
        return f"a text encoder of type {kind!r}; wanted CLIP's, clip_text_model"
    return ""


def mismatch(folder: Path) -> str:
    """Where the configurations of the parts contradict each other or ask for more than a latent, a
    timestep and a prompt; "" where all is well. Absent values are the libraries' defaults.
    """
    unet, vae, text = (_config(folder / part / "config.json") for part in NETWORKS)
    takes, gives = unet.get("in_channels", 4), unet.get("out_channels", 4)
    latent = vae.get("latent_channels", 4)
    if takes != latent:
        known = {9: "; 9 are an inpainting model's", 8: "; 8 are an image-editing model's"}
        return (
            f"the U-Net takes {takes} channels, the VAE's latents have {latent}"
            f"{known.get(takes, '')}, which is not supported"
        )
    if gives != latent:
        return f"the U-Net gives {gives} channels, the VAE's latents have {latent}"
    width, wanted = text.get("hidden_size", 512), unet.get("cross_attention_dim", 1280)
    if any(one != width for one in (wanted if isinstance(wanted, list) else [wanted])):
        return (
            f"the U-Net wants text of {wanted} numbers a token (cross_attention_dim), the text "
            f"encoder gives {width} (hidden_size)"
        )
    for key in ("class_embed_type", "num_class_embeds", "encoder_hid_dim_type"):
        if unet.get(key) is not None:
            return f"the U-Net wants more than a prompt ({key} is {unet[key]!r})"
    schedule = _config(folder / "scheduler" / "scheduler_config.json")
    kinds = ("epsilon", "v_prediction", "sample")
    if (kind := schedule.get("prediction_type", "epsilon")) not in kinds:
        return f"the scheduler's prediction_type is {kind!r}; wanted one of {', '.join(kinds)}"
    words, known = _words(folder / "tokenizer"), text.get("vocab_size", 49408)
    if words > known:
        return f"the tokenizer has {words:,} tokens, the text encoder knows {known:,}"
    return ""


def _words(tokenizer: Path) -> int:
    """How many tokens a tokenizer has, added ones not counted."""
    if (tokenizer / "vocab.json").is_file():
        return len(_config(tokenizer / "vocab.json"))
    model = _config(tokenizer / "tokenizer.json").get("model") or {}
    return len(model.get("vocab") or ())


def _config(path: Path) -> dict[str, Any]:
    """A JSON file's content, empty where there is none. Raises WeightsError naming a broken one."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{path} is not valid JSON ({error}); fetch it again") from error
    if not isinstance(found, dict):
        raise WeightsError(
            f"{path} holds a {type(found).__name__}, wanted settings; fetch it again"
        )
    return found

"""Networks, tokenizer and schedule of a diffusion model from a folder: whole, or not at all."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from corrlib.backbones.model_folder import WeightsError, weight_files


def load_parts(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """VAE, U-Net, text encoder, tokenizer and scheduler of a folder in diffusers' layout, by the
    names of `Diffuser`'s arguments; networks in `dtype`, whatever the files hold.

    Only safetensors files are opened. Raises WeightsError when a file cannot be read, or lacks a
    tensor that its network has: the libraries would fill it with random numbers and go on.
    """
    quiet_libraries()
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    kinds = {"vae": AutoencoderKL, "unet": UNet2DConditionModel, "text_encoder": CLIPTextModel}
    found = {part: _network(kind, folder, part, dtype) for part, kind in kinds.items()}
    found["tokenizer"] = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    found["scheduler"] = DDIMScheduler.from_pretrained(
        folder, subfolder="scheduler", local_files_only=True
    )
    return found


def _network(kind: Any, folder: Path, part: str, dtype: torch.dtype) -> Any:
    variant, _ = weight_files(folder, part)
    options = {"variant": variant[1:]} if variant else {}
    options["dtype" if part == "text_encoder" else "torch_dtype"] = dtype
    again = (
        f"fetch them again, or, where they came with the repository, type: git checkout -- {folder}"
    )
    return load_network(kind, folder / part, again, **options)


def load_network(
    kind: Any, folder: Path, cure: str, *, unused: str | None = None, **options: Any
) -> Any:
    """A network of `kind`, a class of diffusers or transformers, from its own folder; `options` go
    to `from_pretrained`. Tensors whose name begins with `unused` may be absent.

    Raises WeightsError as `load_parts` does, with the `cure`.
    """
    options |= {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    try:
        network, told = kind.from_pretrained(folder, **options)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"the weights in {folder} cannot be read ({reason}); {cure}") from error
    for key, said in (("missing_keys", "lack"), ("mismatched_keys", "have the wrong shape in")):
        names = sorted(str(name) for name in told.get(key) or ())
        if names := [name for name in names if unused is None or not name.startswith(unused)]:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise WeightsError(
                f"the weights in {folder} {said} {len(names)} of the network's tensors: "
                f"{', '.join(names[:3])}{more}; {cure}"
            )
    return network


def quiet_libraries() -> None:
    """Keep progress bars and advice of diffusers and transformers out of logs and notebooks; errors
    still show.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()

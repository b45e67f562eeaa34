"""Which weights exist, where they come from, and whether they are here. No torch in this module.

A model is named by a preset ("toybox", "sd2-1", "sd1-5", ...), by a folder in diffusers' layout, or
by a hub id "owner/name", optionally "owner/name@revision". A preset is looked for in this order:
$CORRLIB_WEIGHTS/PRESET (the environment variable names a folder that holds one folder a preset),
the package's own assets, the local hub cache, and the hub, where the addresses of the list in
`corrlib.backbones.known_weights` are tried in turn. `python data_scripts/fetch.py weights PRESET`
fetches one in advance.
"""

import hashlib
import os
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from corrlib.backbones.known_weights import MODELS, Model, Source

ASSETS = Path(__file__).parents[1] / "assets"
VARIABLE = "CORRLIB_WEIGHTS"
FILES = ["unet/*", "vae/*", "text_encoder/*", "tokenizer/*", "scheduler/*", "model_index.json"]
NOT_FILES = ["*.bin", "*.fp16.*", "*.non_ema.*"]
_NETWORKS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}


class WeightsError(FileNotFoundError):
    """Weights that cannot be used; the message says what is missing and what to type."""


def fetch_command(model: Model, folder: str | Path | None = None) -> str:
    """The command line that brings `model` here."""
    if not model.sources:
        return model.remake or ""
    source = model.sources[0]
    patterns = " ".join(
        [f"--include '{pattern}'" for pattern in FILES]
        + [f"--exclude '{pattern}'" for pattern in NOT_FILES]
    )
    revision = f" --revision {source.revision}" if source.revision else ""
    return (
        f"hf download {source.repo}{revision} {patterns} --local-dir "
        f"{folder or f'weights/{model.name}'}"
    )


def present(model: Model, folder: str | Path | None = None) -> Path | None:
    """Where `model` is whole on this machine: in `folder`/NAME if a folder is given, else wherever
    `locate` looks; else None.
    """
    if folder:
        place = Path(folder) / model.name
        return place if place.is_dir() and not missing_files(place) else None
    try:
        return locate(model.name)
    except WeightsError:
        return None


def hub_cache() -> Path:
    """The folder in which the hub's client keeps what it fetched."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def missing_files(folder: Path) -> list[str]:
    """What a diffusers folder lacks, as paths relative to it; empty when it can be loaded."""
    missing = [
        f"{part}/config.json" for part in _NETWORKS if not (folder / part / "config.json").is_file()
    ]
    for part, stem in _NETWORKS.items():
        if not any((folder / part).glob(f"{stem}*.safetensors")) and not any(
            (folder / part).glob("*.bin")
        ):
            missing.append(f"{part}/{stem}.safetensors")
    if not (folder / "tokenizer" / "tokenizer.json").is_file():
        missing += [
            f"tokenizer/{file}"
            for file in ("vocab.json", "merges.txt")
            if not (folder / "tokenizer" / file).is_file()
        ]
    if not (folder / "scheduler" / "scheduler_config.json").is_file():
        missing.append("scheduler/scheduler_config.json")
    return missing


def require_folder(folder: str | Path, what: str = "", cure: str = "") -> Path:
    """`folder` as a path when it holds a whole model, else a WeightsError naming what is wrong and
    the `cure`.
    """
    folder = Path(folder)
    label, cure = f"weights {what!r}: " if what else "", f"; {cure}" if cure else ""
    if not folder.is_dir():
        raise WeightsError(f"{label}there is no folder {folder}{cure}")
    missing = missing_files(folder)
    if not missing:
        return folder
    if not any(folder.iterdir()):
        raise WeightsError(
            f"{label}folder {folder} is empty; wanted unet/, vae/, text_encoder/, tokenizer/ "
            f"and scheduler/{cure}"
        )
    inside = next(
        (
            child
            for child in sorted(folder.iterdir())
            if child.is_dir() and not missing_files(child)
        ),
        None,
    )
    hint = f"; but {inside} is a whole model: name that folder" if inside else ""
    if not missing_files(folder.parent):
        hint = f"; this is one part of the model in {folder.parent}: name that folder"
    raise WeightsError(
        f"{label}{folder} is not a whole diffusers model, it lacks {', '.join(missing)}{hint}{cure}"
    )


def locate(name: str) -> Path | None:
    """The local folder of model `name`, without touching the network; None when it is not here.

    Raises WeightsError when a folder is named that does not hold a whole model.
    """
    model = MODELS.get(name)
    if model is None:
        path = Path(name).expanduser()
        if path.exists():
            return require_folder(path)
        return _cached(_source(name)) if _is_hub_id(name) else None
    root = os.environ.get(VARIABLE)
    if root and (Path(root) / name).is_dir():
        return require_folder(
            Path(root) / name, name, f"fetch it with: {fetch_command(model, Path(root) / name)}"
        )
    if model.asset:
        return require_folder(
            ASSETS / model.asset,
            name,
            f"it ships with the repository; train it again with: {model.remake}",
        )
    return next((found for source in model.sources if (found := _cached(source))), None)


def resolve(name: str) -> Path:
    """The local folder of model `name`, fetched from the hub when it must be and may be.

    Raises WeightsError that names what is missing, the command that fetches it and the addresses
    that were tried.
    """
    here = locate(name)
    if here is not None:
        return here
    if name in MODELS:
        return fetch(MODELS[name])
    if _is_hub_id(name):
        return fetch(Model(name, 0, 0.0, (_source(name),)))
    near = get_close_matches(name, MODELS, 2, 0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise WeightsError(
        f"no model {name!r}; {hint}wanted one of {', '.join(MODELS)}, an existing folder in "
        "diffusers' layout, "
        "or a hub id owner/name@revision"
    )


def _is_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")


def _source(name: str) -> Source:
    repo, _, revision = name.partition("@")
    return Source(repo, revision or None)


def _cached(source: Source) -> Path | None:
    """A whole copy in the local hub cache, if any."""
    from huggingface_hub import snapshot_download

    for revision in dict.fromkeys((source.revision, None)):
        try:
            folder = Path(
                snapshot_download(
                    source.repo, revision=revision, allow_patterns=FILES, local_files_only=True
                )
            )
        except (OSError, ValueError):
            continue
        if not missing_files(folder):
            return folder
    return None


def fetch(model: Model, folder: str | Path | None = None) -> Path:
    """Fetch `model` from the first of its addresses that has it, into `folder` or the hub's cache;
    returns where it is.

    The hub's client resumes, checks each file and shows progress. Raises WeightsError that says
    what each address answered.
    """
    from huggingface_hub import snapshot_download

    failures = []
    for source in model.sources:
        try:
            found = snapshot_download(
                source.repo,
                revision=source.revision,
                allow_patterns=FILES,
                ignore_patterns=NOT_FILES,
                local_dir=folder,
            )
            return require_folder(found, model.name)
        except (
            OSError,
            ValueError,
        ) as error:  # offline, withdrawn, renamed: the next address may have it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            failures.append(f"  {source}: {reason}")
    tried = "\n".join(failures)
    then = (
        f"set the environment variable {VARIABLE} to the folder above it"
        if model.name in MODELS
        else "name it as the model"
    )
    raise WeightsError(
        f"weights {model.name!r} are not on this machine and could not be fetched. Tried, in "
        f"this order:\n{tried}\n"
        f"On a machine with a network type: {fetch_command(model)}\n"
        f"then copy the folder to this machine and {then}"
    )


@lru_cache(maxsize=32)
def _file_hash(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(folder: str | Path) -> str:
    """Twelve hex digits of all that decides a model's output in `folder`: networks, tokenizer and
    configurations, by content.
    """
    digest = hashlib.sha256()
    for part in (*_NETWORKS, "tokenizer", "scheduler"):
        for path in sorted((Path(folder) / part).iterdir()):
            if path.is_file() and ".non_ema." not in path.name:
                stat = path.stat()
                digest.update(
                    (
                        f"{part}/{path.name} "
                        f"{_file_hash(path.resolve(), stat.st_size, stat.st_mtime_ns)}\n"
                    ).encode()
                )
    return digest.hexdigest()[:12]

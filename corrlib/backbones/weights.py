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

from corrlib.backbones.known_weights import MODELS, Model, Source, why_not
from corrlib.backbones.model_folder import (
    NETWORKS,
    UnfitError,
    WeightsError,
    missing_files,
    other_kind,
    require_folder,
    require_kind,
)

ASSETS = Path(__file__).parents[1] / "assets"
VARIABLE = "CORRLIB_WEIGHTS"
FILES = ["unet/*", "vae/*", "text_encoder/*", "tokenizer/*", "scheduler/*", "model_index.json"]
NOT_FILES = ["*.bin", "*.fp16.*", "*.non_ema.*"]
# kilobytes, fetched first: what they say may spare the gigabytes
SMALL_FILES = [
    *(f"{part}*/*.json" for part in (*NETWORKS, "tokenizer", "scheduler", "transformer")),
    "tokenizer/merges.txt",
    "model_index.json",
]


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
    try:
        return require_folder(Path(folder) / model.name) if folder else locate(model.name)
    except WeightsError:
        return None


def hub_cache() -> Path:
    """The folder in which the hub's client keeps what it fetched."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


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
        place = ASSETS / model.asset
        cure = f"it ships with the repository, type: git checkout -- {place}"
        return require_folder(place, name, f"{cure}; or train it again with: {model.remake}")
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
    if reason := why_not(name):
        raise WeightsError(f"no model {name!r}: {reason}")
    near = get_close_matches(name, MODELS, 2, 0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise WeightsError(
        f"no model {name!r}; {hint}wanted one of {', '.join(MODELS)}, an existing folder in "
        "diffusers' layout, or a hub id owner/name@revision"
    )


def _is_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")


def _source(name: str) -> Source:
    repo, _, revision = name.partition("@")
    return Source(repo, revision or None)


def snapshot(source: Source, file: str) -> Path | None:
    """The folder in the local hub cache that holds `file` of exactly this revision, if any."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        source.repo, file, cache_dir=hub_cache(), revision=source.revision
    )
    return Path(found).parents[file.count("/")] if isinstance(found, str) else None


def _cached(source: Source) -> Path | None:
    """A copy of exactly this revision in the local hub cache that lacks nothing, if any. Raises
    WeightsError where it is damaged or of another kind.
    """
    folder = snapshot(source, "unet/config.json")
    if folder is None or (missing_files(folder) and not other_kind(folder)):
        return None  # absent, or a fetching that broke off
    return require_folder(folder, str(source), "delete this folder, and it is fetched anew")


def fetch(model: Model, folder: str | Path | None = None) -> Path:
    """Fetch `model` from the first of its addresses that has it, into `folder` or the hub's cache;
    returns where it is.

    The configurations come first: a model of another kind is refused before its gigabytes are
    fetched. The hub's client resumes, checks each file and shows progress. Raises WeightsError that
    says what each address answered.
    """
    failures = []
    for source in model.sources:
        try:
            require_kind(_download(source, SMALL_FILES, folder), str(source))
            return require_folder(_download(source, FILES, folder), model.name)
        except UnfitError:
            raise
        except (OSError, ValueError) as error:  # offline, withdrawn, renamed: the next may have it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            failures.append(f"  {source}: {reason if len(reason) < 200 else reason[:200] + '...'}")
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


def _download(source: Source, files: list[str], folder: str | Path | None) -> Path:
    from huggingface_hub import snapshot_download

    found = snapshot_download(
        source.repo,
        revision=source.revision,
        allow_patterns=files,
        ignore_patterns=NOT_FILES,
        local_dir=folder,
    )
    return Path(found)


@lru_cache(maxsize=32)
def _file_hash(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(folder: str | Path) -> str:
    """Twelve hex digits of all that decides a model's output in `folder`: networks, tokenizer and
    configurations, by content.
    """
    digest = hashlib.sha256()
    for part in (*NETWORKS, "tokenizer", "scheduler"):
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

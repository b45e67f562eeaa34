"""Which vision transformers exist, where they come from, and whether they are here. No torch.

A network is named by a preset ("toybox-dino", "dinov2-base", ...), by a folder that
`save_pretrained` wrote, or by a hub id "owner/name", optionally "owner/name@revision". A preset is
looked for in $CORRLIB_WEIGHTS/PRESET, in the package's own assets, in the local hub cache, and at
last on the hub.
"""

import hashlib
import os
from difflib import get_close_matches
from pathlib import Path

from corrlib.backbones.known_weights import Model, Source
from corrlib.backbones.model_folder import WeightsError, broken
from corrlib.backbones.weights import ASSETS, VARIABLE, snapshot

FILES = ["config.json", "*.safetensors"]

# The commits are those that several public projects quote; that of DINO's is not known to us.
VITS = {
    "toybox-dino": Model(
        "toybox-dino",
        96,
        0.001,
        asset="toybox/dino",
        remake="python data_scripts/train_toy_dino.py",
    ),
    "dinov2-small": Model(
        "dinov2-small",
        518,
        0.09,
        (Source("facebook/dinov2-small", "ed25f3a31f01632728cabb09d1542f84ab7b0056"),),
    ),
    "dinov2-base": Model(
        "dinov2-base",
        518,
        0.35,
        (Source("facebook/dinov2-base", "f9e44c814b77203eaa57a6bdbbd535f21ede1415"),),
    ),
    "dinov2-large": Model(
        "dinov2-large",
        518,
        1.22,
        (Source("facebook/dinov2-large", "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c"),),
    ),
    "dino-vits8": Model("dino-vits8", 224, 0.09, (Source("facebook/dino-vits8"),)),
}


def missing_files(folder: Path) -> list[str]:
    """What a folder lacks to be loaded, relative to it; empty when it is whole."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    return missing if any(folder.glob("*.safetensors")) else [*missing, "model.safetensors"]


def fetch_command(model: Model) -> str:
    """The command line that brings `model` here."""
    if not model.sources:
        return model.remake or ""
    source = model.sources[0]
    revision = f" --revision {source.revision}" if source.revision else ""
    patterns = " ".join(f"--include '{pattern}'" for pattern in FILES)
    return f"hf download {source.repo}{revision} {patterns} --local-dir weights/{model.name}"


def present(model: Model, folder: str | Path | None = None) -> Path | None:
    """Where `model` is whole on this machine: in `folder`/NAME if a folder is given, else wherever
    `locate` looks; else None.
    """
    try:
        return _require(Path(folder) / model.name, "") if folder else locate(model.name)
    except WeightsError:
        return None


def locate(name: str) -> Path | None:
    """The local folder of network `name`, without touching the net; None when it is not here.

    Raises WeightsError when a folder is named, or should hold a preset, and is not whole.
    """
    model = VITS.get(name)
    if model is None:
        path = Path(name).expanduser()
        return _require(path, "name a folder that save_pretrained wrote") if path.exists() else None
    root = os.environ.get(VARIABLE)
    if root and (Path(root) / name).is_dir():
        return _require(Path(root) / name, f"fetch it with: {fetch_command(model)}")
    if model.asset:
        place = ASSETS / model.asset
        return None if missing_files(place) else _require(place, f"type: git checkout -- {place}")
    return next((found for source in model.sources if (found := _cached(source))), None)


def resolve(name: str) -> Path:
    """The local folder of network `name`, fetched from the hub when it must be and may be.

    Raises WeightsError that names what is missing and what to type.
    """
    if (here := locate(name)) is not None:
        return here
    model = VITS.get(name)
    if model is None and name.count("/") == 1 and not name.startswith((".", "/", "~")):
        repo, _, revision = name.partition("@")
        model = Model(name, 0, 0.0, (Source(repo, revision or None),))
    if model is None:
        near = get_close_matches(name, VITS, 2, 0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise WeightsError(
            f"no vision transformer {name!r}; {hint}wanted one of {', '.join(VITS)}, a folder that "
            "save_pretrained wrote, or a hub id owner/name@revision"
        )
    if not model.sources:
        raise WeightsError(
            f"weights {name!r} are not in {ASSETS / (model.asset or '')}; train them with: "
            f"{model.remake}"
        )
    return fetch(model)


def fingerprint(folder: str | Path) -> str:
    """Twelve hex digits of the configuration and the weights in `folder`, by content."""
    digest = hashlib.sha256()
    for path in sorted([Path(folder) / "config.json", *Path(folder).glob("*.safetensors")]):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()[:12]


def _require(folder: Path, cure: str) -> Path:
    if missing := missing_files(folder):
        raise WeightsError(f"{folder} lacks {', '.join(missing)}; {cure}")
    if damaged := [said for path in sorted(folder.glob("*.safetensors")) if (said := broken(path))]:
        raise WeightsError(f"{'; '.join(damaged)}; {cure}")
    return folder


def _cached(source: Source) -> Path | None:
    folder = snapshot(source, "config.json")
    if folder is None or missing_files(folder):
        return None
    return _require(folder, "delete this folder, and it is fetched anew")


def fetch(model: Model, folder: str | Path | None = None) -> Path:
    """Fetch `model` from the first of its addresses that has it, into `folder` or the hub's cache;
    returns where it is. Raises WeightsError that says what each address answered.
    """
    from huggingface_hub import snapshot_download

    failures = []
    for source in model.sources:
        try:
            found = snapshot_download(
                source.repo, revision=source.revision, allow_patterns=FILES, local_dir=folder
            )
            return _require(Path(found), "fetch it again")
        except (OSError, ValueError) as error:  # offline, renamed: the next address may have it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            failures.append(f"{source}: {reason}")
    raise WeightsError(
        f"weights {model.name!r} are not on this machine and could not be fetched "
        f"({'; '.join(failures)}); on a machine with a network type: {fetch_command(model)}, then "
        f"copy the folder here and set the environment variable {VARIABLE} to the folder above it"
    )

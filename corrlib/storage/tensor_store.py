"""A cache of tensors on disk: one safetensors file an item, named by a hash of everything that
decides its content.

Files are written under another name and renamed, so a killed run leaves whole files or none;
several processes may share a store.
"""

import errno
import hashlib
import math
import re
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from corrlib.storage.atomic_write import atomic_write
from corrlib.storage.content import plain
from corrlib.types import View

FORMAT = 1  # part of every key; raise it when the meaning of stored tensors changes


class TensorStore:
    """Tensors under a folder `root`, which is made at the first `put`."""

    def __init__(self, root: str | Path):
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"TensorStore({str(self.root)!r})"

    @staticmethod
    def key(settings: Any, view: View, **extra: Any) -> str:
        """64 hex digits from the repr of `settings` and `extra`, the view's id, category,
        size and way of reading, and the digest of its content.

        Raises ValueError when a repr holds a memory address: such a key would differ in every run.
        """
        parts = [
            repr(FORMAT),
            repr(settings),
            repr((view.id, view.category, view.size, view.own)),
            view.digest(),
            repr(sorted((name, plain(value)) for name, value in extra.items())),
        ]
        text = "\n".join(parts)
        if found := re.search(r"<[^<>]* at 0x[0-9a-fA-F]+", text):
            raise ValueError(
                f"{found.group()}> cannot be part of a key, its repr differs in every run; use "
                "a frozen dataclass of plain values"
            )
        return hashlib.sha256(text.encode()).hexdigest()

    def path(self, key: str) -> Path:
        """The file of an item, whether it exists or not."""
        return self.root / key[:2] / f"{key}.safetensors"

    def get(
        self, key: str, device: str | torch.device = "cpu", wanted: Sequence[str] = ()
    ) -> dict[str, Tensor] | None:
        """The tensors of an item, or None when there is none; a file that is damaged, or lacks a
        tensor of `wanted`, warns and counts as none.
        """

        def read(file: Any) -> dict[str, Tensor]:
            if lacking := [name for name in wanted if name not in file.keys()]:
                raise SafetensorError(f"it lacks {', '.join(lacking)}")
            return {name: file.get_tensor(name) for name in file.keys()}

        return self._read(key, read, str(device))

    def meta(self, key: str) -> dict[str, str] | None:
        """The strings that were put beside the tensors, or None when there is no such item; reads
        only the file's header.
        """
        return self._read(key, lambda file: file.metadata() or {})

    def _read(self, key: str, read: Callable[[Any], dict], device: str = "cpu") -> dict | None:
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt", device=device) as file:
                return read(file)
        except FileNotFoundError:  # removed by another process meanwhile
            return None
        except SafetensorError as error:
            warnings.warn(
                f"{path} is damaged ({error}); it counts as missing and will be computed again",
                stacklevel=3,
            )
            return None

    def put(
        self, key: str, tensors: Mapping[str, Tensor], meta: Mapping[str, Any] | None = None
    ) -> Path:
        """Write an item, replacing an older one. Values of `meta` become strings.

        Raises OSError with a hint when the disk is full; nothing half-written stays.
        """
        path = self.path(key)
        # Views may share memory, which the format refuses: every tensor is copied to memory of its
        # own.
        whole = {
            name: t.detach().to("cpu").clone(memory_format=torch.contiguous_format)
            for name, t in tensors.items()
        }
        try:
            with atomic_write(path) as part:
                save_file(whole, part, {name: str(value) for name, value in (meta or {}).items()})
        except (OSError, SafetensorError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(error):
                raise OSError(
                    errno.ENOSPC,
                    "the disk is full; free space or keep features in float16 (store at "
                    f"{self.root})",
                ) from error
            raise
        return path

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()

    def keys(self) -> list[str]:
        """The keys of all items, sorted."""
        return sorted(path.stem for path in self.root.glob("??/*.safetensors"))

    def bytes_used(self) -> int:
        """The size of all items on disk."""
        return sum(self.path(key).stat().st_size for key in self.keys())

    @staticmethod
    def estimate(items: int, shape: Sequence[int], dtype: torch.dtype = torch.float16) -> int:
        """Bytes that `items` tensors of one shape will need, headers included: say it before a long
        run.
        """
        return items * (math.prod(shape) * dtype.itemsize + 1024)

    def require_space(self, wanted: int) -> None:
        """Raise OSError when the disk under the store has fewer than `wanted` free bytes."""
        folder = next(
            folder
            for folder in (self.root.absolute(), *self.root.absolute().parents)
            if folder.exists()
        )
        free = shutil.disk_usage(folder).free
        if free < wanted:
            raise OSError(
                errno.ENOSPC,
                f"features need about {wanted / 1e9:.1f} GB, {folder} has {free / 1e9:.1f} GB "
                "free; choose another root",
            )

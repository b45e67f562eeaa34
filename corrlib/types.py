"""What floors hand to each other: views, pairs, feature maps, matches, and the two protocols."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from corrlib import images
from corrlib.coords import Frame, Points, Queries, Size, taps


@dataclass(frozen=True)
class View:
    """What a method may see of an image: pixels, size and, where the protocol grants it, the
    category.

    `id` names the image within its data set. Either `path` or `pixels` is given. `own` is a picture
    of the reader's: it is turned upright as its EXIF data says, size and points follow the turned
    frame, and its noise is keyed on its content, so that a renamed copy gets the same answer. A
    benchmark's picture is not: it is annotated in the frame in which it is stored, and its noise is
    keyed on its id. How pixels become RGB is in `corrlib.images`.
    """

    id: str
    size: Size
    category: str | None = None
    path: Path | None = None
    pixels: Image.Image | None = field(default=None, compare=False, repr=False)
    own: bool = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        id: str | None = None,
        category: str | None = None,
        own: bool = True,
    ) -> "View":
        """A view of an image file; reads only the header. Readers of benchmarks say `own=False`.

        Raises FileNotFoundError or ValueError naming the file.
        """
        path = Path(path)
        size = images.size_of(path, upright=own)
        return cls(id or path.name, size, category, path, own=own)

    def image(self) -> Image.Image:
        """The pixels as an RGB Pillow image of `size`. Raises FileNotFoundError or ValueError,
        naming the file, where it cannot be read or has another size.
        """
        image = self.decoded()
        if image.size != tuple(self.size):
            raise ValueError(
                f"{self.path or f'view {self.id!r}'} is {image.width} x {image.height} pixels, its "
                f"view says {self.size[0]} x {self.size[1]} (width x height); make the view with "
                "View.open(path), and anew when the picture has changed"
            )
        return image

    def decoded(self) -> Image.Image:
        """The RGB picture of the file or of `pixels`, whatever its size."""
        if self.pixels is not None:
            return images.to_rgb(self.pixels)
        if self.path is None:
            raise ValueError(
                f"view {self.id!r} has neither path nor pixels; use View.open(path) or "
                "View(..., pixels=image)"
            )
        return images.read(self.path, upright=self.own)

    @property
    def noise_id(self) -> str:
        """What its noise is keyed on: the content of an own picture, the id of any other."""
        return self.digest() if self.own else self.id

    def digest(self) -> str:
        """Sixteen hex digits of the image's content: a replaced file is never taken for the older
        one, nor a turned picture for the stored one. A file is read once a process, and again when
        its size or time has changed.
        """
        if self.path is None:
            return hashlib.sha256(self.image().tobytes()).hexdigest()[:16]
        stat = self.path.stat()
        found = _file_digest(self.path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        return hashlib.sha256(f"{found} upright".encode()).hexdigest()[:16] if self.own else found

    def key(self) -> tuple["View", str]:
        """What a cache in memory keeps an answer under: the view and its content, since equal ids
        do not make equal pixels.
        """
        return self, self.digest()


@lru_cache(maxsize=2**16)
def _file_digest(path: Path, *_changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@dataclass(frozen=True)
class Pair:
    """An evaluation item: two views and the answers, which never reach a method.

    `source_points[i]` and `target_points[i]` are the same semantic point, in pixels of each
    original image. `source_box` and `target_box` are object boxes (x1, y1, x2, y2) in pixels;
    `tags` holds what the data set says of the pair.
    """

    id: str
    source: View
    target: View
    source_points: Points
    target_points: Points
    keypoints: tuple[str, ...]
    category: str
    source_box: tuple[float, float, float, float] | None = None
    target_box: tuple[float, float, float, float] | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, str]:
        """Sixteen hex digits of each thing that decides a result on this pair, by its name: both
        images, and the answers (points, names, boxes, category, tags).
        """
        answers = [self.source_points, self.target_points, self.keypoints, self.category]
        answers += [self.source_box, self.target_box, dict(self.tags)]
        answers += [(view.category, view.size, view.own) for view in (self.source, self.target)]
        images = {f"image {view.id}": view.digest() for view in (self.source, self.target)}
        return {**images, f"answers of pair {self.id}": _digest(*answers)}


def views_of(pairs: Sequence[Pair], chosen: Sequence[int] | None = None) -> list[View]:
    """Every image of the chosen pairs (default: all), once, sorted by id: what a shard of images is
    counted in.
    """
    views = {}
    for pair in (pairs[i] for i in (range(len(pairs)) if chosen is None else chosen)):
        for view in (pair.source, pair.target):
            views[view.id, view.category or "", view.digest()] = view
    return [views[key] for key in sorted(views)]


@dataclass(frozen=True)
class DensePair(Pair):
    """A pair whose truth is known at every pixel; its point lists are empty unless a benchmark has
    clicked points too.

    `homography` (3 x 3) maps homogeneous source pixels to target pixels. `flow()` and the masks
    read their files when called: flow is source to target, H x W x 2 in pixels of the source's grid
    with NaN where it is not defined; masks are H x W.
    """

    homography: Float[Tensor, "3 3"] | None = None
    flow: Callable[[], Float[Tensor, "H W 2"]] | None = field(
        default=None, compare=False, repr=False
    )
    source_mask: Callable[[], Bool[Tensor, "H W"]] | None = field(
        default=None, compare=False, repr=False
    )
    target_mask: Callable[[], Bool[Tensor, "H W"]] | None = field(
        default=None, compare=False, repr=False
    )

    def content(self) -> dict[str, str]:
        """Those of a pair, and the truth at every pixel; reads its files."""
        dense = (
            None if one is None else one()
            for one in (self.flow, self.source_mask, self.target_mask)
        )
        truth = {f"dense answers of pair {self.id}": _digest(self.homography, *dense)}
        return {**super().content(), **truth}


@dataclass(frozen=True)
class Video:
    """An evaluation item of propagation: frames in order, and the answers for each of them.

    `masks(i)` is frame i's map of object ids (H x W, 0 background); `joints` are frames x joints x
    2 in pixels, NaN where unknown. Either may be None. `objects` are the ids (of masks) or the
    names (of joints) in order.
    """

    id: str
    frames: tuple[View, ...]
    category: str = ""
    masks: Callable[[int], UInt8[Tensor, "H W"]] | None = field(
        default=None, compare=False, repr=False
    )
    joints: Float[Tensor, "frames joints 2"] | None = field(default=None, compare=False, repr=False)
    objects: tuple[str, ...] = ()
    tags: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def content(self) -> dict[str, str]:
        """Sixteen hex digits of each thing that decides a result on this video, by its name: the
        frames, and the answers; reads their files.
        """
        masks = [self._mask(i) for i in range(len(self))] if self.masks is not None else []
        answers = [self.joints, self.objects, self.category, dict(self.tags), *masks]
        frames = {f"frame {view.id}": view.digest() for view in self.frames}
        return {**frames, f"answers of video {self.id}": _digest(*answers)}

    def _mask(self, i: int) -> Tensor | None:
        try:
            return self.masks(i)
        except FileNotFoundError:  # of DAVIS' test splits the first mask alone is published
            return None


def _digest(*values: Any) -> str:
    """Sixteen hex digits of values: of tensors their numbers, of everything else its repr."""
    state = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            state.update(f"{value.dtype} {tuple(value.shape)} ".encode())
            state.update(value.detach().cpu().contiguous().numpy().tobytes())
        else:
            state.update(f"{value!r}\n".encode())
    return state.hexdigest()[:16]


@dataclass(frozen=True)
class FeatureMap:
    """Features on a grid (`values`: c x h x w) and where that grid lies on the image (`frame`)."""

    values: Float[Tensor, "c h w"]
    frame: Frame

    def __post_init__(self):
        if self.values.ndim != 3 or tuple(self.values.shape[:0:-1]) != tuple(self.frame.grid):
            shape = tuple(self.values.shape)
            raise ValueError(
                f"feature map of shape {shape} does not fit the grid {self.frame.grid} (width, "
                "height)"
            )

    def at(self, points: Queries) -> Float[Tensor, "n c"]:
        """Bilinear samples at image points, clamped at the border as
        `interpolate(align_corners=False)` does.

        The result is float32 (float64 of a float64 map): half precision could not even hold the
        coordinates of a large image.
        """
        dtype = torch.promote_types(self.values.dtype, torch.float32)
        cells = self.frame.to_grid(points.to(self.values.device, torch.float64))
        x0, x1, b = taps(cells[:, 0], self.frame.grid[0])
        y0, y1, a = taps(cells[:, 1], self.frame.grid[1])
        a, b = a.to(dtype), b.to(dtype)

        def cell(y: Tensor, x: Tensor) -> Tensor:
            return self.values[:, y, x].to(dtype)

        return (
            (1 - a) * ((1 - b) * cell(y0, x0) + b * cell(y0, x1))
            + a * ((1 - b) * cell(y1, x0) + b * cell(y1, x1))
        ).T


@dataclass(frozen=True)
class Matches:
    """Answers to query points: `points` in target pixels, `score` (higher is surer), and optionally
    the map each was read from.
    """

    points: Points
    score: Float[Tensor, "n"]
    heat: Float[Tensor, "n H W"] | None = None


@runtime_checkable
class Extractor(Protocol):
    """One view to its features."""

    def __call__(self, view: View, *, seed: int = 0) -> FeatureMap: ...


@runtime_checkable
class Method(Protocol):
    """Two views and query points (source pixels) to matches (target pixels)."""

    settings: Any  # a frozen dataclass: hashable, printable, the cache key

    def __call__(
        self, source: View, target: View, queries: Queries, *, seed: int = 0
    ) -> Matches: ...


Estimator = Callable[[FeatureMap, FeatureMap, Queries], Matches]

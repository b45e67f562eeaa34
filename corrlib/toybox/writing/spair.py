"""Writes a data set in SPair-71k's own layout, so that what reads the real one reads ours.

Every file of the layout is written with every field that the real one has. Two fields are more than
the real ones: an image's `azimuth` and `elevation` in degrees (SPair-71k states only an
`azimuth_id`, one of eight sectors) and the names of its keypoints. The difficulty tags follow the
real ones' meaning, with thresholds stated here because the originals are not public.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from corrlib.data.spair_files import angle_between
from corrlib.data.voc import CLASS_ID, VOC_CLASSES
from corrlib.toybox.writing import indexed_png, jpeg, write

MAX_KEYPOINTS = 30  # SPair-71k's annotations have keys "0".."29" for every category
VIEWPOINT_DEGREES = (
    35.0,
    80.0,
)  # azimuth difference below the first is easy (0), below the second medium (1), else hard (2)
SCALE_RATIOS = (1.3, 1.8)  # ratio of the boxes' mean sides, sqrt(area): the same


@dataclass(frozen=True)
class ImageRecord:
    """What there is to say of one image: its file, its object, and the view it was taken from.

    `box` is (x1, y1, x2, y2) as VOC counts: first pixel 1, last included. `keypoints` maps ids "0",
    "1", ... to (x, y) in pixels, first pixel 0, or to None where the point is not visible; an id is
    the point's place in `keypoint_names`. `azimuth` is in degrees, 0 is frontal and 90 faces left
    as in SPair-71k's sectors; `elevation` in degrees above the horizon. `extra` are further fields
    for the annotation (a caption, say). Raises ValueError on what the layout cannot hold.
    """

    name: str
    category: str
    width: int
    height: int
    box: tuple[int, int, int, int]
    keypoints: Mapping[str, tuple[int, int] | None]
    keypoint_names: tuple[str, ...] = ()
    azimuth: float | int = 0.0
    elevation: float | int = 0.0
    truncated: bool = False
    occluded: bool = False
    pose: str = "Unspecified"
    database: str = "toybox"
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        where = f"image {self.category}/{self.name}"
        if set(self.name) & set("-:/. "):
            raise ValueError(
                f"{where}: a name is without '-', ':', '/', '.' and spaces, which separate "
                "names in a pair's name"
            )
        if self.category not in CLASS_ID:
            raise ValueError(
                f"{where}: no VOC class {self.category!r}; it is one of {', '.join(VOC_CLASSES)}"
            )
        x1, y1, x2, y2 = self.box
        if not (1 <= x1 < x2 <= self.width and 1 <= y1 < y2 <= self.height):
            bounds = f"1 <= x1 < x2 <= {self.width} and 1 <= y1 < y2 <= {self.height}"
            raise ValueError(
                f"{where}: box {self.box} is not within {bounds} (VOC: the first pixel is 1)"
            )
        for key, point in self.keypoints.items():
            if not key.isdigit() or int(key) >= MAX_KEYPOINTS:
                raise ValueError(
                    f"{where}: keypoint id {key!r}; ids are '0' to '{MAX_KEYPOINTS - 1}'"
                )
            if point is not None and any(v != int(v) for v in point):
                raise ValueError(
                    f"{where}: keypoint {key!r} at {point}; SPair-71k's keypoints are integers, "
                    "round it first"
                )
            if point is not None and not (
                0 <= point[0] < self.width and 0 <= point[1] < self.height
            ):
                size = f"{self.width} x {self.height}"
                raise ValueError(
                    f"{where}: keypoint {key!r} at {point} is outside of the {size} image; an "
                    "invisible one is None"
                )

    @property
    def azimuth_id(self) -> int:
        """The sector of 45 degrees, 0 to 7, centred on frontal, that the azimuth lies in."""
        return round(self.azimuth / 45.0) % 8

    def visible(self) -> dict[str, tuple[int, int]]:
        """The visible keypoints by id, in the order of ids."""
        items = sorted(self.keypoints.items(), key=lambda item: int(item[0]))
        return {key: (int(point[0]), int(point[1])) for key, point in items if point is not None}


def common_keypoints(source: ImageRecord, target: ImageRecord) -> list[str]:
    """Ids of the keypoints visible in both images, in the order of ids: those a pair of the two is
    annotated with.
    """
    return [key for key in source.visible() if key in target.visible()]


def viewpoint_variation(source: ImageRecord, target: ImageRecord) -> int:
    """0 easy, 1 medium, 2 hard, by the difference of azimuth: below 35 degrees, below 80, or
    more.
    """
    return int(
        np.searchsorted(
            VIEWPOINT_DEGREES, angle_between(source.azimuth, target.azimuth), side="right"
        )
    )


def scale_variation(source: ImageRecord, target: ImageRecord) -> int:
    """0 easy, 1 medium, 2 hard, by the ratio of the boxes' mean sides (square root of area): below
    1.3, below 1.8, or more.
    """
    areas = sorted((r.box[2] - r.box[0]) * (r.box[3] - r.box[1]) for r in (source, target))
    return int(np.searchsorted(SCALE_RATIOS, (areas[1] / areas[0]) ** 0.5, side="right"))


def write_image(
    root: str | Path,
    image: Image.Image,
    record: ImageRecord,
    segmentation: UInt8[np.ndarray, "H W"],
) -> None:
    """Write one image's JPEG (quality 95), mask (PNG with VOC's palette) and annotation; the same
    input gives the same bytes.

    `segmentation` holds VOC class ids (0 background, `CLASS_ID[category]`, 255 undecided). Raises
    ValueError on sizes that differ.
    """
    size = (record.width, record.height)
    if image.size != size or segmentation.shape != size[::-1]:
        got = f"image {image.size} and segmentation {segmentation.shape[::-1]}"
        raise ValueError(f"{got} of {record.name}; the record says {size} (width, height)")
    if bad := sorted(set(np.unique(segmentation).tolist()) - {0, 255, *CLASS_ID.values()}):
        raise ValueError(
            f"segmentation of {record.name} holds {bad}; wanted VOC class ids, 0 or 255"
        )
    root, where = Path(root), f"{record.category}/{record.name}"
    write(root / f"JPEGImages/{where}.jpg", jpeg(image))
    write(root / f"Segmentation/{where}.png", indexed_png(segmentation))
    visible = record.visible()
    annotation = {
        "filename": f"{record.name}.jpg",
        "src_database": record.database,
        "src_annotation": record.database,
        "src_image": record.database,
        "image_width": record.width,
        "image_height": record.height,
        "image_depth": 3,
        "category": record.category,
        "pose": record.pose,
        "truncated": int(record.truncated),
        "occluded": int(record.occluded),
        "difficult": 0,
        "bndbox": [int(v) for v in record.box],
        "kps": {
            str(k): list(visible[str(k)]) if str(k) in visible else None
            for k in range(MAX_KEYPOINTS)
        },
        "azimuth_id": record.azimuth_id,
        "azimuth": round(float(record.azimuth), 4),
        "elevation": round(float(record.elevation), 4),
        "keypoint_names": list(record.keypoint_names),
        **record.extra,
    }
    write(root / f"ImageAnnotation/{where}.json", json.dumps(annotation).encode())


def write_split(
    root: str | Path, split: str, pairs: Sequence[tuple[ImageRecord, ImageRecord]], small: int = 0
) -> list[str]:
    """Write a split's pair annotations and its lists Layout/large and Layout/small; returns the
    pair names in the list's order.

    `pairs` are ordered (source, target), both of one category; a pair's id is its place. `small`
    pairs, evenly spaced, make the small list. Raises ValueError on a pair of two categories, of an
    image with itself, or without a common keypoint.
    """
    root, names = Path(root), []
    for pair_id, (source, target) in enumerate(pairs):
        keys, kps = common_keypoints(source, target), (source.visible(), target.visible())
        if source.category != target.category or source.name == target.name or not keys:
            two = f"{source.category}/{source.name} and {target.category}/{target.name}"
            raise ValueError(
                f"pair {pair_id} is {two}, which share {len(keys)} keypoints; "
                "wanted two images of one category with a keypoint visible in both (see "
                "common_keypoints)"
            )
        name = f"{pair_id:06d}-{source.name}-{target.name}:{source.category}"
        annotation = {
            "pair_id": pair_id,
            "filename": name,
            "src_imname": f"{source.name}.jpg",
            "trg_imname": f"{target.name}.jpg",
            "src_imsize": [source.width, source.height, 3],
            "trg_imsize": [target.width, target.height, 3],
            "src_bndbox": [int(v) for v in source.box],
            "trg_bndbox": [int(v) for v in target.box],
            "category": source.category,
            "src_pose": source.pose,
            "trg_pose": target.pose,
            "src_kps": [list(kps[0][k]) for k in keys],
            "trg_kps": [list(kps[1][k]) for k in keys],
            "kps_ids": keys,
            "mirror": 0,
            "viewpoint_variation": viewpoint_variation(source, target),
            "scale_variation": scale_variation(source, target),
            "truncation": int(source.truncated) + 2 * int(target.truncated),
            "occlusion": int(source.occluded) + 2 * int(target.occluded),
        }
        write(root / f"PairAnnotation/{split}/{name}.json", json.dumps(annotation).encode())
        names.append(name)
    small = min(small, len(names))
    write(root / f"Layout/large/{split}.txt", "".join(f"{n}\n" for n in names).encode())
    write(
        root / f"Layout/small/{split}.txt",
        "".join(f"{names[i * len(names) // small]}\n" for i in range(small)).encode(),
    )
    return names

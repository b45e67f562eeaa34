"""HPatches sequences, and folders in the Oxford style: six images of a plane each, and the
homographies from the first to the rest.

    hpatches-sequences-release/{i_*,v_*}/   1.ppm ... 6.ppm, H_1_2 ... H_1_6 (i_ light, v_ view)
    <any folder>/                           img1.ppm ... img6.ppm, H1to2p ... H1to6p (Oxford)

Images may be ppm, png or jpg. A homography maps (x, y, 1) of image 1 to image k, centre of the
first pixel (0, 0).

*Source:* Balntas et al., "HPatches: A benchmark and evaluation of handcrafted and learned local
descriptors", 2017; the list of 108 sequences is that of D2-Net (Dusmanu et al., 2019); Mikolajczyk
et al., "A comparison of affine region detectors", 2005 (Oxford).
"""

import re
from pathlib import Path
from typing import Any

import torch

from corrlib.data.homographies import (
    homography_flow,
    homography_path,
    image_path,
    numbers,
    read_homography,
    sequences,
)
from corrlib.data.selection import Categories, Selection
from corrlib.types import DensePair, View

LARGE = (  # the eight that D2-Net and those after it leave out; the spelling is the data set's
    *("i_contruction", "i_crownnight", "i_dc", "i_pencils", "i_whitebuilding"),
    *("v_artisans", "v_astronautis", "v_talent"),
)
OXFORD = {  # what changes in the sequences of the Oxford set
    **{
        "graf": "viewpoint",
        "wall": "viewpoint",
        "leuven": "illumination",
        "bark": "zoom",
        "boat": "zoom",
    },
    **{"bikes": "blur", "trees": "blur", "ubc": "compression"},
}


class HPatches(Selection[DensePair]):
    """Pairs of image 1 and image k, named "v_graffiti:1-2"; categories are illumination and
    viewpoint.

    A `DensePair` has the homography, and its flow (NaN where it leaves image k); its point lists
    are empty. `all_sequences=False` leaves out eight sequences of very large images as D2-Net does:
    108 sequences and 540 pairs of 116 and 580. `root` may be the release, a folder of Oxford-style
    folders, or one sequence. It is not counted by PCK: `protocol` is None and `measure` says what
    is published. Raises FileNotFoundError and ValueError that name folder or file.
    """

    title = "HPatches"
    task = "planes"
    tags = ("sequence", "k")
    published = None
    measure = (
        "homography accuracy: the mean distance of image 1's four corners under the estimated "
        "and the true homography is <= 1, 3, "
        "5 px, an estimate that fails is wrong; mean matching accuracy: the share of mutual "
        "matches that land within 1 to 15 px of "
        "where the true homography puts them; both are means over pairs"
    )

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        categories: Categories = None,
        all_sequences: bool = False,
        **rules: Any,
    ):
        self.require_split(split)
        self.all_sequences, self.folders = all_sequences, sequences(root)
        every = all_sequences or len(self.folders) == 1  # one that was asked for by its own folder
        names = [
            f"{s}:1-{k}"
            for s in self.folders
            if every or s not in LARGE
            for k in numbers(self.folders[s])
        ]
        super().__init__(Path(root), split, names, categories, rules)

    def heading(self) -> str:
        """The data set and which list of its sequences."""
        if not any(sequence[:2] in ("i_", "v_") for sequence in self.folders):
            return "HPatches, Oxford style"
        return (
            f"{self.title}, "
            f"{'all sequences' if self.all_sequences else 'without the 8 of large images'}"
        )

    def counting(self) -> str:
        """What is published, in a few words; `measure` says more."""
        return "homography accuracy at 1, 3, 5 px"

    def category_of(self, name: str) -> str:
        """illumination or viewpoint; of an Oxford sequence also blur, zoom or compression, and
        "other" where it is not known.
        """
        sequence = name.rpartition(":")[0]
        known = {"i_": "illumination", "v_": "viewpoint"}.get(sequence[:2])
        return known or OXFORD.get(re.split(r"[-_]", sequence)[-1].lower(), "other")

    def item(self, name: str) -> DensePair:
        """The pair of this name."""
        sequence, _, k = name.rpartition(":1-")
        folder, none = self.folders[sequence], torch.zeros(0, 2)
        source, target = self.image(sequence, "1"), self.image(sequence, k)
        matrix = torch.from_numpy(read_homography(homography_path(folder, k)))
        return DensePair(
            id=name,
            source=source,
            target=target,
            source_points=none,
            target_points=none,
            keypoints=(),
            category=self.category_of(name),
            tags=self.tags_of(name),
            homography=matrix,
            flow=lambda: homography_flow(matrix, source.size, target.size),
        )

    def tags_of(self, name: str) -> dict[str, Any]:
        """sequence and k, the number of the second image."""
        sequence, _, k = name.rpartition(":1-")
        return {"sequence": sequence, "k": int(k)}

    def image(self, sequence: str, k: str) -> View:
        """Image k of a sequence."""
        return self.open(f"{sequence}/{k}", image_path(self.folders[sequence], k))

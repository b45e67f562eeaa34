"""A tiny tree in PF-Pascal's layout."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.data.test_pf import picture

KPS = {
    "one": [[3.5, 4], [10, 20], [np.nan, np.nan], [40, 30]],
    "two": [[5, 6], [np.nan, np.nan], [7, 8], [50.25, 9]],
    "three": [[0, 0], [1, 2], [3, 4], [59, 39]],
}


def pascal_tree(tmp_path) -> Path:
    """Three cats, a test list with points, a validation list and a training list with mirrored
    rows.
    """
    root = tmp_path / "PF-dataset-PASCAL"
    for i, (name, kps) in enumerate(KPS.items()):
        picture(root / "JPEGImages" / f"{name}.jpg", i)
        (root / "Annotations" / "cat").mkdir(parents=True, exist_ok=True)
        savemat(
            root / "Annotations" / "cat" / f"{name}.mat",
            {"kps": np.array(kps), "bbox": [[2.0, 3.0, 52.0, 33.0]]},
        )
    where = "PF-dataset-PASCAL/JPEGImages"
    points = "3.5;40,4;30,5;50.25,6;9"
    (tmp_path / "test_pairs.csv").write_text(
        f"source_image,target_image,class,XA,YA,XB,YB\n{where}/one.jpg,{where}/two.jpg,8,{points}\n"
    )
    head = "source_image,target_image,class,flip\n"
    (tmp_path / "val_pairs.csv").write_text(head + f"{where}/one.jpg,{where}/three.jpg,8,0\n")
    rows = [
        f"{where}/three.jpg,{where}/one.jpg,8,{flip}\n" for flip in (0, 1, 1)
    ]  # some rows are published twice
    (root / "image_pairs").mkdir()
    (root / "image_pairs" / "train_pairs.csv").write_text(head + "".join(rows))
    return tmp_path

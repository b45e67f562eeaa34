"""Flow files: their bytes, their marks of what is unknown, and every way to be wrong."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from corrlib.data.flo import flo_size, read_flo
from corrlib.toybox.writing.flo import write_flo

REAL = (
    Path(os.environ.get("CORRLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "tss_sample"
)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"real TSS bytes are not at {REAL}; set CORRLIB_DATA"
)


def test_flo_is_the_bytes_that_the_format_says(tmp_path):
    flow = np.array([[[1.5, -2.0], [np.nan, 3.0], [0.25, 7.0]]], np.float32)  # 1 row, 3 columns
    write_flo(tmp_path / "new" / "a.flo", flow)
    data = (tmp_path / "new" / "a.flo").read_bytes()
    assert data[:12] == b"PIEH" + bytes([3, 0, 0, 0, 1, 0, 0, 0]) and len(data) == 12 + 8 * 3
    assert np.frombuffer(data, "<f4", offset=12).tolist() == [1.5, -2.0, 1e10, 1e10, 0.25, 7.0]
    back = read_flo(tmp_path / "new" / "a.flo")
    assert back.dtype == np.float32 and flo_size(tmp_path / "new" / "a.flo") == (3, 1)
    assert np.isnan(back[0, 1]).all() and np.array_equal(back[0, ::2], flow[0, ::2])
    write_flo(tmp_path / "b.flo", torch.from_numpy(back))  # a tensor will do
    assert (tmp_path / "b.flo").read_bytes() == data and sorted(
        p.name for p in tmp_path.iterdir()
    ) == ["b.flo", "new"]


def test_flo_knows_the_marks_of_unknown_flow(tmp_path):
    values = np.array([1.6666668e9, 5, 5, -1e10, np.nan, 5, np.inf, 5, 5, 9.9e8], "<f4")
    (tmp_path / "a.flo").write_bytes(b"PIEH" + np.array([5, 1], "<i4").tobytes() + values.tobytes())
    assert np.isnan(read_flo(tmp_path / "a.flo")).all(axis=2).tolist() == [
        [True, True, True, True, False]
    ]


def test_flo_errors(tmp_path):
    path = tmp_path / "a.flo"
    write_flo(path, np.zeros((4, 3, 2)))
    data = path.read_bytes()
    for bad, message in (
        (
            data[:-1],
            r"a.flo has 107 bytes; wanted 108 for 3 x 4 pixels \(width x height\): truncated, "
            r"fetch it again",
        ),
        (data + b"0", "109 bytes; wanted 108.*too long"),
        (data[:7], "a.flo is truncated: 7 bytes; wanted 12 of header"),
        (b"\x89PNG" + data[4:], "a.flo has tag .*; wanted 202021.25"),
        (data[3::-1] + data[4:], "big-endian.*write_flo"),
        (data[:4] + np.array([-3, 4], "<i4").tobytes() + data[12:], "width -3 and height 4"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            read_flo(path)
    with pytest.raises(FileNotFoundError, match="no flow .*b.flo"):
        read_flo(tmp_path / "b.flo")
    with pytest.raises(
        ValueError, match=r"shape \(2, 4, 3\); wanted \(height, width, 2\); rearrange"
    ):
        write_flo(path, np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match="reaches 2e\\+09 pixels"):
        write_flo(path, np.full((1, 1, 2), 2e9))


@real
def test_real_flo_files_are_written_back_to_the_same_bytes(tmp_path):
    files = sorted(REAL.rglob("*.flo"))
    for path in files:
        write_flo(tmp_path / "a.flo", read_flo(path))
        assert (tmp_path / "a.flo").read_bytes() == path.read_bytes(), path
    assert len(files) == 12

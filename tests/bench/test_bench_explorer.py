"""What a page's copies of features cost is counted on the points of the features themselves."""

from corrlib import bench
from corrlib.bench import data


def test_rows_of_the_result(tmp_path):
    found = bench.run("explorer", root=str(data.write_tree(tmp_path)), limit=2)
    sizes = [row["bytes"] for row in found["packed"]]
    assert found["pairs"] == 2 and sizes == sorted(sizes) and sizes[0] < sizes[-1]
    for row in found["packed"]:
        assert row["low"] <= row["difference"] <= row["high"]
        assert abs(row["pck"] - found["pck"]) <= 100 * row["otherwise"] + 1e-9

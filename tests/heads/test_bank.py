"""Banks on disk: computed once, within a budget, the same values from everywhere."""

import pytest
import torch

from corrlib.coords import Frame
from corrlib.heads.bank import StoredBank, fill, keypoints, nbytes
from corrlib.storage.tensor_store import TensorStore
from corrlib.types import FeatureMap, Pair, View

CELLS = [("up.0", -1), ("up.0", 60), ("up.1", -1)]
ONE = 3 * 5 * 4 * 6 * 2  # bytes of an image in half precision


def view(id: str) -> View:
    from conftest import picture

    return View(id, (60, 40), pixels=picture(60, 40, ord(id)))


def cells(one: View) -> dict:
    g = torch.Generator().manual_seed(ord(one.id))
    return {
        cell: FeatureMap(torch.randn(5, 4, 6, generator=g), Frame(one.size, (6, 4)))
        for cell in CELLS
    }


def bank(folder, ids: str = "abcd", key: object = "one", **options) -> StoredBank:
    return StoredBank([view(id) for id in ids], cells, key, TensorStore(folder), **options)


def test_an_image_is_computed_once_and_read_by_the_next_run(tmp_path):
    first = bank(tmp_path, disk_bytes=1e6)
    whole = {id: first[id] for id in first}
    assert list(first) == list("abcd") and len(first) == first.computed == 4
    second = bank(tmp_path, disk_bytes=1e6)
    for id in "abcd":
        assert list(second[id]) == CELLS
        for cell in CELLS:
            assert torch.equal(second[id][cell].values, whole[id][cell].values)
            assert second[id][cell].frame == whole[id][cell].frame
    assert second.computed == 0
    other = bank(tmp_path, key="two", disk_bytes=1e6)
    assert other["a"] and other.computed == 1


def test_what_is_beyond_the_budget_is_computed_again_and_equal(tmp_path):
    file = bank(tmp_path / "one", "a", disk_bytes=1e6)
    assert file["a"]
    each = TensorStore(tmp_path / "one").bytes_used()
    few = bank(tmp_path / "two", disk_bytes=2 * each + ONE // 2, keep_bytes=0)
    values = [few[id][CELLS[1]].values for id in "abcd" * 2]
    assert len(TensorStore(tmp_path / "two").keys()) == 2
    assert TensorStore(tmp_path / "two").bytes_used() <= 2 * each + ONE // 2
    assert few.computed == 6  # four, and the two that found no place again
    assert all(torch.equal(a, b) for a, b in zip(values[:4], values[4:], strict=True))
    streamed = StoredBank([view("a")], cells, keep_bytes=0)
    assert torch.equal(streamed["a"][CELLS[1]].values, values[0]) and streamed.computed == 1
    assert values[0].dtype == torch.float16 and nbytes(streamed["a"]) == ONE


def test_a_crop_is_refused():
    def cropped(one: View) -> dict:
        return {
            ("x", 0): FeatureMap(
                torch.zeros(1, 2, 2), Frame((60, 40), (2, 2), (0.0, 0.0, 9.0, 9.0))
            )
        }

    with pytest.raises(ValueError, match="features of a are of a crop"):
        StoredBank([view("a")], cropped)["a"]


def test_clicked_keypoints_are_items_and_pairs_without_any_are_left_out():
    points = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    pairs = [
        Pair("p", view("a"), view("b"), points, points + 1, ("1", "2"), "cat"),
        Pair("q", view("a"), view("c"), points[:0], points[:0], (), "cat"),
    ]
    (item,) = keypoints(pairs)
    assert (item.source, item.target) == ("a", "b")
    assert torch.equal(item.target_points, points + 1)


def test_two_images_of_one_name_are_refused_and_a_digest_computes_nothing():
    from conftest import picture

    other = View("a", (60, 40), pixels=picture(60, 40, 1))
    for make in (lambda views: StoredBank(views, cells), lambda views: fill(views, cells)):
        assert list(make([view("a"), view("a")])) == ["a"]
        with pytest.raises(ValueError, match="two different views are called 'a'"):
            make([view("a"), other])
    one, two = StoredBank([view("a")], cells, "key"), StoredBank([other], cells, "key")
    assert one.digest("a") == StoredBank([view("a")], cells, "key").digest("a") != two.digest("a")
    assert one.digest("a") != StoredBank([view("a")], cells, "other").digest("a")
    assert one.computed == 0

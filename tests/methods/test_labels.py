"""Labels without clicks: spread points, saliency, confidence, the plan, the teacher, and the toy
world's answers.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import picture_view

from corrlib import methods
from corrlib.methods.base import Env
from corrlib.methods.prompt_optimization.labels import table
from corrlib.methods.prompt_optimization.labels.card import card, quality
from corrlib.methods.prompt_optimization.labels.confidence import confidence, peaks, spread, surest
from corrlib.methods.prompt_optimization.labels.plan import Plan, rounds
from corrlib.methods.prompt_optimization.labels.teacher import Teacher
from corrlib.methods.prompt_optimization.labels.truth import COLUMNS, World, correct
from corrlib.types import View
from corrlib.validation.check import checked_fields

ROOT = Path(__file__).parents[2]


SMALL = {
    "size": 32,
    "layers": (10, 13),
    "steps": 2,
    "sigma": 3.0,
    "crops": 5,
    "at_once": 4,
    "learning_rate": 0.05,
    "tokens": 5,
}


def test_the_second_peak_lies_outside_of_the_first_one_s_disc():
    maps = torch.zeros(1, 20, 20, dtype=torch.float64)
    maps[0, 5, 5], maps[0, 5, 8], maps[0, 15, 15] = 0.8, 0.7, 0.2
    top, ratio = peaks(maps, torch.tensor([[5.5, 5.5]]), radius=4)
    assert (top.item(), ratio.item()) == (pytest.approx(0.8), pytest.approx(4.0))
    assert peaks(maps, torch.tensor([[5.5, 5.5]]), radius=2)[1].item() == pytest.approx(8 / 7)
    with pytest.raises(ValueError, match="covers a whole map"):
        peaks(maps, torch.tensor([[10.0, 10.0]]), radius=100)


def test_agreement_is_the_largest_distance_between_members():
    places = torch.tensor(
        [[[0.0, 0.0], [5.0, 5.0]], [[3.0, 4.0], [5.0, 5.0]], [[3.0, 0.0], [5.0, 5.0]]]
    )
    assert spread(places).tolist() == [5.0, 0.0]
    assert spread(places[:1]).tolist() == [0.0, 0.0]


def measured(**columns) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame(
        {
            "agreement_px": [1.0] * n,
            "peak": [0.5] * n,
            "peak_ratio": [1.0] * n,
            "cycle_px": [1.0] * n,
            **columns,
        }
    )


def test_confidence_is_the_mean_rank_of_three_groups():
    labels = measured(
        agreement_px=[0.0, 9.0], peak=[0.1, 0.2], peak_ratio=[1.0, 2.0], cycle_px=[3.0, 50.0]
    )
    assert confidence(labels).tolist() == pytest.approx([(1 + 0.5 + 1) / 3, (0.5 + 1 + 0.5) / 3])
    scaled = labels.assign(cycle_px=labels["cycle_px"] ** 3, peak=labels["peak"] * 7)
    assert confidence(scaled).equals(confidence(labels))  # units do not matter
    assert confidence(measured(cycle_px=[4.0, 4.0, 4.0])).nunique() == 1
    with pytest.raises(KeyError, match="no measure 'score'"):
        confidence(labels, (("score",),))


def test_the_surest_keep_the_table_s_order():
    labels = measured(cycle_px=[5.0, 1.0, 9.0, 2.0])
    assert list(surest(labels, 50).index) == [1, 3]
    assert list(surest(labels, 1).index) == [1] and surest(labels, 100).equals(labels)
    with pytest.raises(ValueError, match="percent is 0"):
        surest(labels, 0)


def views(n: int) -> list[View]:
    return [
        View(f"{category}/trn_{i:04d}", (40, 30), category)
        for category in ("dog", "cat")
        for i in range(n)
    ]


def test_rounds_take_all_categories_in_turn_and_targets_around_the_ring():
    plan = Plan(images=4, targets=3)
    todo = rounds(views(5), plan)
    assert [[task.source.id for task in part] for part in todo[:2]] == [
        ["cat/trn_0000", "dog/trn_0000"],
        ["cat/trn_0001", "dog/trn_0001"],
    ]
    assert [view.id for view in todo[2][0].targets] == [
        "cat/trn_0003",
        "cat/trn_0000",
        "cat/trn_0001",
    ]
    for task in (task for part in todo for task in part):
        ids = {view.id for view in task.targets}
        assert (
            len(ids) == 3
            and task.source.id not in ids
            and {view.category for view in task.targets} == {task.source.category}
        )
    assert rounds(views(5), replace(plan, sources=2)) == todo[:2]
    with pytest.raises(ValueError, match="fewer than the 6 wanted"):
        rounds(views(5), replace(plan, images=6))
    with pytest.raises(ValueError, match="fewer targets than images"):
        Plan(images=3, targets=3)
    with pytest.raises(ValueError, match="mask is 'saliency'"):
        checked_fields(Plan, {"mask": "saliency"}, "a plan has no")


@pytest.fixture
def teacher(tiny_diffuser) -> Teacher:
    env = Env(models={"toybox": tiny_diffuser})
    return Teacher(
        *(
            methods.load("prompt_optimization", "toybox", env=env, **SMALL, embeddings=n)
            for n in (2, 1)
        )
    )


def test_the_teacher_answers_as_the_method_and_shares_its_embeddings(teacher):
    a, b, points = (
        picture_view(40, 30, 1),
        picture_view(30, 40, 2),
        torch.tensor([[3.0, 4.0], [20.0, 10.0]]),
    )
    found = teacher(a, b, points)
    answers = teacher.method(a, b, points).points.double()
    np.testing.assert_allclose(found[["target_x", "target_y"]], answers, atol=1e-5)
    assert found[["source_x", "source_y"]].to_numpy().tolist() == points.tolist()
    again = teacher.back(
        b, a, torch.tensor(found[["target_x", "target_y"]].to_numpy(), dtype=torch.float32)
    ).points
    np.testing.assert_allclose(found["cycle_px"], (again - points).norm(dim=1), atol=1e-4)
    single = [
        teacher.method.answer(teacher.method.maps(a, b, points)[:, [m]], b)[0] for m in (0, 1)
    ]
    np.testing.assert_allclose(found["agreement_px"], (single[0] - single[1]).norm(dim=1))
    assert (found["peak_ratio"] >= 1).all() and found["peak"].between(0, 1).all()
    assert teacher(a, b, points[1:]).equals(
        found[1:].reset_index(drop=True)
    )  # a label does not depend on its neighbours


class ToyPairs:
    """What `World` reads of a data set: where each picture's scene comes from."""

    split = "trn"

    def annotation(self, id: str) -> dict:
        category, name = id.split("/")
        return {
            "src_database": "toybox" if category == "car" else "flickr",
            "category": category,
            "index": int(name[-4:]),
            "seed": 0,
        }


def test_the_toy_world_judges_labels():
    from corrlib.toybox.items import item
    from corrlib.toybox.truth import keypoint_truth

    scene, size = item("trn", "car", 0, seed=0)
    truth = keypoint_truth(scene, size)
    x, y = truth.points[truth.visible][0].round().tolist()
    rows = pd.DataFrame(
        {
            "source_image": "car/trn_0000",
            "target_image": "car/trn_0000",
            "source_x": [x, 0.0],
            "source_y": [y, 0.0],
            "target_x": x,
            "target_y": y,
        }
    )
    judged = World(ToyPairs()).judge(rows)
    assert list(judged.columns[-4:]) == list(COLUMNS)
    here, corner = judged.iloc[0], judged.iloc[1]
    assert here["eval_on_object"] and (here["eval_true_x"], here["eval_true_y"]) == (
        pytest.approx(x, abs=0.01),
        pytest.approx(y, abs=0.01),
    )
    assert not corner["eval_on_object"] and np.isnan(corner["eval_true_x"])
    assert correct(judged).tolist() == [True, False]
    assert quality(judged)["right"] == 50 and quality(judged)["right of those seen"] == 100
    with pytest.raises(ValueError, match="photograph"):
        World(ToyPairs()).scene("dog/x_0000")


def test_a_pair_is_named_as_in_the_data_set():
    assert table.pair_name("cat/trn_0000", "cat/trn_0007") == "trn_0000-trn_0007:cat"


def test_a_table_without_labels_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="label_by_prompts"):
        table.read(tmp_path / "none.parquet")
    pd.DataFrame({"pair": []}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="no column category"):
        table.read(tmp_path / "x.parquet")


def test_the_shipped_labels_are_labels_of_training_pictures_and_the_card_describes_them():
    labels = table.shipped()
    assert labels[list(table.COLUMNS)].notna().all().all()
    assert (
        labels["source_image"].str.contains("/trn_").all()
        and labels["target_image"].str.contains("/trn_").all()
    )
    assert (labels["source_image"] != labels["target_image"]).all() and not labels.duplicated(
        ["pair", "source_x", "source_y"]
    ).any()
    text = (table.SHIPPED.parent / "README.md").read_text()
    for line in card(
        labels, dict.fromkeys(("settings", "plan", "split", "weights", "seed"), ""), 0.0, ""
    ).splitlines()[-9:]:
        assert line in text


def test_the_script_says_its_plan():
    script = ROOT / "data_scripts" / "label_by_prompts.py"
    data = ROOT / "build/toybox/data/SPair-71k"
    if not data.is_dir():
        pytest.skip("no toybox data here; make it with: python data_scripts/make_toybox.py")
    given = [sys.executable, script, "--only-plan", "--sources", "2"]
    said = subprocess.run(given, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "36 source pictures" in said

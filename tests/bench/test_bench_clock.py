"""The clock of the cost benchmark: parts of a run, unit prices, times in words."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from corrlib.bench import _clock
from corrlib.bench._clock import Clock
from corrlib.bench.prompt_cost import unit
from corrlib.viz.pareto import seconds, time_bars


def ticking(monkeypatch):
    """A clock whose time is what `spend` says."""
    clock, now = Clock(), [0.0]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def spend(amount):
        now[0] += amount

    return clock, spend


def test_parts_are_taken_out_of_what_holds_them(monkeypatch):
    clock, spend = ticking(monkeypatch)
    with clock.part("ask"):
        spend(1)
        with clock.part("find"):
            spend(2)
            with clock.part("forward"):
                spend(4)
                with clock.part("crops"):
                    spend(8)
                spend(16)
        with clock.part("forward"):
            spend(32)
    assert clock.seconds == {
        ("find", "crops"): 8,
        ("find", "forward"): 20,
        ("find", "rest"): 2,
        ("ask", "forward"): 32,
        ("ask", "rest"): 1,
    }
    assert clock.calls["find", "forward"] == 1 and sum(clock.seconds.values()) == 63


class Worker:
    def work(self):
        return 3


def test_watching_leaves_no_trace(monkeypatch):
    clock, _ = ticking(monkeypatch)
    worker, original = Worker(), vars(Worker)["work"]
    with (
        pytest.raises(ZeroDivisionError),
        clock.watch((worker, "work", "own"), (Worker, "work", "class")),
    ):
        assert worker.work() == 3 and Worker().work() == 3
        raise ZeroDivisionError
    assert vars(Worker)["work"] is original and "work" not in vars(worker)
    assert clock.calls == {("ask", "own"): 1, ("ask", "class"): 1}


def test_the_machine_is_named():
    found = _clock.machine()
    assert (
        found["processor"]
        and found["threads"] == torch.get_num_threads()
        and found["torch"] == torch.__version__
    )


def test_unit_prices_are_found_again():
    price = {"step": 0.01, "crop": 0.002, "read": 0.0005}
    sweep = [(5, 1, 4), (15, 1, 20), (30, 5, 6)]
    rows = [
        {
            "steps": s,
            "embeddings": e,
            "crops": c,
            "encode": 0.1,
            "point": price["step"] * s * e,
            "match": price["crop"] * e * c + price["read"],
        }
        for s, e, c in sweep
    ]
    assert unit(rows) == pytest.approx({**price, "encode": 0.1})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (31.2, "31 s"),
        (1.44, "1.4 s"),
        (0.312, "0.31 s"),
        (0.0432, "43 ms"),
        (0.0996, "0.10 s"),
        (0.00064, "0.64 ms"),
        (0.0031, "3.1 ms"),
    ],
)
def test_times_in_words(value, words):
    assert seconds(value) == words


def test_bars_are_as_long_as_they_say():
    table = pd.DataFrame({"a": [3.0, 0.5], "b": [1.0, 0.02]}, index=["slow", "fast"])
    ax = time_bars(plt.figure().subplots(), table)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([3.0, 0.5, 1.0, 0.02])
    assert [bar.get_x() for bar in ax.patches] == [0, 0, 3.0, 0.5]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["75 %", "96 %", "25 %", "4.0 s", "0.52 s"] and ax.get_ylim() == (1.5, -0.5)
    ax = time_bars(plt.figure().subplots(), table, share=True)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(
        [75, 100 * 0.5 / 0.52, 25, 100 * 0.02 / 0.52]
    )
    assert ax.texts[-1].get_text() == "0.52 s"
    with pytest.raises(ValueError, match="negative"):
        time_bars(ax, -table)
    plt.close("all")

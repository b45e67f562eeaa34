"""What a notebook hands over: figures for wide and narrow pages, and claims that were judged."""

from pathlib import Path

import pandas as pd
import yaml

from book import narrow_figures
from corrlib import book

ROOT = Path(__file__).parents[2]


def test_claims_are_judged_written_and_said(profile, tmp_path):
    from corrlib.experiments.laws import Comparison
    from corrlib.metrics import Interval

    texts = {"whose": "Ours", "where": "Nowhere.", "holds": "It does."}
    (tmp_path / "book/paper_numbers").mkdir(parents=True)
    (tmp_path / "book/paper_numbers/x_laws.yml").write_text(
        yaml.safe_dump({"noise": {"claim": "noise helps", **texts}})
    )
    run = book.Run("03_dift", profile)
    part = Comparison("noise - none", Interval(3.0, 1.0, 5.0))
    verdicts, said = run.judge("x_laws", {"noise": [part]})
    assert said.startswith("**Noise helps: holds.** Decided by *noise minus none*: +3.0 points")
    assert verdicts["verdict"].tolist() == ["holds"] and run.values["law_noise"] == "holds"
    written = (tmp_path / "build/toybox/tables/03_dift/laws_in_parts.csv").read_text()
    assert written.splitlines()[1] == "noise helps,noise - none,3.0,1.0,5.0,holds"


def test_a_table_without_rows_is_not_run(profile):
    """Not even where there was one before."""
    run, path = book.Run("03_dift", profile), profile.build("tables/03_dift/x.csv")
    for rows, there in (([1.234], True), ([], False)):
        run.table(pd.DataFrame({"pck": rows}), "x")
        assert path.exists() == there
    run.table(pd.DataFrame({"pck": [1.234]}), "x")
    assert path.read_text() == "pck\n1.2\n"


def test_phones_are_shown_the_file_for_narrow_pages():
    body = '<a href="x"><img alt="a" src="../_images/layers.png"/></a><img src="_images/b.png">'
    shown = narrow_figures.with_sources(body, {"layers.png": "layers-narrow.png"})
    assert shown == (
        '<a href="x"><picture><source media="(max-width: 600px)" '
        'srcset="../_images/layers-narrow.png"><img alt="a" src="../_images/layers.png"/>'
        '</picture></a><img src="_images/b.png">'
    )
    styles = (ROOT / "book/static/book.css").read_text()
    assert f"(max-width: {narrow_figures.NARROW}px)" in styles


def test_a_figure_is_saved_for_wide_and_narrow_pages(profile):
    import matplotlib.pyplot as plt
    from PIL import Image

    run = book.Run("03_dift", profile)
    figure, _ = plt.subplots(1, 2, figsize=(6.6, 3))
    run.save(figure, "two")
    folder = profile.build("figures/03_dift")
    assert {path.name for path in folder.iterdir()} == {"two.svg", "two.png", "two-narrow.png"}
    sizes = [Image.open(folder / name).size for name in ("two.png", "two-narrow.png")]
    assert sizes[0][0] > sizes[0][1] and sizes[1][0] < sizes[1][1]
    run.save(figure, "again")
    assert (folder / "again.png").read_bytes() == (folder / "two.png").read_bytes()
    plt.close(figure)


def test_numbers_below_zero_have_a_minus_sign_and_code_and_words_do_not(profile):
    said = book.Run("03_dift", profile).say(
        "a gain of -1.2 [-3, +0.5] on 2026-11-30, `x = -1`, t-1"
    )
    assert said.data == "a gain of −1.2 [−3, +0.5] on 2026-11-30, `x = -1`, t-1"

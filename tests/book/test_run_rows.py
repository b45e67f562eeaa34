"""What a notebook gets of a study that is not there: words in place of rows."""

import pytest

from corrlib import book
from corrlib.experiments.profiles import Profile


def test_a_record_that_is_a_plan_says_what_to_type(tmp_path):
    planned = {"records": {"later": {}}, "studies": {"now": {}}}
    run = book.Run("03_dift", Profile("toybox", tmp_path, planned))
    tables, line = run.trials("later")
    assert tables == {} and "not run" in line and "record make later" in line
    assert run.rows("never") == run.rows("never") and run.rows("never")[0] is None
    with pytest.raises(FileNotFoundError, match="./run snakemake"):
        run.rows("now")  # a study is a step of the graph

"""A profile in a folder of its own, as the book's steps see one."""

import json

import pytest
import yaml

from corrlib.experiments.profiles import load_profile


@pytest.fixture
def profile(tmp_path):
    """A profile with one executed notebook and one table."""
    for name in (
        "profiles",
        "corrlib",
        "build/toybox/notebooks",
        "build/toybox/values",
        "build/toybox/tables",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "profiles/toybox.yml").write_text(
        yaml.safe_dump({"about": "a test", "front": {"one": "First", "two": "Second"}})
    )
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# A title\n", "\n", "Text."]}]
    (tmp_path / "build/toybox/notebooks/03_dift.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "build/toybox/values/03_dift.json").write_text(
        json.dumps({"values": {"pck_all": "41.3"}})
    )
    (tmp_path / "build/toybox/tables/results.csv").write_text(
        "name,per point,per image,per category\none,1.0,2.0,3.0\n"
    )
    return load_profile("toybox", tmp_path)

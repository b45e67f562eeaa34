"""Settings stay what cache keys and stored runs were written from."""

import dataclasses
from pathlib import Path

import pytest

from corrlib import methods

REPRS = (Path(__file__).parent / "preset_reprs.txt").read_text().splitlines()


def test_the_repr_of_every_preset_is_what_it_was():
    """A repr is part of cache keys and of run.json: one that changes makes stored results
    strangers. A new method or preset adds its line to preset_reprs.txt; a line there changes only
    where results are to be computed anew.
    """
    now = [
        f"{name} {preset}: {settings!r}"
        for name in methods.list()
        for preset, settings in sorted(methods.entry(name).presets.items())
    ]
    assert [line for line in now if line in REPRS] == REPRS
    known = {line.split(":")[0] for line in REPRS}
    assert not [line for line in now if line.split(":")[0] not in known and "mine" not in line]


@pytest.mark.parametrize("name", [line.split(" ")[0] for line in REPRS if " toybox:" in line])
def test_settings_are_frozen_hashable_and_equal_by_value(name):
    settings = methods.settings(name)
    assert dataclasses.replace(settings) == settings
    assert hash(dataclasses.replace(settings)) == hash(settings)
    for field in dataclasses.fields(settings)[:1]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, field.name, 1)

"""What benchmarks beside PCK ask for: every text is read or refused in one line."""

import dataclasses

import pytest

from corrlib.experiments.tasks.flow import FlowSettings
from corrlib.experiments.tasks.joints import JointSettings
from corrlib.experiments.tasks.planes import PlaneSettings
from corrlib.matching.propagation import Rule
from corrlib.validation import Typed
from corrlib.validation.check import checked_fields
from tests.cli.test_wrong_values import TEXTS, one_line


@pytest.mark.parametrize("settings", [Rule, FlowSettings, JointSettings, PlaneSettings])
def test_a_tasks_text_is_read_or_refused_in_one_line(settings):
    for field in dataclasses.fields(settings):
        for text in TEXTS:
            try:
                found = checked_fields(settings, {field.name: Typed(text)}, "the task has no")
            except (ValueError, TypeError) as error:
                one_line(str(error))
            else:
                assert hash(settings(**found))

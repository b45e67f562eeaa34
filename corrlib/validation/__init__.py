"""Values that people type, checked once: on the command line, in YAML, in a notebook, in Python.

A type says what a value may be (`kinds`, or any annotation with pydantic's `Field`); every way in
ends in the same check and in the same line: what was got, what was wanted, an example. Nothing here
knows a method, a benchmark or a profile.
"""

from corrlib.validation.check import Validated, checked, checked_arguments, validated
from corrlib.validation.text import Typed
from corrlib.validation.wording import require_known

__all__ = ["Typed", "Validated", "checked", "checked_arguments", "require_known", "validated"]

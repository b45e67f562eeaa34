"""What a profile's file may say: its sections, their keys, kinds and ranges.

The classes are for the check alone: a profile stays the mapping that its file holds, and what is
not written there is not in it. A key without a default has to be there.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from corrlib.validation.kinds import Count, Name, Natural, NotNegative, Share


class Section(BaseModel, extra="forbid", strict=True):
    """The base of every section: no other keys, no other kinds."""


class Data(Section):
    """The data set that is matched: its name in `data list`, folder, and the command that makes
    it.
    """

    name: Name
    root: Name
    make: str = ""
    size: str = ""


class Run(Section):
    """One run of a method; `layers` and `timesteps` make it a sweep, `data` names another benchmark
    than the profile's.
    """

    method: Name
    data: Name = ""
    root: Name = ""
    preset: Name = ""
    split: Name = ""
    store: bool = False
    limit: Count = 1
    shards: Count = 1
    layers: str = ""
    timesteps: str = ""
    set: dict[str, Any] = {}


class Labels(Section):
    """The pictures that the shipped labels were made on."""

    root: Name


class Prompts(Section):
    """The taught prompts of SD4Match: a shipped name or a file each."""

    single: Name
    # the YAML key is a Python keyword, so that the field has another name
    each: Name = Field(alias="class")
    conditional: Name | None = None


class Study(Section):
    """Many settings of a method on the same few pairs (`corrlib.experiments.trials`)."""

    method: Name
    preset: Name = ""
    split: Name = ""
    limit: Count = 1
    block: Count = 1
    points: Count = 1
    set: dict[str, Any] = {}
    trials: dict[str, dict[str, Any] | None] = {}
    draws: Count = 1
    space: dict[str, Any] = {}
    across: dict[str, Any] = {}
    surface: dict[str, Any] = {}
    challenges: dict[str, Any] = {}
    flow: dict[str, Any] = {}
    swap: dict[str, Any] = {}
    benchmark: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    store: bool = True


class Granted(Section):
    """What another kind of machine may differ by: pixels, and a share of rows farther off."""

    within: NotNegative
    share: Share


class Record(Section):
    """A slow result that is kept: of a `study`, or of a measurement whose `counts` are compared
    (`method_costs` measures the trials of a study).
    """

    counts: Name = ""
    study: Study = Study(method="dift")
    sample: Count = 1
    elsewhere: Granted = Granted(within=0, share=0)


class Sections(Section):
    """A whole profile; a command asks for the sections that it needs."""

    about: str = ""
    offline: bool = False
    device: Name = ""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: Count = 1
    data: Data = Data(name="spair", root="data")
    benchmarks: dict[str, str] = {}
    weights: list[str] = []
    labels: Labels = Labels(root="data")
    prompts: Prompts | None = None
    preset: Name = ""
    split: Name = ""
    shards: Count = 1
    memory_mb: Count = 1
    seed: Natural = 0
    resources: dict[str, int | str] = {}
    runs: dict[str, Run] = {}
    studies: dict[str, Study] | None = None
    records: dict[str, Record] | None = None
    notebooks: dict[str, dict[str, Any]] = {}
    chapters: list[str] = []
    front: dict[str, str] = {}
    front_trained: dict[str, str] = {}

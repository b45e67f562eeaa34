"""What a profile's file may say: its sections, their keys, kinds and ranges."""

from typing import Any, NotRequired, TypedDict

from pydantic import ConfigDict, with_config

from corrlib.validation.kinds import Count, Name, Natural

_closed = with_config(ConfigDict(strict=True, extra="forbid"))


@_closed
class Data(TypedDict):
    """The data set that is matched: its name in `data list`, folder, and the command that makes
    it.
    """

    name: Name
    root: Name
    make: NotRequired[str]
    keep: NotRequired[bool]
    size: NotRequired[str]


@_closed
class Run(TypedDict):
    """One run of a method; `layers` and `timesteps` make it a sweep."""

    method: Name
    preset: NotRequired[Name]
    split: NotRequired[Name]
    store: NotRequired[bool]
    limit: NotRequired[Count]
    shards: NotRequired[Count]
    layers: NotRequired[str]
    timesteps: NotRequired[str]
    set: NotRequired[dict[str, Any]]


@_closed
class Study(TypedDict):
    """Many settings of a method on the same few pairs (`corrlib.experiments.trials`)."""

    method: Name
    preset: NotRequired[Name]
    split: NotRequired[Name]
    limit: NotRequired[Count]
    block: NotRequired[Count]
    points: NotRequired[Count]
    set: NotRequired[dict[str, Any]]
    trials: NotRequired[dict[str, dict[str, Any] | None]]
    draws: NotRequired[Count]
    space: NotRequired[dict[str, Any]]
    across: NotRequired[dict[str, Any]]


@_closed
class Sections(TypedDict, total=False):
    """A whole profile; a run asks for the sections that it needs."""

    about: str
    offline: bool
    device: Name
    threads: Count
    data: Data
    benchmarks: dict[str, str]
    weights: list[str]
    preset: Name
    split: Name
    shards: Count
    memory_mb: Count
    seed: Natural
    resources: dict[str, int | str]
    runs: dict[str, Run]
    studies: dict[str, Study] | None
    front: dict[str, str]

"""What is there is opened, what is not is named."""

from corrlib.bench.data import write_tree
from corrlib.experiments.benchmarks_here import benchmarks_here


class Two(dict):
    """A profile with one benchmark on the disk and one that is not."""

    def path(self, root: str):
        return self["folder"] / root


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    write_tree(tmp_path / "SPair-71k")
    profile = Two(folder=tmp_path, benchmarks={"spair": "SPair-71k", "tss": "TSS"})
    bare = getattr(benchmarks_here, "__wrapped__", benchmarks_here)
    sets, missing = bare(profile)
    assert list(sets) == ["spair"] and missing == ["tss"] and len(sets["spair"])

"""Whether the benchmarks that a profile's chapters open are whole: said before any work. No torch.

A copy that lacks files opens well, and fails in a chapter that waited for all the matches.
"""

from pathlib import Path

from corrlib.data.sources.table import BENCHMARKS
from corrlib.experiments.profiles import Profile


def require_whole(profile: Profile) -> None:
    """Raise ValueError naming what the first incomplete benchmark of a profile lacks, and what to
    type. Benchmarks that are not there at all are left out by the chapters, and are no fault; of
    sets that a profile renders for itself nothing is known here.
    """
    if "fetch.py" not in profile["data"].get("make", ""):
        return
    for name, root in profile.get("benchmarks", {}).items():
        folder, benchmark = profile.path(root), BENCHMARKS.get(name)
        if benchmark is None or folder.name != benchmark.folder or not folder.exists():
            continue
        for lacks in benchmark.missing(folder.parent).values():
            raise ValueError(
                f"benchmark {name} is incomplete: {lacks[0]}; fetch it with: "
                f"{benchmark.command(Path(root).parent)} --replace, or take its line out of "
                f"`benchmarks` in profiles/{profile.name}.yml"
            )

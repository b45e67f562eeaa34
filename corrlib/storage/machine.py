"""What kind of machine this is, in words: numbers agree to the last digit on one kind only."""

import hashlib
import platform
from pathlib import Path


def processor() -> str:
    """The processor's name, "unknown" where the system does not say."""
    return _said("model name") or platform.processor() or "unknown"


def design() -> str:
    """What kernels choose their order of sums by: the processor's design, cache and instructions,
    "unknown" where the system does not say. A cloud's machines share a name, and not these.
    """
    if not (flags := _said("flags") or _said("Features")):
        return "unknown"
    words = [
        f"{name} {said}" for name in ("cpu family", "model", "cache size") if (said := _said(name))
    ]
    digest = hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest()[:8]
    return ", ".join([*words, f"instructions {digest}"])


def _said(name: str) -> str:
    """What Linux says of the first core."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")

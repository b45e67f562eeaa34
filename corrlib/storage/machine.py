"""What kind of machine this is, in words: numbers agree to the last digit on one kind only."""

import platform
from pathlib import Path


def processor() -> str:
    """The processor's name, "unknown" where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"

"""Run one step of the graph: announce it, keep its output in a log, and show the end of the log
when it fails.

    python book/step.py LOG "what it does" -- COMMAND...
"""

import subprocess
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the command after `--`; returns its exit status."""
    cut = arguments.index("--")
    (log, label), command = arguments[:cut], arguments[cut + 1 :]
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with open(log, "w") as out:
        status = subprocess.run(
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ).returncode
    seconds = time.monotonic() - start
    print(f"  {'done' if status == 0 else 'FAILED'}  {label}  ({seconds:.0f} s)", flush=True)
    if status:
        tail = Path(log).read_text(errors="replace").splitlines()[-40:]
        print(
            "\n".join(f"    | {line}" for line in tail),
            f"    whole log: {log}",
            sep="\n",
            flush=True,
        )
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run one step of the graph: announce it, keep its output in a log, and show the end of the log
when it fails.

    python book/step.py LOG "what it does" [--fresh FOLDER KEY...] -- COMMAND...

`--fresh FOLDER KEY...`: FOLDER holds partial results that a killed run resumes from. They are
removed when the content of the KEY files is not what it was when they were begun, so that a resumed
run never mixes results of two versions.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path


def freshen(folder: Path, keys: list[Path]) -> None:
    """Empty `folder` unless it was begun under the same keys."""
    content = "".join(key.read_text() for key in keys)
    note = folder / ".begun"
    if not note.is_file() or note.read_text() != content:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        note.write_text(content)


def main(arguments: list[str]) -> int:
    """Run the command after `--`; returns its exit status."""
    cut = arguments.index("--")
    (log, label, *options), command = arguments[:cut], arguments[cut + 1 :]
    if options:
        freshen(Path(options[1]), [Path(key) for key in options[2:]])
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

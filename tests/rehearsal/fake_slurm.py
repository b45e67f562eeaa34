"""A Slurm that runs what is submitted at once, on this machine, and notes how it was asked."""

import sys
from pathlib import Path

# sbatch runs the wrapped command with what a step of Slurm has in its environment; srun runs what
# follows its options; sacct reports what has ended; sacctmgr and sinfo know an account and a
# partition.
SCRIPTS = {
    "sbatch": """
import os, shlex, subprocess, sys
words = sys.argv[1:]
(log := open({notes!r}, "a")).write(shlex.join(words) + "\\n")
log.close()
number = str(sum(1 for _ in open({notes!r})))
options = dict(zip(words, words[1:]))
said = options.get("--output", "/dev/null").replace("%j", number)
os.makedirs(os.path.dirname(said) or ".", exist_ok=True)
wrapped = [w.removeprefix("--wrap=") for w in words if w.startswith("--wrap=")]
wrapped = wrapped[0] if wrapped else sys.stdin.read()
environment = dict(os.environ, SLURM_JOB_ID=number, SLURM_CPUS_ON_NODE="2")
with open(said, "w") as out:
    status = subprocess.run(wrapped, shell=True, env=environment, stdout=out, stderr=out).returncode
with open({ended!r}, "a") as out:
    out.write(number + "|" + ("COMPLETED" if status == 0 else "FAILED") + "\\n")
print(number)
""",
    "srun": """
import subprocess, sys
words = sys.argv[1:]
while words and words[0].startswith("-"):
    words = words[1 if "=" in words[0] or words[0] in ("--overlap",) else 2:]
sys.exit(subprocess.run(words).returncode)
""",
    "sacct": """
import sys
if "--name" in " ".join(sys.argv):
    print(open({ended!r}).read(), end="")
else:
    print("a_ACCOUNT")
""",
    "squeue": "",
    "scontrol": "",
    "scancel": "",
    "sinfo": "print('a_PARTITION')",
    "sacctmgr": "print('a_ACCOUNT')",
}


def install(folder: Path) -> tuple[Path, Path]:
    """Write the commands; their folder, and the file that has a line for each submission."""
    (commands := folder / "bin").mkdir(parents=True)
    notes, ended = folder / "submitted", folder / "ended"
    ended.touch()
    for name, text in SCRIPTS.items():
        text = text.format(notes=str(notes), ended=str(ended)) if "{" in text else text
        (commands / name).write_text(f"#!{sys.executable}\n{text}")
        (commands / name).chmod(0o755)
    return commands, notes

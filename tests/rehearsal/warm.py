"""A Python that starts in no time: a server that has loaded the libraries and pretends to have a
GPU, and forks one process a command.

    python warm.py FOLDER     serves on FOLDER/socket, for the commands FOLDER/bin/python

The graph starts some fifty processes, and each takes five seconds to load the libraries. Here they
are loaded once; what a command then does is what it does in a Python of its own.
"""

import array
import json
import os
import runpy
import signal
import socket
import sys
import traceback
import warnings
from pathlib import Path

CLIENT = """#!{python} -IS
import array, json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect({socket!r})
handed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
link.sendmsg([b"."], handed)
asked = dict(arguments=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ))
link.sendall(json.dumps(asked).encode() + b"\\n")
while True:
    try:
        sys.exit(int(link.makefile().readline() or 1))
    except KeyboardInterrupt:  # the server's fork has heard it too
        pass
"""
# The graph's steps run what `sys.executable` is.
SNAKEMAKE = """#!{python}
import sys
sys.executable = {executable!r}
from snakemake.cli import main
main(sys.argv[1:])
"""


def install(folder: Path) -> Path:
    """Write `folder`/bin: python, snakemake, and jupyter-book as it is; returns the folder."""
    (place := folder / "bin").mkdir(parents=True, exist_ok=True)
    names = {"python": sys.executable, "executable": str(place / "python")}
    names["socket"] = str(folder / "socket")
    for command, text in (("python", CLIENT), ("snakemake", SNAKEMAKE)):
        (place / command).write_text(text.format(**names))
        (place / command).chmod(0o755)
    (place / "jupyter-book").symlink_to(Path(sys.executable).with_name("jupyter-book"))
    return place


def preload() -> None:
    """Load what the steps load, with one thread and nothing begun that a fork could not carry."""
    import torch

    torch.set_num_threads(1)
    from tests.rehearsal import pretend_cuda

    pretend_cuda.install()
    import diffusers  # noqa: F401
    import ipykernel.ipkernel  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import papermill  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.io  # noqa: F401
    import seaborn  # noqa: F401
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel  # noqa: F401
    from transformers import CLIPTextModel, CLIPTokenizer, Dinov2Model  # noqa: F401

    import corrlib.cli.evaluate  # noqa: F401
    import corrlib.cli.features  # noqa: F401
    import corrlib.cli.table  # noqa: F401
    import corrlib.cli.trials  # noqa: F401
    from corrlib import bench, book, data, doctor, methods, metrics, viz  # noqa: F401
    from tests.rehearsal.smaller import smaller_presets

    smaller_presets()


def serve(folder: Path) -> None:
    """Answer until the one that started this is gone."""
    python = folder / "bin" / "python"
    preload()
    place = socket.socket(socket.AF_UNIX)
    place.bind(str(folder / "socket"))
    place.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks here
    parent = os.getppid()
    place.settimeout(1.0)
    while os.getppid() == parent:
        try:
            link, _ = place.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            place.close()
            link.setblocking(True)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                status = command(link, python)
                link.sendall(f"{status}\n".encode())
            except BaseException:
                traceback.print_exc(file=open(folder / "faults.log", "a"))
            os._exit(0)
        link.close()


def command(link: socket.socket, python: Path) -> int:
    """Be the process that was asked for; returns its exit status."""
    numbers = array.array("i")
    _, handed, _, _ = link.recvmsg(1, socket.CMSG_SPACE(3 * numbers.itemsize))
    numbers.frombytes(handed[0][2])
    with link.makefile("r") as lines:
        asked = json.loads(lines.readline())
    for target, source in enumerate(numbers):
        os.dup2(source, target)
        os.close(source)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.warnoptions = [w for w in os.environ.get("PYTHONWARNINGS", "").split(",") if w]
    warnings._processoptions(sys.warnoptions)  # read when a Python starts, which here was before
    os.environ.pop("JPY_PARENT_PID", None)  # the kernel's parent is the server
    sys.executable = str(python)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    try:
        run(asked["arguments"])
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    import atexit

    atexit._run_exitfuncs()
    spent = sum(os.times()[:2])
    with open(python.parents[1] / "spent.log", "a") as out:
        out.write(f"{spent:.1f} {' '.join(asked['arguments'])}\n")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status


def run(words: list[str]) -> None:
    """What `python WORDS` does."""
    while words[0] in ("-W", "-X"):
        words = words[2:]
    if words[0] in ("-m", "-c"):
        sys.path[0] = os.getcwd()
        sys.argv = [words[0], *words[2:]]
        if words[0] == "-c":
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return
    sys.path[0] = str(Path(words[0]).resolve().parent)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

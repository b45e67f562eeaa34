"""What a step of the graph depends on, by content: the library modules that it imports, settings,
weights.

The Snakefile writes one small file per step, `build/<profile>/inputs/NAME.sha256`, only when its
content changes, and names it as the step's input. So neither a checkout (which changes times) nor
an edit of an unrelated module reruns anything. Standard library only, because the Snakefile reads
it on every call.
"""

import ast
import hashlib
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path


def code_of(path: Path) -> str:
    """The Python of a module, or of a notebook's code cells (lines for the shell and magics left
    out).
    """
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    lines = [
        line
        for cell in cells
        if cell["cell_type"] == "code"
        for line in ("".join(cell["source"]) + "\n").splitlines()
    ]
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def imports(path: Path, root: Path) -> set[Path]:
    """Files of `corrlib` that `path` imports anywhere in it, also inside of functions; a package
    stands for its `__init__`.
    """
    found = set()
    for node in ast.walk(ast.parse(code_of(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"corrlib(\.\w+)+(:\w+)?", node.value)
        ):
            names = [node.value.partition(":")[0]]  # a registry's entry, imported by its name
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "corrlib":
                continue
            for depth in range(1, len(parts) + 1):
                place = root.joinpath(*parts[:depth])
                found |= {
                    file
                    for file in (place.with_suffix(".py"), place / "__init__.py")
                    if file.is_file()
                }
    return found


def method_file(root: Path, name: str) -> str:
    """Where method `name` is registered. Raises KeyError where no file of corrlib/methods does."""
    for path in sorted((root / "corrlib/methods").rglob("*.py")):
        if re.search(rf"""^@register\(\s*["']{re.escape(name)}["']""", path.read_text(), re.M):
            return path.relative_to(root).as_posix()
    raise KeyError(
        f"no file in corrlib/methods registers {name!r}; the profile's runs name methods"
    )


def loads_model(root: Path, name: str) -> bool:
    """Whether method `name` loads a network: what builds it asks its `env` for more than the store.
    True of a method that is not found by name, which may.
    """
    try:
        tree = ast.parse((root / method_file(root, name)).read_text())
    except KeyError:
        return True
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        given = [d for d in function.decorator_list if isinstance(d, ast.Call) and d.args]
        if not any(getattr(d.args[0], "value", None) == name for d in given):
            continue
        env = function.args.args[1].arg
        body = [node for statement in function.body for node in ast.walk(statement)]
        used = sum(isinstance(node, ast.Name) and node.id == env for node in body)
        stores = sum(
            isinstance(node, ast.Attribute)
            and node.attr == "store"
            and isinstance(node.value, ast.Name)
            and node.value.id == env
            for node in body
        )
        return used > stores
    return True


def closure(
    root: Path, *starts: str, without: Iterable[str] = (), methods: Iterable[str] = ()
) -> list[Path]:
    """`starts` (paths under `root`) and every file of `corrlib` that they import, directly or not,
    except `without`.

    `corrlib.methods` finds its methods by name, so whatever imports it depends on all of them, or
    on `methods`, those that it is used for.
    """
    todo, seen = [root / start for start in starts], {root / path for path in without}
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.is_file():  # else `digest` records that it is missing
            todo += imports(path, root)
        if path == root / "corrlib/methods/__init__.py":
            todo += [root / method_file(root, name) for name in methods] or path.parent.rglob(
                "*.py"
            )
    return sorted(seen - {root / path for path in without})


def pins(root: Path) -> list[str]:
    """The locked versions of the library's own dependencies, which every number may depend on."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[=<>~!\[; ]", need)[0].lower() for need in project["dependencies"]}
    lock = (root / "constraints.txt").read_text().splitlines()
    return sorted(line for line in lock if line.split("==")[0].lower() in names)


def digest(root: Path, files: Iterable[Path | str] = (), **settings: object) -> str:
    """A hash of contents: of `files` (folders are walked; a missing one counts as missing) and of
    `settings`.
    """
    state = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for item in sorted({root / file for file in files}):
        inside = (
            sorted(p for p in item.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
            if item.is_dir()
            else [item]
        )
        for path in inside:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
            state.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return state.hexdigest()


def stamp(path: str, content: str) -> str:
    """Write `content` to `path` unless it is there already, so that the file's time is that of its
    last change.
    """
    file = Path(path)
    if not file.is_file() or file.read_text().strip() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(content + "\n")
        os.replace(part, file)
    return path


def fetched(receipts: str, name: str) -> str:
    """A hash of the bytes that were fetched of data set `name`, whenever that was; "none" where
    nothing was.
    """
    try:
        noted = json.loads(Path(receipts).read_text())
    except FileNotFoundError:
        return "none"
    sums = sorted(f"{k} {v['sha256']}" for k, v in noted.items() if k.startswith(f"{name}/"))
    return hashlib.sha256("\n".join(sums).encode()).hexdigest() if sums else "none"


if __name__ == "__main__":
    print(fetched(*sys.argv[1:]))

"""The methods: one file each, or one folder where it takes more, found by their
`@register("name", ...)` line and imported only when asked for.

    methods.list()                                  # ["copy_position", "dift", "latents", ...]
    # ready to be called on two views and query points
    method = methods.load("dift", preset="toybox")
    method = methods.load("dift", preset="toybox", timestep=51, ensemble=1)

A method of yours is one more file in this folder, begun as a copy of `_template.py`; or a file
anywhere, named by its path. What two methods share lies in `base` or in a room below: methods never
import each other, and none reads a data set or counts its own answers.
"""

import builtins
import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from corrlib.validation.check import checked_fields

_FOLDER = Path(__file__).parent
_DECORATOR = re.compile(r"""^@register\(\s*["']([\w-]+)["']""", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A registered method: how to build it from settings, and its named settings."""

    name: str
    build: Callable[..., Any]
    presets: Mapping[str, Any]


_entries: dict[str, Entry] = {}
_OWN = "corrlib_method_"  # begins the module name of a file of one's own, which its digest ends


def register(name: str, *, presets: Mapping[str, Any]) -> Callable:
    """Register `build(settings, env) -> Method` as method `name`; `presets` are frozen settings by
    name, all of one class.

    Raises ValueError when another function, or a file of the library, has the name.
    """

    def decorate(build: Callable[..., Any]) -> Callable[..., Any]:
        file, known = _modules().get(name), _entries.get(name)
        if file is not None and build.__module__ != (module := _module_of(file)):
            raise ValueError(
                f"{name!r} is a method of the library ({module}), whose results would be taken "
                "for yours; choose another name in the @register line"
            )
        if known is not None and (known.build.__module__, known.build.__qualname__) != (
            build.__module__,
            build.__qualname__,
        ):
            raise ValueError(
                f"method {name!r} is already defined in {known.build.__module__}; choose "
                "another name"
            )
        _entries[name] = Entry(name, build, presets)
        return build

    return decorate


def list(pattern: str = "*") -> builtins.list[str]:
    """Names of all methods that match a wildcard pattern, sorted; imports nothing."""
    return sorted(name for name in {**_modules(), **_entries} if fnmatchcase(name, pattern))


def entry(name: str) -> Entry:
    """The entry of method `name`, or of the one method in the file at path `name`. Raises KeyError
    with near misses.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    if name not in _entries:
        modules = _modules()
        if name not in modules:
            if (own := _FOLDER / f"{name}.py").is_file():
                registered = ", ".join(_DECORATOR.findall(own.read_text())) or "nothing"
                raise KeyError(
                    f"no method {name!r}: {own} registers {registered}; change the name in its "
                    "@register line"
                )
            near = get_close_matches(name, modules, 3, 0.5)
            hint = (
                f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(list())}."
            )
            raise KeyError(
                f"no method {name!r}; {hint} A file of your own is named by its path, ending in .py"
            )
        importlib.import_module(_module_of(modules[name]))
    return _entries[name]


def settings(name: str, preset: str = "toybox", **overrides: Any) -> Any:
    """The settings of a method's preset with some fields replaced, each checked by its type.

    Raises KeyError on an unknown preset and TypeError on an unknown setting, which name what there
    is, and ValueError on a value that a setting cannot have.
    """
    found = entry(name)
    if preset not in found.presets:
        raise KeyError(
            f"method {name!r} has no preset {preset!r}; it has {', '.join(found.presets)}"
        )
    base = found.presets[preset]
    values = checked_fields(type(base), overrides, f"method {name!r} has no setting")
    return dataclasses.replace(base, **values)


def load(
    name: str, preset: str = "toybox", *, env: Any = None, device: str = "cpu", **overrides: Any
) -> Any:
    """A method ready to be called; `overrides` replace settings and are named in the method's
    `preset` label.

    `env` (a `methods.base.Env`) carries device, feature store and loaded models from one method to
    the next. Raises KeyError on an unknown method or preset, TypeError on an unknown setting,
    ValueError on a bad one, FileNotFoundError on absent weights.
    """
    from corrlib.methods.base import Env

    env = env if env is not None else Env(device=device)
    chosen = settings(name, preset, **overrides)
    if env.dtype not in ("", getattr(chosen, "dtype", env.dtype)):
        overrides = {"dtype": env.dtype} | overrides
        chosen = settings(name, preset, **overrides)
    found = entry(name)
    method = found.build(chosen, env)
    method.name, method.source = found.name, source(name)
    method.preset = ", ".join(
        [preset, *(f"{key}={getattr(chosen, key)}" for key in sorted(overrides))]
    )
    return method


def source(name: str) -> str:
    """A digest of the method's file, or of all files of its folder, so that results can say by
    which version of it they were computed; "" where it has none.
    """
    path = Path(name).resolve() if name.endswith(".py") else _modules().get(name)
    if path is None or not path.is_file():
        return ""
    inside = path.is_relative_to(_FOLDER) and path.parent != _FOLDER
    files = sorted(path.parent.rglob("*.py")) if inside else [path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _modules() -> dict[str, Path]:
    """Method name to the file that registers it, read off the files' text, so that listing imports
    nothing and a new file needs no list.
    """
    files = (path for path in sorted(_FOLDER.rglob("*.py")) if not path.name.startswith("_"))
    return {name: path for path in files for name in _DECORATOR.findall(path.read_text())}


def _module_of(file: Path) -> str:
    """The dotted name of a file of this folder."""
    return ".".join((__name__, *file.relative_to(_FOLDER).with_suffix("").parts))


def _from_file(path: Path) -> Entry:
    """The method of a file of one's own, imported once for each version of its text. Raises
    KeyError or ValueError naming the file, whatever goes wrong in it.
    """
    if not path.is_file():
        raise KeyError(
            f"no file {path}; a method of your own is one file, begun as a copy of "
            f"{_FOLDER / '_template.py'}"
        )
    for name, file in _modules().items():
        if file.samefile(path):
            return entry(name)
    try:
        text = path.read_text(encoding="utf-8")
        code = compile(text, path, "exec")  # before its text is looked at: a slip is called one
    except SyntaxError as error:
        raise ValueError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except ValueError as error:  # not text
        raise ValueError(f"{path} is no Python file ({error})") from error
    names = _DECORATOR.findall(text)
    if len(names) != 1:
        raise KeyError(
            f"{path} registers {len(names)} methods; wanted exactly one @register(...) line "
            "at the left margin"
        )
    where = str(path.resolve())
    module_name = _OWN + hashlib.sha256(f"{where}\n{text}".encode()).hexdigest()[:16]
    known = _entries.get(names[0])
    if known is not None and known.build.__module__ == module_name:
        return known
    if known is not None and known.build.__module__.startswith(_OWN):
        del _entries[names[0]]  # an older version, or another file: this one is asked for
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
    try:
        # not by the spec's loader: Python's bytecode cache takes two texts of one size for the same
        # when they are written within a second
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        rows = traceback.extract_tb(error.__traceback__)
        lines = [row.lineno for row in rows if Path(row.filename).resolve() == path.resolve()]
        raise ValueError(
            f"{path}{f', line {lines[-1]}' if lines else ''}: the file cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return _entries[names[0]]

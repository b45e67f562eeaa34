"""Names of methods: a file of one's own never stands in for the library's, nor for another file."""

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from corrlib import methods

OWN = """
from dataclasses import dataclass
from corrlib.methods import register

@dataclass(frozen=True)
class Settings:
    number: int = {number}

class Answers:
    def __init__(self, settings):
        self.settings = settings

@register("{name}", presets={{"toybox": Settings()}})
def build(settings, env):
    assert isinstance(settings, Settings)
    return Answers(settings)
"""


@pytest.fixture(autouse=True)
def clean():
    yield
    methods._entries.pop("mine", None)


def write(path: Path, name: str = "mine", number: int = 1, more: str = "") -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN.format(name=name, number=number) + more)
    return str(path)


@pytest.mark.parametrize("name", ["dift", "prompt_optimization"])
def test_a_name_of_the_library_is_refused(tmp_path, name):
    path = write(tmp_path / "own.py", name)
    for _ in range(2):  # whether or not the library's own has been imported
        with pytest.raises(ValueError, match=f"'{name}' is a method of the library .*another name"):
            methods.load(path)
        methods.settings(name)
    assert methods.settings("dift").timestep and methods.entry("dift").build.__module__.endswith(
        "dift"
    )
    with pytest.raises(ValueError, match="'dift' is a method of the library"):
        methods.register("dift", presets={})(lambda settings, env: None)


def test_a_file_of_the_library_may_be_named_by_its_path():
    path = Path(methods.__file__).parent / "dift.py"
    assert methods.entry(str(path)) is methods.entry("dift")
    assert methods.source(str(path)) == methods.source("dift")


def test_two_files_that_register_one_name_are_two_methods(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    one, two = write(tmp_path / "x/own.py", number=1), write(tmp_path / "y/own.py", number=2)
    assert [methods.load(path).settings.number for path in (one, two, one)] == [1, 2, 1]
    assert methods.load(one).source != methods.load(two).source
    before = Path(one).stat()
    write(tmp_path / "x/own.py", number=3)
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))  # edited within a tick of the clock
    assert methods.load(one).settings.number == 3, "an edited file is read again"


def test_a_file_is_imported_once(tmp_path):
    path = write(
        tmp_path / "own.py",
        more="import builtins\nbuiltins.seen = getattr(builtins, 'seen', 0) + 1\n",
    )
    import builtins

    try:
        assert dataclasses.is_dataclass(methods.load(path).settings) and methods.load(path)
        assert builtins.seen == 1
    finally:
        del builtins.seen


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("1 / 0\n", "line 17: the file cannot be imported: ZeroDivisionError: division by zero"),
        ("import nosuchmodule\n", "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("raise SystemExit(3)\n", "line 17: the file cannot be imported: SystemExit: 3"),
        ("{}['key']\n", "cannot be imported: KeyError: 'key'"),
        ("def f(:\n", "own.py, line 17: "),
        ("open('/no/such/file')\n", "FileNotFoundError"),
    ],
)
def test_whatever_fails_in_a_file_is_said_with_its_name(tmp_path, more, said):
    path = write(tmp_path / "own.py", more=more)
    with pytest.raises(ValueError, match="own.py") as error:
        methods.load(path)
    assert said in str(error.value)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "own.py").write_bytes("# h\xe9".encode("latin1"))
    with pytest.raises(ValueError, match="own.py is no Python file .*decode"):
        methods.load(str(tmp_path / "own.py"))

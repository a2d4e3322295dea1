"""Which commands start a Python server, and what their interpreter is asked to do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_INTERPRETER = re.compile(r"python[0-9.]*")
_FLAGS: Final = re.compile(r"-[bBdEIOPqsSu]+")
_TAKE_A_WORD: Final = "-W"
_VARIABLES: Final = (
    "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONUSERBASE", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE",
    "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONWARNINGS",
    "PYTHONASYNCIODEBUG", "PYTHONSAFEPATH", "PYTHONPYCACHEPREFIX",
)  # fmt: skip
"""Of what an interpreter reads as it begins (``python --help-env``), what changes no more than it says. The
others trace, profile and check: these see how a module comes to be there."""
_FIRST_LINE_BYTES: Final = 256  # as much as the kernel reads of it (execve(2))


@dataclass(frozen=True, slots=True)
class PythonStart:
    """``python``, as it calls itself, with ``options``, runs a module or the file of a script with ``words``.

    ``title`` is what the kernel calls the process.
    """

    python: str
    options: tuple[str, ...]
    module: str
    script: str
    words: tuple[str, ...]
    title: str

    @property
    def argv(self) -> tuple[str, ...]:
        """All that the interpreter is started with."""
        what = ("-m", self.module) if self.module else (self.script,)
        return (self.python, *self.options, *what, *self.words)


def python_start(command: Sequence[str], environment: Mapping[str, str]) -> PythonStart | None:
    """What ``command`` starts; None where that is no Python, or asks for something else than a server."""
    if any(name.startswith("PYTHON") and name not in _VARIABLES for name in environment):
        return None
    found = shutil.which(command[0], path=environment.get("PATH"))
    if found is None:
        return None
    title = Path(found).name[:15]
    if _is_python(found):
        return _asked_of_python(command[0], command[1:], title)
    line = _first_line(found)
    if line is None:
        return None
    python, _, option = line.partition(" ")
    if not os.path.isabs(python) or not _is_python(python):
        return None
    words = (*filter(None, (option.strip(),)), found, *command[1:])
    return _asked_of_python(python, words, title)


def _is_python(path: str) -> bool:
    real = os.path.realpath(path)
    return _INTERPRETER.fullmatch(Path(real).name) is not None and _first_line(real) is None


def _first_line(path: str) -> str | None:
    """What stands behind ``#!``; None where nothing does."""
    try:
        with open(path, "rb") as file:
            head = file.read(_FIRST_LINE_BYTES)
        line, end, _ = head.partition(b"\n")
        return line[2:].decode().strip() if end and line.startswith(b"#!") else None
    except (OSError, UnicodeDecodeError):
        return None


def _asked_of_python(python: str, words: Sequence[str], title: str) -> PythonStart | None:
    options: list[str] = []
    rest = list(words)
    while rest and rest[0] != "-m" and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == _TAKE_A_WORD and rest:
            options += (option, rest.pop(0))
        elif _FLAGS.fullmatch(option) or option.startswith(_TAKE_A_WORD):
            options.append(option)
        else:
            return None
    if rest[:1] == ["-m"] and len(rest) > 1:
        return PythonStart(python, tuple(options), rest[1], "", tuple(rest[2:]), title)
    if rest and os.path.isfile(rest[0]):
        return PythonStart(python, tuple(options), "", rest[0], tuple(rest[1:]), title)
    return None

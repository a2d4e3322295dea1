"""Sends the interpreter's calls to the process that runs, once and for good.

What other modules hold of a replaced function (``from time import monotonic``) is replaced there, too, so
it does not matter what was imported before. Outside of simulated processes every call is what it was.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import Any, Final

from patchstorm.errors import UsageError
from patchstorm.worlds.sim.hosted import (
    chance,
    clocks,
    dialling,
    files,
    logs,
    loop,
    modules,
    once,
    refused,
    threads,
)
from patchstorm.worlds.sim.hosted.here import current
from patchstorm.worlds.sim.hosted.locks import Local

PYTHON_MAX: Final = (3, 13)
Known = dict[int, tuple[Any, Any]]
"""What is replaced and by what, by the address of the first."""
_OURS: Final = "patchstorm.worlds.sim."


def check_python() -> None:
    """UsageError for a Python that this was not made for."""
    if sys.version_info[:2] > PYTHON_MAX:
        here, most = sys.version_info, PYTHON_MAX
        raise UsageError(
            f"Python {here[0]}.{here[1]} keeps the running event loop where the simulator does not "
            f"follow it: servers are simulated by {most[0]}.{most[1]} and older. Run patchstorm with one of "
            "those, or the server in the world processes."
        )


@cache
def install() -> None:
    """Replace what has to be replaced."""
    check_python()
    known: Known = {}

    def replace(owner: Any, name: str, call: Any) -> None:
        real = getattr(owner, name)
        known[id(real)] = (real, call)
        setattr(owner, name, call)

    for part in (files, clocks, chance, threads, loop, dialling, refused, logs, once):
        part.install(replace)
    _environment()
    modules.install()
    everywhere(known, among=dict(sys.modules))
    atexit.register(_outlive)


def _outlive() -> None:
    """When the interpreter ends it clears the modules that it still knows: ours are to be called after that.

    What is left of others (a pool that is told its end, a lock in a finalizer) calls the replacements until
    the last object is gone, and would find None under every name of a module that was cleared.
    """
    for name in [one for one in sys.modules if one.startswith(_OURS)]:
        del sys.modules[name]


def everywhere(known: Known, *, among: Mapping[str, Any]) -> None:
    """Put the replacements wherever one of these modules holds what they replace.

    That is in the module, in its classes, and in what its functions do by default.
    """
    plain = _thread._local
    for name, module in among.items():
        space = getattr(module, "__dict__", None)
        if space is None or name.startswith(_OURS):
            continue
        for key, value in list(space.items()):
            if type(value) is plain:
                known.setdefault(id(value), (value, _carried_over(value)))
            found = _instead(known, value)
            if found is not None:
                space[key] = found
            elif isinstance(value, type) and value.__module__ == name:
                _in_class(known, value)
            elif isinstance(value, FunctionType):
                _by_default(known, value)


def _instead(known: Known, value: object) -> Any:
    """The replacement of ``value``; None where it is none that is replaced."""
    found = known.get(id(value))
    return found[1] if found is not None and found[0] is value else None


def _in_class(known: Known, kind: type) -> None:
    for key, value in list(vars(kind).items()):
        inner = value.__func__ if isinstance(value, staticmethod) else value
        found = _instead(known, inner)
        if found is not None:
            setattr(kind, key, staticmethod(found))
        elif isinstance(inner, FunctionType):
            _by_default(known, inner)


def _by_default(known: Known, function: FunctionType) -> None:
    defaults = function.__defaults__
    if defaults and any(_instead(known, one) is not None for one in defaults):
        function.__defaults__ = tuple(
            one if (found := _instead(known, one)) is None else found for one in defaults
        )


def _carried_over(value: Any) -> Any:
    local = Local()
    vars(object.__getattribute__(local, "_outside")).update(value.__dict__)
    return local


def _environment() -> None:
    """``os.environ`` shows a process its own variables; what it sets nobody else sees."""
    kind: Any = os._Environ

    def data(self: Any) -> Any:
        process = current()
        return self.__dict__["_data"] if process is None else process.environment

    def set_data(self: Any, value: Any) -> None:
        self.__dict__["_data"] = value

    kind._data = property(data, set_data)
    for name in ("putenv", "unsetenv"):
        setattr(os, name, _ignored(getattr(os, name)))


def _ignored(real: Any) -> Any:
    def call(*args: Any) -> None:
        if current() is None:
            real(*args)

    return call

"""Sends the interpreter's calls to the process that runs, once and for good.

What other modules hold of a replaced function (``from time import monotonic``) is replaced there, too, so
it does not matter what was imported before. Outside of simulated processes every call is what it was.
"""

from __future__ import annotations

import _thread
import os
import sys
from functools import cache
from typing import Any, Final

from patchstorm.errors import UsageError
from patchstorm.worlds.sim.hosted import (
    chance,
    clocks,
    files,
    loop,
    modules,
    refused,
    streams,
    threads,
)
from patchstorm.worlds.sim.hosted.here import current
from patchstorm.worlds.sim.hosted.locks import Local

PYTHON_MAX: Final = (3, 13)
_OURS: Final = "patchstorm.worlds.sim."


@cache
def install() -> None:
    """Replace what has to be replaced. UsageError for a Python that this was not made for."""
    if sys.version_info[:2] > PYTHON_MAX:
        here, most = sys.version_info, PYTHON_MAX
        raise UsageError(
            f"Python {here.major}.{here.minor} keeps the running event loop where the simulator does not "
            f"follow it: servers are simulated by {most[0]}.{most[1]} and older. Run patchstorm with one of "
            "those, or the server in the world processes."
        )
    known: dict[int, tuple[Any, Any]] = {}

    def replace(owner: Any, name: str, call: Any) -> None:
        real = getattr(owner, name)
        known[id(real)] = (real, call)
        setattr(owner, name, call)

    for part in (files, clocks, chance, threads, refused, streams):
        part.install(replace)
    _environment()
    modules.install()
    loop.install()
    _everywhere(known)


def _everywhere(known: dict[int, tuple[Any, Any]]) -> None:
    """Put the replacements wherever a module holds what they replace."""
    plain = _thread._local
    for name, module in list(sys.modules.items()):
        space = getattr(module, "__dict__", None)
        if space is None or name.startswith(_OURS):
            continue
        for key, value in list(space.items()):
            found = known.get(id(value))
            if found is not None and found[0] is value:
                space[key] = found[1]
            elif type(value) is plain:
                space[key] = known.setdefault(id(value), (value, _carried_over(value)))[1]


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

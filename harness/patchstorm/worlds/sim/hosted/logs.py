"""Loggers: each process sets up its own, though ``logging`` is the interpreter's.

What a server adds to a logger at its start is gone with the process. Else the second replica would have two
handlers where a machine of its own has one, and the next run more than the one before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from patchstorm.worlds.sim.hosted.here import current


class _Each:
    """An attribute of loggers of which each process has its own. It begins as the interpreter's.

    ``begins`` makes a process's of the interpreter's, ``plain`` is what a logger has at first.
    """

    def __init__(self, name: str, begins: Callable[[Any], Any], plain: Callable[[], Any]) -> None:
        self._name = name
        self._begins = begins
        self._plain = plain

    def __get__(self, logger: Any, kind: type | None = None) -> Any:
        if logger is None:
            return self
        known = logger.__dict__
        if self._name not in known:
            raise AttributeError(self._name)
        process = current()
        if process is None:
            return known[self._name]
        key = (logger, self._name)
        if key not in process.logs:
            process.logs[key] = self._begins(known[self._name])
        return process.logs[key]

    def __set__(self, logger: Any, value: Any) -> None:
        process = current()
        if process is None:
            logger.__dict__[self._name] = value
            return
        logger.__dict__.setdefault(self._name, self._plain())
        process.logs[logger, self._name] = value


def _same(value: Any) -> Any:
    return value


def _anew(_: Any) -> Any:
    return {}


_OWN: Final[dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]]] = {
    "handlers": (list, list),
    "filters": (list, list),
    "level": (_same, int),
    "propagate": (_same, lambda: True),
    "disabled": (_same, bool),
    "_cache": (_anew, dict),  # of what is enabled, so of levels
}


def install(replace: Any) -> None:
    """The dead say nothing: what unwinds after a death logs it in many places, which takes long."""
    plain = logging.Logger.isEnabledFor

    def is_enabled_for(self: logging.Logger, level: int) -> bool:
        process = current()
        return (process is None or process.alive) and plain(self, level)

    logging.Logger.isEnabledFor = is_enabled_for  # type: ignore[method-assign]
    for name, (begins, first) in _OWN.items():
        setattr(logging.Logger, name, _Each(name, begins, first))

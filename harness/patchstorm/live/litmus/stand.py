"""Where a litmus program is run: what its hosts are, and which events can be brought about there."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final, Protocol

LOCAL_EVENTS: Final = ("kill",)
SIZED_EVENTS: Final = ("kill", "fill")


class Stand(Protocol):
    """A real mount. Hosts are called as in programs: ``A`` and ``B`` mount it, ``S`` is its server."""

    events: Collection[str]

    def make(self, name: str) -> None:
        """A fresh directory called ``name``."""
        ...

    def remove(self, name: str) -> None:
        """Do away with it, from the server's side."""
        ...

    def root(self, host: str, name: str) -> Path:
        """That directory, as ``host`` sees it."""
        ...

    def enter(self, host: str, *command: str) -> tuple[str, ...]:
        """``command`` as it has to be started to run on ``host``."""
        ...

    async def event(self, host: str, event: str) -> None:
        """Bring about one of ``events``; a ``kill`` is the caller's."""
        ...

    async def settle(self) -> None:
        """Undo what events left, so that the next program finds all hosts in order."""
        ...


class LocalStand:
    """A directory of this machine, on which every process is a host of its own.

    ``view`` is where this process finds it, and ``entry`` stands before a command that finds it as ``root``.
    """

    events: Collection[str] = LOCAL_EVENTS

    def __init__(
        self, root: Path, *, view: Path | None = None, entry: tuple[str, ...] = ()
    ) -> None:
        self._root = root
        self._view = view or root
        self._entry = entry

    def make(self, name: str) -> None:
        (self._view / name).mkdir()

    def remove(self, name: str) -> None:
        shutil.rmtree(self._view / name, ignore_errors=True)

    def root(self, host: str, name: str) -> Path:
        return self._root / name

    def enter(self, host: str, *command: str) -> tuple[str, ...]:
        return (*self._entry, *command)

    async def event(self, host: str, event: str) -> None:
        raise AssertionError(f"{host} {event} cannot be done to a local directory")

    async def settle(self) -> None:
        return None

"""Somebody on the server who has files open: a backup, a scanner, another program.

A file that was replaced or removed is served by its handle for as long as anybody has it open. So this is
what makes a client of NFS 4.1 or later, which opens a name that it believes in by handle, see the old file
for as long as its mount believes; without it the old file is gone within a moment, and the client asks again.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from patchstorm.errors import UnreadableError
from patchstorm.live import beneath, tree
from patchstorm.live.storage import Storage
from patchstorm.live.tree import Change
from patchstorm.live.watch import TreeWatch
from patchstorm.scenario.plan import FaultPlan

FILES_MAX: Final = 256


class Keeper:
    """Has the files that appeared last open, ``FILES_MAX`` at most."""

    def __init__(self, view: Path) -> None:
        self._view = view
        self._open: deque[int] = deque()
        for path in tree.paths(view):
            self._keep(path)

    def saw(self, change: Change) -> None:
        """Something happened on the storage."""
        if change.what == "appeared":
            self._keep(change.path)

    def _keep(self, path: str) -> None:
        with (
            contextlib.suppress(OSError, UnreadableError),  # gone already
            beneath.opened(self._view, path, os.O_RDONLY | os.O_NOATIME) as file,
        ):
            if file is not None:
                self._open.append(os.dup(file))
        if len(self._open) > FILES_MAX:
            os.close(self._open.popleft())

    def close(self) -> None:
        """Let go of everything."""
        while self._open:
            os.close(self._open.pop())


@contextlib.asynccontextmanager
async def served_while(fault: FaultPlan, storage: Storage) -> AsyncIterator[None]:
    """As long as this lasts, what names in old caches lead to is served, where ``fault`` has them believed:
    the files of ``storage`` are open."""
    if fault.kind != "stale-entries":
        yield
        return
    watch = TreeWatch(storage.view)
    keeper = Keeper(storage.view)
    watch.listen(keeper.saw)
    try:
        async with watch:
            yield
    finally:
        keeper.close()

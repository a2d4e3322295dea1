"""Tells listeners in the event loop of every change below a directory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from patchstorm.live.tree import NO_DESCRIPTOR, Change, Tree

POLL_S = 0.02
Listener = Callable[[Change], None]


class TreeWatch:
    """An asynchronous context manager; what is there when it is entered is not told of.

    ``poll_only`` is for storage whose changes inotify does not see.
    """

    def __init__(self, root: Path, *, poll_only: bool = False) -> None:
        self._root = root
        self._poll_only = poll_only
        self._listeners: list[Listener] = []
        self._failed: Exception | None = None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` on every change from now on."""
        self._listeners.append(listener)

    async def __aenter__(self) -> TreeWatch:
        self._tree = Tree(self._root, poll_only=self._poll_only)
        if self._tree.descriptor != NO_DESCRIPTOR:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._tree.descriptor, lambda: self._tell(self._tree.changes()))
        self._poller = asyncio.create_task(self._poll())
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if self._tree.descriptor != NO_DESCRIPTOR:
            asyncio.get_running_loop().remove_reader(self._tree.descriptor)
        self._tree.close()
        self._poller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._poller
        if self._failed is not None and kind is None:
            raise self._failed

    def _tell(self, changes: Iterable[Change]) -> None:
        """What goes wrong here would only be logged by the loop: it is kept, and raised when this is left."""
        try:
            for change in changes:
                for listener in self._listeners:
                    listener(change)
        except Exception as error:
            self._failed = self._failed or error

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if self._tree.polling:
                self._tell(self._tree.look())

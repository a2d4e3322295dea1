"""What happens on a storm's storage, as it happens: a recursive watch with a poll beside it.

inotify tells at once, and tells of a file that lives for a microsecond; but it cannot watch a tree,
so each new directory gets a watch of its own and is then listed, since files may have been made in it
before the watch was. Where inotify is not to be had, and on storage that other hosts write to,
polling alone finds what stays long enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from patchstorm.live import inotify

What = Literal["appeared", "changed", "vanished"]
POLL_S = 0.02
MASK = (
    inotify.IN_CREATE
    | inotify.IN_MOVED_TO
    | inotify.IN_MOVED_FROM
    | inotify.IN_DELETE
    | inotify.IN_MODIFY
    | inotify.IN_CLOSE_WRITE
    | inotify.IN_ONLYDIR
)


class Change(NamedTuple):
    """A path relative to the root, and what became of it. Directories appear and vanish too."""

    path: str
    what: What


Listener = Callable[[Change], None]


class TreeWatch:
    """Tells its listeners of every change below ``root``, in the event loop.

    The same appearance may be told twice (by inotify and by listing); listeners must not mind.
    ``poll_only`` is for storage whose changes inotify does not see.
    """

    def __init__(self, root: Path, *, poll_only: bool = False) -> None:
        self.root = str(root)
        self.poll_only = poll_only
        self.overflowed = False
        self._listeners: list[Listener] = []
        self._directories: dict[int, str] = {}
        self._known: dict[str, tuple[int, int, int]] = {}
        self._descriptor = -1
        self._poller: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` on every change from now on."""
        self._listeners.append(listener)

    async def __aenter__(self) -> TreeWatch:
        if not self.poll_only:
            with contextlib.suppress(OSError):
                self._descriptor = inotify.opened()
        if self._descriptor >= 0:
            self._add("")
            asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
        else:
            self._poller = asyncio.create_task(self._poll())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller

    def _tell(self, path: str, what: What) -> None:
        change = Change(path, what)
        for listener in self._listeners:
            listener(change)

    def _add(self, directory: str) -> None:
        """Watch ``directory``, then tell of what it holds already, and go on below."""
        full = os.path.join(self.root, directory)
        try:
            watch = inotify.add_watch(self._descriptor, full, MASK)
            self._directories[watch] = directory
            entries = list(os.scandir(full))
        except FileNotFoundError:
            return
        except OSError:
            self._fall_back()
            return
        for entry in entries:
            path = _join(directory, entry.name)
            self._tell(path, "appeared")
            if entry.is_dir(follow_symlinks=False):
                self._add(path)

    def _fall_back(self) -> None:
        """No more watches to be had: poll as well."""
        if self._poller is None:
            self._poller = asyncio.get_running_loop().create_task(self._poll())

    def _readable(self) -> None:
        for notice in inotify.read(self._descriptor):
            if notice.mask & inotify.IN_Q_OVERFLOW:
                self.overflowed = True
                self._fall_back()
            elif notice.mask & inotify.IN_IGNORED:
                self._directories.pop(notice.watch, None)
            elif notice.watch in self._directories and notice.name:
                self._notice(_join(self._directories[notice.watch], notice.name), notice.mask)

    def _notice(self, path: str, mask: int) -> None:
        if mask & (inotify.IN_CREATE | inotify.IN_MOVED_TO):
            self._tell(path, "appeared")
            if mask & inotify.IN_ISDIR:
                self._add(path)
        elif mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM):
            self._tell(path, "vanished")
        else:
            self._tell(path, "changed")

    async def _poll(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(POLL_S)

    def look(self) -> None:
        """Compare the tree with what it was at the last look, and tell of the differences."""
        found = dict(_walk(self.root, ""))
        for path, mark in found.items():
            before = self._known.get(path)
            if before is None:
                self._tell(path, "appeared")
            elif before != mark:
                self._tell(path, "changed")
        for path in self._known.keys() - found.keys():
            self._tell(path, "vanished")
        self._known = found


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _walk(root: str, directory: str) -> list[tuple[str, tuple[int, int, int]]]:
    found: list[tuple[str, tuple[int, int, int]]] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(os.path.join(root, directory)):
            path = _join(directory, entry.name)
            with contextlib.suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                is_dir = entry.is_dir(follow_symlinks=False)
                mark = (stat.st_ino, 0, 0) if is_dir else _mark(stat)
                found.append((path, mark))
                if is_dir:
                    found += _walk(root, path)
    return found


def _mark(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def tree(root: Path) -> tuple[str, ...]:
    """Every path below ``root`` now, directories included, relative and in order."""
    return tuple(sorted(path for path, _ in _walk(str(root), "")))

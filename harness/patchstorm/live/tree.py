"""What changes below a directory, as a plain object that is asked: inotify where it is to be had.

inotify tells at once, and tells of a file that lives for a microsecond; but it cannot watch a tree,
so each new directory gets a watch of its own and is then listed, since files may have been made in it
before the watch was. Where inotify is not to be had the tree is compared with what it was at the
last look, which finds what stays long enough.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from patchstorm.live import inotify

What = Literal["appeared", "changed", "vanished"]
Mark = tuple[int, int, int]
NO_DESCRIPTOR = -1
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


class Tree:
    """The tree below ``root``. ``descriptor`` becomes readable when there is something to ask for.

    ``polling`` says that inotify does not tell everything (there is none, or its watches or its queue
    ran out), so that :meth:`look` has to be called from time to time.
    """

    def __init__(self, root: Path | str, *, poll_only: bool = False) -> None:
        self.root = str(root)
        self.polling = poll_only
        self.descriptor = NO_DESCRIPTOR
        self._directories: dict[int, str] = {}
        self._listed: set[str] = set()  # told from a listing; inotify may tell of them again
        self._known: dict[str, Mark] = {}
        if not poll_only:
            try:
                self.descriptor = inotify.opened()
            except OSError:
                self.polling = True
        for _ in self._add(""):
            pass
        self._known = dict(walk(self.root)) if self.polling else {}

    def close(self) -> None:
        """Give the watches up."""
        if self.descriptor != NO_DESCRIPTOR:
            os.close(self.descriptor)
            self.descriptor = NO_DESCRIPTOR

    def changes(self) -> Iterator[Change]:
        """What inotify has to tell now; nothing if nothing happened."""
        if self.descriptor == NO_DESCRIPTOR:
            return
        for notice in inotify.read(self.descriptor):
            if notice.mask & inotify.IN_Q_OVERFLOW:
                self._fall_back()
            elif notice.mask & inotify.IN_IGNORED:
                self._directories.pop(notice.watch, None)
            elif notice.watch in self._directories and notice.name:
                path = _join(self._directories[notice.watch], notice.name)
                yield from self._told(path, notice.mask)

    def _told(self, path: str, mask: int) -> Iterator[Change]:
        if mask & (inotify.IN_CREATE | inotify.IN_MOVED_TO):
            if path in self._listed and not mask & inotify.IN_MOVED_TO:
                self._listed.discard(path)
                return
            yield Change(path, "appeared")
            if mask & inotify.IN_ISDIR:
                yield from self._add(path)
        elif mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM):
            self._listed.discard(path)
            yield Change(path, "vanished")
        else:
            yield Change(path, "changed")

    def _add(self, directory: str) -> Iterator[Change]:
        """Watch ``directory``, then tell of what it holds already, and go on below."""
        if self.descriptor == NO_DESCRIPTOR:
            return
        full = os.path.join(self.root, directory)
        try:
            watch = inotify.add_watch(self.descriptor, full, MASK)
            self._directories[watch] = directory
            entries = list(os.scandir(full))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            self._fall_back()
            return
        for entry in entries:
            path = _join(directory, entry.name)
            self._listed.add(path)
            yield Change(path, "appeared")
            if entry.is_dir(follow_symlinks=False):
                yield from self._add(path)

    def _fall_back(self) -> None:
        if not self.polling:
            self.polling = True
            self._known = dict(walk(self.root))

    def look(self) -> Iterator[Change]:
        """What differs from the last look."""
        before, self._known = self._known, dict(walk(self.root))
        for path, mark in self._known.items():
            if path not in before:
                yield Change(path, "appeared")
            elif before[path] != mark:
                yield Change(path, "changed")
        for path in before:
            if path not in self._known:
                yield Change(path, "vanished")


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def walk(root: str, directory: str = "") -> Iterator[tuple[str, Mark]]:
    """Every path below ``root`` with its inode, size and time of last change (0 for directories)."""
    try:
        entries = list(os.scandir(os.path.join(root, directory)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        path = _join(directory, entry.name)
        with contextlib.suppress(FileNotFoundError):
            stat = entry.stat(follow_symlinks=False)
            is_dir = entry.is_dir(follow_symlinks=False)
            yield path, (stat.st_ino, 0, 0) if is_dir else _mark(stat)
            if is_dir:
                yield from walk(root, path)


def _mark(stat: os.stat_result) -> Mark:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def paths(root: Path) -> tuple[str, ...]:
    """Every path below ``root`` now, directories included, relative and in order."""
    return tuple(sorted(path for path, _ in walk(str(root))))

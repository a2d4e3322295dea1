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

from patchstorm.errors import UnreadableError
from patchstorm.legible import legible_line
from patchstorm.live import beneath, inotify

What = Literal["appeared", "changed", "vanished"]
Mark = tuple[int, int, int]
NO_DESCRIPTOR = -1
DEPTH_MAX = 100  # a directory that lies deeper is told of, and what it holds is not
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
    """A path relative to the root, and what became of it. Directories appear and vanish too.

    A file that is closed by somebody who might have written to it counts as changed. ``filled``: whether
    bytes were written or cut off, or came with a name that was moved here; None where that was not seen (a
    new name may be a link to what is full).
    """

    path: str
    what: What
    filled: bool | None = None


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
                for change in self._told(path, notice.mask):
                    yield change._replace(path=legible(change.path))

    def _told(self, path: str, mask: int) -> Iterator[Change]:
        if mask & (inotify.IN_CREATE | inotify.IN_MOVED_TO):
            if path in self._listed and not mask & inotify.IN_MOVED_TO:
                self._listed.discard(path)
                return
            moved, directory = mask & inotify.IN_MOVED_TO, mask & inotify.IN_ISDIR
            filled = True if moved else False if directory else None
            yield Change(path, "appeared", filled=filled)
            if mask & inotify.IN_ISDIR and _within(path):
                yield from self._add(path)
        elif mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM):
            self._listed.discard(path)
            yield Change(path, "vanished")
        else:
            yield Change(path, "changed", filled=bool(mask & inotify.IN_MODIFY))

    def _add(self, top: str) -> Iterator[Change]:
        """Watch the directory ``top``, then tell of what it holds already, and go on below."""
        if self.descriptor == NO_DESCRIPTOR:
            return
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            below = []
            for entry in self._watched(directory):
                path = _join(directory, entry.name)
                self._listed.add(path)
                yield Change(path, "appeared")
                if entry.is_dir and _within(path):
                    below.append(path)
            waiting += reversed(below)

    def _watched(self, directory: str) -> list[beneath.Entry]:
        """Watch one directory and list it; nothing where it is gone, or never was one."""
        try:
            with beneath.found(self.root, directory) as here:
                if here is None:
                    return []
                # The directory that was found, whatever has taken its name since (proc(5)).
                watch = inotify.add_watch(self.descriptor, f"/proc/self/fd/{here}", MASK)
            self._directories[watch] = directory
            return beneath.listed(self.root, directory)
        except (NotADirectoryError, FileNotFoundError, PermissionError, UnreadableError):
            return []
        except OSError:
            self._fall_back()
            return []

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


def _within(directory: str) -> bool:
    return directory.count("/") < DEPTH_MAX


def legible(path: str) -> str:
    """A path as one line of text: bytes of a name that are not UTF-8 become ``\\xff`` and the like."""
    return legible_line(os.fsencode(path).decode("utf-8", "backslashreplace"))


def walk(root: str) -> Iterator[tuple[str, Mark]]:
    """Every path below ``root`` with its inode, size and time of last change (0 for directories).

    No link is followed. A directory that cannot be listed, or lies too deep, counts as empty.
    """
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        with contextlib.suppress(UnreadableError):
            for entry in beneath.listed(root, directory):
                path = _join(directory, entry.name)
                status = entry.status
                if not entry.is_dir:
                    yield legible(path), (status.st_ino, status.st_size, status.st_mtime_ns)
                    continue
                yield legible(path), (status.st_ino, 0, 0)
                if _within(path):
                    waiting.append(path)


def paths(root: Path) -> tuple[str, ...]:
    """Every path below ``root`` now, directories included, relative and in order."""
    return tuple(sorted(path for path, _ in walk(str(root))))

"""The footprints of file-system calls: which objects a call reads, and which it may change.

Objects are strings: ``=PATH`` is what a name stands for, ``/PATH`` a directory's listing, ``#PATH`` the
contents and size of the file that was opened under that path, ``!PATH`` its lock. A descriptor is known
by the path it was opened with, which is what a person reading a story wants to see.
"""

from __future__ import annotations

from patchstorm.choice.strategy import Footprint
from patchstorm.storage.constants import LOCK_NB, LOCK_UN, O_CREAT, O_DIRECTORY, O_TRUNC


def _parent(path: str) -> str:
    return "/" + path.rpartition("/")[0]


def opening(path: str, flags: int) -> Footprint:
    name = "=" + path
    if flags & O_DIRECTORY:
        return Footprint("open", (name,), ())
    if flags & O_TRUNC:
        return Footprint("open", (), (name, "#" + path, _parent(path)))
    if flags & O_CREAT:
        return Footprint("open", (), (name, _parent(path)))
    return Footprint("open", (name,), ())


def naming(call: str, *paths: str) -> Footprint:
    """replace, link, unlink, mkdir, rmdir: the names change, and the directories that hold them."""
    writes = [f"={path}" for path in paths] + [_parent(path) for path in paths]
    return Footprint(call, (), tuple(dict.fromkeys(writes)))


def looking(path: str) -> Footprint:
    return Footprint("lstat", ("=" + path, "#" + path), ())


def listing(path: str) -> Footprint:
    return Footprint("listdir", ("/" + path,), ())


def reading(call: str, path: str) -> Footprint:
    return Footprint(call, ("#" + path,), ())


def writing(call: str, path: str) -> Footprint:
    return Footprint(call, (), ("#" + path,))


def called(name: str, path: str) -> Footprint:
    """What goes by its own name: the calls of ``os`` that a store of this project does without."""
    if name == "read":
        return reading(name, path)
    if name == "stat":
        return Footprint(name, ("=" + path, "#" + path), ())
    if name == "scandir":
        return Footprint(name, ("/" + path,), ())
    if name == "truncate":
        return writing(name, path)
    return Footprint(name, (), ("!" + path,))


def syncing(path: str) -> Footprint:
    return Footprint("fsync", ("#" + path,), ())


def locking(path: str, operation: int) -> Footprint:
    unlocks = operation & ~LOCK_NB == LOCK_UN
    return Footprint("unlock" if unlocks else "flock", (), ("!" + path,))


def closing(path: str, locked: bool) -> Footprint:
    return Footprint("close", (), ("!" + path,) if locked else ())


NETWORK = {call: Footprint(call, (), ()) for call in ("request", "body", "answer")}

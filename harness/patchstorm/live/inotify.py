"""inotify(7) through ctypes: just the three calls, and the events as tuples."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

IN_MODIFY: Final = 0x2
IN_ATTRIB: Final = 0x4
IN_CLOSE_WRITE: Final = 0x8
IN_MOVED_FROM: Final = 0x40
IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
IN_Q_OVERFLOW: Final = 0x4000
IN_IGNORED: Final = 0x8000
IN_ONLYDIR: Final = 0x1000000
IN_ISDIR: Final = 0x40000000
_IN_NONBLOCK: Final = 0x800
_IN_CLOEXEC: Final = 0x80000

READ_BYTES = 64 * 1024
_HEADER = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Notice(NamedTuple):
    """One event: the watch it belongs to, its flags, and the name inside the watched directory."""

    watch: int
    mask: int
    name: str


def opened() -> int:
    """A new, non-blocking inotify descriptor; OSError when the system has none left."""
    return _checked(_libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC), "inotify_init1")


def add_watch(descriptor: int, path: str, mask: int) -> int:
    """Watch ``path``; OSError when it is gone or the user's limit of watches is spent."""
    return _checked(_libc.inotify_add_watch(descriptor, os.fsencode(path), mask), path)


def read(descriptor: int) -> Iterator[Notice]:
    """The events waiting now; none when there are none."""
    try:
        data = os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return
    position = 0
    while position < len(data):
        watch, mask, _, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        name = data[position : position + length].rstrip(b"\0")
        position += length
        yield Notice(watch, mask, os.fsdecode(name))


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result

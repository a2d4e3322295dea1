"""What a tree and its clients ask of their surroundings: time, choices, faults.

One mutable object per server, shared by all its parts, so that a driver can swap the chooser or
heal the faults in one place and nobody keeps an old one.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Protocol

from patchstorm.storage.errors import failure
from patchstorm.storage.faults import Faults

Choose = Callable[[str, int], int]
"""``choose(kind, n)`` returns 0 .. n-1; 0 is always the harmless, fresh, dull answer."""


class Clock(Protocol):
    """Whoever owns time keeps the current nanosecond in ``now_ns``."""

    now_ns: int


class ManualClock:
    """Time that moves when somebody moves it."""

    __slots__ = ("now_ns",)

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = now_ns


def always_dull(kind: str, count: int) -> int:
    """The chooser of a run in which nothing happens that need not."""
    return 0


class Settings:
    """Time, choices and faults of one server.

    ``described``, if set, says what bytes that are written are a run of, so that they need not be kept: for
    storms whose uploads are larger than memory. It may be a :class:`~patchstorm.storage.rope.Rope`, which
    stands where bytes do.
    """

    __slots__ = (
        "choose",
        "clock",
        "described",
        "faults",
        "pause",
        "read_only",
        "reuse_numbers",
        "tick_ns",
    )

    def __init__(self, clock: Clock, choose: Choose, faults: Faults | None, tick_ns: int) -> None:
        self.clock = clock
        self.choose = choose
        self.faults = faults
        self.tick_ns = tick_ns
        self.read_only = False
        self.reuse_numbers = False
        self.pause: Callable[[str], None] | None = None
        self.described: Callable[[bytes], bytes] | None = None

    def strike_write(self) -> None:
        """Draw the faults that an allocating write can meet."""
        faults = self.faults
        assert faults is not None
        if faults.enospc and self.choose("fault.enospc", 2):
            raise failure(errno.ENOSPC)
        if faults.edquot and self.choose("fault.edquot", 2):
            raise failure(errno.EDQUOT)
        if faults.eio_write and self.choose("fault.eio_write", 2):
            raise failure(errno.EIO)

    def strike_create(self) -> None:
        """Draw the faults that making a new name can meet."""
        faults = self.faults
        assert faults is not None
        if faults.enospc and self.choose("fault.enospc", 2):
            raise failure(errno.ENOSPC)
        if faults.edquot and self.choose("fault.edquot", 2):
            raise failure(errno.EDQUOT)

    def strike_read(self) -> None:
        faults = self.faults
        assert faults is not None
        if faults.eio_read and self.choose("fault.eio_read", 2):
            raise failure(errno.EIO)

    def shorten(self, kind: str, count: int) -> int:
        """How much of a transfer of ``count`` bytes happens: all, half, or one byte."""
        if count < 2:
            return count
        return (count, count // 2, 1)[self.choose(kind, 3)]

"""Advisory locks of one file: flock(2) locks and POSIX byte ranges (fcntl(2)).

On a local file system the two do not see each other. An NFS client turns flock into a lock on the
whole file (flock(2), NOTES), so there both land in ``ranges``, under different owners. This module
knows owners and conflicts; it knows neither hosts nor leases, which are the server's.
"""

from __future__ import annotations

import errno

import msgspec

from patchstorm.storage.constants import FILE_BYTES_MAX
from patchstorm.storage.errors import failure

Owner = tuple[str, str, int]
"""(``"flock"`` or ``"posix"``, host, number of the open file description or of the process)."""


class Range(msgspec.Struct, frozen=True):
    """A lock on bytes ``start <= i < end``; ``end`` is FILE_BYTES_MAX for "to infinity"."""

    owner: Owner
    start: int
    end: int
    exclusive: bool


class FileLocks:
    """All locks on one file: at most one flock per owner, any number of ranges."""

    __slots__ = ("flocks", "ranges", "waited_for")

    def __init__(self) -> None:
        self.flocks: dict[Owner, bool] = {}
        self.ranges: list[Range] = []
        self.waited_for = False

    # -- flock --------------------------------------------------------------------------------

    def flock(self, owner: Owner, exclusive: bool) -> None:
        """Take or convert. EAGAIN on conflict.

        Converting is not atomic: the lock held before is given up first, and is lost when the new
        one is refused (flock(2), "Converting a lock is not guaranteed to be atomic").
        """
        flocks = self.flocks
        if flocks:
            held = flocks.pop(owner, None)
            if held != exclusive and flocks and (exclusive or True in flocks.values()):
                raise failure(errno.EAGAIN)
        flocks[owner] = exclusive

    def flock_drop(self, owner: Owner) -> bool:
        """True if there was one."""
        return self.flocks.pop(owner, None) is not None

    # -- byte ranges --------------------------------------------------------------------------

    def conflicts(self, owner: Owner, start: int, end: int, exclusive: bool) -> list[Range]:
        """The ranges of others that stand in the way."""
        return [
            held
            for held in self.ranges
            if held.owner != owner
            and held.start < end
            and start < held.end
            and (exclusive or held.exclusive)
        ]

    def lock(self, owner: Owner, start: int, end: int, exclusive: bool) -> None:
        """Take a range; what the owner held in it is replaced. EAGAIN on conflict."""
        if self.conflicts(owner, start, end, exclusive):
            raise failure(errno.EAGAIN)
        self.add(owner, start, end, exclusive)

    def add(self, owner: Owner, start: int, end: int, exclusive: bool) -> None:
        """Hold a range, whoever else does."""
        self.unlock(owner, start, end)
        self.ranges.append(Range(owner, start, end, exclusive))

    def unlock(self, owner: Owner, start: int = 0, end: int = FILE_BYTES_MAX) -> bool:
        """Give a range up, splitting what reaches beyond it; True if anything was held there."""
        kept: list[Range] = []
        touched = False
        for held in self.ranges:
            if held.owner != owner or held.end <= start or end <= held.start:
                kept.append(held)
                continue
            touched = True
            if held.start < start:
                kept.append(Range(owner, held.start, start, held.exclusive))
            if held.end > end:
                kept.append(Range(owner, end, held.end, held.exclusive))
        self.ranges = kept
        return touched

    # -- whole owners -------------------------------------------------------------------------

    def drop_host(self, host: str) -> bool:
        """Forget every lock of a host; True if there was one."""
        flocks = {owner: kind for owner, kind in self.flocks.items() if owner[1] != host}
        ranges = [held for held in self.ranges if held.owner[1] != host]
        dropped = len(flocks) != len(self.flocks) or len(ranges) != len(self.ranges)
        self.flocks, self.ranges = flocks, ranges
        return dropped

    def holds_any(self, host: str) -> bool:
        return any(owner[1] == host for owner in self.flocks) or any(
            held.owner[1] == host for held in self.ranges
        )

    @property
    def empty(self) -> bool:
        return not self.flocks and not self.ranges

"""What a process is told of a file: times by the clock that it reads, and the form that ``os.stat`` has.

The storage counts from the begin of a run; a server compares the age of files with ``time.time()``, and what
it took for 57 years old would be swept away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patchstorm.storage.stat import Stat
from patchstorm.worlds.sim.port import EPOCH_NS

_S: Final = 1_000_000_000
_FIELDS: Final = 10
"""Of a stat as a tuple, whose times are whole seconds."""


class Dated(Stat, frozen=True, gc=False):
    """Can be read by position as well (``os.stat(path)[stat.ST_MTIME]``), as old code does."""

    def __getitem__(self, index: int) -> int:
        return self._whole[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._whole)

    def __len__(self) -> int:
        return _FIELDS

    @property
    def _whole(self) -> tuple[int, ...]:
        return (
            self.st_mode, self.st_ino, self.st_dev, self.st_nlink, self.st_uid, self.st_gid, self.st_size,
            self.st_atime_ns // _S, self.st_mtime_ns // _S, self.st_ctime_ns // _S,
        )  # fmt: skip


def dated(found: Stat) -> Dated:
    """``found``, as a process sees it."""
    return Dated(
        found.st_mode, found.st_ino, found.st_nlink, found.st_size, found.st_mtime_ns + EPOCH_NS,
        found.st_ctime_ns + EPOCH_NS, found.st_atime_ns + EPOCH_NS, found.st_blocks, found.st_uid,
        found.st_gid, found.st_dev, found.st_blksize,
    )  # fmt: skip


def of_storage(times_ns: tuple[int, int] | None) -> tuple[int, int] | None:
    """Times that a process sets, as the storage counts them."""
    return None if times_ns is None else (times_ns[0] - EPOCH_NS, times_ns[1] - EPOCH_NS)

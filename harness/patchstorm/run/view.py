"""The storage as a run looks at it: past every cache, and only from outside."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from patchstorm.history.model import Run
from patchstorm.scenario.payload import Part


class Look(NamedTuple):
    """What stood under a name. ``number`` is the inode's, ``mtime_ns`` unix time in nanoseconds, ``mode`` the
    permissions and what goes with them (chmod(2)).

    ``mtime_ns`` is None where it says nothing of whether a file was changed.
    """

    size: int
    number: int
    mtime_ns: int | None
    mode: int


class View(Protocol):
    """The shared directory of one storm; paths are relative to it.

    A look at one path raises UnreadableError where it cannot be told what stands there.
    """

    def look(self, path: str) -> Look | None:
        """The file under ``path`` now; None where there is none."""
        ...

    def paths(self) -> tuple[str, ...]:
        """What lies there, in order. Directories that hold something may be left out."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory now."""
        ...

    def begin_of(self, path: str, length: int) -> tuple[int, bytes] | None:
        """A file's size and its first ``length`` bytes; None where no file is."""
        ...

    def identified(
        self, path: str, upload: int, names: dict[int, str], parts: tuple[Part, ...] = ()
    ) -> tuple[int, tuple[Run, ...]] | None:
        """A file's size and whose bytes stand in it (:func:`patchstorm.scenario.payload.identify`).

        ``parts`` are number and size of the uploads that it is joined from.
        """
        ...

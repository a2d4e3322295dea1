"""A real directory as a run looks at it (:class:`patchstorm.run.view.View`). No link is followed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from patchstorm.errors import UnreadableError
from patchstorm.history.model import Run
from patchstorm.live import beneath, tree
from patchstorm.run.view import Look
from patchstorm.scenario import payload
from patchstorm.scenario.payload import Part


class DirectoryView:
    """What lies below ``root``: files, and directories that are empty.

    ``bytes_max`` bounds what is read of one file; what lies beyond is bytes of no payload. Without
    ``dated`` nothing is said of when files were changed.
    """

    def __init__(self, root: Path, *, bytes_max: int, dated: bool = True) -> None:
        self._root = root
        self._dated = dated
        self._bytes_max = bytes_max

    def look(self, path: str) -> Look | None:
        status = beneath.status(self._root, path)
        if status is None:
            return None
        mode = stat.S_IMODE(status.st_mode)
        mtime_ns = status.st_mtime_ns if self._dated else None
        return Look(status.st_size, status.st_ino, mtime_ns, mode)

    def paths(self) -> tuple[str, ...]:
        found = tree.paths(self._root)
        parents = {path.rpartition("/")[0] for path in found}
        return tuple(path for path in found if path not in parents)

    def is_directory(self, path: str) -> bool:
        with contextlib.suppress(UnreadableError), beneath.found(self._root, path) as here:
            return here is not None and stat.S_ISDIR(os.fstat(here).st_mode)
        return False

    def begin_of(self, path: str, length: int) -> tuple[int, bytes] | None:
        with beneath.opened(self._root, path) as file:
            return None if file is None else (os.fstat(file).st_size, os.pread(file, length, 0))

    def identified(
        self, path: str, upload: int, names: dict[int, str], parts: tuple[Part, ...] = ()
    ) -> tuple[int, tuple[Run, ...]] | None:
        with beneath.opened(self._root, path) as file:
            if file is None:
                return None
            size = os.fstat(file).st_size
            read = min(size, self._bytes_max)
            runs = payload.identify_joined(_reader(file, path), read, upload, names, parts)
            unread = (Run(offset=read, length=size - read),) if size > read else ()
            return size, (*runs, *unread)


def _reader(file: int, path: str) -> Callable[[int, int], bytes]:
    def read(offset: int, length: int) -> bytes:
        parts = bytearray()
        try:
            while len(parts) < length:
                part = os.pread(file, length - len(parts), offset + len(parts))
                if not part:
                    raise UnreadableError(path, "became shorter while it was read")
                parts += part
        except OSError as error:
            raise UnreadableError(path, f"cannot be read ({error.strerror})") from None
        return bytes(parts)

    return read

"""A real directory as a run looks at it (:class:`patchstorm.run.view.View`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from patchstorm.history.model import Run
from patchstorm.live import tree
from patchstorm.run.view import Look
from patchstorm.scenario import payload

_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class DirectoryView:
    """What lies below ``root``: files, and directories that are empty."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def look(self, path: str) -> Look | None:
        try:
            stat = (self._root / path).stat()
        except OSError:
            return None
        return Look(stat.st_size, stat.st_ino, stat.st_mtime_ns)

    def paths(self) -> tuple[str, ...]:
        found = tree.paths(self._root)
        parents = {path.rpartition("/")[0] for path in found}
        return tuple(path for path in found if path not in parents)

    def is_directory(self, path: str) -> bool:
        full = self._root / path
        return full.is_dir() and not full.is_symlink()

    def begin_of(self, path: str, length: int) -> tuple[int, bytes] | None:
        try:
            with open(self._root / path, "rb") as file:
                return file.seek(0, 2), os.pread(file.fileno(), length, 0)
        except _NO_FILE:
            return None

    def identified(
        self, path: str, upload: int, names: dict[int, str]
    ) -> tuple[int, tuple[Run, ...]] | None:
        try:
            with open(self._root / path, "rb", buffering=0) as file:
                size = file.seek(0, 2)
                return size, payload.identify(_reader(file), size, upload, names)
        except _NO_FILE:
            return None


def _reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        parts = bytearray()
        while len(parts) < length:
            part = file.read(length - len(parts))
            if not part:
                raise OSError("the published file became shorter while it was read")
            parts += part
        return bytes(parts)

    return read

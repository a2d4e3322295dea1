"""Directories on real file systems, for the tests that compare the model with the kernel."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_TMPFS_PLACES = ("/dev/shm", f"/run/user/{os.getuid()}", "/tmp")


def _kind_of(path: Path) -> str:
    """The type of the file system that holds ``path``, from the longest matching mount point."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _device, point, found, *_rest = line.split()
        prefix = point.rstrip("/") + "/"
        if f"{path}/".startswith(prefix) and len(prefix) > len(best):
            best, kind = prefix, found
    return kind


def _on(kind: str, places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        path = Path(place)
        if path.is_dir() and os.access(path, os.W_OK) and _kind_of(path.resolve()) == kind:
            directory = Path(tempfile.mkdtemp(prefix="storage-", dir=path))
            try:
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)
            return
    pytest.skip(f"no writable {kind} among {', '.join(places)}")


@pytest.fixture(scope="module")
def tmpfs_directory() -> Iterator[Path]:
    """A directory on a real tmpfs."""
    yield from _on("tmpfs", _TMPFS_PLACES)


@pytest.fixture(scope="module")
def ext4_directory() -> Iterator[Path]:
    """A directory on a real ext4."""
    yield from _on("ext4", (str(Path.cwd()), tempfile.gettempdir(), "/var/tmp", str(Path.home())))

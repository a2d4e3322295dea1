"""Random operation sequences on the tmpfs model and on a real tmpfs: every result must be equal."""

from __future__ import annotations

import os
import shutil
import stat as st
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as hs

from patchstorm.live.litmus.agent import RealClient
from patchstorm.storage import Server
from patchstorm.storage import constants as c
from patchstorm.storage.litmus.shell import error_name

_MOOT = c.O_CREAT | c.O_DIRECTORY  # kernels before 6.4 do not refuse it

NAMES = ("a", "b", "d", "e", "l")
PATHS = hs.one_of(
    hs.sampled_from(NAMES),
    hs.tuples(hs.sampled_from(NAMES), hs.sampled_from(NAMES)).map("/".join),
    hs.tuples(*[hs.sampled_from(NAMES)] * 3).map("/".join),
    hs.sampled_from(("d/..", "d/../a", "d/.", "l/", "d/", "a/", ".", "x" * 256, "d/" + "y" * 255)),
)
TARGETS = hs.sampled_from(("a", "d", "b/..", "d/../a", "l", "d/a", "nowhere"))
ACCESS = hs.sampled_from((c.O_RDONLY, c.O_WRONLY, c.O_RDWR))
EXTRAS = hs.lists(
    hs.sampled_from(
        (
            c.O_CREAT,
            c.O_CREAT,
            c.O_EXCL,
            c.O_TRUNC,
            c.O_APPEND,
            c.O_DIRECTORY,
            c.O_NOFOLLOW,
            c.O_DSYNC,
        )
    ),
    max_size=3,
)
FLAGS = (
    hs.tuples(ACCESS, EXTRAS)
    .map(lambda pair: _union(pair[0], pair[1]))
    .filter(lambda flags: flags & _MOOT != _MOOT)
)
SLOT = hs.integers(0, 3)
OFFSET = hs.sampled_from((0, 1, 5, 4095, 4096, 5000, 9000, 70000, -1))
DATA = hs.sampled_from((b"", b"x", b"hello", b"q" * 4096, b"r" * 5000, bytes(range(250)) * 40))
COUNT = hs.sampled_from((0, 1, 100, 4096, 10000))
WHENCE = hs.sampled_from((c.SEEK_SET, c.SEEK_CUR, c.SEEK_END, c.SEEK_DATA, c.SEEK_HOLE))
LOCK = hs.sampled_from((c.LOCK_SH | c.LOCK_NB, c.LOCK_EX | c.LOCK_NB, c.LOCK_UN))
RENAME = hs.sampled_from((0, 0, 0, c.RENAME_NOREPLACE, c.RENAME_EXCHANGE))

OPERATIONS = hs.one_of(
    hs.tuples(hs.just("open"), PATHS, FLAGS, SLOT),
    hs.tuples(hs.just("close"), SLOT),
    hs.tuples(hs.just("write"), SLOT, DATA),
    hs.tuples(hs.just("pwrite"), SLOT, DATA, OFFSET),
    hs.tuples(hs.just("read"), SLOT, COUNT),
    hs.tuples(hs.just("pread"), SLOT, COUNT, OFFSET),
    hs.tuples(hs.just("lseek"), SLOT, OFFSET, WHENCE),
    hs.tuples(hs.just("ftruncate"), SLOT, OFFSET),
    hs.tuples(hs.just("fsync"), SLOT),
    hs.tuples(hs.just("fstat"), SLOT),
    hs.tuples(hs.just("flock"), SLOT, LOCK),
    hs.tuples(hs.just("lockf"), SLOT, LOCK, COUNT, OFFSET),
    hs.tuples(hs.just("copy_file_range"), SLOT, SLOT, COUNT),
    hs.tuples(hs.just("posix_fallocate"), SLOT, OFFSET, COUNT),
    hs.tuples(hs.just("listfd"), SLOT),
    hs.tuples(hs.just("truncate"), PATHS, OFFSET),
    hs.tuples(hs.just("stat"), PATHS),
    hs.tuples(hs.just("lstat"), PATHS),
    hs.tuples(hs.just("listdir"), PATHS),
    hs.tuples(hs.just("mkdir"), PATHS),
    hs.tuples(hs.just("rmdir"), PATHS),
    hs.tuples(hs.just("unlink"), PATHS),
    hs.tuples(hs.just("rename"), PATHS, PATHS, RENAME),
    hs.tuples(hs.just("link"), PATHS, PATHS),
    hs.tuples(hs.just("symlink"), TARGETS, PATHS),
    hs.tuples(hs.just("readlink"), PATHS),
    hs.tuples(hs.just("chmod"), PATHS, hs.sampled_from((0o700, 0o755, 0o777))),
)


def _union(first: int, rest: list[int]) -> int:
    for flag in rest:
        first |= flag
    return first


class Side:
    """One of the two file systems, with four slots for descriptors."""

    def __init__(self, client: Any, root: str) -> None:
        self.client = client
        self.root = root
        self.slots: dict[int, int] = {}

    def path(self, word: str) -> str:
        return f"{self.root}/{word}"

    def fd(self, slot: int) -> int:
        return self.slots.get(slot, 999)

    def do(self, name: str, *arguments: Any) -> Any:
        try:
            special: Callable[..., Any] | None = getattr(self, f"do_{name}", None)
            if special is not None:
                return special(*arguments)
            if name in ON_DESCRIPTORS:
                slot, *rest = arguments
                return getattr(self.client, name)(self.fd(slot), *rest)
            return getattr(self.client, name)(self.path(arguments[0]), *arguments[1:])
        except OSError as error:
            return error_name(error)

    def do_open(self, path: str, flags: int, slot: int) -> Any:
        self.do_close(slot)
        self.slots[slot] = self.client.open(self.path(path), flags, 0o777)
        return "opened"

    def do_close(self, slot: int) -> Any:
        if slot in self.slots:
            self.client.close(self.slots.pop(slot))
        return None

    def do_copy_file_range(self, source: int, target: int, count: int) -> Any:
        return self.client.copy_file_range(self.fd(source), self.fd(target), count)

    def do_listfd(self, slot: int) -> Any:
        return sorted(self.client.listdir(self.fd(slot)))

    def do_listdir(self, path: str) -> Any:
        return sorted(self.client.listdir(self.path(path)))

    def do_stat(self, path: str) -> Any:
        return _shape(self.client.stat(self.path(path)))

    def do_lstat(self, path: str) -> Any:
        return _shape(self.client.lstat(self.path(path)))

    def do_fstat(self, slot: int) -> Any:
        return _shape(self.client.fstat(self.fd(slot)))

    def do_rename(self, source: str, target: str, flags: int) -> Any:
        return self.client.rename(self.path(source), self.path(target), flags)

    def do_link(self, source: str, target: str) -> Any:
        return self.client.link(self.path(source), self.path(target))

    def do_symlink(self, target: str, path: str) -> Any:
        return self.client.symlink(target, self.path(path))


ON_DESCRIPTORS = frozenset(
    (
        "write",
        "pwrite",
        "read",
        "pread",
        "lseek",
        "ftruncate",
        "fsync",
        "flock",
        "lockf",
        "posix_fallocate",
    )
)


def _shape(found: Any) -> tuple[int, int, int]:
    """Type and mode, link count, size; the size of a directory is a file system's own business."""
    size = 0 if st.S_ISDIR(found.st_mode) else found.st_size
    return found.st_mode, found.st_nlink, size


class RealLink(RealClient):
    """link(2) as the model has it: a symbolic link is linked itself."""

    @staticmethod
    def link(source: str, target: str) -> None:  # type: ignore[override]
        os.link(source, target, follow_symlinks=False)


@pytest.fixture(scope="module")
def scratch(tmpfs_directory: Path) -> Path:
    os.umask(0o022)
    return tmpfs_directory


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=hs.lists(OPERATIONS, min_size=1, max_size=40))
@example(
    operations=[
        ("mkdir", "d"),
        ("symlink", "d/a", "l"),
        ("open", "l", c.O_CREAT | c.O_RDWR, 0),
        ("write", 0, b"x"),
        ("lstat", "l"),
        ("stat", "d/a"),
        ("rename", "d", "d/a", 0),
    ]
)
def test_model_and_kernel_agree(scratch: Path, operations: list[tuple[Any, ...]]) -> None:
    directory = scratch / "run"
    directory.mkdir()
    real_client = RealLink()
    model = Side(Server("tmpfs").mount("host"), "")
    real = Side(real_client, str(directory))
    try:
        for operation in operations:
            expected = real.do(*operation)
            assert model.do(*operation) == expected, operation
    finally:
        real_client.close_all()
        shutil.rmtree(directory)

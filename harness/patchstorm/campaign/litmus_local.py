"""Litmus programs on this machine's own file systems.

What measures or fills a disk gets one of its own, a tmpfs of the size that the model has, and nobody else's:
no byte of others is taken for the program's doing, and nobody's disk gets full.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from patchstorm.errors import InconclusiveError, UsageError
from patchstorm.live.litmus.bench import Bench
from patchstorm.live.litmus.stand import LOCAL_EVENTS, SIZED_EVENTS, LocalStand
from patchstorm.live.storage import PREFIX, UnavailableStorage, opened, parse_storage
from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.litmus.program import OF_DISKS, Program, verbs
from patchstorm.storage.litmus.runner import DISK_BYTES, Outcome

DIRECTORY: Final = "dir:"
LOCAL: Final = "tmpfs"
SIZE_BYTES: Final = (1 << 16, 1 << 26)
"""What fills a disk holds all of it in memory."""


def check_local(mount: str) -> None:
    """UsageError for what is no ``tmpfs``, ``tmpfs,size=16MiB`` or ``dir:PATH``."""
    size_bytes = parse_storage(mount)[1]
    least, most = SIZE_BYTES
    if size_bytes is not None and (
        not least <= size_bytes <= most or size_bytes % PAGE_BYTES or mount.startswith(DIRECTORY)
    ):
        raise UsageError(
            f"--mount {mount}: a tmpfs has from {least >> 10}KiB to {most >> 20}MiB here, in pages of "
            f"{PAGE_BYTES} bytes."
        )


def check_directory(mount: str) -> None:
    """UsageError for a ``dir:PATH`` in which no file can be made: really tried, not guessed."""
    if not mount.startswith(DIRECTORY):
        return
    try:
        with TemporaryDirectory(prefix=PREFIX, dir=mount.removeprefix(DIRECTORY) or "."):
            return
    except OSError as error:
        raise UsageError(
            f"--mount {mount}: cannot be written ({error.strerror}). "
            "Give a directory that exists and that you may write to."
        ) from None


def events_of(mount: str) -> tuple[str, ...]:
    """What can be brought about on ``mount``; only a tmpfs can be had in a size of its own."""
    return LOCAL_EVENTS if mount.startswith(DIRECTORY) else SIZED_EVENTS


async def flavour_here(mount: str) -> str:
    """The model's name for what ``mount`` is."""
    if not mount.startswith(DIRECTORY):
        return mount
    async with opened(mount) as storage:
        return _kind_of(storage.root)


async def run_here(
    mount: str, programs: list[Program], repeat: int
) -> AsyncGenerator[tuple[Program, list[Outcome] | str | InconclusiveError], None]:
    """Each program with its outcomes as soon as it has ended, or with why it could not be run: a text; or did
    not end: an error.

    UnavailableStorage where there is no such mount at all.
    """
    async with _stand(mount) as stand, Bench(stand) as bench:
        for program in programs:
            if not verbs(program) & OF_DISKS:
                try:
                    found = [await bench.run(program) for _ in range(repeat)]
                except InconclusiveError as error:
                    yield program, error
                else:
                    yield program, found
    for program in programs:
        if verbs(program) & OF_DISKS:
            try:
                found = [await _on_its_own(mount, program) for _ in range(repeat)]
            except UnavailableStorage as error:
                yield program, str(error)
            except InconclusiveError as error:
                yield program, error
            else:
                yield program, found


async def _on_its_own(mount: str, program: Program) -> Outcome:
    async with _stand(mount, DISK_BYTES) as stand, Bench(stand) as bench:
        return await bench.run(program)


@asynccontextmanager
async def _stand(mount: str, default_bytes: int | None = None) -> AsyncIterator[LocalStand]:
    kind, size_bytes = parse_storage(mount)
    async with opened(kind, size_bytes=size_bytes or default_bytes) as storage:
        yield LocalStand(storage.root, view=storage.view, entry=storage.entry)


def _kind_of(path: Path) -> str:
    """The model's name for the file system below ``path``; what it does not know counts as ext4."""
    best, kind = "", LOCAL
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        point, found = line.split()[1:3]
        prefix = point.rstrip("/") + "/"
        if f"{path}/".startswith(prefix) and len(prefix) >= len(best):
            best, kind = prefix, found
    return LOCAL if kind == LOCAL else "ext4"

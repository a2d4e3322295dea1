"""Reading chunk files: block by block, compared with something else, or against their record.

Chunk files never change once named, so nothing here needs a lock. One that is missing, short or
altered is damage, and the callers return its range to missing.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from .errors import Busy
from .files import NO_FILE, Files
from .model import Record
from .port import Port

BLOCK_BYTES = 512 << 10


def blocks(port: Port, fd: int, offset: int, length: int) -> Iterator[tuple[int, memoryview]]:
    """The bytes ``[offset, offset + length)`` of a file as (position from ``offset``, block).

    A block's memory is used again for the one after the next. Ends early where the file does. A port that has
    ``blocks`` of its own, since it need not copy what it reads, is asked for those of a long range.
    """
    own = getattr(port, "blocks", None) if length > BLOCK_BYTES else None
    if own is not None:
        yield from own(fd, offset, length)
        return
    buffer, other = (memoryview(bytearray(min(BLOCK_BYTES, length))) for _ in range(2))
    at = 0
    while at < length:
        count = port.preadv(fd, [buffer[: min(len(buffer), length - at)]], offset + at)
        if not count:
            return
        yield at, buffer[:count]
        at += count
        buffer, other = other, buffer


def _read(files: Files, path: str, look: Callable[[], bool]) -> bool:
    """What ``look`` says of the chunk file at ``path``; False where there is none.

    ESTALE (NFS) says that a handle is no longer good, not that the file is gone: taken for damage it would
    throw away what was acknowledged. So the name is looked up again; ``Busy`` when that is no better.
    """
    for _ in range(2):
        try:
            return look()
        except OSError as error:
            if error.errno in (errno.ENOENT, *NO_FILE):
                return False
            if error.errno != errno.ESTALE:
                raise
        files.names(
            os.path.dirname(path)
        )  # a client drops what it remembers of a directory that it reads
    raise Busy("A chunk's handle went stale while it was read.")


def agrees(files: Files, path: str, path_offset: int, fd: int, fd_offset: int, length: int) -> bool:
    """Whether ``length`` bytes of the file at ``path`` are those of ``fd``."""

    def look() -> bool:
        with files.opened(path, os.O_RDONLY) as chunk:
            compared = 0
            for at, block in blocks(files.port, chunk, path_offset, length):
                if files.read_at(fd, len(block), fd_offset + at) != block:
                    return False
                compared += len(block)
            return compared == length

    return _read(files, path, look)


def intact(files: Files, path: str, record: Record) -> bool:
    """Whether the chunk file is there and its bytes are those of the record."""

    def look() -> bool:
        with files.opened(path, os.O_RDONLY) as chunk:
            if files.port.fstat(chunk).st_size != record.length:
                return False
            return _digest(files, chunk, 0, record.length) == record.sha256

    return _read(files, path, look)


def copy(files: Files, path: str, record: Record, fd: int, offset: int) -> bool:
    """Copy a chunk to ``offset`` of ``fd``, verifying while copying; False when it is damaged."""

    def look() -> bool:
        with files.opened(path, os.O_RDONLY) as chunk:
            digest = files.sha256()
            copied = 0
            for at, block in blocks(files.port, chunk, 0, record.length + 1):
                copied += len(block)
                if copied > record.length:
                    return False
                digest.update(block)
                files.write_all(fd, block, offset + at)
            return copied == record.length and digest.hexdigest() == record.sha256

    return _read(files, path, look)


def seal(digests: Iterable[str]) -> str:
    """One digest of a whole file, from those of its chunks in their order: nothing is read for it."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def seal_of(files: Files, fd: int, offsets: Sequence[int], size: int) -> str:
    """The seal of a file of ``size`` bytes that was assembled from chunks at ``offsets``. Reads all of it."""
    ends = (*offsets[1:], size)
    return seal(
        _digest(files, fd, start, end - start) for start, end in zip(offsets, ends, strict=True)
    )


def _digest(files: Files, fd: int, offset: int, length: int) -> str:
    digest = files.sha256()
    for _, block in blocks(files.port, fd, offset, length):
        digest.update(block)
    return digest.hexdigest()

"""Reading chunk files: block by block, compared with something else, or against their record.

Chunk files never change once named, so nothing here needs a lock. One that is missing, short or
altered is damage, and the callers return its range to missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from .files import ABSENT, Files
from .model import Record
from .port import Port

BLOCK_BYTES = 512 << 10


def blocks(port: Port, fd: int, offset: int, length: int) -> Iterator[tuple[int, memoryview]]:
    """The bytes ``[offset, offset + length)`` of a file as (position from ``offset``, block).

    A block's memory is used again for the one after the next. Ends early where the file does.
    """
    buffer, other = (memoryview(bytearray(min(BLOCK_BYTES, length))) for _ in range(2))
    at = 0
    while at < length:
        count = port.preadv(fd, [buffer[: min(len(buffer), length - at)]], offset + at)
        if not count:
            return
        yield at, buffer[:count]
        at += count
        buffer, other = other, buffer


def agrees(files: Files, path: str, path_offset: int, fd: int, fd_offset: int, length: int) -> bool:
    """Whether ``length`` bytes of the file at ``path`` are those of ``fd``."""
    try:
        with files.opened(path, os.O_RDONLY) as chunk:
            compared = 0
            for at, block in blocks(files.port, chunk, path_offset, length):
                if files.read_at(fd, len(block), fd_offset + at) != block:
                    return False
                compared += len(block)
            return compared == length
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise


def intact(files: Files, path: str, record: Record) -> bool:
    """Whether the chunk file is there and its bytes are those of the record."""
    try:
        with files.opened(path, os.O_RDONLY) as chunk:
            if files.port.fstat(chunk).st_size != record.length:
                return False
            digest = hashlib.sha256()
            for _, block in blocks(files.port, chunk, 0, record.length):
                digest.update(block)
            return digest.hexdigest() == record.sha256
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise


def copy(files: Files, path: str, record: Record, fd: int, offset: int) -> bool:
    """Copy a chunk to ``offset`` of ``fd``, verifying while copying; False when it is damaged."""
    try:
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
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise

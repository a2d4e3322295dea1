"""What the C library does by itself where a file system lacks a call: posix_fallocate(3) of glibc."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from patchstorm.storage import constants as c
from patchstorm.storage.errors import failure

if TYPE_CHECKING:
    from patchstorm.storage.client import Client


def allocate(client: Client, fd: int, offset: int, length: int, block_bytes: int) -> None:
    """A zero is written into each block that ends in one, so the file grows, by writes like any others.

    EBADF with O_APPEND, whose writes go elsewhere, where there are blocks that may not be read, and where
    fstat fails, however it does.
    """
    if client.fds[fd].flags & c.O_APPEND:
        raise failure(errno.EBADF)
    try:
        size = client.fstat(fd).st_size
    except OSError:
        raise failure(errno.EBADF) from None
    for at in range(offset + (length - 1) % block_bytes, offset + length, block_bytes):
        if at >= size or client.pread(fd, 1, at) in (b"", b"\0"):
            client.pwrite(fd, b"\0", at)

"""The Linux numbers the model speaks: open flags, lock operations, seek origins, rename flags.

They are written down here, rather than taken from ``os`` and ``fcntl``, because the storage model
imports no module that can touch a machine. The values are those of Linux on x86-64 and arm64's
generic table where both agree; ``O_DIRECTORY``, ``O_NOFOLLOW`` and ``O_DIRECT`` are x86-64's.
"""

from typing import Final

# open(2)
O_RDONLY: Final = 0
O_WRONLY: Final = 1
O_RDWR: Final = 2
O_ACCMODE: Final = 3
O_CREAT: Final = 0o100
O_EXCL: Final = 0o200
O_NOCTTY: Final = 0o400
O_TRUNC: Final = 0o1000
O_APPEND: Final = 0o2000
O_NONBLOCK: Final = 0o4000
O_DSYNC: Final = 0o10000
O_DIRECT: Final = 0o40000
O_LARGEFILE: Final = 0o100000
O_DIRECTORY: Final = 0o200000
O_NOFOLLOW: Final = 0o400000
O_NOATIME: Final = 0o1000000
O_CLOEXEC: Final = 0o2000000
O_SYNC: Final = 0o4010000
O_PATH: Final = 0o10000000
O_TMPFILE: Final = 0o20200000

# flock(2); fcntl.lockf takes the same operations
LOCK_SH: Final = 1
LOCK_EX: Final = 2
LOCK_NB: Final = 4
LOCK_UN: Final = 8

# lseek(2)
SEEK_SET: Final = 0
SEEK_CUR: Final = 1
SEEK_END: Final = 2
SEEK_DATA: Final = 3
SEEK_HOLE: Final = 4

# renameat2(2)
RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2

# fallocate(2)
FALLOC_FL_KEEP_SIZE: Final = 1
FALLOC_FL_PUNCH_HOLE: Final = 2
FALLOC_FL_ZERO_RANGE: Final = 16

# setxattr(2)
XATTR_CREATE: Final = 1
XATTR_REPLACE: Final = 2

PAGE_BYTES: Final = 4096
"""A page of the page cache: the grain of caching, of clobbering and of torn writes."""

NAME_BYTES_MAX: Final = 255
PATH_BYTES_MAX: Final = 4096
SYMLINKS_MAX: Final = 40
FILE_BYTES_MAX: Final = (1 << 63) - 1
"""Largest file offset; also the end of a byte-range lock that runs to infinity."""

SECOND_NS: Final = 1_000_000_000

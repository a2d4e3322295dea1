"""How an operation fails: an ``OSError`` with an errno, or *would block*.

``WouldBlock`` is deliberately not an ``OSError``: code under test must not be able to swallow it by
accident. A driver catches it, parks the caller, and repeats the call once the key has been woken
(``Server.take_wakes``) or ``until_ns`` has come.
"""

import errno

_MESSAGES = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.EIO: "Input/output error",
    errno.ENXIO: "No such device or address",
    errno.EBADF: "Bad file descriptor",
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.EBUSY: "Device or resource busy",
    errno.EEXIST: "File exists",
    errno.EXDEV: "Invalid cross-device link",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EINVAL: "Invalid argument",
    errno.EFBIG: "File too large",
    errno.ENOSPC: "No space left on device",
    errno.ESPIPE: "Illegal seek",
    errno.EROFS: "Read-only file system",
    errno.EMLINK: "Too many links",
    errno.ENAMETOOLONG: "File name too long",
    errno.ENOLCK: "No locks available",
    errno.ENOTEMPTY: "Directory not empty",
    errno.ELOOP: "Too many levels of symbolic links",
    errno.ENODATA: "No data available",
    errno.ESTALE: "Stale file handle",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.ETIMEDOUT: "Connection timed out",
}


def failure(code: int, path: str | None = None) -> OSError:
    """The ``OSError`` (of the fitting subclass) for an errno, as the ``os`` module would raise it."""
    message = _MESSAGES.get(code) or errno.errorcode[code]
    return OSError(code, message, path) if path is not None else OSError(code, message)


class WouldBlock(Exception):
    """The call must wait; nothing has happened yet, so it can be repeated as it was.

    ``reason`` is ``"lock"``, ``"partition"`` or ``"grace"``. ``key`` is what to wait for;
    ``until_ns`` is the time at which waiting is over at the latest, None if unbounded.
    """

    def __init__(
        self, reason: str, key: tuple[str, int | str], until_ns: int | None = None
    ) -> None:
        super().__init__(reason, key, until_ns)
        self.reason = reason
        self.key = key
        self.until_ns = until_ns

"""One host of a litmus program: the methods of ``patchstorm.storage.Client`` on a real directory.

Run as a program it reads one JSON line for each request and answers with one: ``{"program": NAME, "root":
PATH}`` begins a program, ``{"program": NAME, "step": TEXT}`` is a step of it, ``{"program": NAME}`` ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

from patchstorm.storage.litmus.shell import Busy, Shell, error_name, split

AT_FDCWD = -100
FICLONE = 0x40049409


class RealClient:
    """``os`` and ``fcntl`` under the model's names; paths are taken as they are."""

    def __init__(self) -> None:
        self.opened: set[int] = set()

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        self.opened.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self.opened.discard(fd)
        os.close(fd)

    def close_all(self) -> None:
        """Close what a program left open; what that says, nobody asked for."""
        for fd in sorted(self.opened):
            with contextlib.suppress(OSError):
                self.close(fd)

    def dup(self, fd: int) -> int:
        new = os.dup(fd)
        self.opened.add(new)
        return new

    read = staticmethod(os.read)
    pread = staticmethod(os.pread)
    write = staticmethod(os.write)
    pwrite = staticmethod(os.pwrite)
    lseek = staticmethod(os.lseek)
    ftruncate = staticmethod(os.ftruncate)
    fsync = staticmethod(os.fsync)
    fstat = staticmethod(os.fstat)
    stat = staticmethod(os.stat)
    lstat = staticmethod(os.lstat)
    listdir = staticmethod(os.listdir)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    mkdir = staticmethod(os.mkdir)
    rmdir = staticmethod(os.rmdir)
    symlink = staticmethod(os.symlink)
    readlink = staticmethod(os.readlink)
    truncate = staticmethod(os.truncate)
    chmod = staticmethod(os.chmod)
    statvfs = staticmethod(os.statvfs)
    posix_fallocate = staticmethod(os.posix_fallocate)
    copy_file_range = staticmethod(os.copy_file_range)
    flock = staticmethod(fcntl.flock)
    lockf = staticmethod(fcntl.lockf)

    @staticmethod
    def rename(source: str, target: str, flags: int = 0) -> None:
        if not flags:
            os.rename(source, target)
            return
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(AT_FDCWD, source.encode(), AT_FDCWD, target.encode(), flags):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    @staticmethod
    def ficlone(target: int, source: int) -> None:
        fcntl.ioctl(target, FICLONE, source)


def run_step(shell: Shell, text: str, forsaken: Callable[[], bool] = lambda: False) -> Any:
    """A step; a lock that must be waited for is tried again, until ``forsaken`` by who asked."""
    shown: list[Any] = []
    try:
        for command in split(text):
            while True:
                try:
                    shell.command(command.removeprefix("+").strip(), shown)
                    break
                except Busy:
                    if forsaken():
                        raise SystemExit(0) from None
                    time.sleep(0.0005)
    except OSError as error:
        return error_name(error)
    if not shown:
        return None
    return shown[0] if len(shown) == 1 else shown


def _forsaken() -> bool:
    """Whether whoever asks has gone: nobody else would end a process that waits for a lock."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def main() -> None:
    """Serve until standard input ends."""
    shells: dict[str, Shell] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name, answer = request["program"], None
        if "root" in request:
            shells[name] = Shell(RealClient(), request["root"])
        elif "step" in request:
            answer = run_step(shells[name], request["step"], _forsaken)
        else:
            shells.pop(name).client.close_all()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

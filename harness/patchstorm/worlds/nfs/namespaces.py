"""Network, host-name and mount namespaces: held by a process that does nothing else (namespaces(7))."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
from collections.abc import Iterator
from typing import Final, NoReturn

from patchstorm.live.nfs.knfsd import state_of_daemons
from patchstorm.worlds.nfs.init import DAEMONS_WRITE, MS_PRIVATE, MS_REC, mount

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWNET: Final = 0x40000000
FILES_MAX: Final = 4_096
UP: Final = b"u"

_libc = ctypes.CDLL(None, use_errno=True)


def hold(name: str) -> int:
    """Make namespaces for a host called ``name``; the process that holds them, to be killed and reaped.

    A fork without exec, which in a guest is the cheapest process there is. OSError where it fails.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _hold(name, tell)
    os.close(tell)
    try:
        if os.read(told, 1) != UP:
            os.waitpid(pid, 0)
            raise OSError(f"the namespaces of {name} could not be made; see the guest's console")
    finally:
        os.close(told)
    return pid


def _hold(name: str, tell: int) -> NoReturn:
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _check(_libc.unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS), "unshare")
        mount("none", "/", "", MS_REC | MS_PRIVATE)
        for directory in DAEMONS_WRITE:
            mount("memory", directory, "tmpfs")
        os.makedirs("/run/lock")
        state_of_daemons()
        socket.sethostname(name)
        os.write(tell, UP)
        os.closerange(3, FILES_MAX)
        while True:
            signal.pause()
    finally:
        os._exit(1)


@contextlib.contextmanager
def network_of(pid: int) -> Iterator[None]:
    """What is done inside concerns the network of ``pid``; a socket made there stays there."""
    mine = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        theirs = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(theirs, CLONE_NEWNET), "setns")
        finally:
            os.close(theirs)
        try:
            yield
        finally:
            _check(_libc.setns(mine, CLONE_NEWNET), "setns")
    finally:
        os.close(mine)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)

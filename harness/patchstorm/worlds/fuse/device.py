"""One mounted file system: where it is seen, and the descriptor that carries its requests and answers.

Where servers are processes, nobody else sees it: a process of its own holds the mount namespace
(``live.nsholder``), and replicas enter it. The descriptor is this process's alone. So whatever ends the
harness ends the rest: with the last descriptor the kernel aborts every call under way, the holder ends with
its standard input, and a namespace without a process is gone, its mount with it. The servers are the
warden's (``live.guard``).
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from patchstorm.live import nsholder
from patchstorm.live.guard import guard
from patchstorm.live.host import ThisHost
from patchstorm.live.storage import UnavailableStorage
from patchstorm.worlds.fuse.protocol import (
    REQUEST_BYTES_MAX,
    Op,
    Request,
    answer,
    decoded,
    init_answer,
    refusal,
)

_SILENT = (Op.FORGET, Op.BATCH_FORGET)
_GONE = (errno.ENOENT, errno.ENODEV)  # an answer for a caller that is no more, or for no mount
MOUNT_S_MAX = 20.0


class Device:
    """The harness's end of one mount, on ``where``. What is mounted is taken away by ``_unmount``."""

    def __init__(self, where: Path, fd: int) -> None:
        self.where = where
        self.fd = fd
        os.set_blocking(fd, False)
        self._buffer = bytearray(REQUEST_BYTES_MAX)

    def requests(self) -> Iterator[Request]:
        """What has come so far. INIT is answered here; what is only forgotten needs no answer."""
        while self.fd >= 0:
            try:
                size = os.readv(self.fd, [self._buffer])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (
                    errno.EINTR,
                    errno.ENOENT,
                ):  # ENOENT: called off while it was read
                    continue
                return
            request = decoded(memoryview(self._buffer)[:size])
            if request.op == Op.INIT:
                self.reply(request, init_answer(request))
            elif request.op not in _SILENT:
                yield request

    def reply(self, request: Request, payload: bytes = b"") -> None:
        """The call succeeds."""
        self._send(answer(request.unique, payload))

    def fail(self, request: Request, code: int) -> None:
        """The call fails with errno ``code``."""
        self._send(refusal(request.unique, code))

    def _send(self, data: bytes) -> None:
        try:
            os.write(self.fd, data)
        except OSError as error:
            if error.errno not in _GONE:
                raise

    def close(self) -> None:
        """Take the mount away: what is under way fails."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._unmount()

    def _unmount(self) -> None:
        raise NotImplementedError


class Hidden(Device):
    """A mount inside the namespace of process ``holder``, which goes with its last process."""

    def __init__(self, where: Path, fd: int, holder: subprocess.Popen[bytes]) -> None:
        super().__init__(where, fd)
        self._holder = holder

    @property
    def host(self) -> ThisHost:
        """Where replicas of this mount run."""
        command = (sys.executable, "-I", "-S", nsholder.__file__)
        return ThisHost((*command, "enter", str(self._holder.pid)), self._holder.pid)

    def _unmount(self) -> None:
        _dismiss(self._holder)


def mounted(where: Path) -> Hidden:
    """A file system on ``where``, in a namespace of its own. UnavailableStorage if there can be none."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        holder = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", nsholder.__file__),
                *("fuse", str(where), str(theirs.fileno())),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        guard.adopt_group(holder.pid)
        theirs.close()
        ours.settimeout(MOUNT_S_MAX)
        try:
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            if not fds:
                assert holder.stderr is not None
                said = holder.stderr.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise UnavailableStorage(cannot(said))
        except BaseException:
            _dismiss(holder)
            raise
    return Hidden(where, fds[0], holder)


def cannot(said: str) -> str:
    """Why nothing can be mounted here, and what would help."""
    if not os.path.exists(nsholder.FUSE_DEVICE):
        return "there is no /dev/fuse; load the kernel's module: modprobe fuse"
    if not os.access(nsholder.FUSE_DEVICE, os.R_OK | os.W_OK):
        return "/dev/fuse may not be opened by this user; distributions give it mode 0666"
    return (
        f"a FUSE file system cannot be mounted here ({said}); it needs root or unprivileged user "
        "namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)"
    )


def _dismiss(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    for pipe in (holder.stdin, holder.stderr):
        if pipe is not None:
            pipe.close()
    guard.release_group(holder.pid)

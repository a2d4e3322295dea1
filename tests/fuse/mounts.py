"""A mount that answers at once, and programs that run over it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patchstorm.live.storage import UnavailableStorage
from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.worlds.fuse.bridge import Bridge
from patchstorm.worlds.fuse.device import Device, mounted
from patchstorm.worlds.fuse.protocol import Op, Request

RUN_S_MAX = 60.0


class Served:
    """One mount of a model, and what was asked of it."""

    def __init__(self, server: Server, name: str, device: Device) -> None:
        self.server = server
        self.device = device
        self.bridge = Bridge(
            server.mount(name), lambda: server.tree.root, (os.getuid(), os.getgid())
        )
        self.asked: list[str] = []
        self._parked: list[Request] = []

    def serve(self) -> None:
        """Answer all that has come."""
        for request in self.device.requests():
            self._do(request)

    def _do(self, request: Request) -> None:
        self.asked.append(request.called)
        if request.op == Op.INTERRUPT:
            for parked in [one for one in self._parked if one.unique == request.unpack("Q")[0]]:
                self._parked.remove(parked)
                self.device.fail(parked, 4)
            return
        try:
            payload = self.bridge.execute(request)
        except WouldBlock:
            self._parked.append(request)
            return
        except OSError as error:
            assert error.errno is not None
            self.device.fail(request, error.errno)
            return
        self.device.reply(request, payload)

    def again(self) -> None:
        """Whoever waits for a lock tries once more."""
        parked, self._parked = self._parked, []
        for one in parked:
            self._do(one)


@contextlib.contextmanager
def mounts(count: int = 1, flavour: str = "tmpfs") -> Iterator[list[Served]]:
    """Mounts of one storage; the test is skipped, with the reason, where there can be none."""
    server = Server(flavour, clock=ManualClock(time.time_ns()))
    with contextlib.ExitStack() as stack:
        where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchstorm-")))
        served = []
        for index in range(count):
            try:
                device = mounted(where)
            except UnavailableStorage as missing:
                pytest.skip(str(missing))
            stack.callback(device.close)
            served.append(Served(server, f"h{index}", device))
        yield served


def start(one: Served, program: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """A Python program over a mount: ``root`` is its directory."""
    text = f"import os, fcntl, errno, sys\nroot = {str(one.device.where)!r}\nos.chdir(root)\n"
    command = one.device.host.enter(
        sys.executable, "-I", "-c", text + textwrap.dedent(program), directory="/"
    )
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=stdin, text=True
    )


def until_said(one: Served, process: subprocess.Popen[str]) -> str:
    """Answer until the program has printed a line."""
    assert process.stdout is not None
    poll = select.epoll()
    poll.register(one.device.fd, select.EPOLLIN)
    poll.register(process.stdout.fileno(), select.EPOLLIN)
    while not any(fd == process.stdout.fileno() for fd, _ in poll.poll(RUN_S_MAX)):
        one.serve()
    poll.close()
    return process.stdout.readline()


def until_ended(served: list[Served], *processes: subprocess.Popen[str]) -> list[str]:
    """Answer until all have ended; what they printed."""
    poll = select.epoll()
    for one in served:
        poll.register(one.device.fd, select.EPOLLIN)
    deadline = time.monotonic() + RUN_S_MAX
    while any(process.poll() is None for process in processes):
        assert time.monotonic() < deadline, [one.asked[-9:] for one in served]
        poll.poll(0.01)
        for one in served:
            one.serve()
        if served[0].server.take_wakes():
            for one in served:
                one.again()
    poll.close()
    found = []
    for process in processes:
        out, error = process.communicate()
        assert process.returncode == 0, error
        found.append(out)
    return found


def run(one: Served, program: str) -> str:
    """Run a program to its end."""
    return until_ended([one], start(one, program))[0]


def is_mounted(path: str, pid: int | str = "self") -> bool:
    """Whether something is mounted there, as that process sees it."""
    return any(
        line.split()[4] == path for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    )


def alive(pid: int) -> bool:
    """Whether there is such a process, zombies aside."""
    try:
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except (ProcessLookupError, FileNotFoundError):
        return False

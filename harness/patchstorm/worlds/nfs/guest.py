"""One guest as the harness sees it: a process group, a line to it, and jobs that it does.

A guest must not outlive the harness, nor leave anything. Its group and its directory are noted with the
warden, which ends them should the harness be killed; and the guest powers itself off when its line ends,
should the warden be killed as well. Its memory is a file that is unlinked before it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from patchstorm.errors import InconclusiveError, TargetError, UsageError
from patchstorm.live.guard import guard
from patchstorm.live.storage import PREFIX, UnavailableStorage
from patchstorm.worlds.nfs import init
from patchstorm.worlds.nfs.channel import READ_BYTES, Lines, pieces
from patchstorm.worlds.nfs.machine import Machine, find_machine, search_path

MEMORY_MIB: Final = 768
NICENESS: Final = 1
BOOT_S_MAX: Final = 120.0
BOOTS: Final = 2  # its kernel misses what comes over its line now and then, and then hears nothing
TAKE_S_MAX: Final = 60.0
IMAGE_BYTES: Final = 1 << 30
TAIL_BYTES: Final = 1_500
QUIET_S: Final = 2.0
MARK_VARIABLE: Final = "PATCHSTORM_GUEST"
INSIDE: Final = "patchstorm.worlds.nfs.inside"
Told = Callable[[dict[str, Any]], None]

_ERRORS: Final[dict[str, type[Exception]]] = {
    "TargetError": TargetError,
    "UsageError": UsageError,
    "UnavailableStorage": UnavailableStorage,
    "InconclusiveError": InconclusiveError,
}


class GuestGone(InconclusiveError):
    """The guest ended, or broke, while something was to be done in it."""


class GuestSilent(GuestGone):
    """It runs, and said nothing for as long as anybody waits."""


class Guest:
    """A guest, booted by :meth:`boot` and ended by :meth:`kill`; jobs are done one at a time.

    Usable from one event loop after the other. ``image`` is the disk of its server, a sparse file that
    outlives a power loss.
    """

    def __init__(self, *, memory_mib: int = MEMORY_MIB) -> None:
        self._memory_mib = memory_mib
        self._machine: Machine = find_machine(memory_mib)
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._lines = Lines()
        self._told: list[dict[str, Any]] = []

    @property
    def pid(self) -> int | None:
        """The kernel's process, which leads the guest's group; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def release(self) -> str:
        """Of its kernel, as in 6.1.176."""
        return self._machine.release

    @property
    def folder(self) -> Path:
        """Where its console log and disk lie until it is killed for good."""
        assert self._folder is not None
        return self._folder

    @property
    def _mark(self) -> str:
        """What the environment of its processes holds."""
        return f"{MARK_VARIABLE}={self.folder}"

    @property
    def usable(self) -> bool:
        """Whether it runs and may be given a job."""
        return self._line is not None

    async def boot(self) -> None:
        """Start the kernel and wait until it takes jobs; GuestGone if it does not come up.

        One that stays silent is started once more.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._machine.memory_dir))
            guard.adopt_dir(self._folder)
            # Before there is a kernel: one that nobody had noted yet would make its directory again.
            guard.adopt_mark(self._mark)
            with open(self._folder / "disk", "xb") as disk:
                disk.truncate(IMAGE_BYTES)
        for left in reversed(range(BOOTS)):
            try:
                await self._come_up()
            except GuestSilent:
                if not left:
                    raise
            else:
                return

    async def _come_up(self) -> None:
        try:
            async with asyncio.timeout(BOOT_S_MAX):
                self._spawn()
                await self._heard("awake")
                await self._say({"module": INSIDE, "environment": _environment()})
                await self._heard("ready")
        except TimeoutError:
            said = self.tail()
            self.cut_power()
            raise GuestSilent(
                f"the guest did not come up within {BOOT_S_MAX:.0f} s:\n{said}"
            ) from None
        except BaseException:
            self.cut_power()
            raise

    def _spawn(self) -> None:
        """Nothing of the harness but one end of the line is known to the new process."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._line, self._lines, self._told = ours, Lines(), []
        with theirs, open(self.folder / "console", "ab") as console:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
                env={
                    "PATH": search_path(),
                    "TMPDIR": str(self._machine.memory_dir),
                    "HOME": "/",
                    MARK_VARIABLE: str(self.folder),
                },
            )
        guard.adopt_group(self._process.pid)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    def _command(self, line: int) -> list[str]:
        folder = self.folder
        return [
            self._machine.kernel,
            f"mem={self._memory_mib}M",
            "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            f"uml_dir={folder}", "umid=guest",
            f"ubd0={folder / 'disk'}",
            f"ssl0=fd:{line}", "ssl=null", "con0=null,fd:1", "con=null",
            "quiet", "panic=-1",
            f'init="{sys.executable}"',
            "--", "-I", "-S", f'"{init.__file__}"', f'"{self._machine.modules}"',
        ]  # fmt: skip

    async def job(
        self, order: dict[str, Any], told: Told | None = None, *, within_s: float | None = None
    ) -> dict[str, Any]:
        """Have ``order`` done; ``told`` hears what comes before the result.

        An error inside is raised here as the error it was. Raises GuestGone where the guest ended before it
        answered, also when it asked for its own end, or did not answer within ``within_s`` seconds. A job
        that is given up ends the guest.
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._done(order, told)
        except TimeoutError:
            said = self.tail()
            self.cut_power()
            raise GuestGone(f"the guest did not answer within {within_s:.0f} s:\n{said}") from None
        except asyncio.CancelledError:
            self.cut_power()
            raise

    async def _done(self, order: dict[str, Any], told: Told | None) -> dict[str, Any]:
        await self._say(order)
        while True:
            message = await self._hear()
            if "done" in message:
                done: dict[str, Any] = message["done"]
                return done
            if "failed" in message:
                raise _error(message)
            if told is not None:
                told(message)

    async def _heard(self, what: str) -> dict[str, Any]:
        message = await self._hear()
        if what not in message:
            said = message.get("broken", message)
            raise GuestGone(f"the guest said {said} instead of `{what}`\n{self.tail()}")
        return message

    async def _hear(self) -> dict[str, Any]:
        while not self._told:
            if self._line is None:
                raise GuestGone("the guest has ended")
            data = await self._received(self._line)
            if data is None:
                continue
            if not data:
                said = self.tail()
                self.cut_power()
                raise GuestGone(f"the guest ended by itself; its last words:\n{said}")
            self._told += self._lines.fed(data)
        return self._told.pop(0)

    async def _received(self, line: socket.socket) -> bytes | None:
        """What comes next; nothing at the end of the line, None when it was quiet for a while.

        The guest's kernel was seen to miss that something had come, and to notice it with the next byte.
        So a quiet line gets an empty message, which means nothing.
        """
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(line, ready.set)
        try:
            async with asyncio.timeout(QUIET_S):
                await ready.wait()
        except TimeoutError:
            with contextlib.suppress(OSError):
                line.send(b"\n")
            return None
        finally:
            loop.remove_reader(line)
        try:
            return line.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:  # reset: it was killed with something left unread
            return b""

    async def _say(self, message: dict[str, Any]) -> None:
        """Piece by piece, as it takes them."""
        try:
            async with asyncio.timeout(TAKE_S_MAX):
                for piece in pieces(message):
                    await self._send(piece)
                    await self._heard("took")
        except TimeoutError:
            said = self.tail()
            self.cut_power()
            raise GuestSilent(
                f"the guest took no order within {TAKE_S_MAX:.0f} s:\n{said}"
            ) from None

    async def _send(self, piece: bytes) -> None:
        if self._line is None:
            raise GuestGone("the guest has ended")
        try:
            await asyncio.get_running_loop().sock_sendall(self._line, piece)
        except OSError:
            said = self.tail()
            self.cut_power()
            raise GuestGone(f"the guest ended by itself; its last words:\n{said}") from None

    def tail(self) -> str:
        """The end of what its kernel said."""
        with contextlib.suppress(OSError):
            return (self.folder / "console").read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
        return ""

    def cut_power(self) -> list[dict[str, Any]]:
        """SIGKILL to the whole guest: its disk stays. Returns what it had said and nobody had heard."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            guard.release_group(self._process.pid)
            self._process = None
        told, self._told = self._told, []
        if self._line is not None:
            told += self._lines.fed(_rest(self._line))
            self._line.close()
            self._line = None
        return told

    def kill(self) -> None:
        """End it for good and remove all that was its own."""
        self.cut_power()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            guard.release_mark(self._mark)
            guard.release_dir(self._folder)
            self._folder = None


def _rest(line: socket.socket) -> bytes:
    rest = bytearray()
    with contextlib.suppress(OSError):
        while data := line.recv(READ_BYTES):
            rest += data
    return bytes(rest)


def _error(message: dict[str, Any]) -> Exception:
    kind = _ERRORS.get(message["failed"])
    if kind is not None:
        return kind(message["says"])
    return InconclusiveError(f"in the guest: {message['failed']}: {message['says']}")


def _environment() -> dict[str, str]:
    """The harness's own, save for what would be written to the host's files."""
    return {
        **os.environ,
        "PATH": search_path(),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": f"{init.BASE}/tmp",
    }

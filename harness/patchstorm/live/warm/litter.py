"""One zygote, as the harness has it, and the servers that it has forked."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from patchstorm.live import warden
from patchstorm.live.guard import guard
from patchstorm.live.launch import REAP_POLL_S, mark_of_replica
from patchstorm.live.warm.command import PythonStart
from patchstorm.live.warm.found import Found

HERE: Final = Path(__file__).parent
ANSWER_S_MAX: Final = 30.0
LENGTH_BYTES: Final = 4
BOOT: Final = (
    "[exec(compile(open(p, 'rb').read(), p, 'exec'), d) "
    "for d in [{'__name__': 'patchstorm %s', '__builtins__': __builtins__}] "
    "for p in __import__('sys').argv[1:3]]"
)


class NoZygote(Exception):
    """There is none, or no more; servers are started as ever.

    ``wrong`` names modules that should have been left, with the reason, and what each brought.
    """

    def __init__(self, why: str, wrong: Sequence[Sequence[str]] = ()) -> None:
        super().__init__(why)
        self.wrong = wrong


def booted(start: PythonStart, which: str, *words: str) -> tuple[str, ...]:
    """The command that has the server's interpreter run one of the files beside this one."""
    files = (str(HERE / "becoming.py"), str(HERE / f"{which}.py"))
    return (start.python, *start.options, "-c", BOOT % which, *files, *words)


class Zygote:
    """A process of its own session, which ends with the last descriptor of its socket.

    NoZygote if it is no good.

    ``environment`` is what its servers have in common, ``log`` takes what it says.
    """

    def __init__(
        self, start: PythonStart, found: Found, environment: Mapping[str, str], log: Path
    ) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._mark = mark_of_replica()
        guard.adopt_mark(self._mark)
        try:
            with theirs, open(log, "ab") as out:
                self._process = subprocess.Popen(
                    booted(start, "zygote", str(theirs.fileno())),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError as error:
            self._socket.close()
            guard.release_mark(self._mark)
            raise NoZygote(str(error)) from None
        warden.put_on(self._process.pid, self._mark)
        self._socket.settimeout(ANSWER_S_MAX)
        try:
            told = {"startup": found.startup, "wanted": found.wanted, "happened": found.happened}
            wrong = self.asked(told)
            if wrong:
                module, why, _ = wrong[0]
                raise NoZygote(f"{module} {why}".strip(), wrong)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def asked(self, message: dict[str, Any]) -> Any:
        """What it answers. NoZygote once it is gone."""
        with self._lock:
            return self._asked(message)

    def _asked(self, message: dict[str, Any]) -> Any:
        data = marshal.dumps(message, 2)
        try:
            self._socket.sendall(len(data).to_bytes(LENGTH_BYTES, "little") + data)
            return marshal.loads(self._read(int.from_bytes(self._read(LENGTH_BYTES), "little")))
        except (OSError, ValueError, EOFError) as error:
            raise NoZygote(f"the process that forks servers is gone: {error}") from None

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                raise EOFError("it says nothing more")
            data += more
        return data

    def forked(self, order: dict[str, Any], mark: str) -> Forked:
        """A server. It bears ``mark`` from its first moment on, since the zygote does while it forks."""
        with self._lock:
            warden.put_on(self._process.pid, mark)
            try:
                pid, why = self._asked(order)
                if why:
                    raise NoZygote(why)
                forked = Forked(self, pid, mark)
            finally:
                warden.put_on(self._process.pid, self._mark)
        guard.adopt_group(pid)
        return forked

    def close(self) -> None:
        """End it; what it has forked goes on."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
        guard.release_mark(self._mark)


class Forked:
    """A server that was forked, and all that it has started: a ``launch.Running``."""

    def __init__(self, zygote: Zygote, pid: int, mark: str) -> None:
        self.pid = pid
        self._zygote = zygote
        self._mark = mark
        self._code: int | None = None
        self._ended = os.pidfd_open(pid)  # until it is waited for, nobody else is called so

    def poll(self) -> int | None:
        if self._code is None and select.select([self._ended], (), (), 0)[0]:
            self._code = self._waited()
        return self._code

    def _waited(self) -> int:
        os.close(self._ended)
        try:
            code = self._zygote.asked({"wait": self.pid})
        except NoZygote:
            code = None
        return -signal.SIGKILL if code is None else int(code)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def reap(self) -> None:
        while self.poll() is None:
            await asyncio.sleep(REAP_POLL_S)
        self.signal(signal.SIGKILL)  # children that outlived their leader
        await asyncio.to_thread(warden.kill_marked, self._mark)
        guard.release_group(self.pid)
        guard.release_mark(self._mark)

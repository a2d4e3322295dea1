"""Replicas as real processes over one directory, for tests and benchmarks.

    with Fleet(directory, replicas=3) as fleet:
        requests.options(fleet.url(0))

Each replica listens on a free port of the loopback interface and writes its log to a file of its
own. Leaving the ``with`` stops them all.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from .model import Claims
from .tokens import mint

_STOP_S_MAX = 30.0


class NotStarted(Exception):
    """A replica ended before it was ready; the message holds its last words."""


class ReplicaProcess:
    """One server process. ``port`` is known once it is ready; ``log`` is its standard error."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chunkstore", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self.port = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> None:
        """Block until the replica serves. Raises :class:`NotStarted`."""
        stdout: IO[bytes] | None = self._process.stdout
        line = stdout.readline() if stdout is not None else b""
        if not line:
            self._process.wait()
            raise NotStarted(self.log.read_text(errors="replace")[-2000:])
        self.port = json.loads(line)["port"]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the replica and wait for it; the exit code, negative for a signal."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for a replica that was told to end; the exit code, negative for a signal."""
        try:
            return self._process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()

    def kill(self) -> None:
        """End it as a crash does: no warning, no last words."""
        self.stop(signal.SIGKILL)

    def rss_bytes_max(self) -> int:
        """The most memory the process ever held (VmHWM, proc(5))."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise ProcessLookupError(self.pid)


class Fleet:
    """Several replicas over ``directory``/root with one secret."""

    def __init__(
        self, directory: Path, replicas: int = 2, options: Sequence[str] = (), root: str = ""
    ) -> None:
        self.directory = directory
        self.root = Path(root) if root else directory / "root"
        self.secret_file = directory / "secret"
        self.secret = secrets.token_hex(32).encode()
        self._options = [*options]
        self._count = replicas
        self.replicas: list[ReplicaProcess] = []

    def __enter__(self) -> Fleet:
        self.root.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.secret_file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(self.secret)
        self.replicas = [self._spawn(index) for index in range(self._count)]
        try:
            for replica in self.replicas:
                replica.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for replica in self.replicas:
            replica.stop()

    def restart(self, index: int) -> None:
        """Put a new process in the place of one that has ended; it has a port of its own."""
        self.replicas[index].stop()
        self.replicas[index] = self._spawn(index)
        self.replicas[index].wait_ready()

    def url(self, index: int = 0, location: str = "/upload") -> str:
        """The address of ``location`` at one replica."""
        return f"http://127.0.0.1:{self.replicas[index].port}{location}"

    def token(self, session: str, size: int, target: str, **changes: object) -> str:
        """A token as a manager mints it offline; good for an hour unless ``expires_s`` says else."""
        fields: dict[str, object] = {"expires_s": int(time.time()) + 3600, **changes}
        claims = Claims(session=session, size=size, target=target, **fields)  # type: ignore[arg-type]
        return mint(claims, self.secret)

    def logs(self) -> str:
        """Everything the replicas have written to standard error."""
        return "".join(
            path.read_text(errors="replace")
            for path in sorted(self.directory.glob("replica-*.log"))
        )

    def _spawn(self, index: int) -> ReplicaProcess:
        command = ["--root", str(self.root), "--secret-file", str(self.secret_file), "--port", "0"]
        log = self.directory / f"replica-{index}.log"
        return ReplicaProcess([*command, *self._options], log)

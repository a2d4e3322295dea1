"""What must not outlive the harness, noted with a warden: process groups, directories, and the rest.

One warden serves the whole harness process and is started when first needed. ``patchstorm.live.warden``
says why it exists.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from patchstorm.live import warden


class Guard:
    """The harness's end of the pipe to its warden. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: IO[str] | None = None
        self._warden: subprocess.Popen[str] | None = None
        self._owner = 0

    def adopt_group(self, pid: int) -> None:
        """Have the process group led by ``pid`` killed if the harness dies."""
        self._tell(f"+group {pid} {warden.start_time(pid) or 0}")

    def release_group(self, pid: int) -> None:
        """The group of ``pid`` is gone."""
        self._tell(f"-group {pid}")

    def adopt_dir(self, path: Path) -> None:
        """Have ``path`` removed if the harness dies."""
        self._tell(f"+dir {path}")

    def release_dir(self, path: Path) -> None:
        """``path`` is gone, or to be kept."""
        self._tell(f"-dir {path}")

    def adopt_call(self, name: str, command: list[str]) -> None:
        """Have ``command`` run if the harness dies: it removes what only it knows how to."""
        self._tell(f"+call {name} {json.dumps(command)}")

    def release_call(self, name: str) -> None:
        """What the command of that name would remove is gone."""
        self._tell(f"-call {name}")

    def adopt_mark(self, mark: str) -> None:
        """Have every process whose environment holds ``mark`` killed if the harness dies."""
        self._tell(f"+mark {mark}")

    def release_mark(self, mark: str) -> None:
        """No process of that mark is left."""
        self._tell(f"-mark {mark}")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._pipe is None or self._owner != os.getpid():
                self._hire()
            assert self._pipe is not None
            self._pipe.write(line + "\n")
            self._pipe.flush()

    def _hire(self) -> None:
        """A new warden. The pipe's end is not inheritable, so only this process keeps it open."""
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            cwd="/",
        )
        self._pipe = self._warden.stdin
        self._owner = os.getpid()


guard = Guard()

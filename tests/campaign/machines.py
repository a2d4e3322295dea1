"""A cluster for tests: a scheduler and workers, each a process that a test may kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

WORKER = ("-m", "distributed.cli.dask_worker")


class Machines:
    """A scheduler and its workers, each a process of its own that a test may kill."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--host",
            "127.0.0.1", "--scheduler-file", str(self.file),
        )  # fmt: skip
        while not (self.file.exists() and self.file.read_bytes().endswith(b"}")):
            assert self.scheduler.poll() is None, "the scheduler has ended"
            time.sleep(0.05)

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def worker(self, *program: str) -> subprocess.Popen[bytes]:
        return self._start(
            *(program or WORKER), self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(self.file.parent),
        )  # fmt: skip

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with open(self.file.parent / f"{len(self._processes)}.log", "wb") as log:
            process = subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

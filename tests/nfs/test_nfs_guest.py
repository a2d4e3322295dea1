"""A guest ends with its harness, however that ends and whatever it was doing, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from live.helpers import is_alive
from patchstorm.live.nfs.guest import Guest, GuestGone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 180.0

STORM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from patchstorm.cli import main
sys.exit(main(["run", "many", "--world", "nfs", "--out", sys.argv[1]]))
"""


def soon(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def family(mark: str) -> dict[int, str]:
    """The processes, dead ones left out, that carry ``mark`` in their environment or belong to a guest."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mark.encode() in environment and is_alive(int(folder.name)):
            found[int(folder.name)] = command
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("when", ["boot", "storm"])
def test_an_interrupted_harness_leaves_nothing(
    machine_that_can: None, when: str, number: signal.Signals, tmp_path: Path
) -> None:
    out, memory = tmp_path / "out", tmp_path / "memory"
    memory.mkdir()
    harness = subprocess.Popen(
        [sys.executable, "-c", STORM, str(out)],
        env={**os.environ, "PATCHSTORM_GUEST_MEMORY": str(memory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        soon(lambda: list(memory.glob("*/console")))
        if when == "storm":
            soon(lambda: any(b'"PATCH"' in p.read_bytes() for p in out.glob("*/history.jsonl")))
        assert any("mem=" in command for command in family(str(memory)).values())
        os.kill(harness.pid, number)
        assert harness.wait(60) != 0
    finally:
        harness.kill()
        harness.wait()
    soon(lambda: not family(str(memory)))
    soon(lambda: not list(memory.iterdir()))


def test_without_its_harness_and_without_a_warden_a_guest_ends_by_itself(
    machine_that_can: None,
) -> None:
    guest = Guest()
    try:
        asyncio.run(guest.boot())
        assert guest.pid is not None and guest._line is not None
        guest._line.close()
        assert guest._process is not None
        assert guest._process.wait(60) == 0
    finally:
        guest.kill()


def test_a_guest_that_is_killed_is_told_of(machine_that_can: None) -> None:
    guest = Guest()

    async def run() -> None:
        await guest.boot()
        assert guest.pid is not None
        os.killpg(guest.pid, signal.SIGKILL)
        with pytest.raises(GuestGone, match="ended by itself"):
            await guest.job({"do": "litmus", "programs": {}, "repeat": 1})

    folder = None
    try:
        asyncio.run(run())
        folder = guest.folder
        assert folder.exists()
    finally:
        guest.kill()
    assert folder is not None and not folder.exists()

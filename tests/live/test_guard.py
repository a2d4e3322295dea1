"""Nothing outlives the harness: not after an error, not after Ctrl-C, not after SIGKILL.

A harness of its own is started as a process, brought to where replicas run and a small disk is
mounted, and then ended in each way.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .helpers import gone_soon, is_alive

HARNESS = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from live.helpers import toy
from patchstorm.live.fleet import running
from patchstorm.live.storage import UnavailableStorage, opened

async def storm(size_bytes):
    async with opened(size_bytes=size_bytes) as storage, running(
        toy("parent"), storage, 2, log_dir=Path(sys.argv[2])
    ) as fleet:
        print(json.dumps({
            "top": str(storage.scratch.parent), "entry": list(storage.entry),
            "pids": [replica.pid for replica in fleet.replicas],
        }), flush=True)
        if sys.argv[3] == "error":
            raise RuntimeError("in the middle of the storm")
        if sys.argv[3] == "pause":
            fleet.replicas[0].pause()
        await asyncio.sleep(60)

async def main():
    try:
        await storm(1 << 20)
    except UnavailableStorage:
        await storm(None)

asyncio.run(main())
"""


def all_descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(entry.parent.name)
            found |= {child} | all_descendants(child)
    return found


STORM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from live.storms import fault, ran, replaying

never = fault("crash", 'path = "never-there"', "any-replica")
ran(replaying(never, size="64MiB", chunk="64KiB"), out_dir=Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_whole_storm_is_cleared_away_too(number: signal.Signals, tmp_path: Path) -> None:
    tests = str(Path(__file__).parent.parent)
    harness = subprocess.Popen(
        [sys.executable, "-c", STORM, tests, str(tmp_path)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        log = tmp_path / "small-reference-1" / "replica-0.log"
        history = log.with_name("history.jsonl")
        soon(lambda: history.exists() and b'"append"' in history.read_bytes())
        (ready,) = [json.loads(line) for line in log.read_text().splitlines() if "ready" in line]
        family = all_descendants(harness.pid)
        assert ready["pid"] in family
        assert len(family) >= 5  # three replicas, the sentinel, the warden
        os.kill(harness.pid, number)
        assert harness.wait(90) != 0
    finally:
        harness.kill()
        harness.wait()
    assert [pid for pid in family if not gone_soon(pid)] == []
    soon(lambda: not os.path.lexists(os.path.dirname(ready["root"])))


def soon(condition: Callable[[], bool], within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("error", None),
        ("wait", signal.SIGINT),
        ("wait", signal.SIGTERM),
        ("wait", signal.SIGKILL),
        ("pause", signal.SIGKILL),
    ],
)
def test_however_the_harness_ends_nothing_is_left(
    how: str, number: signal.Signals | None, tmp_path: Path
) -> None:
    tests = str(Path(__file__).parent.parent)
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, tests, str(tmp_path), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert harness.stdout is not None
    told = json.loads(harness.stdout.readline())
    family = all_descendants(harness.pid) | set(told["pids"])
    if number is not None:
        assert all(is_alive(pid) for pid in told["pids"])
        os.kill(harness.pid, number)
    assert harness.wait(90) != 0
    harness.stdout.close()
    assert [pid for pid in family if not gone_soon(pid)] == []
    soon(lambda: not os.path.lexists(told["top"]))
    assert told["top"] not in Path("/proc/self/mounts").read_text()

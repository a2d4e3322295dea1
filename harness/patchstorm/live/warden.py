"""The warden: a small process that cleans up after a harness that was killed.

A harness that ends in any orderly way cleans up by itself. One that is killed with SIGKILL cannot,
so the warden, in a session of its own, holds the reading end of a pipe whose other end only the
harness has. It is told of every process group and directory the harness makes and gives up; when
the pipe ends, it kills the groups still noted, runs the commands still noted (for what neither
signals nor file calls remove), then removes the directories still noted.

This file is run by path with ``python -I -S`` and imports only the standard library, so that it is
up within milliseconds. Lines: ``+group PID STARTTIME``, ``-group PID``, ``+dir PATH``, ``-dir PATH``,
``+call NAME JSON-ARGUMENTS``, ``-call NAME``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

GRACE_S = 0.05
REMOVE_TRIES = 40
CALL_S_MAX = 120


def start_time(pid: int) -> str | None:
    """When ``pid`` started, in clock ticks since boot (proc(5), field 22 of stat); None if gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return None


def main() -> None:
    """Note what the harness says until it is gone, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, str] = {}
    dirs: set[str] = set()
    calls: dict[str, list[str]] = {}
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "+group":
            pid, _, started = rest.partition(" ")
            groups[int(pid)] = started
        elif verb == "-group":
            groups.pop(int(rest), None)
        elif verb == "+dir":
            dirs.add(rest)
        elif verb == "-dir":
            dirs.discard(rest)
        elif verb == "+call":
            name, _, command = rest.partition(" ")
            calls[name] = json.loads(command)
        elif verb == "-call":
            calls.pop(rest, None)
    _kill(groups)
    _run(calls)
    _remove(dirs)


def _kill(groups: dict[int, str]) -> None:
    for pid, started in groups.items():
        now = start_time(pid)
        if now is not None and now != started:
            continue  # the number was given to somebody else
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _run(calls: dict[str, list[str]]) -> None:
    for command in calls.values():
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=CALL_S_MAX)


def _remove(dirs: set[str]) -> None:
    """A process that is just dying may still write: try again for a while."""
    for _ in range(REMOVE_TRIES):
        for path in dirs:
            shutil.rmtree(path, ignore_errors=True)
        if not any(os.path.lexists(path) for path in dirs):
            return
        time.sleep(GRACE_S)


if __name__ == "__main__":
    main()

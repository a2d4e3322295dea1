"""A process of its own that sees what the storage shows and freezes the fleet in the same breath.

A window of a few hundred microseconds is not hit by a harness that is just streaming a body. So this
process does nothing but wait for inotify; when a rule matches, it stops every replica (SIGSTOP), waits
until all stand, and looks whether what it saw is still going on. On a busy machine it may be over by then:
that sight was missed, and the rule waits for the next one. The harness strikes at leisure at a fleet that
stands still, and lets the others go on.

Lines in, JSON: ``{"watch": ROOT, "rules": [...]}`` (answered by ``{"armed": true}``), ``{"pids": [...]}``,
``{"published": [...]}``. A line out for each time that the fleet was stopped, with all that was seen then:
``{"sights": [{"rule": ID, "path": PATH, "time_ns": T, "held": BOOL}, ...]}``, T on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import select
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from patchstorm.live.tree import NO_DESCRIPTOR, Change, Tree
from patchstorm.target.patterns import matches

PUBLISHED = "{published}"
POLL_S = 0.002
SLICE_NS = 100_000
STANDS = "tTZX"
LOOKS_MAX = 400
LOOK_S = 0.0005
SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


class Sentinel:
    """The rules that have not struck yet, the fleet, and the tree."""

    def __init__(self) -> None:
        self._pids: list[int] = []
        self._published: frozenset[str] = frozenset()
        self._rules: list[dict[str, Any]] = []
        self._tree: Tree | None = None

    def told(self, message: dict[str, Any]) -> None:
        """The harness says something."""
        if "watch" in message:
            self._rules = message["rules"]
            self._tree = Tree(message["watch"])
        if "pids" in message:
            self._pids = message["pids"]
        if "published" in message:
            self._published = frozenset(message["published"])
        if "watch" in message:
            _say({"armed": True})

    def look(self) -> None:
        """Take note of what happened on the storage."""
        if self._tree is None:
            return
        sights: list[dict[str, Any]] = []
        news = deque(self._news(self._tree))
        while news:
            change = news.popleft()
            for rule in self._due(change):
                if not sights:
                    self._stop()
                    news.extend(self._news(self._tree))
                held = self._holds(rule, change, news)
                at = time.monotonic_ns()
                sights.append(
                    {"rule": rule["id"], "path": change.path, "time_ns": at, "held": held}
                )
                if held:
                    self._rules.remove(rule)
        if sights:
            _say({"sights": sights})

    @staticmethod
    def _news(tree: Tree) -> Iterable[Change]:
        yield from tree.changes()
        if tree.polling:
            yield from tree.look()

    def _due(self, change: Change) -> list[dict[str, Any]]:
        """The rules that ``change`` is the awaited sight of, or one after that."""
        shown = [rule for rule in self._rules if self._shows(rule, change)]
        for rule in shown:
            rule["nth"] -= 1
        return [rule for rule in shown if rule["nth"] <= 0]

    def _stop(self) -> None:
        """Stop the fleet, and come back when it stands: a stop reaches a thread when it gets its turn."""
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGSTOP)
        for _ in range(LOOKS_MAX):
            if all(map(_stands, self._pids)):
                return
            time.sleep(LOOK_S)

    def _holds(self, rule: dict[str, Any], change: Change, since: Iterable[Change]) -> bool:
        """Whether what ``change`` showed is still going on, after all that happened ``since``.

        A file that is there for the phase alone tells by its presence. A published name stays, and
        what vanished or was written to says nothing of the end: there the phase is over with the next
        step that was completed, which shows by something that goes away, a temporary name or a lock.
        """
        gone = [one for one in since if one.what == "vanished"]
        if change.what == "appeared" and change.path not in self._published:
            return all(one.path != change.path for one in gone)
        return all(self._shows(rule, one) for one in gone)

    def _shows(self, rule: dict[str, Any], change: Change) -> bool:
        patterns = rule.get(change.what, ())
        if PUBLISHED in patterns and change.path in self._published:
            return True
        return matches(change.path, patterns)

    def waits_on(self) -> list[int]:
        """The descriptors that wake it."""
        if self._tree is None or self._tree.descriptor == NO_DESCRIPTOR:
            return [0]
        return [0, self._tree.descriptor]

    @property
    def patience_s(self) -> float | None:
        """How long it may sleep."""
        return POLL_S if self._tree is not None and self._tree.polling else None


def _stands(pid: int) -> bool:
    """Whether every thread of ``pid`` is stopped or gone (proc(5), state)."""
    folder = f"/proc/{pid}/task"
    with contextlib.suppress(OSError):
        for thread in os.listdir(folder):
            with (
                contextlib.suppress(FileNotFoundError),
                open(f"{folder}/{thread}/stat", "rb") as stat,
            ):
                if stat.read().rpartition(b")")[2].split()[0].decode() not in STANDS:
                    return False
    return True


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _hurry() -> None:
    """Ask the scheduler to be run as soon as there is something to see (sched(7)).

    Real-time priority where it is permitted; else, from Linux 6.12 on, the shortest time slice,
    which makes a task that wakes overtake those that compute. Without either more sights are missed.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return
    attributes = struct.pack("IIQiIQQQ", 48, 0, 0, 0, 0, SLICE_NS, 0, 0)
    ctypes.CDLL(None).syscall(SYS_SCHED_SETATTR.get(platform.machine(), -1), 0, attributes, 0)


def main() -> None:
    """Watch until the harness hangs up."""
    _hurry()
    sentinel, waiting = Sentinel(), b""
    while True:
        ready, _, _ = select.select(sentinel.waits_on(), [], [], sentinel.patience_s)
        sentinel.look()
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                sys.exit(0)
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                sentinel.told(json.loads(line))


if __name__ == "__main__":
    main()

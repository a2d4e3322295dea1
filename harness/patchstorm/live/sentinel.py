"""A process of its own that sees what the storage shows and freezes the fleet in the same breath.

A window of a few hundred microseconds is not hit by a harness that is just streaming a body. So this
process does nothing but wait for inotify; when a rule matches, it stops every replica (SIGSTOP) and
says so. The harness then strikes at leisure at a fleet that stands still, and lets the others go on.

Lines in, JSON: ``{"watch": ROOT, "rules": [...]}`` (answered by ``{"armed": true}``), ``{"pids": [...]}``,
``{"published": [...]}``. Lines out: ``{"rule": ID, "path": PATH, "time_ns": T}``, T on CLOCK_MONOTONIC.
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
from typing import Any

from patchstorm.live.tree import NO_DESCRIPTOR, Change, Tree
from patchstorm.target.patterns import matches

PUBLISHED = "{published}"
POLL_S = 0.002
SLICE_NS = 100_000
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
        for change in self._tree.changes():
            self._saw(change)
        if self._tree.polling:
            for change in self._tree.look():
                self._saw(change)

    def _saw(self, change: Change) -> None:
        for rule in [rule for rule in self._rules if self._shows(rule, change)]:
            rule["nth"] -= 1
            if rule["nth"] > 0:
                continue
            for pid in self._pids:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGSTOP)
            _say({"rule": rule["id"], "path": change.path, "time_ns": time.monotonic_ns()})
            self._rules.remove(rule)

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


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _hurry() -> None:
    """Ask the scheduler to be run as soon as there is something to see (sched(7)).

    Real-time priority where it is permitted; else, from Linux 6.12 on, the shortest time slice,
    which makes a task that wakes overtake those that compute. Without either it is a matter of luck.
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

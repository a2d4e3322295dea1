"""Observers of a watched run: every step written down, and the pairs of steps that were seen to conflict."""

from __future__ import annotations

import re
from collections.abc import Mapping

from patchstorm.choice.strategy import Footprint
from patchstorm.history.events import Step
from patchstorm.run.truth import ROOT
from patchstorm.storage.server import Server
from patchstorm.target.patterns import matches
from patchstorm.telling.record import StepRecord
from patchstorm.worlds.sim.agenda import STEP_NS
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.watched import Detail, Observer

_VARIABLE = re.compile(r"[0-9a-f]{8,}|\d+")
STEPS_MAX = 200_000
"""A trace longer than this ends early; the story needs far fewer."""


class Trace(Observer):
    """Writes every step down. ``phases`` are the target's, to say in which one a replica was."""

    def __init__(self, phases: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.kernel: Kernel | None = None
        self.records: list[StepRecord] = []
        self.labels: list[str] = []
        self._phases = {
            name: tuple(pattern for pattern in patterns if not pattern.startswith(("-", "~", "{")))
            for name, patterns in (phases or {}).items()
        }
        self._open: dict[int, dict[str, str]] = {}

    def attach(self, kernel: Kernel, storage: Server) -> None:
        self.kernel = kernel

    def after(
        self, replica: int, footprint: Footprint, path: str, detail: Detail, result: object
    ) -> None:
        kernel = self.kernel
        if kernel is None or len(self.records) >= STEPS_MAX:
            return
        task = kernel.current
        self.records.append(
            StepRecord(
                kernel.steps,
                kernel.now_ns,
                "" if task is None else task.path,
                kernel.local,
                replica,
                footprint.call,
                path[len(ROOT) + 1 :] if path.startswith(ROOT) else path,
                detail,
                shown(result),
                footprint,
                *kernel.acting(),
            )
        )
        within = self._open.get(replica)
        self.labels.append(next(iter(within.values()), "none") if within else "none")

    def appeared(self, replica: int, path: str) -> None:
        relative = path[len(ROOT) + 1 :]
        for name, patterns in self._phases.items():
            if matches(relative, patterns):
                self._open.setdefault(replica, {})[relative] = name

    def vanished(self, replica: int, path: str) -> None:
        self._open.get(replica, {}).pop(path[len(ROOT) + 1 :], None)

    def events(self) -> list[Step]:
        """The steps as history events."""
        return [
            record.event(label) for record, label in zip(self.records, self.labels, strict=True)
        ]


class Pairs(Observer):
    """Which kinds of conflicting steps of different tasks followed each other on one object."""

    def __init__(self) -> None:
        self.kernel: Kernel | None = None
        self.seen: set[tuple[str, str]] = set()
        self._readers: dict[str, dict[str, str]] = {}
        self._writer: dict[str, tuple[str, str]] = {}

    def attach(self, kernel: Kernel, storage: Server) -> None:
        self.kernel = kernel

    def after(
        self, replica: int, footprint: Footprint, path: str, detail: Detail, result: object
    ) -> None:
        task = None if self.kernel is None else self.kernel.current
        if task is None:
            return
        for name in footprint.reads:
            label = f"{footprint.call} {name[0]}{_place(name)}"
            last = self._writer.get(name)
            if last is not None and last[0] != task.path:
                self.seen.add((last[1], label))
            self._readers.setdefault(name, {})[task.path] = label
        for name in footprint.writes:
            label = f"{footprint.call} {name[0]}{_place(name)}"
            last = self._writer.get(name)
            if last is not None and last[0] != task.path:
                self.seen.add((last[1], label))
            for reader, other in self._readers.pop(name, {}).items():
                if reader != task.path:
                    self.seen.add((other, label))
            self._writer[name] = (task.path, label)


def _place(name: str) -> str:
    """The object's name without what differs from run to run."""
    return _VARIABLE.sub("*", name[1:].removeprefix(ROOT + "/"))


def shown(result: object) -> str:
    """A call's result in a few characters, the same in every process."""
    if isinstance(result, OSError):
        return type(result).__name__ if result.errno is None else f"{_errno(result)}"
    if isinstance(result, bytes):
        return f"{len(result)} bytes"
    if isinstance(result, list):
        return f"{len(result)} names"
    size = getattr(result, "st_size", None)
    if size is not None:
        return f"inode {getattr(result, 'st_ino', '?')}, {size} bytes"
    return "" if result is None else str(result)


def _errno(error: OSError) -> str:
    import errno

    return errno.errorcode.get(error.errno or 0, str(error.errno))


def virtual_ms(step_time_ns: int) -> str:
    """A virtual time for people."""
    return f"{step_time_ns / 1e6:.2f} ms"


__all__ = ["STEP_NS", "Pairs", "Trace", "shown", "virtual_ms"]

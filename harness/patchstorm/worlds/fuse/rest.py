"""Whether processes are at rest: proved from /proc, not waited for.

Two passes over all threads. A thread that is asleep in both, and was given a CPU no more often at the second
pass than at the first (``schedstat``, third number), slept all the time between its two readings. All those
spans contain the moment between the passes, so at that moment every thread slept at once: none could be about
to wake another, or to call. Only what comes from outside (a timer, a packet, an answer of ours) moves them
then. It needs a kernel with CONFIG_SCHED_INFO, as those of distributions are, and no privilege.

The first of two passes may be long ago: who has not moved since he was last seen asleep is proved by one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

ASLEEP: Final = b"SDIZXtT"
_STAT_BYTES = 400
_TURNS_BYTES = 80


class _Files(NamedTuple):
    stat: int
    schedstat: int


class _Tasks(NamedTuple):
    """The threads of one process as they were last listed, when its folder had ``links``."""

    folder: int
    links: int
    tids: tuple[int, ...]


class Watch:
    """The threads of a replica: of its leader ``pid`` and of all processes below it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pids = [pid]
        self._files: dict[int, _Files] = {}
        self._tasks: dict[int, _Tasks] = {}
        self._seen: list[tuple[int, bytes]] | None = None  # by the last pass that found all asleep
        self.look_for_children()

    def knows(self, tid: int) -> bool:
        """Whether a thread is one of those that are looked at."""
        return tid in self._files or any(tid in self._threads(pid) for pid in self._pids)

    def look_for_children(self) -> None:
        """Who is there now: processes come and go."""
        self._pids = list(dict.fromkeys(_below(self.pid)))
        for pid in self._tasks.keys() - set(self._pids):
            os.close(self._tasks.pop(pid).folder)

    def at_rest(self) -> bool:
        """Whether there was a moment just now at which all slept."""
        before, now = self._seen, self._turns()
        self._seen = now
        if now is None or now == before:
            return now is not None
        self._seen = self._turns()
        return now == self._seen

    def ran_ns(self) -> int:
        """For how long its threads have had a processor, those that have ended left out."""
        total = 0
        for files in self._files.values():
            with contextlib.suppress(OSError):
                total += int(os.pread(files.schedstat, _TURNS_BYTES, 0).split()[0])
        return total

    def _turns(self) -> list[tuple[int, bytes]] | None:
        """How often each thread was given a CPU; None as soon as one is not asleep."""
        seen = []
        for pid in self._pids:
            for tid in self._threads(pid):
                try:
                    files = self._files.get(tid) or self._open(pid, tid)
                    turns = os.pread(files.schedstat, _TURNS_BYTES, 0)
                    stat = os.pread(files.stat, _STAT_BYTES, 0)
                except (FileNotFoundError, ProcessLookupError):
                    self._forget(tid)
                    self._unlist(pid)
                    continue
                if stat[stat.rindex(b")") + 2] not in ASLEEP:
                    return None
                seen.append((tid, turns))
        return seen

    def _threads(self, pid: int) -> tuple[int, ...]:
        """Of one process. They are listed anew where they are more or fewer (as ``st_nlink`` tells), or one
        of them is no more: as many that all live are the same ones."""
        tasks = self._tasks.get(pid)
        try:
            if tasks is None:
                folder = os.open(f"/proc/{pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                tasks = self._tasks[pid] = _Tasks(folder, 0, ())
            links = os.fstat(tasks.folder).st_nlink
            if (
                links != tasks.links
            ):  # counted before they are listed: who comes between is found next time
                tids = tuple(map(int, os.listdir(f"/proc/{pid}/task")))
                tasks = self._tasks[pid] = _Tasks(tasks.folder, links, tids)
        except (FileNotFoundError, ProcessLookupError):
            return ()
        return tasks.tids

    def _unlist(self, pid: int) -> None:
        if pid in self._tasks:
            self._tasks[pid] = self._tasks[pid]._replace(links=0)

    def _open(self, pid: int, tid: int) -> _Files:
        folder = f"/proc/{pid}/task/{tid}"
        stat = os.open(f"{folder}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            schedstat = os.open(f"{folder}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(stat)
            raise
        self._files[tid] = _Files(stat, schedstat)
        return self._files[tid]

    def _forget(self, tid: int) -> None:
        for fd in self._files.pop(tid, ()):
            os.close(fd)

    def close(self) -> None:
        for tid in list(self._files):
            self._forget(tid)
        for tasks in self._tasks.values():
            os.close(tasks.folder)
        self._tasks.clear()


def _threads(pid: int) -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return ()


def _below(pid: int) -> Iterator[int]:
    """A process and all that it and its children have started (proc(5), ``children``)."""
    yield pid
    for tid in _threads(pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{tid}/children", "rb") as file:
            for child in file.read().split():
                yield from _below(int(child))


def why_not() -> str | None:
    """Why nothing can be proved on this kernel; None where it can."""
    try:
        with open("/proc/self/schedstat", "rb") as file:
            turns = int(file.read().split()[2])
    except (OSError, IndexError, ValueError):
        return "the kernel counts no turns on a CPU (/proc/PID/schedstat; CONFIG_SCHED_INFO)"
    if not turns:
        return "the kernel counts no turns on a CPU (sysctl kernel.sched_schedstats=1)"
    return None

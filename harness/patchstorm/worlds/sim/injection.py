"""Faults of single calls: put between a watched port and the storage while they last.

``enospc``, ``edquot``, ``eio``, ``estale`` and ``enolck`` fail the next fitting calls, ``short-write`` lets
them take half, ``short-read`` lets them give half, ``lost-reply`` carries them out and then answers as their
repetition would, ``slow`` makes them take time, ``silly-rename`` takes the name away before a rename over
a file that is open here. An ``fsync`` of a file that fails forgets what it had not written (fsync(2)).
``stale-attributes`` and ``stale-entries`` make the replica's caches answer with the oldest that the
flavour allows, wherever the model offers a choice.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import Any

from patchstorm.choice.schedule import Choice
from patchstorm.run.single_calls import ANY, ERRNO, Active, InForce, forgetful
from patchstorm.run.truth import ROOT, find
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.storage.errors import failure
from patchstorm.storage.server import Server
from patchstorm.target.patterns import matches
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS
from patchstorm.worlds.sim.watched import Observer

_NAMES = ("replace", "link", "unlink", "mkdir", "rmdir")
_HANDLES = ("pread", "pwrite", "write", "fstat", "fsync", "ftruncate")
_WRITES = ("pwrite", "write")
_LOCKS = ("flock", "lockf")

INJECTED: dict[str, tuple[str, ...]] = {
    "enospc": ("write", "pwrite", "mkdir", "link", "open"),
    "edquot": ("write", "pwrite", "mkdir", "link", "open"),
    "eio": (*_WRITES, *_NAMES, "pread", "fsync", "fstat", "lstat", "open", "listdir"),
    "short-read": ("pread",),
    "short-write": _WRITES,
    "slow": (*_HANDLES, *_NAMES, "open", "close", "lstat", "listdir", "flock"),
    "estale": (*_HANDLES, *_LOCKS),
    "enolck": _LOCKS,
    "lost-reply": ("replace", "link", "unlink", "mkdir"),
    "silly-rename": ("replace",),
    "stale-attributes": (),
    "stale-entries": (),
}
OF: dict[str, tuple[str, ...]] = {
    "open": ("open",),
    "read": ("pread",),
    "write": _WRITES,
    "sync": ("fsync",),
    "stat": ("fstat", "lstat"),
    "list": ("listdir",),
    "truncate": ("ftruncate",),
    "lock": _LOCKS,
    "rename": ("replace",),
    "link": ("link",),
    "unlink": ("unlink",),
    "mkdir": ("mkdir",),
    "rmdir": ("rmdir",),
}
"""The calls that each word of an option ``of`` stands for."""
_REPEATED = {
    "replace": errno.ENOENT, "unlink": errno.ENOENT, "link": errno.EEXIST, "mkdir": errno.EEXIST,
    "rmdir": errno.ENOENT,
}  # fmt: skip


def needs_watching(plan: Plan) -> bool:
    return any(fault.kind in INJECTED for fault in plan.world_faults)


STRUCK_MAX = 64
"""Calls that are remembered for the story; a fault that is in force for long strikes very many."""


def _hits(active: Active, replica: int, call: str, path: str) -> bool:
    return (
        active.left != 0
        and replica in active.replicas
        and call in INJECTED[active.fault.kind]
        and (active.of == ANY or call in OF[active.of])
        and matches(path, active.pattern)
    )


class Injections(InForce, Observer):
    """What is in force now. ``spared`` says of a replica that nothing is to strike it yet."""

    def __init__(self, kernel: Kernel, server: Server, spared: Callable[[int], bool]) -> None:
        super().__init__()
        self._spared = spared
        self._kernel = kernel
        self._server = server
        self._silly = 0
        self.struck: list[Choice] = []
        """Which step of which task each fault struck, as choices of the fault's kind."""

    def before(
        self, replica: int, call: str, path: str, execute: Callable[[], Any]
    ) -> Callable[[], Any] | None:
        relative = path[len(ROOT) + 1 :]
        for active in self._active:
            if _hits(active, replica, call, relative) and not self._spared(replica):
                self.hit(active)
                task = self._kernel.current
                if task is not None and len(self.struck) < STRUCK_MAX:
                    self.struck.append(Choice(task.path, self._kernel.local, active.fault.kind, 1))
                return self._substitute(active.fault, call, path, execute)
        return None

    def _substitute(
        self, fault: FaultPlan, call: str, path: str, execute: Callable[[], Any]
    ) -> Callable[[], Any]:
        if fault.kind == "slow":
            self._kernel.sleep(int(fault.options.get("call_ms", 50)) * MS)
            return execute
        if fault.kind == "silly-rename":
            return lambda: self._in_two_steps(fault, execute)
        if fault.kind == "lost-reply":
            return lambda: _lost(execute, _REPEATED[call], path)
        if fault.kind == "short-write":
            return _shortened(execute)
        if fault.kind == "short-read":
            return lambda: _halved(execute())
        if call == "fsync" and fault.kind == "eio" and self._is_file(path):
            return lambda: forgetful(self._server, execute)
        return lambda: _refused(ERRNO[fault.kind], path)

    def _is_file(self, path: str) -> bool:
        inode = find(self._server, path[len(ROOT) + 1 :])
        return inode is not None and inode.entries is None

    def _in_two_steps(self, fault: FaultPlan, execute: Callable[[], Any]) -> Any:
        """Over a file that this process has open the target's name goes first (nfs_rename)."""
        if isinstance(execute, partial) and len(execute.args) == 2:
            client, target = execute.func.__self__, execute.args[1]  # type: ignore[attr-defined]
            try:
                number = client.lstat(target).st_ino
            except OSError:
                return execute()
            if any(handle.inode.number == number for handle in client.fds.values()):
                self._silly += 1
                aside = f"{target.rpartition('/')[0]}/.nfs{self._silly:08x}"
                client.rename(target, aside)
                self._kernel.sleep((fault.for_ms or 0) * MS)
                try:
                    return execute()
                finally:
                    client.unlink(aside)
        return execute()


def _refused(code: int, path: str) -> Any:
    raise failure(code, path)


def _lost(execute: Callable[[], Any], code: int, path: str) -> Any:
    execute()
    raise failure(code, path)


def _halved(data: bytes) -> bytes:
    """Half of what was read, at least one byte: only the end of a file reads as nothing (read(2))."""
    return data[: max(1, len(data) // 2)]


def _shortened(execute: Callable[[], Any]) -> Callable[[], Any]:
    """The same write of half as many bytes, at least one."""
    if not isinstance(execute, partial):
        return execute
    fd, data, *rest = execute.args
    return partial(execute.func, fd, data[: max(1, len(data) // 2)], *rest)

"""Faults of single calls: they stand between a held call and the storage model while they are in force.

``enospc``, ``edquot``, ``eio``, ``estale`` and ``enolck`` fail the next fitting calls, ``short-write`` has
them take half, ``short-read`` has them give half, ``lost-reply`` carries them out and answers as their
repetition would, ``slow`` lets time pass before them, ``silly-rename`` takes the name away before a rename
over a file that is open here. An ``fsync`` of a file that fails forgets what it had not written (fsync(2)).
``stale-attributes`` and ``stale-entries`` settle the model's own choices: the oldest answer that is allowed.
"""

from __future__ import annotations

import errno
from typing import Final

from patchstorm.run.single_calls import ANY, ERRNO, Active, InForce, forgetful
from patchstorm.run.truth import ROOT
from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.target.patterns import matches
from patchstorm.worlds.fuse.member import Held
from patchstorm.worlds.fuse.protocol import Op, Request

MS: Final = 1_000_000
_ALLOCATE: Final = ("write", "mkdir", "link", "create", "symlink", "fallocate", "copy")
_NAMES: Final = ("rename", "link", "unlink", "mkdir", "rmdir")
_HANDLES: Final = ("read", "write", "fsync", "truncate")
_LOOKS: Final = ("stat", "lookup", "list")
_LOCKS: Final = ("flock", "lockf")
_SIZE: Final = slice(16, 20)  # of ``struct fuse_read_in`` and ``fuse_write_in``

INJECTED: Final[dict[str, tuple[str, ...]]] = {
    "enospc": _ALLOCATE,
    "edquot": _ALLOCATE,
    "eio": ("read", "write", "fsync", "open", "create", *_NAMES, *_LOOKS),
    "short-read": ("read",),
    "short-write": ("write",),
    "slow": (*_HANDLES, *_NAMES, *_LOOKS, "open", "create", "close", *_LOCKS),
    "estale": (*_HANDLES, *_LOCKS, "stat"),
    "enolck": _LOCKS,
    "lost-reply": ("rename", "link", "unlink", "mkdir"),
    "silly-rename": ("rename",),
    "stale-attributes": (),
    "stale-entries": (),
}
OF: Final[dict[str, tuple[str, ...]]] = {
    "open": ("open", "create", "symlink"),
    "read": ("read",),
    "write": ("write", "fallocate", "copy"),
    "sync": ("fsync",),
    "stat": ("stat", "lookup"),
    "list": ("list",),
    "truncate": ("truncate",),
    "lock": _LOCKS,
    "rename": ("rename",),
    "link": ("link",),
    "unlink": ("unlink",),
    "mkdir": ("mkdir",),
    "rmdir": ("rmdir",),
}
"""The calls that each word of an option ``of`` stands for."""
_REPEATED: Final = {
    "rename": errno.ENOENT,
    "unlink": errno.ENOENT,
    "link": errno.EEXIST,
    "mkdir": errno.EEXIST,
}


def _hits(active: Active, held: Held) -> bool:
    call, pattern = held.call, active.pattern
    return (
        active.left != 0
        and held.member.index in active.replicas
        and call.operation in INJECTED[active.fault.kind]
        and (active.of == ANY or call.operation in OF[active.of])
        and (matches(call.path, pattern) or (bool(call.to) and matches(call.to, pattern)))
    )


class Injections(InForce):
    """What is in force now."""

    def __init__(self, server: Server, clock: ManualClock) -> None:
        super().__init__()
        self._server = server
        self._clock = clock
        self._aside: dict[Held, tuple[str, int]] = {}

    def execute(self, held: Held) -> bytes:
        """As the call's bridge does it, or as a fault says."""
        if held in self._aside:
            return self._second_step(held)
        if held.chosen or held.passed:  # else it is the kernel's own book-keeping
            for active in self._active:
                if _hits(active, held):
                    self.hit(active)
                    held.struck = active.fault.kind
                    return self._struck(active.fault, held)
        return held.member.bridge.execute(held.request)

    def _struck(self, fault: FaultPlan, held: Held) -> bytes:
        bridge, request, kind = held.member.bridge, held.request, fault.kind
        if kind == "slow":
            self._clock.now_ns += int(fault.options.get("call_ms", 50)) * MS
            return bridge.execute(request)
        if kind == "silly-rename":
            return self._first_step(fault, held)
        if kind == "lost-reply":
            bridge.execute(request)
            raise failure(_REPEATED[held.call.operation], held.call.path)
        if kind in ("short-read", "short-write"):
            return bridge.execute(_halved(request))
        if kind == "eio" and request.op == Op.FSYNC:
            return forgetful(self._server, lambda: bridge.execute(request))
        raise failure(ERRNO[kind], held.call.path)

    def _first_step(self, fault: FaultPlan, held: Held) -> bytes:
        """Over a file that this replica has open the target's name goes first (nfs_rename); others go on."""
        client, target = held.member.bridge.client, f"{ROOT}/{held.call.to}"
        try:
            number = client.lstat(target).st_ino
        except OSError:
            return held.member.bridge.execute(held.request)
        if all(handle.inode.number != number for handle in client.fds.values()):
            return held.member.bridge.execute(held.request)
        aside = f"{target.rpartition('/')[0]}/.nfs{len(self._aside):08x}"
        client.rename(target, aside)
        until_ns = self._clock.now_ns + (fault.for_ms or 0) * MS
        self._aside[held] = (aside, until_ns)
        raise WouldBlock("rename", ("rename", held.name), until_ns)

    def _second_step(self, held: Held) -> bytes:
        aside, until_ns = self._aside[held]
        if self._clock.now_ns < until_ns:
            raise WouldBlock("rename", ("rename", held.name), until_ns)
        del self._aside[held]
        try:
            return held.member.bridge.execute(held.request)
        finally:
            held.member.bridge.client.unlink(aside)


def _halved(request: Request) -> Request:
    """The same read or write of half as many bytes, at least one: only the end of a file reads as none."""
    body = bytearray(request.body)
    size = int.from_bytes(body[_SIZE], "little")
    body[_SIZE] = max(1, size // 2).to_bytes(4, "little") if size else body[_SIZE]
    return request._replace(body=bytes(body))

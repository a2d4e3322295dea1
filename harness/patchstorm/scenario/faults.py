"""Every fault: what it is, what can trigger it, what it excuses. Where it is to be had is asked of worlds.

One table, read by the schema (which names are right), by ``runnable`` (why a storm is skipped), by
``patchstorm list faults`` and by ``docs/scenarios.md`` (a test holds the document to it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from patchstorm.scenario.model import TriggerKind
from patchstorm.scenario.options import NoOptions, count, millis, permille, size, words

TRIGGERS: dict[TriggerKind, str] = {
    "step": "the file-system step of that number",
    "path": "a path matching the glob appears; with `op`, that call is about to be made on it",
    "phase": "the target is seen in that phase, as its description maps it",
    "after_bytes": "so many body bytes were handed to sockets",
    "after_requests": "so many PATCH requests were begun",
    "after_ms": "so long after the storm began",
}
OPS = (
    "open", "read", "write", "pwrite", "fsync", "fdatasync", "close", "truncate", "stat", "replace",
    "rename", "link", "unlink", "mkdir", "rmdir", "listdir", "flock",
)  # fmt: skip

_ALL_TRIGGERS: tuple[TriggerKind, ...] = tuple(TRIGGERS)
_COUNTED: tuple[TriggerKind, ...] = ("after_bytes", "after_requests")


class SkewOptions(msgspec.Struct, frozen=True):
    skew_ms: Annotated[int, millis("how far the clock goes ahead")] = 30_000


class CutOptions(msgspec.Struct, frozen=True):
    at_permille: Annotated[int, permille("where the body breaks off, as a share of its length")] = (
        500
    )


class WindowOptions(msgspec.Struct, frozen=True):
    window: Annotated[int, count(2, 64, "how many requests in a row are held back")] = 4


class CallOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the paths that are hit, relative to the root")] = "**"
    calls: Annotated[int, count(1, 10_000, "how many calls are hit")] = 1


class SlowOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the paths that are hit, relative to the root")] = "**"
    call_ms: Annotated[int, millis("how long each call takes", high=60_000)] = 50


class DamageOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the stored files, one of which is hit")] = "**"
    length: Annotated[int, size(1, "how many stored bytes are overwritten")] = 1
    way: Annotated[
        Literal["overwritten", "cut", "removed"], words("what becomes of the stored file")
    ] = "overwritten"


class DelayOptions(msgspec.Struct, frozen=True):
    delay_ms: Annotated[int, millis("how late packets leave the replica", high=10_000)] = 40
    jitter_ms: Annotated[int, millis("how much earlier or later at most", high=10_000)] = 20


class LossOptions(msgspec.Struct, frozen=True):
    lost_permille: Annotated[int, permille("how many packets of a thousand, in each direction")] = (
        200
    )


class MemoryOptions(msgspec.Struct, frozen=True):
    room: Annotated[int, size(0, "how many bytes more than it uses when it is hit")] = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row. ``aims`` are the values that ``whom`` may take, the default first.

    ``lasting`` says what ``for_ms`` means; empty: the fault is over at once. ``default_ms`` is used
    when a storm gives none; None: until healing. ``hostile``: more than a correct server must
    survive. ``bounded_storage``: outside the model it needs a storage with a ``size``.

    What it is, for whoever has to draw conclusions: ``deadly``: a process ends without having its say;
    ``loses_power``: what was not synced may be gone; ``shifts_clock``: no bound of wall-clock time can be
    judged; ``loses_host``: a host goes and may keep its locks; ``loses_locks``: locks exclude no more;
    ``needs_server``: only storage with a server of its own can have it; ``brings_grace``: an NFS server
    comes back with its grace period; ``of_traffic``: it hits what clients ask of a replica meanwhile, and
    nothing where nobody asks. ``excuses``: it explains that requests fail. What does what man pages allow
    at any time (read(2), write(2)) excuses nobody, nor do stored bytes that are no more what they
    were: these are to be missing again, and not in the way.
    """

    name: str
    says: str
    triggers: tuple[TriggerKind, ...] = _ALL_TRIGGERS
    aims: tuple[str, ...]
    lasting: str = ""
    default_ms: int | None = None
    hostile: bool = False
    bounded_storage: bool = False
    needs: tuple[str, ...] = ()  # capabilities of the target
    deadly: bool = False
    loses_power: bool = False
    shifts_clock: bool = False
    loses_host: bool = False
    loses_locks: bool = False
    needs_server: bool = False
    brings_grace: bool = False
    of_traffic: bool = False
    excuses: bool = True
    options: type[msgspec.Struct] = NoOptions


_REPLICA = ("any-replica", "replica-N", "acting", "all")
_NETWORK = ("network",)

_ROWS = (
    Fault(name="crash", deadly=True, says="a replica dies without warning and is started again",
          aims=("any-replica", "replica-N", "acting"),
          lasting="how long it stays down", default_ms=150),
    Fault(name="crash-all", deadly=True, says="every replica dies at once and is started again",
          aims=("all",), lasting="how long they stay down", default_ms=150),
    Fault(name="pause", says="a replica stands still and then goes on as if nothing had been",
          aims=_REPLICA, lasting="how long it stands still", default_ms=500),
    Fault(name="restart", says="a replica is asked to stop, and is started again",
          aims=_REPLICA, lasting="how long it stays down", default_ms=50),
    Fault(name="rolling-restart", says="one replica after the other is stopped and started again",
          aims=("all",), lasting="how long each stays down", default_ms=50),
    Fault(name="request-lost", says="the connection breaks before a byte of the request is sent",
          triggers=_COUNTED, aims=_NETWORK),
    Fault(name="response-lost", says="the request is served and the answer never arrives",
          triggers=_COUNTED, aims=_NETWORK),
    Fault(name="body-cut", says="the connection breaks inside the body",
          triggers=_COUNTED, aims=_NETWORK, options=CutOptions),
    Fault(name="duplicate", says="the network delivers a request a second time, to another replica",
          triggers=_COUNTED, aims=_NETWORK,
          lasting="how much later the second one comes", default_ms=0),
    Fault(name="delay", says="a request is held back", triggers=_COUNTED, aims=_NETWORK,
          lasting="how long it is held back", default_ms=200),
    Fault(name="reordering", says="several requests are held back, each for another time",
          triggers=_COUNTED, aims=_NETWORK,
          lasting="how long at most each is held back", default_ms=100, options=WindowOptions),
    Fault(name="partition", of_traffic=True, says="clients cannot reach a replica, which goes on running",
          aims=_REPLICA, lasting="how long it is out of reach", default_ms=500),
    Fault(name="rolling-update", says="one replica after the other is replaced by one of a new image",
          aims=("all",), lasting="how long each stays down", default_ms=50),
    Fault(name="packet-delay", of_traffic=True, says="a replica's packets come late", aims=_REPLICA,
          lasting="how long they do", default_ms=1_000, options=DelayOptions),
    Fault(name="packet-loss", of_traffic=True, says="packets to and from a replica get lost",
          aims=_REPLICA, lasting="how long they do", default_ms=1_000,
          options=LossOptions),
    Fault(name="memory-limit",
          says="a replica may use little more memory than it has; the kernel kills one that does",
          aims=_REPLICA, lasting="how long it is limited", default_ms=500,
          options=MemoryOptions),
    Fault(name="partition-storage", loses_host=True, needs_server=True,
          says="a replica cannot reach the shared storage", aims=_REPLICA,
          lasting="how long the storage is out of reach", default_ms=500),
    Fault(name="storage-restart", needs_server=True, brings_grace=True,
          says="the file server is restarted: clients reclaim their locks within its grace period",
          aims=("storage",),
          lasting="how long the server is away", default_ms=300),
    Fault(name="disk-full", says="the storage has no room left until something makes room again",
          aims=("storage",), lasting="how long it stays full",
          default_ms=500, bounded_storage=True),
    Fault(name="enospc", says="single calls answer ENOSPC, no space left on device",
          aims=("any-replica", "replica-N", "acting", "all", "storage"),
          options=CallOptions),
    Fault(name="edquot", says="single calls answer EDQUOT, disk quota exceeded",
          aims=("any-replica", "replica-N", "acting", "all", "storage"),
          options=CallOptions),
    Fault(name="eio", says="single calls answer EIO; on fsync the unsynced bytes may be lost",
          aims=("any-replica", "replica-N", "acting", "all", "storage"),
          options=CallOptions),
    Fault(name="short-read", excuses=False, says="single reads give only a part of what is there",
          aims=_REPLICA, options=CallOptions),
    Fault(name="short-write", excuses=False, says="single writes take only a part of what they were given",
          aims=_REPLICA, options=CallOptions),
    Fault(name="slow", says="calls take long",
          aims=("any-replica", "replica-N", "acting", "all", "storage"),
          lasting="how long the slowness lasts", default_ms=500, options=SlowOptions),
    Fault(name="power-loss", deadly=True, loses_power=True, loses_host=True, brings_grace=True,
          says="a host loses power, and with it any legal part of what it had not synced",
          aims=("any-replica", "replica-N", "acting", "all", "storage"),
          lasting="how long it stays off", default_ms=150, needs=("survives-power-loss",)),
    Fault(name="stale-attributes", says="a replica sees sizes and times as old as its mount allows",
          aims=_REPLICA, lasting="how long the caches stay", default_ms=3_000),
    Fault(name="stale-entries",
          says="a replica sees names that are gone, and misses names that are there, as its mount allows",
          aims=_REPLICA, lasting="how long the caches stay", default_ms=3_000),
    Fault(name="lock-loss", loses_locks=True, says="a replica loses a lock that it holds, and is not told",
          aims=_REPLICA, hostile=True),
    Fault(name="local-locks", loses_locks=True, says="locks exclude only within one host",
          aims=("all",), lasting="how long locks stay local", hostile=True),
    Fault(name="estale", says="a handle that a replica holds answers ESTALE once",
          aims=_REPLICA, options=CallOptions),
    Fault(name="lost-reply",
          says="a rename, link or unlink is carried out and its repetition answers ENOENT or EEXIST",
          aims=_REPLICA, options=CallOptions),
    Fault(name="silly-rename",
          says="replacing a file that the same host has open leaves its name missing for a moment",
          aims=_REPLICA, lasting="how long the name is missing", default_ms=50),
    Fault(name="clock-skew", shifts_clock=True, says="a replica's clock is ahead of the others'",
          aims=_REPLICA, lasting="how long it is ahead", options=SkewOptions),
    Fault(name="clock-jump", shifts_clock=True, says="a replica's clock jumps forward once",
          aims=_REPLICA, options=SkewOptions),
    Fault(name="damage", excuses=False, says="the harness overwrites bytes that are already stored",
          aims=("storage",), options=DamageOptions),
)  # fmt: skip

FAULTS: dict[str, Fault] = {row.name: row for row in _ROWS}

OF_REQUESTS: frozenset[str] = frozenset(row.name for row in _ROWS if row.aims == _NETWORK)
"""What the plan's own workloads bring about, request by request, so that every world has it."""

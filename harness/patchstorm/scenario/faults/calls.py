"""Faults of single file-system calls, as man pages and protocols allow them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, Protocol, runtime_checkable

import msgspec

from patchstorm.scenario.faults.deed import LAST, Hit, Steps
from patchstorm.scenario.faults.row import ANYBODY, REPLICA, Fault
from patchstorm.scenario.options import count, millis, words
from patchstorm.scenario.plan import FaultPlan


class CallOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the paths that are hit, relative to the root")] = "**"
    calls: Annotated[int, count(1, 10_000, "how many calls are hit")] = 1


_OF = words("which calls are hit, by what they do")


class ErrorOptions(CallOptions, frozen=True):
    of: Annotated[
        Literal[
            "any", "open", "read", "write", "sync", "stat", "list",
            "rename", "link", "unlink", "mkdir", "rmdir",
        ],
        _OF,
    ] = "any"  # fmt: skip


class RoomOptions(CallOptions, frozen=True):
    of: Annotated[Literal["any", "open", "write", "link", "mkdir"], _OF] = "any"


class HandleOptions(CallOptions, frozen=True):
    of: Annotated[Literal["any", "read", "write", "sync", "stat", "truncate", "lock"], _OF] = "any"


class NameOptions(CallOptions, frozen=True):
    of: Annotated[Literal["any", "rename", "link", "unlink", "mkdir"], _OF] = "any"


class SlowOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the paths that are hit, relative to the root")] = "**"
    call_ms: Annotated[int, millis("how long each call takes", high=60_000)] = 50


@runtime_checkable
class Calls(Protocol):
    """Stands between replicas and their storage, call by call."""

    @abstractmethod
    def hit_calls(self, fault: FaultPlan, hit: Hit) -> object:
        """The next fitting calls go as ``fault`` says."""

    @abstractmethod
    def spare_calls(self, fault: FaultPlan) -> object:
        """No more call goes so."""


def _hit_calls(on: Calls, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.hit_calls(fault, hit)
    yield LAST
    yield on.spare_calls(fault)


ROWS = (
    Fault(name="enospc", of_calls=True, says="single calls answer ENOSPC, no space left on device",
          aims=ANYBODY, options=RoomOptions, deed=_hit_calls),
    Fault(name="edquot", of_calls=True, says="single calls answer EDQUOT, disk quota exceeded",
          aims=ANYBODY, options=RoomOptions, deed=_hit_calls),
    Fault(name="eio", of_calls=True, says="single calls answer EIO; on fsync the unsynced bytes may be lost",
          aims=ANYBODY, options=ErrorOptions, deed=_hit_calls),
    Fault(name="short-read", of_calls=True, excuses=False,
          says="single reads give only a part of what is there",
          aims=REPLICA, options=CallOptions, deed=_hit_calls),
    Fault(name="short-write", of_calls=True, excuses=False,
          says="single writes take only a part of what they were given",
          aims=REPLICA, options=CallOptions, deed=_hit_calls),
    Fault(name="slow", of_calls=True, says="calls take long", aims=ANYBODY,
          lasting="how long the slowness lasts", default_ms=500, options=SlowOptions, deed=_hit_calls),
    Fault(name="estale", of_calls=True, says="a handle that a replica holds answers ESTALE once",
          aims=REPLICA, options=HandleOptions, deed=_hit_calls),
    Fault(name="enolck", of_calls=True, says="a lock cannot be had: single calls answer ENOLCK",
          aims=REPLICA, options=CallOptions, deed=_hit_calls),
    Fault(name="lost-reply", of_calls=True,
          says="a rename, link, unlink or mkdir is carried out and its repetition answers ENOENT or EEXIST",
          aims=REPLICA, options=NameOptions, deed=_hit_calls),
    Fault(name="silly-rename", of_calls=True,
          says="replacing a file that the same host has open leaves its name missing for a moment",
          aims=REPLICA, lasting="how long the name is missing", default_ms=50, deed=_hit_calls),
)  # fmt: skip

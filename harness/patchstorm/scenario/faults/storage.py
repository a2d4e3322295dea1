"""Faults of the shared storage and of the hosts that mount it: power, room, caches, locks, stored bytes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, Protocol, runtime_checkable

import msgspec

from patchstorm.scenario.faults.deed import LAST, Hit, Steps
from patchstorm.scenario.faults.row import ANYBODY, REPLICA, Fault
from patchstorm.scenario.options import size, words
from patchstorm.scenario.plan import FaultPlan


class DamageOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the stored files, one of which is hit")] = "**"
    length: Annotated[int, size(1, "how many stored bytes are overwritten, a MiB at most")] = 1
    way: Annotated[
        Literal["overwritten", "cut", "removed"], words("what becomes of the stored file")
    ] = "overwritten"


class RecordOptions(msgspec.Struct, frozen=True):
    path: Annotated[str, words("glob of the records, one of which is hit")] = "**"
    way: Annotated[
        Literal[
            "flipped", "cut", "emptied", "zeroed", "swapped", "copied", "moved", "filled", "older"
        ],
        words(
            "what becomes of the record; copied: a number takes the value of another in it; moved: two in "
            "a row change by the same; filled: one that is less becomes the upload's length; older: it goes "
            "back to what it was when the fault began"
        ),
    ] = "flipped"


@runtime_checkable
class Mounts(Protocol):
    """Takes the storage away from single hosts."""

    @abstractmethod
    def cut_storage(self, hit: Hit) -> object:
        """The hosts of these replicas cannot reach it."""

    @abstractmethod
    def rejoin_storage(self, hit: Hit) -> object:
        """They can."""


@runtime_checkable
class FileServer(Protocol):
    """Stops and starts the storage's server."""

    @abstractmethod
    def stop_server(self) -> object:
        """It goes, with all it knew of locks."""

    @abstractmethod
    def start_server(self) -> object:
        """It is there again, and its grace period is over."""


@runtime_checkable
class Room(Protocol):
    """Has a disk that may be filled."""

    @abstractmethod
    def fill(self, fault: FaultPlan) -> object:
        """No room is left."""

    @abstractmethod
    def free(self, fault: FaultPlan) -> object:
        """What ``fault`` took is given back."""


@runtime_checkable
class Power(Protocol):
    """Turns machines off."""

    @abstractmethod
    def cut_power(self, fault: FaultPlan, hit: Hit) -> object:
        """Of the hosts of these replicas, or of the storage where ``fault`` says so."""

    @abstractmethod
    def restore_power(self, fault: FaultPlan, hit: Hit) -> object:
        """Those machines boot, and their replicas are started."""


@runtime_checkable
class Caches(Protocol):
    """Has hosts whose caches may lag behind."""

    @abstractmethod
    def age_caches(self, fault: FaultPlan, hit: Hit) -> object:
        """They answer with what is as old as their mounts allow, of the kind that ``fault`` says."""

    @abstractmethod
    def refresh_caches(self, fault: FaultPlan) -> object:
        """What ``fault`` let lag behind is asked for again."""


@runtime_checkable
class Locks(Protocol):
    """Takes locks away."""

    @abstractmethod
    def lose_locks(self, fault: FaultPlan, hit: Hit) -> object:
        """The locks that these replicas hold are anybody's, and they are not told."""


@runtime_checkable
class Stored(Protocol):
    """Lays hands on stored bytes."""

    @abstractmethod
    def damage(self, fault: FaultPlan) -> object:
        """One stored file goes as ``fault`` says; whose bytes these were is written down first."""


@runtime_checkable
class Recorded(Protocol):
    """Lays hands on the records of uploads."""

    @abstractmethod
    def damage_record(self, fault: FaultPlan) -> object:
        """One record goes as ``fault`` says, or is kept for later; whose it is, is written down first."""

    @abstractmethod
    def put_record_back(self, fault: FaultPlan) -> object:
        """What ``fault`` kept stands again."""


@runtime_checkable
class Stamped(Protocol):
    """Lays hands on time stamps."""

    @abstractmethod
    def touch(self, fault: FaultPlan) -> object:
        """Whatever is published by now has another modification time."""


def _cut_storage(on: Mounts, _: FaultPlan, hit: Hit) -> Steps:
    yield on.cut_storage(hit)
    yield LAST
    yield on.rejoin_storage(hit)


def _restart_server(on: FileServer, _: FaultPlan, __: Hit) -> Steps:
    yield on.stop_server()
    yield LAST
    yield on.start_server()


def _fill(on: Room, fault: FaultPlan, _: Hit) -> Steps:
    yield on.fill(fault)
    yield LAST
    yield on.free(fault)


def _cut_power(on: Power, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.cut_power(fault, hit)
    yield LAST
    yield on.restore_power(fault, hit)


def _age_caches(on: Caches, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.age_caches(fault, hit)
    yield LAST
    yield on.refresh_caches(fault)


def _lose_locks(on: Locks, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.lose_locks(fault, hit)


def _damage(on: Stored, fault: FaultPlan, _: Hit) -> Steps:
    yield on.damage(fault)


def _damage_record(on: Recorded, fault: FaultPlan, _: Hit) -> Steps:
    yield on.damage_record(fault)
    yield LAST
    yield on.put_record_back(fault)


def _touch(on: Stamped, fault: FaultPlan, _: Hit) -> Steps:
    yield on.touch(fault)


ROWS = (
    Fault(name="partition-storage", loses_host=True, needs_server=True,
          says="a replica cannot reach the shared storage", aims=REPLICA,
          lasting="how long the storage is out of reach", default_ms=500, deed=_cut_storage),
    Fault(name="storage-restart", needs_server=True, brings_grace=True,
          says="the file server is restarted: clients reclaim their locks within its grace period",
          aims=("storage",),
          lasting="how long the server is away", default_ms=300, deed=_restart_server),
    Fault(name="disk-full", says="the storage has no room left until something makes room again",
          aims=("storage",), lasting="how long it stays full",
          default_ms=500, bounded_storage=True, deed=_fill),
    Fault(name="power-loss", deadly=True, loses_power=True, loses_host=True, brings_grace=True,
          says="a host loses power, and with it any legal part of what it had not synced",
          aims=ANYBODY, lasting="how long it stays off", default_ms=150,
          needs=("survives-power-loss",), deed=_cut_power),
    Fault(name="stale-attributes", says="a replica sees sizes and times as old as its mount allows",
          aims=REPLICA, lasting="how long the caches stay", default_ms=3_000, deed=_age_caches),
    Fault(name="stale-entries",
          says="a replica sees names that are gone, and misses names that are there, as its mount allows",
          aims=REPLICA, lasting="how long the caches stay", default_ms=3_000, deed=_age_caches),
    Fault(name="lock-loss", loses_locks=True, says="a replica loses a lock that it holds, and is not told",
          aims=REPLICA, hostile=True, deed=_lose_locks),
    Fault(name="local-locks", loses_locks=True, says="locks exclude only within one host",
          aims=("all",), lasting="how long locks stay local", hostile=True),
    Fault(name="damage", excuses=False, says="the harness overwrites bytes that are already stored",
          aims=("storage",), options=DamageOptions, deed=_damage),
    Fault(name="touched", excuses=False, moves_times=True, needs=("offset-addressed",),
          says="published files get other modification times, and their bytes stay: a restore, a copy back",
          aims=("storage",), deed=_touch),
    Fault(name="record-damage", excuses=False, needs=("checks-records",),
          says="the harness damages what the server wrote down of an upload", aims=("storage",),
          lasting="how much older a record gets that goes back", default_ms=20,
          options=RecordOptions, deed=_damage_record),
)  # fmt: skip

"""Faults of replicas: their processes, memory and clocks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Protocol, runtime_checkable

import msgspec

from patchstorm.scenario.faults.deed import LAST, Hit, Steps, Together
from patchstorm.scenario.faults.row import REPLICA, Fault
from patchstorm.scenario.options import millis, size
from patchstorm.scenario.plan import FaultPlan


class SkewOptions(msgspec.Struct, frozen=True):
    skew_ms: Annotated[int, millis("how far the clock goes ahead")] = 30_000


class MemoryOptions(msgspec.Struct, frozen=True):
    room: Annotated[int, size(0, "how many bytes more than it uses when it is hit")] = 1 << 20


@runtime_checkable
class Processes(Protocol):
    """Ends, starts and stops the processes of replicas."""

    @abstractmethod
    def kill(self, hit: Hit) -> object:
        """They die without warning, at once."""

    @abstractmethod
    def start(self, hit: Hit) -> object:
        """Those that are down are started."""

    @abstractmethod
    def stop(self, hit: Hit) -> object:
        """They are asked to stop, and given time for it."""

    @abstractmethod
    def pause(self, hit: Hit) -> object:
        """They stand still, at once."""

    @abstractmethod
    def resume(self, hit: Hit) -> object:
        """They go on as if nothing had been."""


@runtime_checkable
class Images(Protocol):
    """Has images that replicas are made of."""

    @abstractmethod
    def update(self, hit: Hit) -> object:
        """They are stopped; what is started next is made of the new image."""

    @abstractmethod
    def start(self, hit: Hit) -> object:
        """Those that are down are started."""


@runtime_checkable
class Memory(Protocol):
    """Bounds what replicas may use."""

    @abstractmethod
    def limit_memory(self, hit: Hit, room: int) -> object:
        """They get ``room`` bytes more than they use."""

    @abstractmethod
    def lift_memory_limit(self, hit: Hit) -> object:
        """No bound any more; whom the kernel killed for it is started again."""


@runtime_checkable
class Clocks(Protocol):
    """Sets the clocks of replicas."""

    @abstractmethod
    def shift_clock(self, hit: Hit, by_ms: int) -> object:
        """Their clocks jump forward, or back where it is negative."""


def _crash(on: Processes, _: FaultPlan, hit: Hit) -> Steps:
    yield on.kill(hit)
    yield LAST
    yield on.start(hit)


def _pause(on: Processes, _: FaultPlan, hit: Hit) -> Steps:
    yield on.pause(hit)
    yield LAST
    yield on.resume(hit)


def _restart(on: Processes, _: FaultPlan, hit: Hit) -> Steps:
    yield Together(tuple(_restart_one(on, replica) for replica in hit))


def _rolling_restart(on: Processes, _: FaultPlan, hit: Hit) -> Steps:
    for replica in hit:
        yield from _restart_one(on, replica)


def _restart_one(on: Processes, replica: int) -> Steps:
    yield on.stop((replica,))
    yield LAST
    yield on.start((replica,))


def _rolling_update(on: Images, _: FaultPlan, hit: Hit) -> Steps:
    for replica in hit:
        yield on.update((replica,))
        yield LAST
        yield on.start((replica,))


def _limit_memory(on: Memory, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.limit_memory(hit, int(fault.options["room"]))
    yield LAST
    yield on.lift_memory_limit(hit)


def _skew_clock(on: Clocks, fault: FaultPlan, hit: Hit) -> Steps:
    ahead_ms = int(fault.options.get("skew_ms", 30_000))
    yield on.shift_clock(hit, ahead_ms)
    yield LAST
    yield on.shift_clock(hit, -ahead_ms)


def _jump_clock(on: Clocks, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.shift_clock(hit, int(fault.options.get("skew_ms", 30_000)))


ROWS = (
    Fault(name="crash", deadly=True, says="a replica dies without warning and is started again",
          aims=("any-replica", "replica-N", "acting"),
          lasting="how long it stays down", default_ms=150, deed=_crash),
    Fault(name="crash-all", deadly=True, says="every replica dies at once and is started again",
          aims=("all",), lasting="how long they stay down", default_ms=150, deed=_crash),
    Fault(name="pause", says="a replica stands still and then goes on as if nothing had been",
          aims=REPLICA, lasting="how long it stands still", default_ms=500, deed=_pause),
    Fault(name="restart", says="a replica is asked to stop, and is started again",
          aims=REPLICA, lasting="how long it stays down", default_ms=50, deed=_restart),
    Fault(name="rolling-restart", says="one replica after the other is stopped and started again",
          aims=("all",), lasting="how long each stays down", default_ms=50, deed=_rolling_restart),
    Fault(name="rolling-update", says="one replica after the other is replaced by one of a new image",
          aims=("all",), lasting="how long each stays down", default_ms=50, deed=_rolling_update),
    Fault(name="memory-limit",
          says="a replica may use little more memory than it has; the kernel kills one that does",
          aims=REPLICA, lasting="how long it is limited", default_ms=500,
          options=MemoryOptions, deed=_limit_memory),
    Fault(name="clock-skew", shifts_clock=True, says="a replica's clock is ahead of the others'",
          aims=REPLICA, lasting="how long it is ahead", options=SkewOptions, deed=_skew_clock),
    Fault(name="clock-jump", shifts_clock=True, says="a replica's clock jumps forward once",
          aims=REPLICA, options=SkewOptions, deed=_jump_clock),
)  # fmt: skip

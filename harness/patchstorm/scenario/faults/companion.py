"""Faults of what stands beside the fleet: the program that all replicas share, and the way to it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final, Literal, Protocol, runtime_checkable

import msgspec

from patchstorm.scenario.faults.deed import LAST, Hit, Steps
from patchstorm.scenario.faults.row import Fault
from patchstorm.scenario.options import count, millis, words
from patchstorm.scenario.plan import FaultPlan

COMPANION: Final = ("companion",)
FROM: Final = ("companion", "any-replica", "replica-N", "all")
"""Of the way to it: everybody's, or that of single replicas."""


class CutOptions(msgspec.Struct, frozen=True):
    way: Annotated[
        Literal["broken", "silent"],
        words("whether connections break and none is taken, or all stand still and then go on"),
    ] = "broken"


class RequestOptions(msgspec.Struct, frozen=True):
    requests: Annotated[int, count(1, 10_000, "how many requests are lost in all")] = 1
    to: Annotated[str, words("only requests that hold this word, in either case; empty: any")] = ""
    of: Annotated[
        Literal["any", "changes"],
        words("whether only those get lost that change something, and what is asked again passes"),
    ] = "any"


class ReplyOptions(msgspec.Struct, frozen=True):
    replies: Annotated[int, count(1, 10_000, "how many replies are lost in all")] = 1
    to: Annotated[
        str, words("only replies to requests that hold this word, in either case; empty: to any")
    ] = ""
    of: Annotated[
        Literal["any", "changes"],
        words(
            "whether only those to what changes something get lost, and what is asked again passes"
        ),
    ] = "any"


class ExpiryOptions(msgspec.Struct, frozen=True):
    hold_ms: Annotated[
        int,
        millis(
            "how long replies to one who has just changed something are held back meanwhile, where time is"
            " real; 0: not at all",
            high=60_000,
        ),
    ] = 0
    skips: Annotated[int, count(0, 100, "how many replies that one still gets before")] = 0


class DelayOptions(msgspec.Struct, frozen=True):
    delay_ms: Annotated[int, millis("how late each piece of a reply comes", high=60_000)] = 100


@runtime_checkable
class Companion(Protocol):
    """Ends, starts and stops the program that all replicas share."""

    @abstractmethod
    def kill_companion(self) -> object:
        """It dies without warning, at once. What it has written stays where it is."""

    @abstractmethod
    def stop_companion(self) -> object:
        """It is asked to stop, and given time for it."""

    @abstractmethod
    def forget_companion(self) -> object:
        """It is down, and whatever it has written is gone."""

    @abstractmethod
    def start_companion(self) -> object:
        """It is started where it is down."""

    @abstractmethod
    def pause_companion(self) -> object:
        """It stands still, at once."""

    @abstractmethod
    def resume_companion(self) -> object:
        """It goes on as if nothing had been."""

    @abstractmethod
    def flush_companion(self, fault: FaultPlan) -> object:
        """It drops all that it holds, as ``fault`` asks, and goes on."""

    @abstractmethod
    def expire_companion(self, fault: FaultPlan) -> object:
        """The leases that it has given end, as ``fault`` asks, and it goes on."""


@runtime_checkable
class Ways(Protocol):
    """Stands between replicas and the program that they share. No replica hit: between it and all."""

    @abstractmethod
    def cut_way(self, fault: FaultPlan, hit: Hit) -> object:
        """Nothing passes, in the way that ``fault`` says."""

    @abstractmethod
    def mend_way(self, fault: FaultPlan, hit: Hit) -> object:
        """All passes again."""

    @abstractmethod
    def lose_requests(self, fault: FaultPlan, hit: Hit) -> object:
        """The next requests that ``fault`` means never arrive; their connections break."""

    @abstractmethod
    def lose_replies(self, fault: FaultPlan, hit: Hit) -> object:
        """The next replies that ``fault`` means never arrive; their connections break."""

    @abstractmethod
    def spare(self, fault: FaultPlan, hit: Hit) -> object:
        """Nothing more gets lost by ``fault``."""

    @abstractmethod
    def delay_replies(self, fault: FaultPlan, hit: Hit) -> object:
        """Replies come as late as ``fault`` says."""

    @abstractmethod
    def hasten_replies(self, fault: FaultPlan, hit: Hit) -> object:
        """They come at once again."""


def _crash(on: Companion, _: FaultPlan, __: Hit) -> Steps:
    yield on.kill_companion()
    yield LAST
    yield on.start_companion()


def _restart(on: Companion, _: FaultPlan, __: Hit) -> Steps:
    yield on.stop_companion()
    yield LAST
    yield on.start_companion()


def _lose(on: Companion, _: FaultPlan, __: Hit) -> Steps:
    yield on.kill_companion()
    yield on.forget_companion()
    yield LAST
    yield on.start_companion()


def _pause(on: Companion, _: FaultPlan, __: Hit) -> Steps:
    yield on.pause_companion()
    yield LAST
    yield on.resume_companion()


def _flush(on: Companion, fault: FaultPlan, _: Hit) -> Steps:
    yield on.flush_companion(fault)


def _expire(on: Companion, fault: FaultPlan, _: Hit) -> Steps:
    yield on.expire_companion(fault)


def _cut(on: Ways, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.cut_way(fault, hit)
    yield LAST
    yield on.mend_way(fault, hit)


def _lose_requests(on: Ways, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.lose_requests(fault, hit)
    yield LAST
    yield on.spare(fault, hit)


def _lose_replies(on: Ways, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.lose_replies(fault, hit)
    yield LAST
    yield on.spare(fault, hit)


def _delay_replies(on: Ways, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.delay_replies(fault, hit)
    yield LAST
    yield on.hasten_replies(fault, hit)


ROWS = (
    Fault(name="companion-crash", needs_companion=True, aims=COMPANION,
          says="the program that all replicas share dies without warning and is started again",
          lasting="how long it stays down", default_ms=300, deed=_crash),
    Fault(name="companion-restart", needs_companion=True, aims=COMPANION,
          says="what all replicas share is asked to stop, and is started again",
          lasting="how long it stays down", default_ms=100, deed=_restart),
    Fault(name="companion-loss", needs_companion=True, aims=COMPANION,
          says="what all replicas share dies and is started again without its data",
          needs=("survives-companion-loss",),
          lasting="how long it stays down", default_ms=300, deed=_lose),
    Fault(name="companion-flush", needs_companion=True, aims=COMPANION,
          says="what all replicas share drops all that it holds, and goes on",
          needs=("survives-companion-loss",), deed=_flush),
    Fault(name="companion-expiry", needs_companion=True, aims=COMPANION,
          says="leases and locks that replicas hold of what they share run out under them",
          options=ExpiryOptions, deed=_expire),
    Fault(name="companion-pause", needs_companion=True, aims=COMPANION,
          says="what all replicas share stands still and then goes on as if nothing had been",
          lasting="how long it stands still", default_ms=500, deed=_pause),
    Fault(name="companion-cut", needs_companion=True, aims=FROM,
          says="replicas cannot reach the program that they share, which goes on running",
          lasting="how long it is out of reach", default_ms=500, options=CutOptions, deed=_cut),
    Fault(name="companion-lost-request", needs_companion=True, aims=FROM,
          says="what is asked of the program that all replicas share gets lost with the connection",
          lasting="until when at most", default_ms=1_000, options=RequestOptions, deed=_lose_requests),
    Fault(name="companion-lost-reply", needs_companion=True, aims=FROM,
          says="what all replicas share does as it was asked, and its reply gets lost with the connection",
          lasting="until when at most", default_ms=1_000, options=ReplyOptions, deed=_lose_replies),
    Fault(name="companion-delay", needs_companion=True, aims=FROM,
          says="the replies of what all replicas share come late",
          lasting="how long they do", default_ms=1_000, options=DelayOptions, deed=_delay_replies),
)  # fmt: skip

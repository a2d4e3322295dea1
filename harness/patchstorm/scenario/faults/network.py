"""Faults of the network: of single requests, which a storm's workloads see to, and of whole replicas."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final, Protocol, runtime_checkable

import msgspec

from patchstorm.scenario.faults.deed import LAST, Hit, Steps
from patchstorm.scenario.faults.row import REPLICA, Fault
from patchstorm.scenario.model import TriggerKind
from patchstorm.scenario.options import count, millis, permille
from patchstorm.scenario.plan import FaultPlan

OF_REQUESTS: Final = ("network",)
_COUNTED: Final[tuple[TriggerKind, ...]] = ("after_bytes", "after_requests")


class CutOptions(msgspec.Struct, frozen=True):
    at_permille: Annotated[int, permille("where the body breaks off, as a share of its length")] = (
        500
    )


class WindowOptions(msgspec.Struct, frozen=True):
    window: Annotated[int, count(2, 64, "how many requests in a row are held back")] = 4


class DelayOptions(msgspec.Struct, frozen=True):
    delay_ms: Annotated[int, millis("how late packets leave the replica", high=10_000)] = 40
    jitter_ms: Annotated[int, millis("how much earlier or later at most", high=10_000)] = 20


class LossOptions(msgspec.Struct, frozen=True):
    lost_permille: Annotated[int, permille("how many packets of a thousand, in each direction")] = (
        200
    )


@runtime_checkable
class Reach(Protocol):
    """Says which replicas clients can reach."""

    @abstractmethod
    def part(self, hit: Hit) -> object:
        """Clients cannot reach them; what is under way breaks."""

    @abstractmethod
    def rejoin(self, hit: Hit) -> object:
        """Clients can."""


@runtime_checkable
class Packets(Protocol):
    """Spoils the packets of replicas."""

    @abstractmethod
    def spoil_packets(self, fault: FaultPlan, hit: Hit) -> object:
        """As ``fault``, a packet-delay or packet-loss, says."""

    @abstractmethod
    def spare_packets(self, fault: FaultPlan, hit: Hit) -> object:
        """What ``fault`` spoiled is as it was."""


def _partition(on: Reach, _: FaultPlan, hit: Hit) -> Steps:
    yield on.part(hit)
    yield LAST
    yield on.rejoin(hit)


def _spoil_packets(on: Packets, fault: FaultPlan, hit: Hit) -> Steps:
    yield on.spoil_packets(fault, hit)
    yield LAST
    yield on.spare_packets(fault, hit)


ROWS = (
    Fault(name="request-lost", says="the connection breaks before a byte of the request is sent",
          triggers=_COUNTED, aims=OF_REQUESTS),
    Fault(name="response-lost", says="the request is served and the answer never arrives",
          triggers=_COUNTED, aims=OF_REQUESTS),
    Fault(name="body-cut", says="the connection breaks inside the body",
          triggers=_COUNTED, aims=OF_REQUESTS, options=CutOptions),
    Fault(name="duplicate", says="the network delivers a request a second time, to another replica",
          triggers=_COUNTED, aims=OF_REQUESTS,
          lasting="how much later the second one comes", default_ms=0),
    Fault(name="delay", says="a request is held back", triggers=_COUNTED, aims=OF_REQUESTS,
          lasting="how long it is held back", default_ms=200),
    Fault(name="reordering", says="several requests are held back, each for another time",
          triggers=_COUNTED, aims=OF_REQUESTS,
          lasting="how long at most each is held back", default_ms=100, options=WindowOptions),
    Fault(name="partition", of_traffic=True, says="clients cannot reach a replica, which goes on running",
          aims=REPLICA, lasting="how long it is out of reach", default_ms=500, deed=_partition),
    Fault(name="packet-delay", of_traffic=True, says="a replica's packets come late", aims=REPLICA,
          lasting="how long they do", default_ms=1_000, options=DelayOptions, deed=_spoil_packets),
    Fault(name="packet-loss", of_traffic=True, says="packets to and from a replica get lost",
          aims=REPLICA, lasting="how long they do", default_ms=1_000,
          options=LossOptions, deed=_spoil_packets),
)  # fmt: skip

"""One storm of the family: what is sent by whom, and when which fault strikes.

``draw_plan`` turns (scenario, seed, index, capabilities of the target) into a :class:`Plan`. It is a
pure function: the same arguments give the same plan in any process. A plan can be encoded by
msgspec, so a failure file can carry it.

Units: sizes and offsets are bytes, durations are milliseconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from patchstorm.history.model import UploadInfo
from patchstorm.scenario.actions import Closing
from patchstorm.scenario.model import Policy, Scalar, TriggerKind

Reading = Literal["offset-addressed", "sequential"]
Whom = Literal["replica", "acting", "all", "storage", "network", "companion"]


class UploadPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An upload: ``number`` is what its payload carries, ``chunk`` the usual length of a PATCH.

    ``born_ms`` None: it is made before the storm. Otherwise the first of its clients makes it, so long
    after the storm began, and the others wait for it. ``minted``: nobody creates it, a manager mints its
    URL.
    """

    number: int
    info: UploadInfo
    chunk: int
    born_ms: int | None = None
    minted: bool = False

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def size(self) -> int:
        return self.info.size


class ClientPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client: its workload, the uploads it works on (ids), and the workload's options, drawn.

    ``modifiers`` says how many of a thousand PATCHes each modifier changes
    (:mod:`patchstorm.scenario.modifiers`).
    """

    name: str
    kind: str
    uploads: tuple[str, ...]
    start_ms: int = 0
    options: dict[str, Scalar] = {}
    modifiers: dict[str, int] = {}


class Trigger(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What has to be seen for a fault to strike. Only the fields of its ``kind`` are filled.

    ``step``            the file-system step of that number, counted over all replicas from the storm's start
    ``path`` (``op``)   the ``nth`` time that a path matching this glob, relative to the root, appears
                        (with ``op``: that this call is about to be made on it)
    ``phase``           the ``nth`` time that the target is seen in this phase
    ``after_bytes``     once so many body bytes were handed to sockets during the storm
    ``after_requests``  once so many PATCH requests were begun during the storm
    ``after_ms``        so long after the storm began
    """

    kind: TriggerKind
    step: int | None = None
    path: str | None = None
    op: str | None = None
    phase: str | None = None
    after_bytes: int | None = None
    after_requests: int | None = None
    after_ms: int | None = None
    nth: int = 1


class FaultPlan(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One strike of one fault.

    ``whom`` "replica" hits ``replica``; "acting" hits the replica that did what the trigger saw, and
    ``replica`` where the world cannot tell; "all" every replica; "storage" the file server or disk;
    "network" a request, which the plan's workloads see to themselves (``in_workload``); "companion" the
    program that all replicas share, or everybody's way to it. ``for_ms`` is
    how long it lasts, or how long a crashed replica stays down; None: until healing.
    """

    id: str
    kind: str
    whom: Whom
    replica: int | None = None
    trigger: Trigger
    for_ms: int | None = None
    options: dict[str, Scalar] = {}

    @property
    def in_workload(self) -> bool:
        """Whether the storm's generator applies this fault, so that the world need not."""
        return self.whom == "network"


class SweepPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When replicas sweep, where the world decides that: first so long after their start, then so often."""

    first_ms: int
    every_ms: int


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One concrete storm. ``composed``: it was drawn whole, and what it is made of is told with it.

    ``workers``: so many requests are served at once by each replica; 0: any number. ``lock_wait_ms``: so long
    a request waits for a busy upload; None: as long as the server likes.
    """

    scenario: str
    title: str
    seed: int
    index: int
    reading: Reading
    capabilities: tuple[str, ...]
    replicas: int
    storage: str | None
    policy: Policy
    closing: Closing
    convergence_ms: int
    uploads: tuple[UploadPlan, ...]
    clients: tuple[ClientPlan, ...]
    faults: tuple[FaultPlan, ...]
    reaches: tuple[str, ...]
    balancer: bool = False
    creation: Literal["on", "bearer", "off"] = "on"
    scale: bool = True
    composed: bool = False
    sweeps: SweepPlan | None = None
    workers: int = 0
    lock_wait_ms: int | None = None

    @property
    def needs_programs(self) -> bool:
        """Whether a client is a program of its own, which runs in real time."""
        return any(client.kind == "program" for client in self.clients)

    @property
    def world_faults(self) -> tuple[FaultPlan, ...]:
        """The faults that the world has to bring about."""
        return tuple(fault for fault in self.faults if not fault.in_workload)

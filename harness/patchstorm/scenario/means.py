"""What a world can do for a storm, as plain data: worlds bring it, and a storm file is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patchstorm.scenario.model import TriggerKind

SEEN_FROM_OUTSIDE: frozenset[TriggerKind] = frozenset(
    ("path", "phase", "after_bytes", "after_requests", "after_ms")
)
"""The triggers that a watcher on the storage and the clients' own counts make possible anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """One world's. ``faults`` are names of rows in :mod:`patchstorm.scenario.faults`.

    ``sees_calls``: single file-system calls can trigger a fault. ``balancer``: a real one stands before the
    replicas. ``configures_creation``: a fleet can be started that lets not everybody create uploads.
    ``bounds_workers``: replicas can be started that serve few requests at once.
    ``bounds_lock_wait``: so can replicas that soon refuse a request whose upload is busy.
    ``own_disk``: every storm has a disk that may be filled.
    ``runs_programs``: a client may be a program of its own, which reaches the fleet through the harness.
    """

    faults: frozenset[str]
    triggers: frozenset[TriggerKind] = SEEN_FROM_OUTSIDE
    sees_calls: bool = False
    balancer: bool = False
    configures_creation: bool = False
    bounds_workers: bool = False
    bounds_lock_wait: bool = False
    own_disk: bool = False
    runs_programs: bool = False


AllMeans = Mapping[str, Means]
"""By the name of the world, in the order in which worlds are listed."""

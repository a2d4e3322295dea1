"""Which storms a store claims to survive: what it needs of its storage, and what the flavour gives.

Two needs matter only in some storms: what an fsync keeps, where power is lost; and the release of a dead
host's locks, where a host dies or is cut off (a process that dies releases them through its own kernel).
A storm whose faults take locks away runs on storage that does not give exclusive locks.
"""

from __future__ import annotations

from chunkstore.store import NEEDS as CHUNKSTORE_NEEDS
from patchstorm.scenario.plan import Plan
from patchstorm.sim.app import Subject
from patchstorm.storage.guarantees import MEANING
from patchstorm.storage.parse import parse_flavour

_HOST = frozenset({"lock-release-on-host-death"})


def unclaimed(plan: Plan, subject: Subject) -> str | None:
    """Why the target claims nothing for this storm on this storage; None if it does."""
    storage = plan.storage or "tmpfs"
    kinds = {fault.kind for fault in plan.world_faults}
    needed = set(needs_of(subject))
    if "power-loss" not in kinds:
        needed -= {name for name in MEANING if name.startswith(("durable-fsync", "power-loss-"))}
        needed -= {"durable-directory-fsync", "durable-names-with-fsync", "durable-names-at-once"}
    if not kinds & {"power-loss", "partition-storage"}:
        needed -= _HOST
    gives = parse_flavour(storage).gives
    if kinds & {"lock-loss", "local-locks"}:
        gives -= {"exclusive-locks"}
    lacking = sorted(needed - gives)
    if not lacking:
        return None
    return (
        f"not claimed: {storage} in this storm does not give {', '.join(lacking)}, which "
        f"{subject.target.name} needs; --unclaimed runs it all the same"
    )


def needs_of(subject: Subject) -> frozenset[str]:
    """What the store itself says; of other stores, what their target's description says."""
    if subject.chunkstore:
        return CHUNKSTORE_NEEDS
    return frozenset(need for need in subject.target.needs if need in MEANING)

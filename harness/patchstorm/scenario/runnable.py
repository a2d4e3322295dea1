"""Whether a storm can be run at all in some world against some target, and if not, why not.

What cannot run is skipped with this reason; it has no verdict and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from patchstorm.scenario.faults import FAULTS, OP_WORLDS, TRIGGERS, WORLDS
from patchstorm.scenario.model import FaultSpec, Scenario
from patchstorm.scenario.workloads import WORKLOADS

BALANCED = ("containers",)  # worlds that put a real balancer before the replicas
CONFIGURED = ("sim",)  # worlds that start a fleet which lets not everybody create uploads
OWN_DISK = ("sim", "fuse", "nfs")  # worlds in which every storm has a disk that may be filled


def runnable(
    scenario: Scenario,
    world: str,
    capabilities: Collection[str],
    *,
    storage: str | None = None,
    phases: Collection[str] | None = None,
) -> str | None:
    """None, or the reason to skip the storm.

    ``storage`` overrides the scenario's; ``phases`` are those that the target's description maps to
    something visible (None: not known yet, so not a reason).
    """
    if world not in WORLDS:
        return f"there is no world {world}"
    return (
        _missing_capability(scenario, frozenset(capabilities))
        or _no_balancer(scenario, world)
        or _open_to_all(scenario, world, frozenset(capabilities))
        or _impossible_fault(scenario, world, storage or scenario.fleet.storage)
        or _unmapped_phase(scenario, world, phases)
    )


def _missing_capability(scenario: Scenario, has: frozenset[str]) -> str | None:
    wanted = dict.fromkeys(scenario.requires, "the storm")
    for client in scenario.clients:
        wanted |= dict.fromkeys(WORKLOADS[client.kind].needs, client.kind)
    for fault in scenario.faults:
        wanted |= dict.fromkeys(FAULTS[fault.kind].needs, fault.kind)
    for capability, who in wanted.items():
        if capability not in has:
            return f"{who} requires {capability}, which the target does not declare"
    if any(client.kind == "checksums" for client in scenario.clients) and not any(
        capability.startswith("checksum-") for capability in has
    ):
        return "checksums requires a checksum algorithm, and the target declares none"
    return None


def _no_balancer(scenario: Scenario, world: str) -> str | None:
    if scenario.fleet.balancer and world not in BALANCED:
        return f"a balancer is to be had in {_list(BALANCED)} only, not in {world}"
    return None


def _open_to_all(scenario: Scenario, world: str, has: frozenset[str]) -> str | None:
    if set(scenario.fleet.creation.values) == {"on"}:
        return None
    if world not in CONFIGURED:
        return (
            f"who may create uploads can be configured in {_list(CONFIGURED)} only, not in {world}"
        )
    if "minted-urls" not in has:
        return "the target is not known to let only some create uploads (capability minted-urls)"
    return None


def _impossible_fault(scenario: Scenario, world: str, storage: str | None) -> str | None:
    for fault in scenario.faults:
        row = FAULTS[fault.kind]
        if world not in row.worlds:
            return f"{fault.kind} can be brought about in {_list(row.worlds)} only, not in {world}"
        reason = _impossible_trigger(fault, world)
        if reason is not None:
            return reason
        if row.bounded_storage and world not in OWN_DISK and "size=" not in (storage or ""):
            return f'{fault.kind} needs a storage of limited size, such as "tmpfs,size=4MiB"'
    return None


def _impossible_trigger(fault: FaultSpec, world: str) -> str | None:
    if fault.when is None:
        return None
    worlds = TRIGGERS[fault.when.kind][1]
    if world not in worlds:
        return f"the trigger {fault.when.kind} works in {_list(worlds)} only, not in {world}"
    if fault.when.op is not None and world not in OP_WORLDS:
        return f"single calls (op) are seen in {_list(OP_WORLDS)} only, not in {world}"
    return None


def _unmapped_phase(scenario: Scenario, world: str, phases: Collection[str] | None) -> str | None:
    if phases is None:
        return None
    for fault in scenario.faults:
        wanted = fault.when.phase.values if fault.when and fault.when.phase else ()
        for phase in wanted:
            if phase not in phases:
                return f"the target's description maps nothing to the phase {phase}"
    return None


def _list(names: Collection[str]) -> str:
    return ", ".join(names)

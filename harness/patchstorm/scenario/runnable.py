"""Whether a storm can be run at all in some world against some target, and if not, why not.

What cannot run is skipped with this reason; it has no verdict and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.means import AllMeans, Means
from patchstorm.scenario.model import FaultSpec, Scenario
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.scenario.workloads.program import KIND as _PROGRAM

PROGRAM: Final = _PROGRAM.name


def runnable(
    scenario: Scenario,
    world: str,
    capabilities: Collection[str],
    means: AllMeans,
    *,
    storage: str | None = None,
    phases: Collection[str] | None = None,
    request_ms: int | None = None,
    companion: bool | None = None,
) -> str | None:
    """None, or the reason to skip the storm.

    ``means`` are those of all worlds, so that a reason can say where else it would go.
    ``storage`` overrides the scenario's; ``phases`` are those that the target's description maps to
    something visible (None: not known yet, so not a reason). ``request_ms`` is how long the target's clients
    wait for one request; ``companion`` is whether its replicas share a program in this world.
    """
    if world not in means:
        return f"there is no world {world}"
    return (
        _elsewhere(scenario, world)
        or _missing_capability(scenario, frozenset(capabilities))
        or _no_balancer(scenario, world, means)
        or _open_to_all(scenario, world, frozenset(capabilities), means)
        or _no_pool(scenario, world, means)
        or _no_patience(scenario, world, means)
        or _no_program(scenario, world, means)
        or _impossible_fault(scenario, world, storage or scenario.fleet.storage, means)
        or _no_companion(scenario, world, companion)
        or _unmapped_phase(scenario, world, phases)
        or too_patient(scenario, request_ms)
    )


def _elsewhere(scenario: Scenario, world: str) -> str | None:
    if not scenario.worlds or world in scenario.worlds:
        return None
    return f"the storm is for {', '.join(scenario.worlds)} only, not for {world}"


def _missing_capability(scenario: Scenario, has: frozenset[str]) -> str | None:
    wanted = dict.fromkeys(scenario.requires, "the storm")
    for client in scenario.clients:
        wanted = dict.fromkeys(WORKLOADS[client.kind].needs, client.kind) | wanted
    for fault in scenario.faults:
        wanted |= dict.fromkeys(FAULTS[fault.kind].needs, fault.kind)
    if any(upload.unnamed for upload in scenario.uploads):
        wanted |= {"unnamed-uploads": "an upload without a name"}
    for capability, who in wanted.items():
        if capability not in has:
            return f"{who} requires {capability}, which the target does not declare"
    if any(client.kind == "checksums" for client in scenario.clients) and not any(
        capability.startswith("checksum-") for capability in has
    ):
        return "checksums requires a checksum algorithm, and the target declares none"
    return None


def _no_balancer(scenario: Scenario, world: str, means: AllMeans) -> str | None:
    if not scenario.fleet.balancer or means[world].balancer:
        return None
    return (
        f"a balancer is to be had in {_where(means, lambda one: one.balancer)} only, not in {world}"
    )


def _open_to_all(
    scenario: Scenario, world: str, has: frozenset[str], means: AllMeans
) -> str | None:
    if set(scenario.fleet.creation.values) == {"on"}:
        return None
    if not means[world].configures_creation:
        there = _where(means, lambda one: one.configures_creation)
        return f"who may create uploads can be configured in {there} only, not in {world}"
    if "minted-urls" not in has:
        return "the target is not known to let only some create uploads (capability minted-urls)"
    return None


def _no_pool(scenario: Scenario, world: str, means: AllMeans) -> str | None:
    if not any(scenario.fleet.workers.values) or means[world].bounds_workers:
        return None
    there = _where(means, lambda one: one.bounds_workers)
    return (
        f"how many requests a replica serves at once can be bounded in {there} only, not in {world}"
    )


def _no_patience(scenario: Scenario, world: str, means: AllMeans) -> str | None:
    if scenario.fleet.lock_wait is None or means[world].bounds_lock_wait:
        return None
    there = _where(means, lambda one: one.bounds_lock_wait)
    return f"how long a request waits for a busy upload can be set in {there} only, not in {world}"


def _no_program(scenario: Scenario, world: str, means: AllMeans) -> str | None:
    if means[world].runs_programs or all(client.kind != PROGRAM for client in scenario.clients):
        return None
    there = _where(means, lambda one: one.runs_programs)
    return f"a client that is a program of its own runs in real time, so in {there} only, not in {world}"


def _impossible_fault(
    scenario: Scenario, world: str, storage: str | None, means: AllMeans
) -> str | None:
    for fault in scenario.faults:
        row = FAULTS[fault.kind]
        if fault.kind not in means[world].faults:
            there = _having(means, fault.kind)
            return f"{fault.kind} can be brought about in {there} only, not in {world}"
        reason = _impossible_trigger(fault, world, means)
        if reason is not None:
            return reason
        if row.bounded_storage and not means[world].own_disk and "size=" not in (storage or ""):
            return f'{fault.kind} needs a storage of limited size, such as "tmpfs,size=4MiB"'
    return None


def _no_companion(scenario: Scenario, world: str, companion: bool | None) -> str | None:
    for fault in scenario.faults:
        if companion is False and FAULTS[fault.kind].needs_companion:
            return (
                f"{fault.kind} strikes the fleet's companion, and the target's file names none for the "
                f"world {world}"
            )
    return None


def _having(means: AllMeans, fault: str) -> str:
    return _where(means, lambda one: fault in one.faults)


def _impossible_trigger(fault: FaultSpec, world: str, means: AllMeans) -> str | None:
    if fault.when is None:
        return None
    kind = fault.when.kind
    if kind not in means[world].triggers:
        there = _where(means, lambda one: kind in one.triggers)
        return f"the trigger {kind} works in {there} only, not in {world}"
    if fault.when.op is not None and not means[world].sees_calls:
        there = _where(means, lambda one: one.sees_calls)
        return f"single calls (op) are seen in {there} only, not in {world}"
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


def too_patient(scenario: Scenario, request_ms: int | None) -> str | None:
    """Whether a client would stand still for longer than it waits for an answer.

    It would then break off by itself, and the server be accused of never having answered.
    """
    for number, client in enumerate(scenario.clients):
        stall = client.options.get("stall_ms")
        longest_ms = 0 if stall is None else max(int(value) for value in stall.values)
        if request_ms is not None and longest_ms >= request_ms:
            return (
                f"client[{number}].stall: {longest_ms} ms is not below {request_ms} ms, after which the "
                "target's clients give a request up; write a shorter stall, or a longer request_ms under "
                "[wire] of the target"
            )
    return None


def _where(means: AllMeans, has: Callable[[Means], bool]) -> str:
    return ", ".join(name for name, one in means.items() if has(one))

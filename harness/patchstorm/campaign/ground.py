"""What a composed storm can be drawn from, of a world, a storage and a target."""

from __future__ import annotations

from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.faults import FAULTS, Fault
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.storage.parse import FlavourError, parse_flavour
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.worlds.registry import all_means, world_of
from patchstorm.worlds.sim import faults as simulated
from patchstorm.worlds.sim.run import WORLD


def ground_of(world: str, target: Target, storage: str, *, large: bool = False) -> Ground:
    """What is to be had there, and for every other fault the reason why it is not.

    ``large``: uploads may be larger than memory.
    """
    means = all_means()[world]
    faults: list[str] = []
    absent: list[tuple[str, str]] = []
    for row in FAULTS.values():
        reason = _absent(row, means, world, target, storage)
        if reason is None:
            faults.append(row.name)
        else:
            absent.append((row.name, reason))
    return Ground(
        faults=tuple(faults),
        absent=tuple(absent),
        triggers=tuple(sorted(means.triggers)),
        phases=_phases(world, target),
        paths=_paths(target),
        calls=means.sees_calls,
        small=world == WORLD,
        large=large,
        request_ms=target.wire.request_ms,
    )


def _absent(row: Fault, means: Means, world: str, target: Target, storage: str) -> str | None:
    if row.name not in means.faults:
        return f"not in the world {world}"
    if row.hostile:
        return "more than a correct server must survive"
    for needed in row.needs:
        if needed not in target.capabilities:
            return f"the target does not declare {needed}"
    if row.needs_companion and not world_of(world).shares(target):
        return "the target's replicas share no program"
    if row.bounded_storage and not means.own_disk and "size=" not in storage:
        return "the storage has no size"
    if row.name == "damage" and target.files.stored is None:
        return "the target does not say which file holds which bytes"
    if row.name == "record-damage" and not target.files.records:
        return "the target does not say where records of uploads lie"
    if row.name in _OF_MOUNTS and _is_local(storage):
        return "local storage shows nothing stale"
    if world == WORLD:
        aim = "storage" if row.aims == ("storage",) else "replica"
        fault = FaultPlan(id=row.name, kind=row.name, whom=aim, trigger=Trigger(kind="step"))  # type: ignore[arg-type]
        of_requests = row.aims == ("network",)
        reason = None if of_requests else simulated.reason_to_skip((fault,), _is_local(storage))
        if reason is not None:
            return reason
    elif row.needs_server and _is_local(storage):
        return "local storage has no server"
    claimed = unclaimed(target, storage, {row.name}) is None
    return None if claimed else f"not claimed on {storage}"


_OF_MOUNTS = ("stale-attributes", "stale-entries", "estale", "lost-reply", "silly-rename")


def _is_local(storage: str) -> bool:
    try:
        return parse_flavour(storage).nfs is None
    except FlavourError:
        return not storage.startswith("nfs")


def _phases(world: str, target: Target) -> tuple[str, ...]:
    """Those that show; the simulator does not watch what is written to a file that is there."""
    if world != WORLD:
        return tuple(target.phases)
    return tuple(
        phase
        for phase, patterns in target.phases.items()
        if any(not pattern.startswith("~") for pattern in patterns)
    )


def _paths(target: Target) -> tuple[str, ...]:
    """The files by which the target shows its phases, what it does first, and what it does last, and those by
    which it tells others that an upload is finished."""
    shown = [pattern.lstrip("-~") for patterns in target.phases.values() for pattern in patterns]
    if target.files.told is not None:
        shown.append(target.files.told.replace("{id}", "*"))
    return tuple(sorted({pattern for pattern in shown if "{" not in pattern}))

"""Who stands before the self-test: the planted bugs, and the innocents that nobody may accuse.

Both are plain data, made from the catalogue and from what the reference claims, so that a process can be
given them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patchstorm.catalog.model import Bug
from patchstorm.errors import UsageError
from patchstorm.scenario import library
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.runnable import runnable
from patchstorm.scenario.units import nearest
from patchstorm.sim.run import WORLD
from patchstorm.storage.catalogue import SUMMARY
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import REFERENCE, Target
from patchstorm.target.registry import resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A planted bug. One of ``caught_by`` must speak, and nobody but those in ``allowed`` may."""

    name: str
    target: str
    storm: str
    world: str = WORLD
    caught_by: tuple[str, ...]
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Innocent:
    """A correct target. ``storage`` None: what each storm's schedules run on in turn.

    ``first`` is the number of the first schedule of each storm.
    """

    name: str
    target: str
    storms: tuple[str, ...]
    storage: str | None = None
    first: int = 0


def suspects(bugs: Sequence[Bug]) -> tuple[Suspect, ...]:
    """The planted bugs, in the catalogue's order."""
    return tuple(
        Suspect(
            name=bug.name,
            target=f"bug:{bug.name}",
            storm=bug.storm,
            caught_by=bug.caught_by,
            allowed=frozenset({*bug.caught_by, *bug.also}),
        )
        for bug in bugs
    )


def innocents() -> tuple[Innocent, ...]:
    """The reference, once on every flavour on which it claims a storm.

    Number 0 of a storm is the dull schedule; with few schedules for each storm, the flavours take others.
    """
    scenarios, target = library.load_all(), resolve(REFERENCE)
    found = []
    for place, storage in enumerate(SUMMARY):
        storms = tuple(one.name for one in scenarios if _claimed(one, target, storage))
        if storms:
            name = f"{REFERENCE} on {storage}"
            found.append(
                Innocent(
                    name=name, target=REFERENCE, storms=storms, storage=storage, first=1 + 3 * place
                )
            )
    return tuple(found)


def _claimed(scenario: Scenario, target: Target, storage: str) -> bool:
    kinds = {fault.kind for fault in scenario.faults}
    phases = tuple(target.phases)
    reason = runnable(scenario, WORLD, target.capabilities, storage=storage, phases=phases)
    return reason is None and unclaimed(target, storage, kinds) is None


def chosen(
    names: Sequence[str], among: Sequence[Suspect], beside: Sequence[Innocent]
) -> tuple[tuple[Suspect, ...], tuple[Innocent, ...]]:
    """Those called ``names``, or all where no name is given. UsageError for a name that nobody has."""
    if not names:
        return tuple(among), tuple(beside)
    known = [*(one.name for one in among), *(one.name for one in beside)]
    for name in names:
        if name not in known:
            raise UsageError(
                f"--only {name}: there is no planted bug or innocent of that name: "
                f"{nearest(name, known)}. `patchstorm list bugs` names the bugs."
            )
    return (
        tuple(one for one in among if one.name in names),
        tuple(one for one in beside if one.name in names),
    )

"""Who stands before the self-test: the planted bugs, and the innocents that nobody may accuse.

Both are plain data, made from the catalogue and from what the reference claims, so that a process can be
given them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from patchstorm.campaign.budget import takes_seconds
from patchstorm.campaign.schedules import MIXED
from patchstorm.catalog.model import Bug
from patchstorm.check.registry import CHECKERS
from patchstorm.errors import UsageError
from patchstorm.scenario import library
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.runnable import runnable
from patchstorm.scenario.units import nearest
from patchstorm.storage.catalogue import SUMMARY
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import REFERENCE, Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.registry import all_means, world_of
from patchstorm.worlds.sim.run import WORLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A planted bug, and the storms that share a hunt's schedules in turn.

    One of ``caught_by`` must speak, and nobody but those in ``allowed`` may; None: whoever speaks is right.
    ``deed`` is what the story of its failure has to tell.
    """

    name: str
    target: str
    storms: tuple[str, ...]
    caught_by: tuple[str, ...]
    deed: str
    allowed: frozenset[str] | None


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
    """The planted bugs, in the catalogue's order, each in the storm that shows it soonest."""
    return tuple(
        Suspect(
            name=bug.name,
            target=bug.target,
            storms=(bug.storm,),
            caught_by=bug.caught_by,
            deed=bug.deed,
            allowed=frozenset({*bug.caught_by, *bug.also}),
        )
        for bug in bugs
    )


def unknown_suspects(bugs: Sequence[Bug]) -> tuple[Suspect, ...]:
    """The same as if nobody knew anything of them: in every storm, by whatever checker."""
    scenarios = library.load_all()
    return tuple(
        Suspect(
            name=bug.name,
            target=bug.target,
            storms=_storms(scenarios, resolve(bug.target), None),
            caught_by=tuple(checker.name for checker in CHECKERS),
            deed=bug.deed,
            allowed=None,
        )
        for bug in bugs
    )


def innocents(bugs: Sequence[Bug], names: Iterable[str]) -> tuple[Innocent, ...]:
    """Those of the catalogue called ``names``, then the reference on every flavour where it claims a storm.

    The twin of a bug is tried in the bug's storms, a base in all that it can be tried in.
    """
    scenarios = library.load_all()
    storms = {bug.name: bug.storms for bug in bugs}
    of_catalogue = []
    for name in names:
        target = f"innocent:{name}"
        mine = storms.get(name) or _storms(scenarios, resolve(target), None)
        of_catalogue.append(Innocent(name=target, target=target, storms=mine))
    return (*of_catalogue, *_reference(scenarios))


def _reference(scenarios: Sequence[Scenario]) -> Iterator[Innocent]:
    """Number 0 of a storm is the dull schedule; with few for each storm, the flavours take others."""
    target = resolve(REFERENCE)
    for place, storage in enumerate(SUMMARY):
        storms = _storms(scenarios, target, storage)
        if storms:
            yield Innocent(
                name=f"{REFERENCE} on {storage}", target=REFERENCE, storms=storms, storage=storage,
                first=1 + 3 * place,
            )  # fmt: skip


def _storms(scenarios: Sequence[Scenario], target: Target, storage: str | None) -> tuple[str, ...]:
    return tuple(one.name for one in scenarios if _claimed(one, target, storage))


def _claimed(scenario: Scenario, target: Target, storage: str | None) -> bool:
    """Not a storm whose schedules take seconds: it would cost a hunt more than all others; patrols ask it."""
    return not takes_seconds(scenario) and (unclaimed_because(scenario, target, storage) is None)


def unclaimed_because(scenario: Scenario, target: Target, storage: str | None) -> str | None:
    """Why ``target`` claims nothing in this storm on this storage; None where it does."""
    kinds = {fault.kind for fault in scenario.faults}
    phases = tuple(target.phases)
    reason = runnable(
        scenario, WORLD, target.capabilities, all_means(), storage=storage, phases=phases,
        companion=world_of(WORLD).shares(target),
    )  # fmt: skip
    on = storage or scenario.fleet.storage or MIXED[0]
    return reason or unclaimed(target, on, kinds)


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


def drawn(bugs: Sequence[Suspect], count: int, seed: int) -> tuple[Suspect, ...]:
    """``count`` of them by the seed, in the catalogue's order; all, if there are no more."""
    keep = set(Random(f"sample/{seed}").sample(range(len(bugs)), min(count, len(bugs))))
    return tuple(one for place, one in enumerate(bugs) if place in keep)

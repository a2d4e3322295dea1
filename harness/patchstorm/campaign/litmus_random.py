"""Random programs on real mounts, each outcome looked for in the model, and what it lacks made small."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from patchstorm.campaign.litmus import flavour_in_guest
from patchstorm.errors import InconclusiveError
from patchstorm.live.litmus.bench import Bench
from patchstorm.live.litmus.drawing import drawn, lines_of, of_lines
from patchstorm.live.litmus.stand import LocalStand
from patchstorm.live.storage import UnavailableStorage, opened
from patchstorm.storage.litmus.program import Program
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.litmus.search import find
from patchstorm.worlds.nfs.guest import Guest
from patchstorm.worlds.nfs.guests import Guests

BATCH: Final = 400
"""Programs in one job: few enough that its answers fit into memory, many enough that mounting costs
little."""
PROGRAMS_MAX: Final = 1_000_000
SMALLER_MAX: Final = 4
"""Of one batch and mount so many are made smaller; the rest are likely the same."""
AGAIN: Final = 3
"""A smaller program is run so often before it counts as harmless."""
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """What a mount did and the model forbids. ``steps``: so many results of ``outcome`` the model can
    give."""

    mount: str
    program: Program
    outcome: Outcome
    steps: int


@dataclass(slots=True, kw_only=True)
class Hunted:
    """One mount: how many programs were run and judged, and what was forbidden, as drawn and made small.

    ``undecided``: the model has too many ways to have tried them all.
    """

    mount: str
    programs: int
    forbidden: list[Forbidden]
    smallest: list[Forbidden]
    undecided: int = 0
    missing: str | None = None


def judged(
    mount: str, flavour: str, program: Program, outcome: Outcome
) -> tuple[Forbidden | None, bool]:
    """The complaint, if the model cannot produce ``outcome``; and whether it was explored to its end."""
    found = find(program, flavour, outcome)
    if found.produced or not found.complete:
        return None, found.complete
    return Forbidden(mount=mount, program=program, outcome=outcome, steps=found.steps), True


async def hunt(
    mounts: Sequence[str], seed: int, count: int, guests: Guests, told: Told
) -> list[Hunted]:
    """Run programs 0 to ``count - 1`` of ``seed`` on each of ``mounts``."""
    hunted = [Hunted(mount=mount, programs=0, forbidden=[], smallest=[]) for mount in mounts]
    for first in range(0, count, BATCH):
        programs = [drawn(seed, number) for number in range(first, min(count, first + BATCH))]
        local = [one for one in hunted if not one.mount.startswith("nfs")]
        remote = [one for one in hunted if one.mount.startswith("nfs")]
        for one in local:
            await _judge(one, programs, await _ran_here(one.mount, programs), None)
        try:
            await _in_guest(remote, programs, guests)
        except (UnavailableStorage, InconclusiveError) as error:
            for one in remote:
                one.missing = str(error)
        told(f"{first + len(programs)} of {count} programs")
    return hunted


async def _in_guest(remote: list[Hunted], programs: list[Program], guests: Guests) -> None:
    if not remote or remote[0].missing:
        return
    async with guests.one() as guest:
        outcomes = await ran_in(guest, {one.mount: programs for one in remote})
        for one in remote:
            await _judge(one, programs, outcomes[one.mount], guest)


async def ran_in(
    guest: Guest, programs: dict[str, list[Program]], repeat: int = 1
) -> dict[str, dict[str, list[Outcome]]]:
    """The outcomes, by mount and program. A program that did not end has none."""
    outcomes: dict[str, dict[str, list[Outcome]]] = {mount: {} for mount in programs}

    def heard(message: dict[str, Any]) -> None:
        if "outcome" in message:
            found = outcomes[message["mount"]].setdefault(message["program"], [])
            found.append(tuple(message["outcome"]))

    order = {
        "do": "litmus",
        "programs": {mount: [one.name for one in some] for mount, some in programs.items()},
        "texts": {one.name: one.text for some in programs.values() for one in some},
        "repeat": repeat,
        "tidy": True,
    }
    await guest.job(order, heard)
    return outcomes


async def _ran_here(mount: str, programs: list[Program]) -> dict[str, list[Outcome]]:
    async with opened(mount) as storage, Bench(LocalStand(storage.root)) as bench:
        return {program.name: [await bench.run(program)] for program in programs}


async def _judge(
    hunted: Hunted,
    programs: list[Program],
    outcomes: dict[str, list[Outcome]],
    guest: Guest | None,
) -> None:
    flavour = hunted.mount if guest is None else flavour_in_guest(hunted.mount, guest.release)
    found = []
    for program in programs:
        for outcome in outcomes.get(program.name, ()):
            complaint, complete = await asyncio.to_thread(
                judged, hunted.mount, flavour, program, outcome
            )
            hunted.undecided += not complete
            if complaint is not None:
                found.append(complaint)
    hunted.programs += len(outcomes)
    hunted.forbidden += found
    if guest is not None:
        hunted.smallest += [await smaller(guest, one) for one in found[:SMALLER_MAX]]


async def smaller(guest: Guest, forbidden: Forbidden) -> Forbidden:
    """The same complaint of a program that loses it with each further step that it loses."""
    mount, flavour = forbidden.mount, flavour_in_guest(forbidden.mount, guest.release)
    while True:
        lines = lines_of(forbidden.program)
        shorter = [
            of_lines(f"{forbidden.program.name}-{at}", lines[:at] + lines[at + 1 :])
            for at in reversed(range(len(lines)))
        ]
        outcomes = (await ran_in(guest, {mount: shorter}, AGAIN))[mount]
        complaints = (
            complaint
            for program in shorter
            for outcome in outcomes.get(program.name, ())
            if (complaint := judged(mount, flavour, program, outcome)[0]) is not None
        )
        found = next(complaints, None)
        if found is None or len(lines) == 1:
            return forbidden
        forbidden = found

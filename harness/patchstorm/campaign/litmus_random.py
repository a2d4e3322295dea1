"""Random programs on real mounts, each outcome looked for in the model, and what it lacks made small."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from patchstorm.campaign.litmus import flavour_in_guest
from patchstorm.campaign.litmus_local import flavour_here, run_here
from patchstorm.errors import InconclusiveError
from patchstorm.live.litmus.drawing import drawn, lines_of, of_lines
from patchstorm.live.storage import UnavailableStorage
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
    programs: int = 0
    forbidden: list[Forbidden] = field(default_factory=list)
    smallest: list[Forbidden] = field(default_factory=list)
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


async def hunt(hunted: Sequence[Hunted], seed: int, count: int, guests: Guests, told: Told) -> None:
    """Run programs 0 to ``count - 1`` of ``seed`` on each mount; each is judged when it has ended.

    Where that is interrupted, ``hunted`` has what was found.
    """
    for first in range(0, count, BATCH):
        programs = [drawn(seed, number) for number in range(first, min(count, first + BATCH))]
        local = [one for one in hunted if not one.mount.startswith("nfs")]
        remote = [one for one in hunted if one.mount.startswith("nfs")]

        def tell(one: Hunted) -> None:
            found = f", {len(one.forbidden)} forbidden" if one.forbidden else ""
            told(f"{one.mount}: {one.programs} of {count} programs{found}")

        for one in local:
            await _here(one, programs, tell)
        if remote and not remote[0].missing:
            told(f"a guest boots, {first} of {count} programs")
            try:
                await _in_guest(remote, programs, guests, tell, told)
            except (UnavailableStorage, InconclusiveError) as error:
                for one in remote:
                    one.missing = str(error)


async def _here(one: Hunted, programs: list[Program], tell: Callable[[Hunted], None]) -> None:
    if one.missing:
        return
    try:
        flavour = await flavour_here(one.mount)
        async with aclosing(run_here(one.mount, programs, 1)) as ended:
            async for program, outcomes in ended:
                assert not isinstance(outcomes, str), "a random program asks for no disk of its own"
                if isinstance(outcomes, InconclusiveError):
                    one.missing = f"{program.name}: {outcomes}"
                    return
                for outcome in outcomes:
                    await _judge(one, flavour, program, outcome)
                tell(one)
    except UnavailableStorage as error:
        one.missing = str(error)


async def _in_guest(
    remote: list[Hunted],
    programs: list[Program],
    guests: Guests,
    tell: Callable[[Hunted], None],
    told: Told,
) -> None:
    arrived: asyncio.Queue[tuple[str, str, Outcome] | None] = asyncio.Queue()
    by_mount = {one.mount: one for one in remote}
    by_name = {program.name: program for program in programs}
    async with guests.one() as guest:

        async def judge_all() -> None:
            while (found := await arrived.get()) is not None:
                mount, name, outcome = found
                one = by_mount[mount]
                flavour = flavour_in_guest(mount, guest.release)
                await _judge(one, flavour, by_name[name], outcome)
                tell(one)

        before = {one.mount: len(one.forbidden) for one in remote}
        judging = asyncio.create_task(judge_all())
        try:
            await ran_in(guest, {one.mount: programs for one in remote}, heard=arrived.put_nowait)
            arrived.put_nowait(None)
            await judging
        finally:
            judging.cancel()
        for one in remote:
            for complaint in one.forbidden[before[one.mount] :][:SMALLER_MAX]:
                told(f"{one.mount}: {complaint.program.name} is made smaller")
                one.smallest.append(await smaller(guest, complaint))


async def ran_in(
    guest: Guest,
    programs: dict[str, list[Program]],
    repeat: int = 1,
    heard: Callable[[tuple[str, str, Outcome]], None] = lambda _: None,
) -> dict[str, dict[str, list[Outcome]]]:
    """The outcomes, by mount and program; ``heard`` has each when it is there. A program that did not end
    has none."""
    outcomes: dict[str, dict[str, list[Outcome]]] = {mount: {} for mount in programs}

    def told(message: dict[str, Any]) -> None:
        if "outcome" in message:
            mount, name, outcome = message["mount"], message["program"], tuple(message["outcome"])
            outcomes[mount].setdefault(name, []).append(outcome)
            heard((mount, name, outcome))

    order = {
        "do": "litmus",
        "programs": {mount: [one.name for one in some] for mount, some in programs.items()},
        "texts": {one.name: one.text for some in programs.values() for one in some},
        "repeat": repeat,
        "tidy": True,
    }
    await guest.job(order, told)
    return outcomes


async def _judge(hunted: Hunted, flavour: str, program: Program, outcome: Outcome) -> None:
    complaint, complete = await asyncio.to_thread(judged, hunted.mount, flavour, program, outcome)
    hunted.programs += 1
    hunted.undecided += not complete
    if complaint is not None:
        hunted.forbidden.append(complaint)


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

"""Litmus programs on real mounts and on the model: which mounts, which programs, what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from patchstorm.campaign.litmus_local import (
    DIRECTORY,
    LOCAL,
    check_local,
    events_of,
    flavour_here,
    run_here,
)
from patchstorm.errors import InconclusiveError, UsageError
from patchstorm.live.litmus.bench import runnable
from patchstorm.live.litmus.haste import LEASE, hastened, patience_s
from patchstorm.live.nfs.mounts import parse_mounting
from patchstorm.live.storage import UnavailableStorage
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.judge import Judged, applies, judge
from patchstorm.storage.litmus.program import Program
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.parse import flavour_names, kernel_like
from patchstorm.worlds.nfs.guest import MEMORY_MIB
from patchstorm.worlds.nfs.guests import Guests
from patchstorm.worlds.nfs.litmus import EVENTS_HERE
from patchstorm.worlds.nfs.machine import find_machine

NFS: Final = ("nfs3", "nfs4.0", "nfs4.1", "nfs4.2")
QUICK_S: Final = 5.0
MOUNTS_SHOWN: Final = 6
TICK: Final = "tick=0.01"  # of the kernel that a guest boots


@dataclass(slots=True, kw_only=True)
class MountReport:
    """What one mount did. ``left_out`` says of programs why they were not run; ``missing`` of it all.

    ``unended`` are those of them that were begun, ``elsewhere`` those that are for other mounts.
    """

    mount: str
    judged: list[Judged] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    missing: str | None = None
    unended: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is for other mounts."""
        return not self.missing and bool(self.elsewhere) and self.left_out.keys() == self.elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which programs: by name (none: all), without the slow ones, each so many times."""

    names: tuple[str, ...] = ()
    quick: bool = False
    repeat: int = 1
    own: tuple[Program, ...] | None = None
    """Instead of the catalogue; one that names no mounts is for all."""

    @property
    def programs(self) -> dict[str, Program]:
        """All there are, by name."""
        return PROGRAMS if self.own is None else {program.name: program for program in self.own}

    def of(self, report: MountReport, flavour: str, events: Collection[str]) -> list[Program]:
        """The programs to run on a mount of this ``flavour``; ``report`` is told why others are not.

        Of the catalogue that is told of programs that were asked for: much of it is for few mounts.
        """
        programs = []
        for program in self.programs.values():
            if self.names and program.name not in self.names:
                continue
            if (program.runs_on or self.own is None) and not applies(program, flavour):
                if self.names or self.own is not None:
                    report.left_out[program.name] = _elsewhere(program)
                    report.elsewhere.add(program.name)
                continue
            reason = runnable(program, events)
            if reason is None and self.quick and not _quick(program):
                reason = "takes long; left out by --quick"
            if reason is None:
                programs.append(program)
            else:
                report.left_out[program.name] = reason
        return programs


def _elsewhere(program: Program) -> str:
    shown = ", ".join(program.runs_on[:MOUNTS_SHOWN])
    more = ", ..." if len(program.runs_on) > MOUNTS_SHOWN else ""
    return f"as it is for other mounts than this one ({shown}{more}; `--mount` gives one)"


def _quick(program: Program) -> bool:
    words = {step.commands.split()[0] for step in program.steps}
    return patience_s(program) <= QUICK_S and "restart" not in words and "crash" not in words


def parse_mounts(text: str) -> tuple[str, ...]:
    """``nfs3,nfs4.2,actimeo=1`` as ``nfs3`` and ``nfs4.2,actimeo=1``: a flavour's name begins a mount.

    Raises UsageError for what is no mount.
    """
    mounts: list[str] = []
    for word in text.split(","):
        if word in flavour_names() or word.startswith(DIRECTORY):
            mounts.append(word)
        elif mounts:
            mounts[-1] += f",{word}"
        else:
            raise UsageError(f"--mount {text}: begins with `{word}`, which is no mount; {_known()}")
    for mount in mounts:
        if mount.startswith("nfs"):
            parse_mounting(mount)
        elif mount.partition(",")[0] == LOCAL or mount.startswith(DIRECTORY):
            check_local(mount)
        else:
            raise UsageError(f"--mount {mount}: cannot be mounted for this; {_known()}")
    return tuple(dict.fromkeys(mounts))


def _known() -> str:
    nfs = ", ".join(NFS)
    return (
        f"mounts are {LOCAL}, {LOCAL},size=16MiB, {DIRECTORY}PATH, {nfs}, the latter with options"
    )


def mounts_here() -> tuple[tuple[str, ...], str | None]:
    """All mounts that this machine has, and why there are no more."""
    try:
        find_machine(MEMORY_MIB)
    except UnavailableStorage as error:
        return (LOCAL,), str(error)
    return (LOCAL, *NFS), None


async def litmus(
    reports: Sequence[MountReport], choice: Choice, guests: Guests, told: Callable[[str], None]
) -> None:
    """Run and judge everything, into a report for each mount; ``told`` hears of each program that ended.

    Where that is interrupted, the reports have what had ended.
    """
    check_names(choice)
    for report in reports:
        if not report.mount.startswith("nfs"):
            await _local(report, choice, told)
    remote = [report for report in reports if report.mount.startswith("nfs")]
    if remote:
        await _remote(remote, choice, guests, told)


def check_names(choice: Choice) -> None:
    """UsageError for a program that there is not."""
    for name in choice.names:
        if name not in choice.programs:
            known = ", ".join(choice.programs)
            raise UsageError(f"--program {name}: there is no such program. Programs: {known}.")


async def _local(report: MountReport, choice: Choice, told: Callable[[str], None]) -> None:
    """Every process is a host of its own, as containers on one machine are."""
    mount = report.mount
    try:
        flavour = await flavour_here(mount)
        programs = choice.of(report, flavour, events_of(mount))
        async with aclosing(run_here(mount, programs, choice.repeat)) as ended:
            async for program, found in ended:
                if isinstance(found, InconclusiveError):
                    report.left_out[program.name] = str(found)
                    report.unended.add(program.name)
                elif isinstance(found, str):
                    report.left_out[program.name] = found
                else:
                    report.judged.append(await asyncio.to_thread(judge, program, flavour, found))
                told(f"{mount} {program.name}")
    except UnavailableStorage as error:
        report.missing = str(error)


def elsewhere(seen: Iterable[tuple[str, Program, Outcome]]) -> list[MountReport]:
    """Outcomes that others' mounts gave, judged like those of this machine's; at which pace is not known."""
    by_mount: dict[str, dict[str, tuple[Program, list[Outcome]]]] = {}
    for mount, program, outcome in seen:
        by_mount.setdefault(mount, {}).setdefault(program.name, (program, []))[1].append(outcome)
    return [
        MountReport(
            mount=f"{mount} (as recorded)",
            judged=[judge(one, mount, outcomes, paced=False) for one, outcomes in found.values()],
        )
        for mount, found in by_mount.items()
    ]


async def _remote(
    reports: list[MountReport], choice: Choice, guests: Guests, told: Callable[[str], None]
) -> None:
    chosen = {}
    for report in reports:
        programs = choice.of(report, report.mount, EVENTS_HERE)
        chosen[report.mount] = {program.name: program for program in programs}
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    late: set[tuple[str, str]] = set()
    by_mount = {report.mount: report for report in reports}

    def heard(message: dict[str, Any]) -> None:
        mount, name = message["mount"], message["program"]
        if "left_out" in message:
            by_mount[mount].left_out[name] = message["left_out"]
            by_mount[mount].unended.add(name)
            return
        outcomes.setdefault((mount, name), []).append(tuple(message["outcome"]))
        if message["late"]:
            late.add((mount, name))
        told(f"{mount} {name}")

    order = {
        "do": "litmus",
        "programs": {mount: list(programs) for mount, programs in chosen.items()},
        "texts": {program.name: program.text for program in choice.own or ()},
        "repeat": choice.repeat,
        "tidy": choice.own is not None,
    }
    release = ""
    told("a guest boots")
    try:
        async with guests.one() as guest:
            release = guest.release
            await guest.job(order, heard)
    except (UnavailableStorage, InconclusiveError) as error:
        for report in reports:
            report.missing = str(error)
    finally:
        for (mount, name), found in outcomes.items():
            told(f"judged: {mount} {name}")
            program = hastened(chosen[mount][name])
            flavour = flavour_in_guest(mount, release)
            judged = await asyncio.to_thread(judge, program, flavour, found)
            if judged.forbidden and (mount, name) in late:
                by_mount[mount].left_out[name] = "this machine is too slow to tell"
            else:
                by_mount[mount].judged.append(judged)


def flavour_in_guest(mount: str, release: str) -> str:
    """What the model has to be told of the guest beside the mount's options: kernel, clock and leases."""
    lease = "" if "lease" in mount else f",{LEASE}"
    return f"{mount}{lease},{TICK},kernel={kernel_like(release)}"

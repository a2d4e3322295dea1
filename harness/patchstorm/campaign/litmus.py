"""Litmus programs on real mounts and on the model: which mounts, which programs, what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from patchstorm.errors import InconclusiveError, UsageError
from patchstorm.live.litmus.bench import Bench, runnable
from patchstorm.live.litmus.haste import LEASE, hastened, patience_s
from patchstorm.live.litmus.stand import LocalStand
from patchstorm.live.nfs.mounts import parse_mounting
from patchstorm.live.storage import UnavailableStorage, opened
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.judge import Judged, applies, judge
from patchstorm.storage.litmus.program import Program
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.parse import flavour_names, kernel_like
from patchstorm.worlds.nfs.guest import MEMORY_MIB
from patchstorm.worlds.nfs.guests import Guests
from patchstorm.worlds.nfs.litmus import EVENTS_HERE
from patchstorm.worlds.nfs.machine import find_machine

DIRECTORY: Final = "dir:"
LOCAL: Final = "tmpfs"
NFS: Final = ("nfs3", "nfs4.0", "nfs4.1", "nfs4.2")
QUICK_S: Final = 5.0
TICK: Final = "tick=0.01"  # of the kernel that a guest boots


@dataclass(slots=True, kw_only=True)
class MountReport:
    """What one mount did. ``left_out`` says of programs why they were not run; ``missing`` of it all."""

    mount: str
    judged: list[Judged] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    missing: str | None = None


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

    def of(self, mount: str, events: Collection[str]) -> tuple[list[Program], dict[str, str]]:
        """The programs to run on ``mount``, and why others are not."""
        programs, left_out = [], {}
        for program in self.programs.values():
            if self.names and program.name not in self.names:
                continue
            if (program.runs_on or self.own is None) and not applies(program, mount):
                continue
            reason = runnable(program, events)
            if reason is None and self.quick and not _quick(program):
                reason = "takes long; left out by --quick"
            if reason is None:
                programs.append(program)
            else:
                left_out[program.name] = reason
        return programs, left_out


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
        elif mount != LOCAL and not mount.startswith(DIRECTORY):
            raise UsageError(f"--mount {mount}: cannot be mounted for this; {_known()}")
    return tuple(dict.fromkeys(mounts))


def _known() -> str:
    return f"mounts are {LOCAL}, {DIRECTORY}PATH, {', '.join(NFS)}, the latter with options"


def mounts_here() -> tuple[tuple[str, ...], str | None]:
    """All mounts that this machine has, and why there are no more."""
    try:
        find_machine(MEMORY_MIB)
    except UnavailableStorage as error:
        return (LOCAL,), str(error)
    return (LOCAL, *NFS), None


async def litmus(
    mounts: Sequence[str], choice: Choice, guests: Guests, told: Callable[[str], None]
) -> list[MountReport]:
    """Run and judge everything; ``told`` hears of each program that ended."""
    check_names(choice)
    reports = {mount: MountReport(mount=mount) for mount in mounts}
    for mount in mounts:
        if not mount.startswith("nfs"):
            await _local(reports[mount], choice, told)
    remote = [mount for mount in mounts if mount.startswith("nfs")]
    if remote:
        await _remote([reports[mount] for mount in remote], choice, guests, told)
    return list(reports.values())


def check_names(choice: Choice) -> None:
    """UsageError for a program that there is not."""
    for name in choice.names:
        if name not in choice.programs:
            known = ", ".join(choice.programs)
            raise UsageError(f"--program {name}: there is no such program. Programs: {known}.")


async def _local(report: MountReport, choice: Choice, told: Callable[[str], None]) -> None:
    """Every process is a host of its own, as containers on one machine are."""
    async with opened(report.mount) as storage:
        stand = LocalStand(storage.root)
        flavour = _kind_of(storage.root) if report.mount.startswith(DIRECTORY) else report.mount
        programs, report.left_out = choice.of(flavour, stand.events)
        async with Bench(stand) as bench:
            for program in programs:
                outcomes = [await bench.run(program) for _ in range(choice.repeat)]
                report.judged.append(judge(program, flavour, outcomes))
                told(f"{report.mount} {program.name}")


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


def _kind_of(path: Path) -> str:
    """The model's name for the file system below ``path``; what it does not know counts as ext4."""
    best, kind = "", LOCAL
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        point, found = line.split()[1:3]
        prefix = point.rstrip("/") + "/"
        if f"{path}/".startswith(prefix) and len(prefix) >= len(best):
            best, kind = prefix, found
    return LOCAL if kind == LOCAL else "ext4"


async def _remote(
    reports: list[MountReport], choice: Choice, guests: Guests, told: Callable[[str], None]
) -> None:
    chosen = {}
    for report in reports:
        programs, report.left_out = choice.of(report.mount, EVENTS_HERE)
        chosen[report.mount] = {program.name: program for program in programs}
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    late: set[tuple[str, str]] = set()
    by_mount = {report.mount: report for report in reports}

    def heard(message: dict[str, Any]) -> None:
        mount, name = message["mount"], message["program"]
        if "left_out" in message:
            by_mount[mount].left_out[name] = message["left_out"]
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
        "tidy": False,
    }
    release = ""
    try:
        async with guests.one() as guest:
            release = guest.release
            await guest.job(order, heard)
    except (UnavailableStorage, InconclusiveError) as error:
        for report in reports:
            report.missing = str(error)
    for (mount, name), found in outcomes.items():
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

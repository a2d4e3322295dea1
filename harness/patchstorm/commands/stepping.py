"""``patchstorm replay --trace``, ``--break`` and ``--hold``: a simulated failure, step by step."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from patchstorm.errors import UsageError
from patchstorm.legible import legible_line

if TYPE_CHECKING:
    from patchstorm.campaign.stepping import Hold
    from patchstorm.report.model import RunReport


def execute(
    path: Path | None,
    *,
    target: str | None,
    trace: bool,
    breaks: tuple[int, ...],
    hold: tuple[str, ...],
) -> int:
    """Go through the failure at ``path``; 1 when a violation came, 0 when not, 2 if that cannot be told."""
    from patchstorm.campaign.failure import failure_at, read_failure, violation
    from patchstorm.campaign.replay_target import replay_target
    from patchstorm.campaign.stepping import step_through
    from patchstorm.report.console import console_on, tell_violation
    from patchstorm.worlds.sim.app import subject_of

    holds = tuple(_hold(one) for one in hold)
    if path is None:
        raise UsageError("--trace, --break and --hold go through one failure: name its file.")
    path = failure_at(path)
    failure = read_failure(path)
    if failure.world != "sim":
        raise UsageError(
            f"{path}: is of the world {failure.world}. --trace, --break and --hold are for the simulator, "
            "which alone makes the same steps again."
        )
    aim, said = (None, None) if failure.own and target is None else replay_target(failure, target)
    if said is not None:
        sys.stderr.write(f"{said}\n")

    out = sys.stdout  # while a server's own code runs, the name stands for the server's output

    def tell(line: str) -> None:
        out.write(f"{legible_line(line)}\n")

    stepped = step_through(
        failure,
        None if aim is None else subject_of(aim),
        tell=tell if trace else None,
        breaks=breaks,
        holds=holds,
    )
    console = console_on(sys.stdout)
    if trace:
        console.print()
    for number in stepped.missed:
        sys.stderr.write(f"--break {number}: no call of the store is made in that step\n")
    ran = stepped.ran
    if ran.findings:
        found = msgspec.structs.replace(failure, findings=ran.findings, story=stepped.story)
        tell_violation(asked_for(violation(found, path), target, holds), console)
        return 1
    with_holds = f" with {', '.join(map(str, holds))} held" if holds else ""
    if ran.unknown is not None:
        console.print(
            f"The schedule{with_holds} could not be judged: {ran.unknown}.", soft_wrap=True
        )
        return 2
    console.print(f"The schedule{with_holds} is not violated.", soft_wrap=True)
    return 0


def asked_for(run: RunReport, target: str | None, holds: tuple[Hold, ...] = ()) -> RunReport:
    """The run with the command that repeats it: against that target, and with those holds."""
    if target is None and (not holds or run.replay is not msgspec.UNSET):
        return (
            run  # as recorded, or of a store that a program handed in: no command stands for that
        )
    command = replay_command(Path(str(run.failure)), target, holds)
    return msgspec.structs.replace(run, target=target or run.target, replay=command)


def replay_command(path: Path, target: str | None, holds: tuple[Hold, ...] = ()) -> str:
    """What is typed to replay the failure at ``path`` in the same way."""
    words = ["patchstorm", "replay", str(path)]
    words += [] if target is None else ["--target", target]
    for hold in holds:
        words += ["--hold", str(hold)]
    return shlex.join(words)


def _hold(text: str) -> Hold:
    from patchstorm.campaign.stepping import Hold

    found = re.fullmatch(r"(\S+)@(\d{1,9})", text)
    if found is None:
        raise UsageError(
            f"--hold {text}: give TASK@STEP, as `replay --trace` shows them: c0.u0#1@61"
        )
    return Hold(found[1], int(found[2]))

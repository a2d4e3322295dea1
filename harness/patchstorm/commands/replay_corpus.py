"""``patchstorm replay`` without a path: everything that the corpus holds, and what became of it.

*Fixed* needs that every recorded choice found its step, or that the real processes that ran could tell. What
no longer fits says nothing any more: another target, another release, or a store that makes other steps by
now.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from patchstorm.campaign.corpus import Corpus, Entry, cause_of
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.replay_target import replay_target
from patchstorm.commands.stepping import replay_command
from patchstorm.errors import UsageError
from patchstorm.worlds.registry import world_of

if TYPE_CHECKING:
    from rich.console import Console

State = Literal["FIXED", "STILL FAILS", "NO LONGER FITS"]
_WORST: Final[tuple[State, ...]] = ("STILL FAILS", "NO LONGER FITS", "FIXED")
_CODES: Final[dict[State, int]] = {"STILL FAILS": 1, "NO LONGER FITS": 2, "FIXED": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one entry. ``said`` is how often, or why nothing can be told."""

    path: Path
    state: State
    said: str = ""
    entry: Entry | None = None


def execute(corpus: Corpus, *, times: int, near: int, target: str | None, out: Path | None) -> int:
    """Replay all of ``corpus``: 1 when something still fails, else 2 when it cannot be told, else 0."""
    from patchstorm.report.console import console_on

    files = corpus.files()
    if not files:
        raise UsageError(
            f"{corpus.folder}: holds no failures to replay. `run` and `explore` keep there what they find; "
            "`patchstorm replay FAILURE.json` replays a file of your choice."
        )
    console = console_on(sys.stdout)
    states = []
    for _, same in groupby(files, key=cause_of):  # names begin with the cause, and are sorted
        found = []
        for path in same:
            sys.stderr.write(f"replaying {path}\n")
            found.append(_replayed(path, times=times, near=near, target=target, out=out))
        states.append(_tell(found, console, target))
    counts = (f"{states.count(state)} {state.lower()}" for state in _WORST if state in states)
    console.print(", ".join(counts))
    return _CODES[min(states, key=_WORST.index)]


def _replayed(
    path: Path, *, times: int, near: int, target: str | None, out: Path | None
) -> Outcome:
    try:
        entry = Entry(path=path, failure=read_failure(path))
    except UsageError as error:
        return Outcome(path=path, state="NO LONGER FITS", said=str(error))
    try:
        replay_target(entry.failure, target)
        if world_of(entry.failure.world).searches:
            state, said = _simulated(entry, target, near)
        else:
            state, said = _live(entry, target, times, out)
    except UsageError as error:
        state, said = "NO LONGER FITS", str(error)
    return Outcome(path=path, state=state, said=said, entry=entry)


def _simulated(entry: Entry, target: str | None, near: int) -> tuple[State, str]:
    from patchstorm.campaign.simulated import replay
    from patchstorm.worlds.sim.app import subject_of

    aim, _ = replay_target(entry.failure, target)
    again = replay(entry.failure, subject_of(aim), near_count=near)
    if again.ran.findings:
        return "STILL FAILS", "" if again.reproduced else "otherwise than it did"
    if again.nearby is not None and again.nearby.found is not None:
        return "STILL FAILS", "in a schedule near it"
    if again.verdict == "safe":
        return "FIXED", ""
    if again.ran.unknown is not None:
        return "NO LONGER FITS", f"could not be judged: {again.ran.unknown}"
    if again.edited:
        return "NO LONGER FITS", "its choices were changed in the file, and it is not violated"
    steps = f"{again.placed} of {again.choices} choices found their step"
    more = "" if again.nearby is None else f", and none of {again.nearby.runs} near it fails"
    return "NO LONGER FITS", steps + more


def _live(entry: Entry, target: str | None, times: int, out: Path | None) -> tuple[State, str]:
    from patchstorm.campaign.single import replay_live

    aim, _ = replay_target(entry.failure, target)
    with tempfile.TemporaryDirectory(prefix="patchstorm-") as folder:
        done = replay_live(entry.failure, target=aim, repeats=times, out_dir=out or Path(folder))
    if done.reproduced:
        return "STILL FAILS", f"{done.reproduced} of {done.repeats}"
    if done.violated:
        said = f"otherwise than it did, {len(done.violated)} of {done.repeats}"
        return "STILL FAILS", said
    told = [one.report for one in done.results if one.report.verdict not in (None, "unknown")]
    if told and not entry.failure.edited:
        return "FIXED", f"{len(told)} runs"
    report = done.results[0].report
    return "NO LONGER FITS", report.skipped or report.unknown or "no run could tell"


def _tell(found: Sequence[Outcome], console: Console, target: str | None) -> State:
    """One cause: the worst of its entries, and the command that replays it by itself."""
    from rich.text import Text

    worst = min(found, key=lambda one: _WORST.index(one.state))
    said = f"{worst.state} {worst.said}".rstrip() if worst.state == "STILL FAILS" else worst.state
    if worst.entry is None:
        console.print(Text(f"{worst.state}: {worst.said}\n"), soft_wrap=True)
        return worst.state
    failure = worst.entry.failure
    storm = f"{failure.scenario} against {target or failure.target} in {failure.world}"
    first = failure.findings[0]
    more = "" if len(found) == 1 else f" ({len(found)} entries)"
    console.print(Text(f"{said}: {storm}{more}"), soft_wrap=True)
    console.print(Text(f"  {first.checker}: {first.summary}"), soft_wrap=True)
    if worst.state == "NO LONGER FITS":
        console.print(Text(f"  {worst.said}"), soft_wrap=True)
    if worst.state != "FIXED":
        console.print(Text(f"  {replay_command(worst.path, target)}"), soft_wrap=True)
    console.print()
    return worst.state

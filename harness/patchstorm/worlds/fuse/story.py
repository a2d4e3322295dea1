"""A run told call by call: what changed the storage, what others saw of it, and where it was decided so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from patchstorm.choice.replay import STRIKE
from patchstorm.worlds.fuse.outcome import FuseOutcome, Step

LINES_MAX: Final = 60
AROUND: Final = 6
_QUIET: Final = ("close", "fsync")


def told(ran: FuseOutcome) -> tuple[str, ...]:
    """The calls around choices and struck calls, which ``->`` marks; each with its replica and its result."""
    struck = {at for at, step in enumerate(ran.trace) if step.fault}
    if not ran.choices and not struck:
        return ()
    chosen = {f"{one.task}#{one.step}" for one in ran.choices}
    targets = {one.target for one in ran.choices if one.target is not None}
    deaths = {f"{one.task}#{one.step}" for one in ran.choices if one.kind == STRIKE}
    marked = [
        at
        for at, step in enumerate(ran.trace)
        if at in struck or step.key in chosen or step.key in targets or step.key in deaths
    ]
    if not marked:
        return ()
    first, last = max(0, marked[0] - AROUND), marked[-1] + AROUND
    within = [
        (at, step)
        for at, step in enumerate(ran.trace)
        if first <= at <= last and _matters(ran.trace, at)
    ]
    within = [one for one in within if _near(one[0], marked)] if len(within) > LINES_MAX else within
    lines = [_line(step, at in set(marked)) for at, step in within]
    if len(lines) > LINES_MAX:
        lines = [*lines[:LINES_MAX], f"   ... and {len(lines) - LINES_MAX} calls more"]
    return tuple(lines)


def _near(at: int, marked: Sequence[int]) -> bool:
    return any(abs(at - place) <= AROUND for place in marked)


def _matters(trace: Sequence[Step], at: int) -> bool:
    """Whether somebody else touches the same, or it changes something itself."""
    step = trace[at]
    name = step.told.partition(" ")[0]
    if step.fault:
        return True
    if step.footprint.writes:
        return name not in _QUIET
    return any(
        one.replica != step.replica and set(step.footprint.reads) & set(one.footprint.writes)
        for one in trace
    )


def _line(step: Step, marked: bool) -> str:
    sign = "->" if marked else "  "
    result = f" = {step.result}" if step.result else ""
    result += f" ({step.fault})" if step.fault else ""
    return f"{sign} {step.time_ns / 1e6:10.3f} ms  replica {step.replica}  {step.told}{result}"

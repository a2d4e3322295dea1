"""Holds what a real mount did against the model: what the model forbids, and what it allows in vain.

A real run gives one outcome; the model gives all it can produce. A run whose steps were so far apart that
each fell into a tick of its own is not excused by the coarse clock that lets version 3 miss a change. An
outcome that the model cannot produce is a defect of the model (or of the program's rules). One that it can
produce and no run showed may be rare or impossible; both are worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patchstorm.storage.flavour import Flavour
from patchstorm.storage.litmus.program import Program, tags
from patchstorm.storage.litmus.runner import Outcome, run_model
from patchstorm.storage.litmus.shell import Value
from patchstorm.storage.parse import parse_flavour


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One program on one mount. ``seen`` are the different outcomes; the model has ``possible``.

    ``forbidden`` says of each that cannot be what is wrong with it. ``unseen`` are results that the model
    gives for a step and no run did: host, commands, result.
    """

    program: str
    seen: tuple[Outcome, ...]
    possible: int
    forbidden: tuple[str, ...] = ()
    unseen: tuple[tuple[str, str, Value], ...] = ()


def applies(program: Program, flavour: str) -> bool:
    """Whether the rules of ``program`` speak of this kind of mount, options aside."""
    if flavour in program.runs_on:
        return True
    parsed = parse_flavour(flavour)
    like = {parse_flavour(text).name for text in program.runs_on if "," not in text}
    return _plain(parsed) in like and (not _local_locks(parsed) or "nfs3,nolock" in program.runs_on)


def _plain(flavour: Flavour) -> str:
    return flavour.name.partition(",")[0]


def _local_locks(flavour: Flavour) -> bool:
    return flavour.nfs is not None and (flavour.nfs.local_flock or flavour.nfs.local_posix)


def judge(
    program: Program, flavour: str, outcomes: Iterable[Outcome], *, paced: bool = True
) -> Judged:
    """What ``flavour`` of the model says to ``outcomes``, of which there is at least one.

    ``paced``: each step was in a tick of its own; else it is not known.
    """
    seen = {repr(outcome): outcome for outcome in outcomes}
    ticks = (False,) if paced else (False, True)
    results = [run_model(program, flavour, same_tick=tick) for tick in ticks]
    words = [tags(flavour, tick) for tick in ticks]
    possible = {key: found[0] for result in results for key, found in result.outcomes.items()}
    forbidden = tuple(
        _reason(
            program,
            words,
            outcome,
            possible=key in possible,
            complete=all(r.complete for r in results),
        )
        for key, outcome in seen.items()
    )
    return Judged(
        program=program.name,
        seen=tuple(seen.values()),
        possible=len(possible),
        forbidden=tuple(reason for reason in forbidden if reason),
        unseen=tuple(_unseen(program, seen.values(), possible.values())),
    )


def _reason(
    program: Program,
    words: Sequence[frozenset[str]],
    outcome: Outcome,
    *,
    possible: bool,
    complete: bool,
) -> str:
    """Which step the program's rules forbid, or that the model cannot produce the whole; else nothing."""
    for step, value in zip(program.steps, outcome, strict=True):
        if not any(step.permits(value, found) for found in words):
            return f"{step.host} {step.commands} gave {value!r}; the whole was {list(outcome)!r}"
    if possible or not complete:
        return ""  # a model that was not explored to its end cannot be said to forbid anything
    return f"each step is allowed, and the model does not give all of them: {list(outcome)!r}"


def _unseen(
    program: Program, seen: Iterable[Outcome], possible: Iterable[Outcome]
) -> Iterable[tuple[str, str, Value]]:
    had = [{repr(outcome[at]) for outcome in seen} for at in range(len(program.steps))]
    told: set[tuple[int, str]] = set()
    for outcome in possible:
        for at, (step, value) in enumerate(zip(program.steps, outcome, strict=True)):
            key = at, repr(value)
            if key not in told and repr(value) not in had[at]:
                told.add(key)
                yield step.host, step.commands, value

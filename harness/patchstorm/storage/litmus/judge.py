"""Holds what a real mount did against the model: what the model forbids, and what it allows in vain.

A real run gives one outcome; the model gives all it can produce. A run whose steps were so far apart that
each fell into a tick of its own is not excused by the coarse clock that lets version 3 miss a change. An
outcome that the model cannot produce is a defect of the model. One that it can produce and no run showed may
be rare or impossible; both are worth knowing. What a program expects is a third thing: model and mount may
agree on what its author did not think of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from patchstorm.storage.flavour import Flavour
from patchstorm.storage.litmus.program import Program, tags
from patchstorm.storage.litmus.runner import RUNS_MAX, Outcome, run_model
from patchstorm.storage.litmus.search import find
from patchstorm.storage.litmus.shell import Value
from patchstorm.storage.parse import parse_flavour

UNSEEN_MAX: Final = 1_000
"""Results that no run showed are kept up to this number, of each program on each mount."""
LED_RUNS_MAX: Final = RUNS_MAX // 4
"""So many runs look for what exploring did not come to, after it was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A result that the program allows a step on this mount; ``met``: the model or a run gave it."""

    host: str
    commands: str
    result: Value
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One program on one mount. ``seen`` are the different outcomes; the model has ``possible``.

    ``forbidden`` says of each that the model cannot give what is wrong with it; of a model that was not
    explored to its end (``complete``) such an outcome is ``undecided`` and nothing is forbidden.
    ``unexpected`` says where an outcome, whatever the model thinks of it, is none that the program expects.
    ``unseen`` are results that the model gives for a step and no run did: host, commands, result; there are
    ``unseen_more``.
    """

    program: str
    seen: tuple[Outcome, ...]
    possible: int
    complete: bool = True
    forbidden: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    unseen: tuple[tuple[str, str, Value], ...] = ()
    unseen_more: int = 0
    expected: tuple[Expected, ...] = ()


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
    complete = all(result.complete for result in results)
    possible = {key: found[0] for result in results for key, found in result.outcomes.items()}
    strange = [outcome for key, outcome in seen.items() if key not in possible]
    if not complete:
        strange = _not_found(program, flavour, ticks, strange)
    unseen = _unseen(program, seen.values(), possible.values())
    given = [*seen.values(), *possible.values()]
    return Judged(
        program=program.name,
        seen=tuple(seen.values()),
        possible=len(possible),
        complete=complete,
        forbidden=tuple(_strange(program, possible.values(), one) for one in strange)
        if complete
        else (),
        undecided=() if complete else tuple(str(list(outcome)) for outcome in strange),
        unexpected=tuple(
            text for one in seen.values() if (text := _unexpected(program, words, one))
        ),
        unseen=tuple(unseen[:UNSEEN_MAX]),
        unseen_more=max(0, len(unseen) - UNSEEN_MAX),
        expected=tuple(_expected(program, words, given)) if complete else (),
    )


def _not_found(
    program: Program, flavour: str, ticks: Sequence[bool], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Those that the model does not give where it is led to them, either: what parts early is left early."""
    runs_max = LED_RUNS_MAX // max(1, len(outcomes) * len(ticks))
    return [
        outcome
        for outcome in outcomes
        if not any(
            find(program, flavour, outcome, same_tick=tick, runs_max=runs_max).produced
            for tick in ticks
        )
    ]


def _strange(program: Program, possible: Iterable[Outcome], outcome: Outcome) -> str:
    """Where an outcome parts from all that the model gives."""
    at = max(_alike(one, outcome) for one in possible)
    step = program.steps[at]
    return (
        f"{step.host} {step.commands} gave {outcome[at]!r}, and the model never does after what came before; "
        f"the whole was {list(outcome)!r}"
    )


def _alike(one: Outcome, other: Outcome) -> int:
    """How many results from the first on are the same."""
    return next(at for at in range(len(other)) if repr(one[at]) != repr(other[at]))


def _unexpected(program: Program, words: Sequence[frozenset[str]], outcome: Outcome) -> str:
    """The first step whose result the program does not expect; empty where there is none."""
    for step, value in zip(program.steps, outcome, strict=True):
        if not any(step.permits(value, found) for found in words):
            here = [one for one in step.allowed or () if any(map(one.applies, words))]
            wanted = " or ".join(f"{one.result!r}" for one in here) or "nothing on this mount"
            return (
                f"{step.host} {step.commands}: expected {wanted}, and it gave {value!r}; "
                f"the whole was {list(outcome)!r}"
            )
    return ""


def _expected(
    program: Program, words: Sequence[frozenset[str]], given: Sequence[Outcome]
) -> Iterable[Expected]:
    for at, step in enumerate(program.steps):
        values = {repr(outcome[at]): outcome[at] for outcome in given}.values()
        for one in step.allowed or ():
            if any(map(one.applies, words)):
                met = any(map(one.means, values))
                yield Expected(host=step.host, commands=step.commands, result=one.result, met=met)


def _unseen(
    program: Program, seen: Iterable[Outcome], possible: Iterable[Outcome]
) -> list[tuple[str, str, Value]]:
    had = [{repr(outcome[at]) for outcome in seen} for at in range(len(program.steps))]
    unseen = []
    for outcome in possible:
        for at, (step, value) in enumerate(zip(program.steps, outcome, strict=True)):
            key = repr(value)
            if key not in had[at]:
                had[at].add(key)
                unseen.append((step.host, step.commands, value))
    return unseen

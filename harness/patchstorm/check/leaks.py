"""``leaks``: who is done with a request keeps nothing of it.

A file that stays open after each request that is cut, refused or late is one of the thousand or so that a
process may have, and the end comes days later, far from the mistake. A temporary file is room that nobody
sees until a sweep. A file that is left is excused by a fault before it that is not about a single request:
what a failing disk did not remove is for the sweeper. An open file is excused by nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, either, needs
from patchstorm.check.story import finding
from patchstorm.history.events import Fault, Leak

NAME = "leaks"


def _find(case: Case) -> Iterator[Finding]:
    told: set[str] = set()
    for leak in _leaks(case):
        if leak.what in told or _excused(case, leak):
            continue
        told.add(leak.what)
        causes = (
            {}
            if leak.op is None
            else {leak.op: "opened it" if leak.what == "handle" else "made it"}
        )
        yield finding(case, NAME, _says(leak), causes=causes)


def _says(leak: Leak) -> str:
    whose = "a sweep" if leak.op is None else f"op {leak.op}"
    if leak.what == "handle":
        return f"replica {leak.replica} serves nobody and has {leak.path} open since {whose}"
    return f"replica {leak.replica} is done with {whose} and leaves its temporary file {leak.path}"


def _leaks(case: Case) -> list[Leak]:
    return [event for event in case.history.events if isinstance(event, Leak)]


def _excused(case: Case, leak: Leak) -> bool:
    return leak.what == "file" and any(
        isinstance(event, Fault)
        and event.excuses
        and event.op is None
        and event.time_ns <= leak.time_ns
        for event in case.history.events
    )


def _applies(case: Case) -> str | None:
    return None if _leaks(case) else "nothing was left, as far as anybody looked"


RULE = Rule(
    name=NAME,
    says="who is done with a request keeps no file open, and leaves no temporary one",
    find=_find,
    applies=either(needs("tidies-up"), _applies),
)

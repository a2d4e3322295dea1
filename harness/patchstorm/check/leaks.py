"""``leaks``: who is done with a request keeps nothing of it.

A file that stays open after each request that is cut, refused or late is one of the thousand or so that a
process may have, and the end comes days later, far from the mistake. A temporary file is room that nobody
sees until a sweep. Bytes that are stored where the upload says that it has none are room, too, which comes
back when it ends, if ever: a damaged chunk that was given up, a body that was refused. A file that is left is
excused by a fault before it that is not about a single request: what a failing disk did not remove is for the
sweeper. So is what a dead process left; but a sweeper takes it away while the upload lives, so once
nobody else has been at work for as long as a sweep may take no more bytes are stored than the upload has.
Only a fault that was in force meanwhile excuses that. Where a record was damaged nobody knows what room is
whose. Nothing excuses an open file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patchstorm.case.case import Case
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, either, needs
from patchstorm.check.story import finding
from patchstorm.history.events import Damage, Fault, Leak

NAME = "leaks"
_DEEDS: Final = {
    "handle": "opened it",
    "file": "made it",
    "room": "said that they are missing",
    "needless": "told which bytes the upload has",
}


def _find(case: Case) -> Iterator[Finding]:
    told: set[str] = set()
    for leak in _leaks(case):
        if leak.what in told or _excused(case, leak):
            continue
        told.add(leak.what)
        causes = {} if leak.op is None else {leak.op: _DEEDS[leak.what]}
        yield finding(case, NAME, _says(leak), causes=causes)


def _says(leak: Leak) -> str:
    whose = "a sweep" if leak.op is None else f"op {leak.op}"
    if leak.what == "handle":
        return f"replica {leak.replica} serves nobody and has {leak.path} open since {whose}"
    if leak.what == "needless":
        return (
            f"{leak.held} bytes are stored of an upload that has {leak.needed} by replica {leak.replica}"
            f" ({whose}), and sweeps went by: so {leak.path} lies there for nothing"
        )
    if leak.what == "room":
        return f"by replica {leak.replica} ({whose}) the bytes are missing that lie at {leak.path}"
    return f"replica {leak.replica} is done with {whose} and leaves its temporary file {leak.path}"


def _leaks(case: Case) -> list[Leak]:
    return [event for event in case.history.events if isinstance(event, Leak)]


def _excused(case: Case, leak: Leak) -> bool:
    if leak.what in ("room", "needless") and any(
        isinstance(event, Damage) and event.record and event.time_ns <= leak.time_ns
        for event in case.history.events
    ):
        return True
    if leak.what == "needless":
        return any(
            window.fault.excuses and window.since <= leak.time_ns and leak.since_ns <= window.until
            for window in case.faults.windows
        )
    return leak.what != "handle" and any(
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
    says="who is done with a request keeps no file open, and leaves no temporary one; bytes that are missing"
    " take no room, nor do dead processes once it was swept",
    find=_find,
    applies=either(needs("tidies-up"), _applies),
)

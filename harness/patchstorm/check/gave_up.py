"""Part of ``availability``: a client that is a program of its own gave up what it should have been served.

A program ends badly for many reasons of its own, and for the network's, so that alone tells nothing. But who
is told again and again that the upload stands at an offset, and whose bytes at that very offset are refused
each time, can do nothing but give up. No request of those was disturbed, no answer got lost, and 423 does not
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patchstorm.case.case import Case, ended
from patchstorm.check.model import Finding
from patchstorm.check.story import finding, verb
from patchstorm.history.events import ProgramEnd
from patchstorm.history.model import Operation

LEAST: Final = 3
"""One refusal tells nothing: a part of a body that had broken off may have been stored after the answer."""
_TOLD: Final = 8
_NOT_NOW: Final = 423


def given_up(case: Case, name: str) -> Iterator[Finding]:
    """Findings of the checker ``name``."""
    for event in case.history.events:
        if not isinstance(event, ProgramEnd) or not event.code:
            continue
        refused = _refused(case, event.client)
        if len(refused) < LEAST:
            continue
        last = refused[-1]
        offset, status = last.call.offset, last.end.status if last.end is not None else None
        yield finding(
            case,
            name,
            f"{event.program} gave up (code {event.code}): {len(refused)} times in a row it was told offset"
            f" {offset}, and its bytes there were refused ({status})",
            upload=case.uploads.get(last.call.upload or ""),
            operations=[one.op for one in refused[-_TOLD:]],
            causes={
                last.op: f"{verb(case, 'append')} at the offset that the server itself had told"
            },
        )


def _refused(case: Case, client: str) -> list[Operation]:
    """The refused requests at the end of what it asked, each at the one offset that it had just been told."""
    mine = [one for one in case.operations if one.call.client == client]
    refused: list[Operation] = []
    for place in range(len(mine) - 1, 0, -1):
        one, before = mine[place], mine[place - 1]
        if one.call.kind == "query" and one.outcome == "ok":
            continue
        if not (_is_refused(case, one) and _told(before, one)):
            break
        if refused and refused[-1].call.offset != one.call.offset:
            break
        refused.append(one)
    return refused[::-1]


def _is_refused(case: Case, one: Operation) -> bool:
    status = None if one.end is None else one.end.status
    if (
        one.call.kind != "append"
        or one.call.cut
        or not one.call.length
        or status in (None, _NOT_NOW)
    ):
        return False
    return one.outcome == "fail" and not case.faults.explains(one, ended(one))


def _told(before: Operation, one: Operation) -> bool:
    """Whether ``before`` asked how far the upload of ``one`` is and was told just where ``one`` goes on."""
    return (
        before.call.kind == "query"
        and before.call.upload == one.call.upload
        and before.outcome == "ok"
        and before.end is not None
        and before.end.offset == one.call.offset
    )

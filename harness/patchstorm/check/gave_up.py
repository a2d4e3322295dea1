"""Part of ``availability``: a client that is a program of its own gave up what it should have been served.

A program ends badly for many reasons of its own, and for the network's, so that alone tells nothing. But who
is told again and again that the upload stands at an offset, and whose bytes at that very offset are refused
each time, can do nothing but give up. That some late part of a broken body had moved the offset in between
explains one of those refusals at most, since it would be told from then on. 423 does not count.
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
            f"{event.program} gave up (code {event.code}): {len(refused)} times it was told offset {offset},"
            f" and its bytes there were refused each time ({status})",
            upload=case.uploads.get(last.call.upload or ""),
            operations=[one.op for one in refused[-_TOLD:]],
            causes={
                last.op: f"{verb(case, 'append')} at the offset that the server itself had told"
            },
        )


def _refused(case: Case, client: str) -> list[Operation]:
    """The refused requests since the upload last moved, each at the one offset that it had just been told.

    A request in between whose answer was lost has moved nothing, where the same offset is told after it.
    """
    mine = [one for one in case.operations if one.call.client == client]
    refused: list[Operation] = []
    told: int | None = None
    for place in range(len(mine) - 1, 0, -1):
        one = mine[place]
        if one.call.kind == "query":
            offset = one.end.offset if one.outcome == "ok" and one.end is not None else None
            if offset is not None and told not in (None, offset):
                break
            told = told if offset is None else offset
        elif _is_refused(case, one) and _told(mine[place - 1], one):
            if told not in (None, one.call.offset):
                break
            refused.append(one)
        elif one.outcome == "ok" or not refused:
            break
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

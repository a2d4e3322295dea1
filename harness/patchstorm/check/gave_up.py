"""Part of ``availability``: a client that is a program of its own gave up what it should have been served.

A program ends badly for many reasons of its own, and for the network's, so that alone tells nothing. But who
is told again and again that the upload stands at an offset, and whose bytes at that very offset are refused
each time, can do nothing but give up. That some late part of a broken body had moved the offset in between
explains one of those refusals at most, since it would be told from then on. 423 does not count there.

Nor can it do anything where all that it asks is refused, how far the upload is above all, after every fault
and when nobody is at work there any more. A lock may outlive whoever held it by as long as a target is
granted to recover, so a 423 counts only after that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patchstorm.case.case import FAR, Case, ended
from patchstorm.check.model import Finding
from patchstorm.check.story import finding, verb
from patchstorm.history.events import ProgramEnd
from patchstorm.history.model import Operation

LEAST: Final = 3
"""One refusal tells nothing: a part of a body that had broken off may have been stored after the answer."""
_TOLD: Final = 8
_NOT_NOW: Final = 423
_LATER: Final = frozenset({408, 421, 429})
"""Told to come again, for reasons that are no business of the upload."""
_OF_NO_OFFSET: Final = frozenset({404, 410, _NOT_NOW})
"""Why bytes are refused wherever they are to go."""


def given_up(case: Case, name: str) -> Iterator[Finding]:
    """Findings of the checker ``name``."""
    for event in case.history.events:
        if not isinstance(event, ProgramEnd) or not event.code:
            continue
        refused = _refused(case, event.client)
        if len(refused) < LEAST:
            yield from _all_refused(case, name, event)
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


def _all_refused(case: Case, name: str, event: ProgramEnd) -> Iterator[Finding]:
    """It was refused whatever it asked, from some answer on until it gave up."""
    away = _turned_away(case, event.client)
    if len(away) < LEAST:
        return
    statuses = sorted({one.end.status for one in away if one.end and one.end.status})
    listed = ", ".join(str(status) for status in statuses)
    yield finding(
        case,
        name,
        f"{event.program} gave up (code {event.code}): its last {len(away)} requests that were answered were"
        f" all refused ({listed}), and nothing explains it",
        upload=case.uploads.get(away[-1].call.upload or ""),
        operations=[one.op for one in away[-_TOLD:]],
        causes={away[-1].op: "the last refusal"},
    )


def _turned_away(case: Case, client: str) -> list[Operation]:
    """The refusals with which its answers ended, back to one that was none or that something explains."""
    away: list[Operation] = []
    for one in reversed([one for one in case.operations if one.call.client == client]):
        if one.end is None or one.end.status is None:
            continue  # it was told nothing
        if not _is_owed(case, one, one.end.status):
            break
        away.append(one)
    return away[::-1]


def _is_owed(case: Case, one: Operation, status: int) -> bool:
    """Whether it is a refusal for which there is no reason in the history."""
    upload = case.uploads.get(one.call.upload or "")
    if upload is None or upload.rivals or upload.damages or one.outcome != "fail":
        return False
    if one.call.kind == "query":
        counts = 400 <= status < 500 and status not in _LATER
    else:
        counts = one.call.kind == "append" and not one.call.cut and status in _OF_NO_OFFSET
    finished = upload.full_from <= ended(one) and not case.can("head-after-finish")
    if not counts or finished or upload.gone_from <= ended(one):
        return False
    patience_ns = case.history.header.convergence_ms * 1_000_000 if status == _NOT_NOW else 0
    at_work_until = max(
        (
            ended(other)
            for other in upload.operations
            if other.call.time_ns < one.call.time_ns and other.outcome != "fail"
        ),
        default=-FAR,
    )
    quiet = at_work_until + patience_ns <= one.call.time_ns
    return quiet and not case.faults.explains(one, ended(one))


def _told(before: Operation, one: Operation) -> bool:
    """Whether ``before`` asked how far the upload of ``one`` is and was told just where ``one`` goes on."""
    return (
        before.call.kind == "query"
        and before.call.upload == one.call.upload
        and before.outcome == "ok"
        and before.end is not None
        and before.end.offset == one.call.offset
    )

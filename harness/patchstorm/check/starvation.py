"""``starvation``: whoever asks again and again is served in the end, while others are.

A busy store may refuse, and a client that is refused tries again. One that was put off ``REFUSED_MIN`` times
in a row, of one upload, while requests of others were served at least as often, and some of them after its
last try began, was not unlucky: the store prefers the others, or has forgotten it. Put off is who is told to
try again (408, 423, 429, 503) or gets no answer; a 409 has a reason, and ``refusal`` judges that.

What a fault explains does not count, and neither does what a body that stood still at the same replica kept
waiting. A history of hostile policy is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from patchstorm.case.case import Case, UploadCase, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, liveness
from patchstorm.check.standing import kept_waiting
from patchstorm.check.story import finding, verb
from patchstorm.history.model import Operation
from patchstorm.history.no_answer import NoAnswer

NAME = "starvation"
REFUSED_MIN = 12
_BUSY = frozenset({408, 423, 429, 503})
_TOLD = 6


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        for client, kind, asked in _askers(upload):
            for refused in _in_a_row(case, asked):
                others = _served(case, client, refused)
                if len(refused) < REFUSED_MIN or len(others) < len(refused):
                    continue
                yield _finding(case, upload, client, kind, refused, others)
                break


def _askers(upload: UploadCase) -> Iterator[tuple[str, str, list[Operation]]]:
    """Each client's requests of one kind, during the storm, in the order in which it sent them."""
    asked: dict[tuple[str, str], list[Operation]] = {}
    for one in upload.by_invocation:
        if one.call.phase == "storm":
            asked.setdefault((one.call.client, one.call.kind), []).append(one)
    for (client, kind), requests in asked.items():
        yield client, kind, requests


def _in_a_row(case: Case, asked: list[Operation]) -> Iterator[list[Operation]]:
    for busy, group in groupby(asked, lambda one: _busy(case, one)):
        if busy:
            yield list(group)


def _busy(case: Case, operation: Operation) -> bool:
    """Whether it was put off, and nothing but the store is a reason."""
    end = operation.end
    if end is None or operation.call.cut:
        return False
    put_off = end.error is NoAnswer.TIMEOUT if end.status is None else end.status in _BUSY
    return (
        put_off
        and not case.faults.explains(operation, end.time_ns)
        and not case.faults.shortly_before(end.time_ns)
        and not case.faults.stalled(operation.call.time_ns, end.time_ns)
        and not kept_waiting(case, operation)
    )


def _served(case: Case, client: str, refused: list[Operation]) -> list[Operation]:
    """What others brought about meanwhile: PATCHes of any upload that were acknowledged, and HEADs."""
    if not refused:
        return []
    since, last = refused[0].call.time_ns, refused[-1]
    served = [
        one
        for one in case.history.operations
        if one.call.client != client
        and one.call.kind in ("append", "query")
        and one.outcome == "ok"
        and since <= one.call.time_ns
        and ended(one) <= ended(last)
    ]
    return served if any(ended(one) >= last.call.time_ns for one in served) else []


def _finding(
    case: Case,
    upload: UploadCase,
    client: str,
    kind: str,
    refused: list[Operation],
    others: list[Operation],
) -> Finding:
    first, last = refused[0], refused[-1]
    return finding(
        case,
        NAME,
        f"{client} was put off {len(refused)} times in a row with its {verb(case, kind)} of upload"
        f" {upload.id}, while {len(others)} requests of others were served",
        upload=upload,
        operations=[one.op for one in (*refused[:_TOLD], *others[:2], *others[-2:])],
        causes={first.op: "put off for the first time", last.op: "and for the last time"},
    )


RULE = Rule(
    name=NAME,
    says="who is put off again and again is served in the end, while others are",
    find=_find,
    applies=liveness,
)

"""``availability``: without a fault that explains it, no 5xx, no hang, and no refusal for good.

A 423, and a 503 that says when to retry, are legal while others are at work; they become a violation
when nothing but refusals came after healing and the upload is unfinished in the end; of a finished one
HEAD is owed an answer where the target declares ``head-after-finish``. tus 1.0.0 leaves the answer to a
busy lock open, so on a sequential target a 5xx beside another request about the same upload counts as a
busy lock, and so does a connection that the server ends in order before it has answered. One that was
reset may have carried a refusal that came before the body had been read (RFC 9112, 9.6), and networks
reset, so that says nothing. HEAD of a target that declares ``patient-head`` is answered 423 where the
storage fails: clients drop an upload for any other error. A storage of limited size that what was sent
can have filled explains a 5xx as a fault does, but not for good that of a DELETE, which makes room, or of
a HEAD, which needs none. A
request that the client itself cut is owed no answer. Who lost a name is told so
(:mod:`patchstorm.check.lost_names`), and a client that is a program of its own is not made to give up
(:mod:`patchstorm.check.gave_up`).
While bodies stand still at a replica that may hold all of its workers, none is owed there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from patchstorm.case.case import FAR, Case, UploadCase, bodied, effect_of, ended
from patchstorm.check.completion import owed
from patchstorm.check.gave_up import given_up
from patchstorm.check.lost_names import untold
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, liveness
from patchstorm.check.standing import kept_waiting
from patchstorm.check.story import finding, verb
from patchstorm.history.events import Exit, Fault
from patchstorm.history.model import Completion, Kind, Operation
from patchstorm.history.no_answer import NoAnswer

NAME = "availability"
_REFUSALS_TOLD = 8
NO_ROOM = 507
NO_ROOM_MAX = 4
_NEED_NO_ROOM: Final[tuple[Kind, ...]] = ("terminate", "query")
RAISED = "x-simulator-raised"
"""Where the simulator saw the server's code raise what is no failed call: no fault is a reason for that."""


def _find(case: Case) -> Iterator[Finding | Unsure]:
    contention = {upload.id: _Contention(upload) for upload in case.uploads.values()}
    told: set[str] = set()
    for operation in case.operations:
        if operation.call.probe is not None:
            continue  # some of them are asked wrongly, and `conformance` knows which
        said = _failing(case, operation, contention)
        if said is None:
            continue
        if _stalled(case, operation):
            yield Unsure(f"op {operation.op} {said} while the harness itself was not scheduled")
        elif said not in told:
            told.add(said)
            yield finding(
                case,
                NAME,
                f"{verb(case, operation.call.kind)} (op {operation.op}) {said} and no fault explains it",
                upload=case.uploads.get(operation.call.upload or ""),
                causes={operation.op: said},
            )
    for upload in case.uploads.values():
        for kind in _NEED_NO_ROOM:
            yield from _for_want_of_room(case, upload, kind)
        yield from _refused_for_good(case, upload)
    yield from untold(case, NAME)
    yield from given_up(case, NAME)


def _stalled(case: Case, operation: Operation) -> bool:
    end = operation.end
    if end is None or end.status is not None:
        return False  # an answer that came does not depend on how long anybody waited
    return case.faults.stalled(operation.call.time_ns, end.time_ns)


def _failing(case: Case, operation: Operation, contention: dict[str, _Contention]) -> str | None:
    """What is wrong with an answer when no fault explains it, or None."""
    call, end = operation.call, operation.end
    if end is None or call.cut:
        return None
    said = _said(case, operation)
    if said is None:
        return None
    if end.error is NoAnswer.CLOSED and not case.answered:
        return None  # nobody ever answered anything, so nothing was tried
    unsent = bodied(operation) and end.sent < (call.length or 0)
    if unsent and end.status is None and end.error is not NoAnswer.TIMEOUT:
        return None
    if operation.call.kind == "query" and end.status is not None and case.can("patient-head"):
        return said
    if RAISED in end.headers:
        return f"{said}: its code raised {end.headers[RAISED]}"
    if case.faults.explains(operation, end.time_ns):
        return None
    if end.error is NoAnswer.TIMEOUT and (
        case.faults.holds_up(end.time_ns) or kept_waiting(case, operation)
    ):
        return None
    if end.status is not None and case.crowded:
        return None  # a storage of limited size that is full
    busy = contention.get(call.upload or "")
    if case.sequential and _like_busy(end) and busy is not None and busy.beside(operation):
        return None
    return said


def _like_busy(end: Completion) -> bool:
    return end.status in (500, 503) or end.error is NoAnswer.CLOSED


def _said(case: Case, operation: Operation) -> str | None:
    end = operation.end
    assert end is not None
    if end.status is not None:
        if end.status < 500:
            return None
        if end.status == 503 and (not end.headers or "retry-after" in end.headers):
            return None
        return f"was answered {end.status}"
    if end.error is NoAnswer.TIMEOUT:
        return "was never answered"
    if end.error is NoAnswer.REFUSED:
        return "found nobody listening" + _exit(case, operation)
    if end.error is NoAnswer.CLOSED:
        return "got no whole answer before its connection was closed" + _exit(case, operation)
    if end.error is NoAnswer.GARBLED:
        said = "was answered with what is not HTTP"
        return said if end.malformed is None else f"{said}: {end.malformed}"
    return None


def _exit(case: Case, operation: Operation) -> str:
    """Why nobody listened, where the history knows: the replica had ended by itself before the answer."""
    replica, until = operation.call.replica, ended(operation)
    for event in reversed(case.history.events):
        if isinstance(event, Exit) and event.replica == replica and event.time_ns <= until:
            return f": replica {replica} had ended by itself with code {event.code}"
    return ""


class _Contention:
    """Whether another request about an upload was, or may still have been, under way."""

    def __init__(self, upload: UploadCase) -> None:
        spans = sorted((one.call.time_ns, _until(one), one.op) for one in upload.operations)
        self._since = [span[0] for span in spans]
        self._latest: list[tuple[tuple[int, int], tuple[int, int]]] = []
        first, second = (-1, -1), (-1, -1)
        for _, until, op in spans:
            if (until, op) > first:
                first, second = (until, op), first
            elif (until, op) > second:
                second = (until, op)
            self._latest.append((first, second))

    def beside(self, operation: Operation) -> bool:
        at = bisect_right(self._since, ended(operation)) - 1
        if at < 0:
            return False
        first, second = self._latest[at]
        until, _ = second if first[1] == operation.op else first
        return until >= operation.call.time_ns


def _until(operation: Operation) -> int:
    """Until when a request may occupy its upload: one without an answer, for ever."""
    return FAR if effect_of(operation) == "maybe" else ended(operation)


def _for_want_of_room(case: Case, upload: UploadCase, kind: Kind) -> Iterator[Finding]:
    """DELETE of an upload that takes up room, or HEAD, was refused for want of room, again and again.

    A full storage is what somebody ends an upload for, and who asks how far it is stores nothing, so it is no
    excuse; one refusal may be, since what a DELETE gives back may be gone only after it, and a HEAD may have
    tried to finish what waits for room. A fault of this replica's own is one, however, and so is one of
    single calls: that they fail for want of room has nothing to do with how much there is.
    """
    since = 0
    if kind == "terminate":
        since = min((one.completed for one in upload.writes if one.acked > one.start), default=FAR)
    refused: list[int] = []
    for one in upload.by_invocation:
        if one.call.kind != kind or one.end is None or one.call.time_ns < since:
            continue
        if one.end.status != NO_ROOM or _struck_itself(case, one):
            refused.clear()
            continue
        refused.append(one.op)
        if len(refused) < NO_ROOM_MAX:
            continue
        holds = ", which holds bytes," if kind == "terminate" else ""
        why = "it would make room" if kind == "terminate" else "it needs none"
        yield finding(
            case,
            NAME,
            f"{verb(case, kind)} of upload {upload.id}{holds} was refused for want of room {len(refused)}"
            " times in a row",
            upload=upload,
            operations=refused,
            causes={refused[-1]: f"refused although {why}"},
        )
        return


def _struck_itself(case: Case, operation: Operation) -> bool:
    """Whether a fault had struck the very replica that answered, or single calls: not how full it is."""
    replica, until = operation.call.replica, ended(operation)
    return any(
        isinstance(event, Fault)
        and event.time_ns <= until
        and (event.of_calls or event.replica == replica is not None)
        for event in case.history.events
    )


def _refused_for_good(case: Case, upload: UploadCase) -> Iterator[Finding | Unsure]:
    if case.heal_ns is None or upload.rivals or not owed(case, upload):
        return
    published = _published(upload)
    if published and not case.can("head-after-finish"):
        return
    for kind in ("query",) if published else ("query", "append"):
        asked = [
            one for one in upload.operations if one.call.phase == "heal" and one.call.kind == kind
        ]
        answered = [one for one in asked if one.end is not None and one.end.status is not None]
        if not answered or any(one.outcome == "ok" for one in asked):
            continue
        statuses = sorted({one.end.status for one in answered if one.end and one.end.status})
        listed = ", ".join(str(status) for status in statuses)
        if case.faults.stalled(case.heal_ns, case.last_ns):
            yield Unsure(
                f"every {verb(case, kind)} after healing was refused while the harness was stalled"
            )
            return
        yield finding(
            case,
            NAME,
            f"after healing every {verb(case, kind)} of upload {upload.id} was refused ({listed}), in"
            f" {len(answered)} attempts",
            upload=upload,
            operations=[one.op for one in answered[-_REFUSALS_TOLD:]],
            causes={answered[-1].op: "the last attempt, refused as well"},
        )
        return


def _published(upload: UploadCase) -> bool:
    final = upload.final
    return final is not None and final.present and (final.size or 0) >= upload.size


RULE = Rule(
    name=NAME,
    says="without a fault that explains it no 5xx, no hang, and no correct request refused for good",
    find=_find,
    applies=liveness,
)

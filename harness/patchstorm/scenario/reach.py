"""Whether a storm got where it had to: predicates on a history, for ``[expect] reaches``.

A storm that never met the situation it is for proves nothing, and the run says so. A predicate that
needs steps of the file system cannot be judged in worlds that do not record them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patchstorm.history.events import Fault, ProgramEnd, Step
from patchstorm.history.model import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """``met`` None: it cannot be judged from this history, for ``reason``."""

    met: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A registered predicate; ``judge`` answers None where it cannot."""

    name: str
    says: str
    judge: Callable[[History], bool | None]
    unjudgeable: str = ""


def reached(name: str, history: History) -> Reached:
    """Judge one name of ``reaches``; KeyError for a name that is not registered."""
    reach = REACHES[name]
    met = reach.judge(history)
    if met is None:
        return Reached(met=None, reason=reach.unjudgeable)
    return Reached(met=met, reason="" if met else f"it never happened that {reach.says}")


# ---- what the predicates are made of


def _patches(history: History, upload: str | None = None) -> list[Operation]:
    return [
        operation
        for operation in history.operations
        if operation.call.kind == "append" and upload in (None, operation.call.upload)
    ]


def _status(operation: Operation) -> int | None:
    return None if operation.end is None else operation.end.status


def _sent(operation: Operation) -> int:
    return 0 if operation.end is None else operation.end.sent


def _span(operation: Operation) -> tuple[int, float]:
    end = operation.end
    return operation.call.time_ns, float("inf") if end is None else end.time_ns


def _together(operations: list[Operation]) -> Iterator[tuple[Operation, Operation]]:
    """Pairs on the same upload whose times overlap, in order of their beginning."""
    running: list[Operation] = []
    for operation in sorted(operations, key=lambda item: item.call.time_ns):
        begin = operation.call.time_ns
        running = [other for other in running if _span(other)[1] > begin]
        for other in running:
            if other.call.upload == operation.call.upload:
                yield other, operation
        running.append(operation)


def _overlap(a: Operation, b: Operation) -> bool:
    first, second = a.call, b.call
    if None in (first.offset, first.length, second.offset, second.length):
        return False
    return (first.offset or 0) < (second.offset or 0) + (second.length or 0) and (
        second.offset or 0
    ) < (first.offset or 0) + (first.length or 0)


def _elsewhere(a: Operation, b: Operation) -> bool:
    return a.call.replica != b.call.replica


# ---- the predicates


def _raced(history: History) -> bool:
    return any(_elsewhere(a, b) for a, b in _together(_patches(history)))


def _replayed(history: History) -> bool:
    by_op = {operation.op: operation for operation in history.operations}
    return any(
        operation.call.replay_of in by_op
        and _elsewhere(operation, by_op[operation.call.replay_of])
        and _status(operation) is not None
        for operation in _patches(history)
        if operation.call.replay_of is not None
    )


def _contradicted(history: History) -> bool:
    return any(
        a.call.content != b.call.content and _overlap(a, b) for a, b in _together(_patches(history))
    )


def _conflict_refused(history: History) -> bool:
    return _contradicted(history) and any(_status(item) == 409 for item in _patches(history))


def _program_ended_well(history: History) -> bool:
    codes = [event.code for event in history.events if isinstance(event, ProgramEnd)]
    return bool(codes) and set(codes) == {0}


def _answer_lost(history: History) -> bool:
    return any(
        item.end is not None and item.end.status is None and item.end.sent == item.call.length
        for item in _patches(history)
        if item.call.length
    )


def _body_cut(history: History) -> bool:
    return any(
        item.call.cut and _sent(item) < (item.call.length or 0) for item in _patches(history)
    )


def _resumed(history: History) -> bool:
    """HEAD or STATUS after a PATCH that did not succeed, and then an accepted PATCH."""
    stage: dict[str | None, int] = {}
    for operation in history.operations:
        upload, kind = operation.call.upload, operation.call.kind
        at = stage.get(upload, 0)
        if kind == "append" and operation.outcome != "ok" and at == 0:
            stage[upload] = 1
        elif kind in ("query", "status") and operation.outcome == "ok" and at == 1:
            stage[upload] = 2
        elif kind == "append" and operation.outcome == "ok" and at == 2:
            return True
    return False


def _asked_elsewhere(history: History) -> bool:
    """HEAD or STATUS answered by another replica than the one that took the PATCH before."""
    last: dict[str | None, int | None] = {}
    for operation in history.operations:
        call = operation.call
        if call.kind == "append" and operation.outcome == "ok":
            last[call.upload] = call.replica
        elif call.kind in ("query", "status") and operation.outcome == "ok":
            elsewhere = call.upload in last and last[call.upload] != call.replica
            if elsewhere:
                return True
    return False


def _checksum_refused(history: History) -> bool:
    return any(
        item.call.checksum in ("wrong", "malformed", "unknown-algorithm")
        and _status(item) in (400, 460)
        for item in _patches(history)
    )


def _empty_answered(history: History) -> bool:
    return any(item.call.length == 0 and _status(item) is not None for item in _patches(history))


def _published(history: History) -> bool:
    return any(final.present for final in history.finals.values())


def _joined(history: History) -> bool:
    """A final upload was made, and its parts may be gone since: so the creation's answer tells."""
    finals = {upload.id for upload in history.header.uploads if upload.parts}
    return any(
        item.call.upload in finals and item.call.kind == "create" and item.outcome == "ok"
        for item in history.operations
    )


def _length_declared(history: History) -> bool:
    """A length was declared and acknowledged, and a HEAD that came later was answered."""
    declared: dict[str | None, int] = {}
    for item in history.operations:
        if item.end is not None and item.call.declares is not None and item.outcome == "ok":
            declared.setdefault(item.call.upload, item.end.time_ns)
    return any(
        item.call.kind == "query"
        and item.outcome == "ok"
        and item.call.time_ns > declared.get(item.call.upload, item.call.time_ns)
        for item in history.operations
    )


def _terminated(history: History) -> bool:
    return any(
        item.call.kind == "terminate" and item.outcome == "ok" for item in history.operations
    )


def _expired(history: History) -> bool:
    mortal = {upload.id for upload in history.header.uploads if upload.expires_ms is not None}
    return any(
        item.call.upload in mortal and _status(item) in (404, 410) for item in history.operations
    )


def _late(history: History) -> bool:
    """A PATCH begun after an answer had said that the upload is whole, or gone."""
    over: dict[str | None, int] = {}
    sizes = {upload.id: upload.size for upload in history.header.uploads}
    for item in history.operations:
        if item.end is None or item.outcome != "ok":
            continue
        whole = item.end.offset is not None and item.end.offset == sizes.get(item.call.upload or "")
        if whole or item.call.kind == "terminate":
            over.setdefault(item.call.upload, item.end.time_ns)
    return any(
        item.call.upload in over
        and item.call.time_ns > over[item.call.upload]
        and _status(item) is not None
        for item in _patches(history)
    )


def _rivalry(history: History) -> bool:
    """Two uploads of one target each had a PATCH under way at the same moment."""
    targets = {upload.id: upload.target for upload in history.header.uploads}
    events = sorted(_patches(history), key=lambda item: item.call.time_ns)
    running: list[Operation] = []
    for item in events:
        running = [other for other in running if _span(other)[1] > item.call.time_ns]
        mine = targets.get(item.call.upload or "")
        for other in running:
            rival = other.call.upload != item.call.upload
            if rival and mine is not None and targets.get(other.call.upload or "") == mine:
                return True
        running.append(item)
    return False


def _crowd(history: History) -> bool:
    """At least sixteen uploads had a request under way at the same moment."""
    running: list[Operation] = []
    for item in sorted(history.operations, key=lambda each: each.call.time_ns):
        running = [other for other in running if _span(other)[1] > item.call.time_ns]
        running.append(item)
        if len({other.call.upload for other in running}) >= 16:
            return True
    return False


def _served_beside(history: History) -> bool:
    """While one PATCH was under way a HEAD or PATCH of the same upload began and was answered.

    To be told that the upload is busy is not to wait: tus 1.0.0 lets a server answer so.
    """
    answered = [item for item in history.operations if item.call.kind in ("query", "append")]
    return any(
        a.call.kind == "append"
        and (b.outcome == "ok" or _status(b) in (409, 423))
        and _span(b)[1] < _span(a)[1]
        for a, b in _together(answered)
    )


def _busy(history: History) -> bool:
    """A PATCH met another of the same upload: it was refused meanwhile, or answered only after it.

    Which of the two a server does with a busy upload is left to it; somebody in the way is what matters.
    """
    return any(
        _status(b) in (409, 423) or (b.end is not None and _span(b)[1] >= _span(a)[1])
        for a, b in _together(_patches(history))
    )


def _faults(history: History) -> list[Fault]:
    return [event for event in history.events if isinstance(event, Fault)]


def _fault_struck(history: History) -> bool:
    return any(not event.ends for event in _faults(history))


def _struck_in_flight(history: History) -> bool:
    spans = [_span(item) for item in history.operations if item.call.kind in ("append", "create")]
    return any(
        begin <= event.time_ns <= end
        for event in _faults(history)
        if not event.ends
        for begin, end in spans
    )


def _two_in_commit(history: History) -> bool | None:
    """Steps labelled with the phase "committing" of two replicas are interleaved."""
    steps = [event for event in history.events if isinstance(event, Step) and event.phase]
    if not steps:
        return None
    inside: dict[int | None, bool] = {}
    for step in steps:
        inside[step.replica] = step.phase == "committing"
        if sum(inside.values()) >= 2:
            return True
    return False


_ROWS = (
    Reach(name="raced", judge=_raced,
          says="two PATCHes of one upload were under way at once at different replicas"),
    Reach(name="replayed", judge=_replayed,
          says="a PATCH was delivered again, to another replica, and answered"),
    Reach(name="contradicted", judge=_contradicted,
          says="contradicting bytes for one range were under way at once"),
    Reach(name="conflict-refused", judge=_conflict_refused,
          says="contradicting bytes were under way at once and one was refused with 409"),
    Reach(name="answer-lost", judge=_answer_lost,
          says="a PATCH was handed over whole and no answer came"),
    Reach(name="body-cut", judge=_body_cut, says="a body broke off"),
    Reach(name="resumed", judge=_resumed,
          says="after a PATCH without success a client asked where it stood, and went on"),
    Reach(name="asked-elsewhere", judge=_asked_elsewhere,
          says="another replica than the one that took the bytes told where the upload stood"),
    Reach(name="checksum-refused", judge=_checksum_refused, says="a bad checksum was refused"),
    Reach(name="empty-answered", judge=_empty_answered, says="a PATCH without a body was answered"),
    Reach(name="published", judge=_published, says="a file was published"),
    Reach(name="terminated", judge=_terminated, says="an upload was terminated"),
    Reach(name="joined", judge=_joined, says="a final upload was made of its parts"),
    Reach(name="length-declared", judge=_length_declared,
          says="a length was declared, and a HEAD answered after that"),
    Reach(name="expired", judge=_expired, says="a request came after the upload's expiry"),
    Reach(name="late-answered", judge=_late,
          says="a PATCH that came after completion or termination was answered"),
    Reach(name="rivalry", judge=_rivalry,
          says="two uploads of one target were being sent at the same moment"),
    Reach(name="crowd", judge=_crowd,
          says="sixteen uploads had a request under way at the same moment"),
    Reach(name="served-beside", judge=_served_beside,
          says="a request was served, or told to come again, while a PATCH of the same upload was under way"),
    Reach(name="busy", judge=_busy,
          says="a PATCH found another of its upload under way, and was refused or answered only after it"),
    Reach(name="program-ended-well", judge=_program_ended_well,
          says="every client that is a program of its own ended with code 0"),
    Reach(name="fault-struck", judge=_fault_struck, says="a fault struck"),
    Reach(name="struck-in-flight", judge=_struck_in_flight,
          says="a fault struck while a request was under way"),
    Reach(name="two-replicas-in-commit", judge=_two_in_commit,
          says="two replicas were committing at the same moment",
          unjudgeable="this world records no file-system steps with phases"),
)  # fmt: skip

REACHES: dict[str, Reach] = {row.name: row for row in _ROWS}

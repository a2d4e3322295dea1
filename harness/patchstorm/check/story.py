"""A finding told in a few lines: who asked what of which replica, and what was answered.

Lines are in order of time, in milliseconds since the first operation of the history; the causal ones
carry an arrow. At most a screen: what does not fit is counted, never the causal lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from patchstorm.case.case import Case, UploadCase
from patchstorm.check.model import Finding, Range, Remedy
from patchstorm.dialect.phrases import befell, headers_told, shortened
from patchstorm.dialect.registry import words_of
from patchstorm.history.events import Beside, Damage, Exit, Fault, Phase
from patchstorm.history.model import Operation
from patchstorm.history.ranges import Span

LINES_MAX = 20
RANGES_MAX = 64
OPERATIONS_MAX = 32
_ARROW, _PLAIN = "-> ", "   "
DELETES_MAX = 3
_Told = Fault | Exit | Damage | Phase | Beside


def finding(
    case: Case,
    checker: str,
    summary: str,
    *,
    upload: UploadCase | None = None,
    spans: Iterable[Span] = (),
    operations: Iterable[int] = (),
    causes: Mapping[int, str] | None = None,
    notes: Iterable[str] = (),
    in_the_end: bool = False,
    remedy: Remedy | None = None,
    header: str | None = None,
) -> Finding:
    """A finding with its story.

    ``operations`` are told in order; those in ``causes`` carry an arrow and that remark. ``notes`` are
    closing lines, such as what stands in the published file. ``in_the_end``: what is claimed was seen when
    everything was over, as where there are notes, so whatever befell the upload until then is told.
    """
    remarks = dict(causes or {})
    told = sorted({*operations, *remarks, *_deletes(upload)})
    ranges = tuple(Range(offset=start, length=end - start) for start, end in spans)
    return Finding(
        checker=checker,
        summary=summary,
        upload=None if upload is None else upload.id,
        ranges=ranges[:RANGES_MAX],
        operations=tuple(told[:OPERATIONS_MAX]),
        story=_story(case, upload, told, remarks, tuple(notes), in_the_end=in_the_end),
        remedy=remedy,
        header=header,
    )


def _deletes(upload: UploadCase | None) -> list[int]:
    """Requests that ask for the upload's removal: they explain what is missing, and what is left."""
    if upload is None:
        return []
    deletes = [one.op for one in upload.operations if one.call.kind == "terminate"]
    return deletes[:DELETES_MAX]


def _story(
    case: Case,
    upload: UploadCase | None,
    told: list[int],
    remarks: Mapping[int, str],
    notes: tuple[str, ...],
    *,
    in_the_end: bool,
) -> tuple[str, ...]:
    lines = _lines(case, upload, told, remarks, to_the_end=in_the_end or bool(notes))
    return tuple(shortened([*lines, *(_ARROW + note for note in notes)]))


def show(span: Span) -> str:
    """A range as people read it."""
    return f"[{span[0]}, {span[1]})"


def shows(spans: Iterable[Span], limit: int = 3) -> str:
    """A few ranges, then how many more."""
    listed = list(spans)
    text = ", ".join(show(span) for span in listed[:limit])
    return text if len(listed) <= limit else f"{text} and {len(listed) - limit} more"


def verb(case: Case, kind: str) -> str:
    """What people who know the dialect call a kind of operation."""
    return words_of(case.history.header.dialect).verb(kind)


def describe(case: Case, operation: Operation) -> str:
    """A request in one phrase."""
    call = operation.call
    if call.probe is not None:
        to = call.probe.to or "the creation URL"
        return f"op {call.op} {call.probe.case} {call.probe.method} {to}"
    text = f"op {call.op} {call.client} {verb(case, call.kind)}"
    if call.length is not None and call.kind in ("append", "create"):
        start = call.offset or 0
        text += f" [{start}, {start + call.length}) content {call.content}"
    if call.checksum != "none":
        text += f" checksum {call.checksum}"
    if call.replay_of is not None:
        text += f" (replay of op {call.replay_of})"
    return text


def answer(case: Case, operation: Operation) -> str:
    """What came back, in one phrase."""
    end = operation.end
    if end is None:
        return "no answer before the run ended"
    if end.status is None:
        return f"no answer ({end.error or end.outcome}, {end.sent} bytes sent)"
    text = str(end.status)
    if end.offset is not None:
        text += f" {words_of(case.history.header.dialect).offset} {end.offset}"
    if end.document is not None:
        gaps = [(at, at + length) for at, length in end.document.missing_ranges]
        missing = shows(gaps) if gaps else "nothing"
        text += f" committed {end.document.committed_offset}, missing {missing}"
    return text


def _lines(
    case: Case,
    upload: UploadCase | None,
    told: list[int],
    remarks: Mapping[int, str],
    *,
    to_the_end: bool,
) -> list[str]:
    if not told:
        return []
    zero = case.history.operations[0].call.time_ns
    chosen = [case.operation(op) for op in _chosen(told, remarks)]
    entries: list[tuple[int, int, str]] = [
        (one.call.time_ns, one.op, _line(case, one, zero, remarks.get(one.op))) for one in chosen
    ]
    until = case.last_ns if to_the_end else max(_over(one) for one in chosen)
    room = max(0, LINES_MAX - len(entries))
    among = upload.operations if to_the_end and upload is not None else chosen
    since = min(one.call.time_ns for one in (*among, *chosen))
    events = _events(case, upload, chosen, since, until)
    entries += [(event.time_ns, -1, _event_line(event, zero)) for event in events[:room]]
    lines = [entry[2] for entry in sorted(entries, key=lambda entry: entry[:2])]
    if len(told) > len(chosen):
        lines.append(f"{_PLAIN}... and {len(told) - len(chosen)} more requests like these")
    return lines


def _over(operation: Operation) -> int:
    return operation.call.time_ns if operation.end is None else operation.end.time_ns


def _events(
    case: Case, upload: UploadCase | None, told: list[Operation], since: int, until: int
) -> list[_Told]:
    """What was done to the requests that are told or to the fleet meanwhile, causes first, then in time.

    A fault that began before and was still in force is told by its begin.
    """
    ops = {one.op for one in told}
    lasting = {id(one.fault) for one in case.faults.windows if one.until >= since}
    probed = told[0].call.probe is not None
    found: list[_Told] = []
    for event in case.history.events:
        if isinstance(event, Fault):
            if event.time_ns > until or event.op not in (None, *ops):
                continue
            if since <= event.time_ns or id(event) in lasting:
                found.append(event)
        elif isinstance(event, Exit):
            silent = any(
                one.end is not None and one.end.status is None and one.call.replica == event.replica
                for one in told
            )
            if silent or since <= event.time_ns <= until:
                found.append(event)
        elif (
            isinstance(event, (Damage, Phase, Beside))
            and not probed
            and since <= event.time_ns <= until
            and _concerns(event, upload)
        ):
            found.append(event)
    return sorted(found, key=lambda event: not _is_cause(event))


def _chosen(told: list[int], remarks: Mapping[int, str]) -> list[int]:
    causes = [op for op in told if op in remarks][:LINES_MAX]
    others = [op for op in told if op not in remarks][: LINES_MAX - len(causes)]
    return sorted({*causes, *others})


def _line(case: Case, operation: Operation, zero: int, remark: str | None) -> str:
    call, end = operation.call, operation.end
    at = (call.time_ns - zero) / 1e6
    where = "balancer " if call.replica is None else f"replica {call.replica}"
    took = "" if end is None else f" after {(end.time_ns - call.time_ns) / 1e6:.3f} ms"
    asked = describe(case, operation) + headers_told(
        words_of(case.history.header.dialect), operation
    )
    line = f"{at:10.3f} ms  {where}  {asked}: {answer(case, operation)}{took}"
    return _PLAIN + line if remark is None else f"{_ARROW}{line}  <- {remark}"


def _is_cause(event: _Told) -> bool:
    return isinstance(event, (Damage, Exit)) or (isinstance(event, Fault) and not event.ends)


def _event_line(event: _Told, zero: int) -> str:
    at = (event.time_ns - zero) / 1e6
    hit = event.replica if isinstance(event, (Fault, Exit)) else None
    where = "         " if hit is None else f"replica {hit}"
    mark = _ARROW if _is_cause(event) else _PLAIN
    return f"{mark}{at:10.3f} ms  {where}  {_says(event)}"


def _says(event: _Told) -> str:
    if isinstance(event, Phase):
        return f"phase {event.phase}"
    if isinstance(event, Beside):
        return f"visible beside the targets: {event.path}"
    return befell(event)


def _concerns(event: _Told, upload: UploadCase | None) -> bool:
    return upload is None or not isinstance(event, Damage) or event.upload == upload.id

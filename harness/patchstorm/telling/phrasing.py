"""Steps and requests of a story in words."""

from __future__ import annotations

from patchstorm.dialect.phrases import headers_told
from patchstorm.dialect.words import Words
from patchstorm.history.model import Operation
from patchstorm.telling.changes import O_TRUNC, began_at
from patchstorm.telling.record import StepRecord


def private(record: StepRecord) -> bool:
    """Whether a name was only exchanged for a newer one within the server's own files."""
    return str(record.detail.get("to", "")).startswith(".")


def likeness(operation: Operation) -> tuple[object, ...]:
    call, end = operation.call, operation.end
    answer = None if end is None else (end.status, end.error, end.offset)
    return (call.kind, call.upload, call.client, call.offset, call.content, answer)


def asks(operation: Operation, words: Words) -> str:
    call = operation.call
    told = headers_told(words, operation)
    if call.probe is not None:
        to = call.probe.to or "the creation URL"
        return f"op {call.op} {call.probe.case} {call.probe.method} {to}{told}"
    text = f"op {call.op} {call.client} {words.verb(call.kind)}"
    if call.length is not None:
        start = call.offset or 0
        text += f" [{start}, {start + call.length})"
    if call.content:
        text += f" content {call.content}"
    if call.checksum != "none":
        text += f" checksum {call.checksum}"
    if call.replay_of is not None:
        text += f", op {call.replay_of} again"
    return text + told


def did(record: StepRecord) -> str:
    text = f"{record.doer} {asked_of(record, began_at(record))}"
    if record.result:
        text = f"{text} -> {record.result}"
    return f"{text} ({record.place})" if record.place else text


def asked_of(record: StepRecord, at: int | None) -> str:
    """What was asked, of what begins ``at`` a place in the file; None: nobody knows."""
    detail = record.detail
    text = f"{record.call} {record.path}"
    if "to" in detail:
        text += f" to {detail['to']}"
    if detail.get("flags", 0) & O_TRUNC:
        text += ", truncating it"
    if "length" in detail:
        text += f" {detail['length']} bytes" + ("" if at is None else f" at {at}")
    return text

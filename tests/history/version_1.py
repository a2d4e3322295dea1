"""A history as version 1 of the format had it: what was read then is read today, and means the same."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from patchstorm.history import events, records_of
from patchstorm.history.model import History, Record

VERBS = {
    "discover": "OPTIONS",
    "create": "POST",
    "query": "HEAD",
    "append": "PATCH",
    "status": "STATUS",
    "terminate": "DELETE",
    "probe": "PROBE",
}
_NEWER = {"header": ("dialect", "progress", "document"), "invoke": ("request",)}
_ALWAYS = {
    "sighting": ("size", "inode", "mtime_ns"),
    "contents": ("attempt", "size", "text"),
    "step": ("path", "task", "step", "result"),
}
_encoder = msgspec.json.Encoder(order="deterministic")


def line(record: Record) -> bytes:
    """The line of one record."""
    if isinstance(record, events.KINDS):
        return _encoder.encode(_event(record))
    raw: dict[str, Any] = msgspec.to_builtins(record)
    for field in _NEWER.get(raw["type"], ()):
        raw.pop(field, None)
    if raw["type"] == "invoke":
        raw["kind"] = VERBS[raw["kind"]]
    if raw["type"] == "header":
        raw["version"] = 1
    return _encoder.encode(raw)


def _event(event: events.Event) -> dict[str, Any]:
    """A kind and a mapping, which said nothing of what a fault is."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    raw = {"type": "event", "time_ns": data.pop("time_ns"), "kind": data.pop("type")}
    if "replica" in data:
        raw["replica"] = data.pop("replica")
    if isinstance(event, events.Note):
        return raw | {name: data[name] for name in ("kind", "data") if name in data}
    for field in ("loses_power", "shifts_clock", "deadly", "excuses", "of_calls"):
        data.pop(field, None)
    data |= {name: getattr(event, name) for name in _ALWAYS.get(raw["kind"], ())}
    return raw | {"data": data}


def lines(history: History) -> bytes:
    """The whole file."""
    return b"".join(line(record) + b"\n" for record in records_of(history))


def digest(history: History) -> str:
    """SHA-256 over the lines with their fields in order of name: equal for equal histories."""
    return hashlib.sha256(lines(history)).hexdigest()

"""Records of earlier versions of the format, made to say the same in today's.

Version 1 named operations by the verbs of tus 1.0.0, the only protocol there was, wrote every event as a
kind with a mapping, and left what a fault is to be guessed from its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from patchstorm.history.no_answer import NoAnswer

READS: Final = (1, 2)
"""The versions that this release reads, today's last."""
_KINDS: Final = {
    "OPTIONS": "discover",
    "POST": "create",
    "HEAD": "query",
    "PATCH": "append",
    "STATUS": "status",
    "DELETE": "terminate",
    "PROBE": "probe",
}
_NO_EXCUSE: Final = frozenset({"short-read", "short-write", "damage"})
_OF_CALLS: Final = frozenset(
    [
        "enospc",
        "edquot",
        "eio",
        "short-read",
        "short-write",
        "slow",
        "estale",
        "lost-reply",
        "silly-rename",
    ]
)
_DEADLY: Final = frozenset({"crash", "crash-all", "power-loss"})

Fields = dict[str, Any]


def upgraded(record: Fields, version: int) -> Fields:
    """A decoded line of a history of ``version`` as today's version writes it."""
    change = _CHANGES.get(str(record.get("type"))) if version == 1 else None
    return record if change is None else change(record)


_PROGRESS: Final = {
    "chunks": "x-backend-ai-chunks-received",
    "percent": "x-backend-ai-progress-percent",
}
"""The two headers that were read as progress whoever sent them, before a target's file named its own."""


def _header(record: Fields) -> Fields:
    return record | {"version": READS[-1], "progress": _PROGRESS}


def _invoke(record: Fields) -> Fields:
    kind = record.get("kind")
    return record | {"kind": _KINDS.get(str(kind), kind)}


def _complete(record: Fields) -> Fields:
    error = record.get("error")
    if not isinstance(error, str) or error in set(NoAnswer):
        return record
    return record | {"error": "unknown"}


# -- events -------------------------------------------------------------------------------------------


def _event(record: Fields) -> Fields:
    """The typed event; a note of what is of no kind that was ever judged, or says too little to be."""
    kind, data = record.get("kind"), record.get("data", {})
    if not isinstance(kind, str) or not isinstance(data, Mapping):
        return record | {"type": "note"}  # which the reader refuses, as it always did
    typed = _EVENTS.get(kind, _no_event)(data, record.get("replica"))
    if typed is None:
        return record | {"type": "note"}
    known = {name: value for name, value in typed.items() if value is not None}
    return {"type": kind, "time_ns": record.get("time_ns"), **known}


def _no_event(data: Mapping[str, Any], replica: Any) -> Fields | None:
    return None


def _fault(data: Mapping[str, Any], replica: Any) -> Fields | None:
    """What it is was told by its name, however that was spelt."""
    name = str(data.get("fault", "")).lower().replace("_", "-")
    return {
        "fault": name,
        "replica": _whole(data.get("replica", replica)),
        "op": _whole(data.get("op")),
        "id": _text(data.get("id")),
        "path": _text(data.get("path")),
        "ends": bool(data.get("ends")),
        "loses_power": "power" in name,
        "shifts_clock": "clock" in name or "skew" in name,
        "deadly": name in _DEADLY,
        "excuses": name not in _NO_EXCUSE,
        "of_calls": name in _OF_CALLS,
    }


def _phase(data: Mapping[str, Any], replica: Any) -> Fields | None:
    phase = data.get("phase")
    return {"phase": phase} if isinstance(phase, str) else None


def _sighting(data: Mapping[str, Any], replica: Any) -> Fields | None:
    if data.get("upload") is None:
        return None
    return {
        "upload": str(data["upload"]),
        "present": bool(data.get("present")),
        "began_ns": _rounded(data.get("began_ns")),
        "size": _whole(data.get("size")),
        "inode": _rounded(data.get("inode")),
        "mtime_ns": _rounded(data.get("mtime_ns")),
    }


def _beside(data: Mapping[str, Any], replica: Any) -> Fields | None:
    return {"path": str(data.get("path"))}


def _damage(data: Mapping[str, Any], replica: Any) -> Fields | None:
    if data.get("upload") is None:
        return None
    return {
        "upload": str(data["upload"]),
        "offset": _rounded(data.get("offset")) or 0,
        "length": _rounded(data.get("length")) or 0,
    }


def _contents(data: Mapping[str, Any], replica: Any) -> Fields | None:
    if data.get("case") is None or data.get("resource") is None:
        return None
    return {
        "case": str(data["case"]),
        "attempt": _rounded(data.get("attempt")) or 0,
        "resource": str(data["resource"]),
        "present": bool(data.get("present")),
        "size": _rounded(data.get("size")) or 0,
        "text": str(data.get("text", "")),
    }


def _stall(data: Mapping[str, Any], replica: Any) -> Fields | None:
    return {"for_ms": _rounded(data.get("for_ms")) or 0}


def _step(data: Mapping[str, Any], replica: Any) -> Fields | None:
    if data.get("call") is None:
        return None
    numbers = ("step", "offset", "length", "size")
    words = ("call", "path", "task", "to", "result", "phase")
    return {
        "replica": replica,
        **{name: _whole(data.get(name)) for name in numbers},
        **{name: _text(data.get(name)) for name in words},
    }


def _refusal(data: Mapping[str, Any], replica: Any) -> Fields | None:
    op = _whole(data.get("op"))
    if op is None:
        return None
    return {"replica": replica, "op": op, "body": str(data.get("body", ""))}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _rounded(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


_EVENTS: Final[Mapping[str, Callable[[Mapping[str, Any], Any], Fields | None]]] = {
    "fault": _fault,
    "phase": _phase,
    "sighting": _sighting,
    "beside": _beside,
    "damage": _damage,
    "contents": _contents,
    "stall": _stall,
    "step": _step,
    "refusal": _refusal,
}
_CHANGES: Final[Mapping[str, Callable[[Fields], Fields]]] = {
    "header": _header,
    "invoke": _invoke,
    "complete": _complete,
    "event": _event,
}

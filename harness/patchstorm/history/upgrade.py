"""Records of earlier versions of the format, made to say the same in today's.

Version 1 named operations by the verbs of tus 1.0.0, the only protocol there was.
"""

from __future__ import annotations

from typing import Any, Final

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


def upgraded(record: dict[str, Any], version: int) -> dict[str, Any]:
    """A decoded line of a history of ``version`` as today's version writes it."""
    if version == 1 and record.get("type") == "invoke":
        kind = record.get("kind")
        return record | {"kind": _KINDS.get(str(kind), kind)}
    if version == 1 and record.get("type") == "header":
        return record | {"version": READS[-1]}
    return record

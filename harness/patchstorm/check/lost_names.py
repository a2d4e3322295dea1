"""Part of ``availability``: who lost a name is told so, and neither kept sending nor kept waiting.

Once an upload has been announced as published under a name, what another one sends for it is sent in vain.
A target that declares ``tells-lost-names`` says so at the next request (409 or 410). A 423 means *not now*,
so it is owed to nobody for whom it will never be time.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase
from patchstorm.check.model import Finding
from patchstorm.check.story import finding, verb
from patchstorm.history.model import Operation

_ASKING = frozenset({"append", "query", "status"})
_NOT_NOW = 423
_LEAST = 2
"""One 423 tells nothing: a lock may have been held at that moment."""


def untold(case: Case, name: str) -> Iterator[Finding]:
    """Findings of the checker ``name``."""
    if not case.can("tells-lost-names"):
        return
    for upload in case.uploads.values():
        winner = _winner(case, upload)
        if winner is None or winner.announcer is None:
            continue
        later = [one for one in upload.operations if _asks(case, one, winner.announced)]
        vain = next((one for one in later if one.outcome == "ok"), None)
        if vain is not None:
            yield finding(
                case,
                name,
                f"{verb(case, vain.call.kind)} (op {vain.op}) of upload {upload.id} was served although the"
                f" name was upload {winner.id}'s already: whatever is sent is sent in vain",
                upload=upload,
                causes={
                    winner.announcer: f"upload {winner.id} was announced as published",
                    vain.op: "goes on, and is not told",
                },
            )
        last = [one for one in later if one.call.phase == "heal"]
        if len(last) >= _LEAST and all(_status(one) == _NOT_NOW for one in last):
            yield finding(
                case,
                name,
                f"upload {upload.id} was asked to wait to the last, {len(last)} times, for a name that was"
                f" upload {winner.id}'s already",
                upload=upload,
                operations=[one.op for one in last[-8:]],
                causes={
                    winner.announcer: f"upload {winner.id} was announced as published",
                    last[-1].op: "is still asked to wait",
                },
            )


def _winner(case: Case, upload: UploadCase) -> UploadCase | None:
    """The upload that was first announced under this one's name; None while it may still get it itself.

    Where to be complete is one thing and to be published another, who was told the full length may have lost
    the name all the same: whose bytes stand under it in the end tells, if they did when that was announced.
    """
    announced = upload.announcer is not None
    if upload.info.overwrite or upload.owner == upload.id or (announced and not case.sequential):
        return None
    told = [case.uploads[rival] for rival in upload.rivals]
    told = [one for one in told if one.announced < FAR and one.delete_invoked == FAR]
    first = min(told, key=lambda one: one.announced, default=None)
    if first is None or not announced:
        return first
    seen = first.shown_from <= first.announced
    return (
        first if seen and first.id == upload.owner and first.announced < upload.announced else None
    )


def _asks(case: Case, operation: Operation, since: int) -> bool:
    call, end = operation.call, operation.end
    if call.kind not in _ASKING or call.probe is not None or call.time_ns <= since:
        return False
    return (
        end is not None
        and end.status is not None
        and not case.faults.explains(operation, end.time_ns)
    )


def _status(operation: Operation) -> int | None:
    return None if operation.end is None else operation.end.status

"""``records``: an upload whose record was lost in part is not forgotten as if nothing had been.

A record that is damaged can mislead a server in many ways, so of such uploads little is owed: see
``case.layout``. Some of them whoever promises to notice damage can see, whatever its records look like: a
file of no bytes where a record was, one that was cut, one that is zeros from some place on. Who takes that
for a new upload, or for the part of it that can be read, says an offset below what was acknowledged, and who
takes it for none says 404: in both cases bytes that are all still there are sent again, or given up, and
nobody hears why. Any other refusal is fine, and so is to know it from elsewhere. A record that is older, or
says another number, may be as good as a true one.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, either, needs, survives_power
from patchstorm.check.story import finding, verb
from patchstorm.history.events import Damage
from patchstorm.history.model import Operation

NAME = "records"
_TELLS = frozenset({"append", "query"})
_NO_UPLOAD = frozenset({404, 410})
_SEEN = {"emptied": "emptied", "cut": "cut", "zeroed": "overwritten with zeros"}
"""Damage that shows, and how it is told."""


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.spoilt.values():
        damage = _lost(upload)
        if damage is None or upload.delete_invoked < FAR:
            continue
        known = _known(upload, damage.time_ns)
        if known is None:
            continue
        more = _offset(known)
        again = next(
            (one for one in _later(upload, damage.time_ns) if _tells_less(one, more)), None
        )
        if again is None:
            continue
        less = max(0, _offset(again))
        asked = f"{verb(case, again.call.kind)} (op {again.op}) of upload {upload.id}"
        says = f"says {less}" if again.outcome == "ok" else "is told that there is none"
        yield finding(
            case,
            NAME,
            f"{asked} {says} after its record was {_SEEN[_way(damage)]}, and {more} was acknowledged: it is "
            f"forgotten, and no error says why",
            upload=upload,
            spans=[(less, more)],
            causes={
                known.op: "acknowledges that much",
                again.op: "says less, and nothing of an error",
            },
        )


def _lost(upload: UploadCase) -> Damage | None:
    """The first loss of a part of its records; None where nothing, or something else, was damaged."""
    if any(not event.record or _way(event) not in _SEEN for event in upload.damages):
        return None
    return min(upload.damages, key=lambda event: event.time_ns, default=None)


def _way(event: Damage) -> str:
    """Older histories tell only how much was left."""
    return "emptied" if event.left == 0 else event.way


def _known(upload: UploadCase, since: int) -> Operation | None:
    """The answer before that moment that says the most."""
    before = [one for one in upload.operations if one.end is not None and one.end.time_ns < since]
    return max((one for one in before if _offset(one) >= 0), key=_offset, default=None)


def _later(upload: UploadCase, since: int) -> Iterator[Operation]:
    """What was asked after it, until somebody creates the upload once more or its time is over."""
    for operation in upload.by_invocation:
        if operation.call.time_ns <= since or operation.call.kind not in _TELLS | {"create"}:
            continue
        if operation.call.kind == "create" or ended(operation) >= upload.expires:
            return
        yield operation


def _tells_less(operation: Operation, known: int) -> bool:
    if operation.end is not None and operation.end.status in _NO_UPLOAD:
        return known > 0
    return 0 <= _offset(operation) < known


def _offset(operation: Operation | None) -> int:
    """What it says has come; -1 where it says nothing."""
    if operation is None or operation.outcome != "ok" or operation.end is None:
        return -1
    return -1 if operation.end.offset is None else operation.end.offset


def _applies(case: Case) -> str | None:
    if not any(_lost(upload) is not None for upload in case.spoilt.values()):
        return "no record was emptied, cut or overwritten with zeros"
    return None


RULE = Rule(
    name=NAME,
    says="an upload whose record was lost in part is not forgotten as if nothing had been",
    find=_find,
    applies=either(needs("checks-records"), survives_power, _applies),
)

"""Part of ``durability``: an upload that was answered for is no more, and nothing has ended it.

Acknowledged bytes that a target denies are told with what was acknowledged. But an upload is promised as
well where it was created or its offset was told, be it without one acknowledged byte: a client that asks for
it has nothing else to go on with. tus leaves to targets that take bytes in order what they answer while an
upload is at work, so one answer does not count where the upload is shown again later: it has to be gone for
good. Whoever asks for another upload thereupon takes it for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from patchstorm.case.case import EXPIRY_SLACK_NS, Case, UploadCase, ended, may_have_made
from patchstorm.case.expiry import promised_ns
from patchstorm.check.model import Finding
from patchstorm.check.story import finding, verb
from patchstorm.history.model import Operation

_SHOWN = frozenset({"create", "query", "append", "status"})
Forgotten = Callable[[Case, UploadCase, Operation], bool]


def vanished(case: Case, name: str, upload: UploadCase, forgotten: Forgotten) -> Iterator[Finding]:
    """Findings of the checker ``name``, of one at most. ``forgotten``: an answer that denies the upload."""
    asked = upload.by_invocation
    for place, one in enumerate(asked):
        if not forgotten(case, upload, one) or _may_be_over(case, upload, one):
            continue
        shown = [other for other in asked if _shows(other) and ended(other) < one.call.time_ns]
        if not shown or _comes_again(asked[place + 1 :]):
            continue
        if sum(may_have_made(other, upload.size) for other in asked[:place]) > 1:
            return  # there may be two, of which another was told
        assert one.end is not None
        before = max(shown, key=ended)
        yield finding(
            case,
            name,
            f"{verb(case, one.call.kind)} (op {one.op}) answered {one.end.status} although"
            f" {verb(case, before.call.kind)} (op {before.op}) had shown the upload, and nothing ended it",
            upload=upload,
            causes={before.op: "showed the upload", one.op: "no longer knows it"},
        )
        return


def _shows(one: Operation) -> bool:
    return one.outcome == "ok" and one.call.kind in _SHOWN


def _comes_again(later: list[Operation]) -> bool:
    """Whether it is shown again before anybody asks for another one."""
    for one in later:
        if _shows(one):
            return one.call.kind != "create"
    return False


def _may_be_over(case: Case, upload: UploadCase, one: Operation) -> bool:
    """Whether it may have been ended by then, or a fault explains the answer."""
    until = ended(one)
    if upload.gone_from <= until or upload.damages or upload.rivals:
        return True
    told = [other for other in upload.operations if other.end and other.end.expires_s is not None]
    if told:
        over = promised_ns(told, case.history.header.epoch_ns)
        if over is None or over - EXPIRY_SLACK_NS <= until or case.faults.clock:
            return True
    return case.faults.explains(one, until)

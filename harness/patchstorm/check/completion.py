"""``completion``: once everything is healed, the upload gets published, within the bound.

Two closings. A client that asks HEAD and resends what is missing: where it sent all of it, or was
refused to the last, only termination, expiry, a lost rivalry, a 409 for bytes of another content, or an
upload that never came to be excuses. The sweeper alone: it owes publication only where every byte was
acknowledged, and only on targets that declare ``completes-unattended``. A bound that passed while the
harness itself was not running proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, either, liveness, survives_power
from patchstorm.check.story import finding
from patchstorm.history.events import Phase
from patchstorm.history.ranges import Ranges

NAME = "completion"
NOBODY = "every byte was there, and the upload was published only when a client asked for it"


def _find(case: Case) -> Iterator[Finding | Unsure]:
    assert case.heal_ns is not None
    yield from _asked_late(case)
    for upload in case.uploads.values():
        if not owed(case, upload):
            continue
        missing = _missing(case, upload)
        if missing is None:
            continue
        if case.faults.stalled(case.heal_ns, FAR):
            yield Unsure(
                f"upload {upload.id}: the bound after healing passed while the harness itself was not"
                " scheduled"
            )
            continue
        told = [one.op for one in upload.operations if one.call.phase == "heal"]
        told = told[-12:] or [one.op for one in upload.operations][-12:]
        yield finding(
            case,
            NAME,
            f"{missing} ({_why(case, upload)})",
            upload=upload,
            spans=[(0, upload.size)],
            operations=told,
            causes={told[-1]: "the last request about it"} if told else {},
            in_the_end=True,
        )


def _asked_late(case: Case) -> Iterator[Finding]:
    """Complete, and not published within the bound, although the sweeper alone had to see to it.

    Nobody had an acknowledgement for all of it; that every byte was there is known from a HEAD asked when the
    bound was over, between which and the healing nobody sent anything.
    """
    if case.history.header.closing != "sweeper" or not case.can("completes-unattended"):
        return
    over = max(
        (
            one.time_ns
            for one in case.history.events
            if isinstance(one, Phase) and one.phase == "converged"
        ),
        default=FAR,
    )
    for upload in case.uploads.values():
        told = [
            one
            for one in upload.operations
            if one.call.kind == "query" and one.call.time_ns > over and one.end is not None
            if one.outcome == "ok" and one.end.offset == upload.size
        ]
        seen = [one for one in upload.sightings if one.present and one.began <= over]
        bound = over - case.history.header.convergence_ms * 1_000_000
        late = any(write.invoked > bound for write in upload.writes)
        owes = upload.size and not (upload.info.partial or upload.rivals)
        if told and owes and not seen and not late:
            yield finding(
                case,
                NAME,
                NOBODY,
                upload=upload,
                spans=[(0, upload.size)],
                operations=[one.op for one in upload.operations][-12:],
                causes={told[0].op: "complete, when somebody asked"},
            )


def owed(case: Case, upload: UploadCase) -> bool:
    """Whether this upload must get published in the end."""
    if upload.final is None or upload.gone_from <= case.last_ns or upload.rejected:
        return False
    if upload.owner not in (None, upload.id):
        return False  # a rival owns the name
    if case.crowded:
        return False  # there may be no room for it, and there never will be
    if upload.size and upload.acked.covers(0, upload.size):
        return case.history.header.closing == "client" or case.can("completes-unattended")
    if case.history.header.closing == "sweeper":
        return False
    return upload.existed and _resent(case, upload) and not _contradicted(case, upload)


def _resent(case: Case, upload: UploadCase) -> bool:
    """Whether the closing client did its part: it sent all that was missing, or its last bytes were refused.

    That a HEAD was answered after them is no reason to let a target off that takes no byte any more.
    """
    heals = [one for one in upload.operations if one.call.phase == "heal"]
    if not heals:
        return False
    sent = Ranges(upload.acked)
    for write in upload.writes:
        if write.whole and case.operation(write.op).call.phase == "heal":
            sent.add(write.start, write.end)
    bodies = [one for one in heals if one.call.kind == "append"]
    refused = any(one.outcome != "ok" for one in (heals[-1], *bodies[-1:]))
    return sent.covers(0, upload.size) or refused


def _contradicted(case: Case, upload: UploadCase) -> bool:
    """Whether the closing client ran into bytes of another content, so that it could not go on.

    A target is right to refuse them; sending exactly what is missing would have avoided it.
    """
    return any(
        case.operation(write.op).call.phase == "heal"
        and (end := case.operation(write.op).end) is not None
        and end.status == 409
        and any(
            other.content != write.content
            and other.effect != "none"
            and other.start < write.end
            and write.start < other.reach
            for other in upload.writes
        )
        for write in upload.writes
    )


def _missing(case: Case, upload: UploadCase) -> str | None:
    final, heal = upload.final, case.heal_ns
    assert final is not None and heal is not None
    bound = heal + case.history.header.convergence_ms * 1_000_000
    if not final.present:
        if upload.announced != FAR:
            return None  # a loss, which durability tells
        return "the upload was not published after healing"
    if (final.size or 0) < upload.size and not case.can("publishes-atomically"):
        if upload.announced != FAR:
            return None  # a loss as well
        return f"the file still had {final.size} of {upload.size} bytes after healing"
    late = [one for one in upload.sightings if not one.present and one.began > bound]
    if late:
        after = (late[-1].began - heal) // 1_000_000
        limit = case.history.header.convergence_ms
        return f"the upload was still not published {after} ms after healing, bound {limit} ms"
    return None


def _why(case: Case, upload: UploadCase) -> str:
    if upload.acked.covers(0, upload.size):
        return "every byte had been acknowledged"
    return "a client asked for what was missing and sent it again"


def _applies(case: Case) -> str | None:
    if case.heal_ns is None:
        return "the run has no healing phase"
    if not case.history.finals:
        return "the published names were not looked at in the end"
    return None


RULE = Rule(
    name=NAME,
    says="after the last fault the upload is published within the bound",
    find=_find,
    applies=either(liveness, _applies, survives_power),
)

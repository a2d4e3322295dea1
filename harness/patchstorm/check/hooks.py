"""``hooks``: others are told of a finished upload once, when its file is there, and never left untold.

Whoever is told goes and takes the file. Told too early he finds none, or half of one; told twice he does his
work twice; never told he does not come. What others were told shows in the history as ``told``.

A server that dies, or whose storage fails, between telling and noting it down has to tell again: so a second
call is excused by any fault before it that is not about a single request. Nothing excuses the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding
from patchstorm.history.events import Exit, Told

NAME = "hooks"


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        told = sorted(upload.told, key=lambda event: event.time_ns)
        if told and _too_early(case, upload, told[0]):
            yield _finding(
                case, upload, "others were told that it is finished before its file was there"
            )
        if len(told) > 1 and not _disturbed(case, told[1].time_ns):
            yield _finding(
                case,
                upload,
                f"others were told {len(told)} times that it is finished, without a fault",
            )
        if not told and upload.announced < FAR:
            yield _finding(
                case, upload, "it was announced as finished, and nobody else was ever told"
            )


def _too_early(case: Case, upload: UploadCase, told: Told) -> bool:
    """Whether somebody who looked after the call saw nothing under the name; of rivals that tells nothing."""
    if upload.rivals or upload.info.overwrite or case.faults.power:
        return False
    return any(
        not look.present and told.time_ns <= look.began and look.time_ns < upload.delete_invoked
        for look in upload.sightings
    )


def _disturbed(case: Case, until: int) -> bool:
    """Whether a server may have died, or failed to write down that it had told, by then."""
    if any(isinstance(event, Exit) and event.time_ns <= until for event in case.history.events):
        return True
    return any(window.fault.op is None and window.since <= until for window in case.faults.windows)


def _finding(case: Case, upload: UploadCase, what: str) -> Finding:
    announcer = upload.announcer
    causes = {} if announcer is None else {announcer: "says that the upload is finished"}
    return finding(
        case,
        NAME,
        f"upload {upload.id}: {what}",
        upload=upload,
        operations=[write.op for write in upload.writes[-4:]],
        causes=causes,
    )


def _applies(case: Case) -> str | None:
    if not case.can("tells-finished"):
        return "the target does not declare tells-finished"
    return None


RULE = Rule(
    name=NAME,
    says="others are told of a finished upload once, when its file is there",
    find=_find,
    applies=_applies,
)

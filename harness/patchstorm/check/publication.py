"""``publication``: the file appears once, whole, and never changes; nobody is told too early.

Judged from sightings: what a watcher on the storage saw under the published name, and when. A sighting
that began after an answer had announced the full length must find the file. The rest holds where the
target declares ``publishes-atomically``: whatever is seen has a declared size, it is not seen before
every byte had been handed over, and once seen it stays, with the same size, inode and time of last
change. Uploads that name one target share its sightings: without ``overwrite`` the first file stands
and only one upload may be announced; with it each file is whole and a later one may replace it.
Where the target declares ``plain-files``, the published file is one that nobody may execute.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase, effect_of
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding
from patchstorm.history.events import Sighting
from patchstorm.history.model import Operation

NAME = "publication"
_NOT_PLAIN = 0o7111
"""Executable, or set-user-ID, set-group-ID or sticky (chmod(2)). The rest is the umask's business."""


def _find(case: Case) -> Iterator[Finding]:
    done: set[str] = set()
    for upload in case.uploads.values():
        if upload.info.target in done:
            continue
        done.add(upload.info.target)
        family = [upload, *(case.uploads[rival] for rival in upload.rivals)]
        seen = sorted((one for member in family for one in member.sightings), key=_looked)
        yield from _too_early(case, family, seen)
        yield from _two_winners(case, family)
        yield from _told_in_vain(case, family)
        if case.can("publishes-atomically"):
            yield from _first(case, family, seen)
            yield from _changed(case, family, seen)
            yield from _size(case, family, seen)
        if case.can("plain-files"):
            yield from _plain(case, family)


def _looked(sighting: Sighting) -> tuple[int, int]:
    return sighting.time_ns, sighting.began


def _at(case: Case, time_ns: int) -> str:
    zero = case.history.operations[0].call.time_ns if case.history.operations else 0
    return f"{(time_ns - zero) / 1e6:.3f} ms"


def _removable(case: Case, family: list[UploadCase], upload: UploadCase) -> bool:
    """Whether a DELETE may have taken the file away, or have kept it from appearing.

    Of the reference's contract: a DELETE after publication leaves the file. Other targets may remove
    it with the upload.
    """
    if case.sequential:
        return any(member.removed < FAR for member in family)
    return upload.removed < upload.announced or upload.consumed < FAR


def _too_early(case: Case, family: list[UploadCase], seen: list[Sighting]) -> Iterator[Finding]:
    for upload in family:
        if upload.announcer is None or _removable(case, family, upload):
            continue
        for sighting in seen:
            if sighting.began <= upload.announced:
                continue
            size = sighting.size
            short = upload.rivals == () and size is not None and size != upload.size
            if sighting.present and not short:
                continue
            what = f"with {size} bytes" if sighting.present else "absent"
            yield finding(
                case,
                NAME,
                f"the full length was announced at {_at(case, upload.announced)} and the file was"
                f" {what} at {_at(case, sighting.began)}",
                upload=upload,
                spans=[(0, upload.size)],
                causes={upload.announcer: "announced the upload as complete"},
                notes=[f"a look at the storage that began at {_at(case, sighting.began)}: {what}"],
            )
            break


def _two_winners(case: Case, family: list[UploadCase]) -> Iterator[Finding]:
    told = [one for one in family if one.announcer is not None and not one.info.overwrite]
    if len(told) < 2 or case.sequential:
        return
    causes = {
        one.announcer: f"upload {one.id} was announced as published"
        for one in told
        if one.announcer is not None
    }
    yield finding(
        case,
        NAME,
        f"{len(told)} uploads were announced as published under the one name"
        f" {told[0].info.target!r}",
        upload=told[-1],
        causes=causes,
    )


def _told_in_vain(case: Case, family: list[UploadCase]) -> Iterator[Finding]:
    """Who is told to the last that all of his is there, though another's file stands under the name.

    Where to be complete is one thing and to be published another, two may be complete; but once the name was
    seen to be taken, whoever asks for the other one is owed the truth. Of a target whose files come only
    after it was said that all is there, nobody knows when it finds out: it is not judged.
    """
    taken = min(one.shown_from for one in family)
    if not case.sequential or not case.can("named-targets") or _removable(case, family, family[0]):
        return
    for upload in family:
        if upload.info.overwrite or upload.owner in (None, upload.id) or upload.damages:
            continue
        asked = [one for one in upload.by_invocation if one.call.kind in ("append", "query")]
        last = asked[-1] if asked else None
        if last is None or last.end is None or last.outcome != "ok":
            continue
        eager = taken <= case.uploads[upload.owner].announced
        if eager and last.call.time_ns > taken and last.end.offset == upload.size > 0:
            yield finding(
                case,
                NAME,
                f"upload {upload.id} was told to the last that it is complete, and the file under its name"
                f" is that of upload {upload.owner}",
                upload=upload,
                causes={last.op: "is told that everything is there"},
            )
            return


def _first(case: Case, family: list[UploadCase], seen: list[Sighting]) -> Iterator[Finding]:
    first = next((one for one in seen if one.present), None)
    if first is None or any(one.full_from <= first.time_ns for one in family):
        return
    upload = family[0]
    yield finding(
        case,
        NAME,
        f"the file was there at {_at(case, first.time_ns)}, before every byte of it had been sent",
        upload=upload,
        operations=[write.op for write in upload.writes if write.invoked <= first.time_ns][:16],
        notes=[_sight(case, first)],
    )


def _changed(case: Case, family: list[UploadCase], seen: list[Sighting]) -> Iterator[Finding]:
    if any(one.info.overwrite for one in family):
        yield from _too_often(case, family, seen)
        return
    before: Sighting | None = None
    for sighting in seen:
        if before is None:
            before = sighting if sighting.present else None
            continue
        what = _difference(case, before, sighting)
        if what is not None and _undone(case, family, before, sighting):
            before = sighting if sighting.present else None
            continue
        if what == "absent" and _removable(case, family, family[0]):
            continue
        if what is not None:
            yield finding(
                case,
                NAME,
                f"the published file changed: {what}",
                upload=family[0],
                operations=_around(family, before.began, sighting.time_ns),
                notes=[_sight(case, before), _sight(case, sighting)],
            )
            return


def _undone(case: Case, family: list[UploadCase], before: Sighting, after: Sighting) -> bool:
    """Whether power was lost between two looks, before anybody had been told of the file.

    A name shows before its directory can be synced. What is lost of it then is published again.
    """
    announced = min(one.announced for one in family)
    return any(
        window.fault.loses_power
        and window.since < announced
        and before.began <= window.until
        and window.since <= after.time_ns
        for window in case.faults.windows
    )


def _too_often(case: Case, family: list[UploadCase], seen: list[Sighting]) -> Iterator[Finding]:
    """Each upload is published once, so under one name no more files follow each other than there are.

    A creation that got no answer may have left another upload, which of no bytes is complete at once. A loss
    of power can bring the file before back, and the one that nobody had been told of is published again.
    """
    times = sum(max(1, sum(map(_may_have_created, one.operations))) for one in family)
    last = max(one.announced for one in family)
    times += 2 * sum(
        window.fault.loses_power and window.since < last for window in case.faults.windows
    )
    stood: list[Sighting] = []
    for sighting in seen:
        if not sighting.present or (stood and sighting.began < stood[-1].time_ns):
            continue
        if not stood or _difference(case, stood[-1], sighting) is not None:
            stood.append(sighting)
    if len(stood) > times:
        yield finding(
            case,
            NAME,
            f"{len(stood)} files followed each other under the one name {family[0].info.target!r}, and"
            f" {times} can have been published",
            upload=family[0],
            operations=_around(family, stood[-2].began, stood[-1].time_ns),
            notes=[_sight(case, one) for one in stood],
        )


def _may_have_created(operation: Operation) -> bool:
    return operation.call.kind == "create" and effect_of(operation) != "none"


def _difference(case: Case, before: Sighting, after: Sighting) -> str | None:
    if not after.present:
        return "absent" if after.began > before.time_ns else None
    for name in ("size", "inode") if case.faults.times else ("size", "inode", "mtime_ns"):
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and new is not None and old != new:
            return f"{name} was {old}, then {new}"
    return None


def _around(family: list[UploadCase], since: int, until: int) -> list[int]:
    """Requests under way between two looks: one of them did it."""
    return [
        operation.op
        for upload in family
        for operation in upload.operations
        if operation.call.kind in ("append", "create", "terminate", "query")
        and operation.call.time_ns <= until
        and (operation.end is None or operation.end.time_ns >= since)
    ][:16]


def _size(case: Case, family: list[UploadCase], seen: list[Sighting]) -> Iterator[Finding]:
    sizes = {one.size for one in family}
    for sighting in seen:
        size = sighting.size
        if sighting.present and size is not None and size not in sizes:
            declared = " or ".join(str(one) for one in sorted(sizes))
            yield finding(
                case,
                NAME,
                f"the published name showed {size} bytes, declared {declared}",
                upload=family[0],
                operations=_around(family, sighting.began, sighting.time_ns),
                notes=[_sight(case, sighting)],
            )
            return


def _plain(case: Case, family: list[UploadCase]) -> Iterator[Finding]:
    final = family[0].final
    if final is None or final.mode is None or not final.mode & _NOT_PLAIN:
        return
    yield finding(
        case,
        NAME,
        f"the published file has mode {final.mode:04o}; nobody should be able to execute it",
        upload=family[0],
        operations=[one.op for one in family[0].operations][-3:],
        in_the_end=True,
    )


def _sight(case: Case, sighting: Sighting) -> str:
    if not sighting.present:
        return f"{_at(case, sighting.time_ns)}: no file"
    return (
        f"{_at(case, sighting.time_ns)}: size {sighting.size}, inode {sighting.inode},"
        f" mtime_ns {sighting.mtime_ns}"
    )


def _applies(case: Case) -> str | None:
    if any(upload.sightings for upload in case.uploads.values()):
        return None
    if any(upload.rivals for upload in case.uploads.values()):
        return None
    return "nobody watched the published name (no sightings)"


RULE = Rule(
    name=NAME,
    says="the file appears atomically, once, never changes, and is not announced before it is there",
    find=_find,
    applies=_applies,
)

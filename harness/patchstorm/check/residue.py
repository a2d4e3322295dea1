"""``residue``: after one sweep nothing is left but what the target declares.

``leftovers`` are patterns relative to the root: ``*`` and ``?`` stay within one path component,
``**`` spans any number of them. A directory that holds what may stay may stay as well, and so may one on
the way to an upload's target. Files of an upload that is still unfinished belong to it, so they are
judged only when no upload is, and those of a part that has no published file may stay. A creation that was
not answered may have made an upload whose address nobody was told, which stays unfinished until it expires,
or is published under a name that nobody knows; so may one that was told to come again though it brought
every byte, and one that was refused for its body, where a fault may have kept the store from undoing it.
What was visible beside the targets at any time is judged always, but for files that are called as those of
such an upload are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from patchstorm.case.case import FAR, Case, UploadCase, effect_of, may_have_made
from patchstorm.check.model import Finding, Remedy
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding
from patchstorm.history.events import Beside, Fault
from patchstorm.history.model import Operation
from patchstorm.history.names import above, unnamed
from patchstorm.history.no_answer import NoAnswer

NAME = "residue"
PATHS_SHOWN = 8
UPLOADS_TOLD = 2
_SILLY = re.compile(r"\.nfs[0-9a-f]{8,}$")  # fs/nfs/unlink.c: .nfs, the file's number, a count
_WILD = {"**/": "(?:[^/]+/)*", "/**": "(?:/.+)?", "*": "[^/]*", "?": "[^/]"}


def _find(case: Case) -> Iterator[Finding]:
    beside = sorted({one.path for one in _beside(case)})
    if beside:
        yield finding(
            case,
            NAME,
            f"{len(beside)} names were visible beside the targets, the first {beside[0]!r}",
            causes=_whose(case, beside),
            notes=beside[:PATHS_SHOWN],
            remedy=_remedy(case, "files.internal", beside),
        )
    forgotten = [] if case.spoilt else _forgotten(case)
    if forgotten:
        yield finding(
            case,
            NAME,
            f"{len(forgotten)} paths were left when the time of every upload was over, the first"
            f" {forgotten[0]!r}",
            causes=_whose(case, forgotten),
            notes=forgotten[:PATHS_SHOWN],
        )
    left = [] if case.spoilt else litter(case)
    if left and not _unfinished(case):
        yield finding(
            case,
            NAME,
            f"{len(left)} paths were left after a sweep that the target does not declare, the first"
            f" {left[0]!r}",
            causes=_whose(case, left),
            notes=left[:PATHS_SHOWN],
            remedy=_remedy(case, "files.leftovers", left),
        )


def _remedy(case: Case, key: str, paths: list[str]) -> Remedy:
    """The patterns that these paths are instances of: a star for what one upload or one moment is called."""
    names = [upload.target for upload in case.history.header.uploads]
    return Remedy(key=key, patterns=tuple(sorted({unnamed(path, names) for path in paths})))


def _whose(case: Case, paths: Sequence[str]) -> dict[int, str]:
    """The requests that explain what lies there: of the uploads whose it is, or of all where nobody can tell.

    An upload's own files have the last part of its URL in their names, or its target's.
    """
    owners = [one for one in case.uploads.values() if any(map(_marks(one), paths))]
    told: dict[int, str] = {}
    for upload in (owners or list(case.uploads.values()))[:UPLOADS_TOLD]:
        for operation in upload.operations:
            if operation.call.kind == "terminate":
                told[operation.op] = "asked for its removal"
            elif operation.call.kind == "create" and operation.outcome != "fail":
                told[operation.op] = "made the upload"
        sent = [one for one in upload.by_invocation if one.call.kind == "append"]
        for operation in sent[-1:]:
            told[operation.op] = "the last bytes that were sent"
    return told


def _marks(upload: UploadCase) -> Callable[[str], bool]:
    names = {upload.info.target}
    for operation in upload.operations:
        if operation.call.kind == "create" and operation.end is not None:
            url = operation.end.headers.get("location", "")
            names.add(url.partition("?")[0].rstrip("/").rpartition("/")[2])
    return lambda path: any(name and name in path for name in names)


def _beside(case: Case) -> list[Beside]:
    """What showed, but for files that an upload has whose address nobody was told."""
    seen = [event for event in case.history.events if isinstance(event, Beside)]
    unknown = any(event.alike for event in seen) and any(
        _unnamed(upload, one) for upload in _uploads(case) for one in _creations(upload)
    )
    return [event for event in seen if not (event.alike and unknown)]


def _forgotten(case: Case) -> list[str]:
    """What was left when the time of every upload was over."""
    residue = case.history.residue
    told = () if residue is None else residue.forgotten or ()
    return [one for one in told if not _silly(case, one)]


def _silly(case: Case, path: str) -> bool:
    """A file that a dead NFS client renamed instead of unlinking, and that nobody unlinks any more.

    It stays until the administrator of the file server takes it away. A client that lives does that itself
    as soon as the file is closed, so without a death it is the store that keeps it open.
    """
    return case.faults.power and _SILLY.match(path.rpartition("/")[2]) is not None


def litter(case: Case) -> list[str]:
    """Paths that no pattern of the target allows, sorted."""
    residue = case.history.residue
    if residue is None or not residue.swept:
        return []
    patterns = case.history.header.leftovers
    paths = [path.rstrip("/") for path in residue.paths]
    kept = [
        path
        for path in paths
        if _silly(case, path) or any(matches(path, pattern) for pattern in patterns)
    ]
    stands = [*kept, *(upload.target for upload in case.history.header.uploads)]
    return sorted(set(paths).difference(kept, *map(above, stands)))


def matches(path: str, pattern: str) -> bool:
    """Whether a path, relative to the root, matches a pattern as a whole."""
    return _expression(pattern.strip("/")).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    text = ""
    for part in re.split(r"(\*\*/|/\*\*$|\*|\?)", pattern):
        text += _WILD.get(part) or re.escape(part)
    return re.compile(text, re.DOTALL)


def _unfinished(case: Case) -> bool:
    return any(
        not _finished(upload)
        or any(_unnamed(upload, one) or _undone_badly(case, one) for one in _creations(upload))
        for upload in _uploads(case)
    )


def _uploads(case: Case) -> Iterator[UploadCase]:
    """All of them, also those that other checkers leave aside."""
    yield from case.uploads.values()
    yield from case.apart.values()


def _creations(upload: UploadCase) -> Iterator[Operation]:
    return (one for one in upload.operations if one.call.kind == "create")


def _unnamed(upload: UploadCase, creation: Operation) -> bool:
    """Whether a creation may have made an upload whose address nobody was told."""
    return effect_of(creation) != "done" and may_have_made(creation, upload.size)


def _undone_badly(case: Case, creation: Operation) -> bool:
    """Whether a creation was refused for its body, and its undoing may have met a failing disk."""
    end = creation.end
    if not creation.call.length or end is None or creation.outcome != "fail":
        return False
    return any(
        isinstance(event, Fault) and event.excuses and event.time_ns <= end.time_ns
        for event in case.history.events
    )


def _finished(upload: UploadCase) -> bool:
    if upload.info.partial and upload.final is None and upload.delete_done == FAR:
        return False  # a part that is published nowhere stays what it is
    if upload.delete_done < FAR or upload.rejected or _never_begun(upload):
        return True
    published = upload.final is not None and upload.final.present and upload.owner == upload.id
    return published or upload.announced < FAR


def _never_begun(upload: UploadCase) -> bool:
    """Whether nobody ever asked a server for it: who did had no URL to ask."""
    return all(
        one.end is not None and one.end.error is NoAnswer.NO_URL for one in upload.operations
    )


def _applies(case: Case) -> str | None:
    if any(one.call.probe is not None for one in case.history.operations):
        return "probes made uploads of their own, and nobody knows what theirs leave"
    if _beside(case):
        return None
    residue = case.history.residue
    if residue is None:
        return "the storage was not listed in the end"
    if _forgotten(case):
        return None
    if not residue.swept:
        return "no sweep is known to have ended"
    if _unfinished(case) and litter(case):
        return "an upload is unfinished, and what is left may belong to it"
    return None


RULE = Rule(
    name=NAME,
    says="after one sweep nothing is left but what the target declares; nothing was visible beside"
    " the targets",
    find=_find,
    applies=_applies,
)

"""What of a history explains a refusal in tus 1.0.0.

* 404, 410: the upload was terminated, has expired, has lost its name to another one, or is finished and no
  more to be had;
* 409: bytes of another content that may have been accepted, a name that another upload can have got or that
  a stranger may have taken when the last bytes came, an offset outside the upload; to a creation, a name that
  another upload wants;
* 413: a body past the declared end, an upload beyond the announced ``Tus-Max-Size``;
* 400: a body past the declared end, where tus leaves the answer open; a checksum that is malformed or of
  an unknown algorithm; 460 is the business of ``checksum``;
* 408, 423, 429: the target's own affair, and ``availability`` tells when it lasts for good.

Nothing explains the rest. A request that the client itself cut is owed nothing. What tus 1.0.0 leaves open
for targets that are not offset-addressed (a busy lock, a finished upload, an interrupted body) is granted.
"""

from __future__ import annotations

from patchstorm.case.case import FAR, Case, UploadCase, bodied, may_have_made
from patchstorm.dialect.cases.claims import NUMBER
from patchstorm.history.model import Completion, Operation

_OWN_AFFAIR = frozenset({408, 421, 423, 429})
_GONE = frozenset({404, 410})
_OPEN_ON_SEQUENTIAL = frozenset({400, 403, 404, 409, 410, 413})
_MALFORMED = frozenset({"malformed", "unknown-algorithm"})


def excused(case: Case, operation: Operation, end: Completion, status: int) -> bool:
    call = operation.call
    if status in _OWN_AFFAIR or call.cut or end.sent < (call.length or 0):
        return True
    upload = case.uploads.get(call.upload or "")
    if upload is None:
        return False  # OPTIONS is owed an answer
    if case.sequential and status in _OPEN_ON_SEQUENTIAL and call.kind != "create":
        return True
    if status == 460 or (status == 400 and call.checksum in _MALFORMED):
        return case.checks_checksums
    if status in _GONE:
        if call.kind == "create":
            return _outlived(case, upload, operation, end)
        return _gone(case, upload, end)
    if status == 409:
        return _contested(case, upload, operation, end)
    if status == 413:
        return _too_large(case, upload, operation)
    if status == 400:
        return _past_the_end(upload, operation)
    return status == 405 and not _offered(case, call.kind)


def _gone(case: Case, upload: UploadCase, end: Completion) -> bool:
    """Terminated, expired, or finished where a finished upload need not answer any more.

    Once the name has been published by a rival, nobody can judge a late replay by the file.
    """
    finished_away = bool(upload.rivals) or bool(upload.damages) or not case.can("head-after-finish")
    since = min(case.lost_from(upload), upload.full_from if finished_away else FAR)
    return since <= end.time_ns or upload.rejected


def _outlived(case: Case, upload: UploadCase, operation: Operation, end: Completion) -> bool:
    """Whether an upload's time may be over before its creation is answered: a clock has jumped, or that took
    nearly as long. Ends are announced in whole seconds (RFC 9110, 5.6.7), so it may be one second less.
    """
    lifetime_ms = upload.info.expires_ms
    if lifetime_ms is None:
        return False
    took_ms = (end.time_ns - operation.call.time_ns) // 1_000_000
    return case.faults.clock or took_ms >= lifetime_ms - 1_000


def _contested(case: Case, upload: UploadCase, operation: Operation, end: Completion) -> bool:
    call = operation.call
    if call.kind == "create":
        return bool(upload.rivals) or _created_before(upload, operation)
    if not bodied(operation):
        return _lost_name(case, upload, end)
    if (
        case.name_taken_from(upload) <= end.time_ns
        or upload.damages
        or _created_before(upload, None)
    ):
        return True
    if upload.full_from <= end.time_ns:
        return True
    start, length = call.offset or 0, call.length or 0
    return start > upload.size or any(
        other.content != call.content
        and other.effect != "none"
        and other.start < start + length
        and start < other.reach
        and other.invoked < end.time_ns
        for other in upload.writes
    )


def _lost_name(case: Case, upload: UploadCase, end: Completion) -> bool:
    """Whether another upload can have been published under its name by then."""
    if _created_before(upload, None) and upload.full_from <= end.time_ns:
        return True
    return case.name_taken_from(upload) <= end.time_ns


def _created_before(upload: UploadCase, operation: Operation | None) -> bool:
    """Whether an earlier creation may have taken the name: this one, or one besides the first."""
    posts = [one for one in upload.operations if may_have_made(one, upload.size)]
    if operation is None:
        return len(posts) > 1
    return any(
        one.op != operation.op and one.call.time_ns <= operation.call.time_ns for one in posts
    )


def _past_the_end(upload: UploadCase, operation: Operation) -> bool:
    call = operation.call
    return bodied(operation) and (call.offset or 0) + (call.length or 0) > upload.size


def _too_large(case: Case, upload: UploadCase, operation: Operation) -> bool:
    call = operation.call
    if _past_the_end(upload, operation):
        return True
    sizes = [
        int(text)
        for one in case.history.operations
        if one.call.kind == "discover" and one.end is not None
        if NUMBER.fullmatch(text := one.end.headers.get("tus-max-size", ""))
    ]
    return call.kind == "create" and any(upload.size > size for size in sizes)


def _offered(case: Case, kind: str) -> bool:
    """Whether the target says that it serves requests of this kind."""
    needed = {"terminate": "termination", "status": "status", "create": "creation"}.get(kind)
    return needed is None or case.can(needed)

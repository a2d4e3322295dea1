"""What the protocol checker holds answers to: status codes and headers of tus 1.0.0 and of its extensions.

Only what the specification says MUST, with sets where it is open (a busy lock, a finished upload, a
PATCH past the end), and only what the history records: rules about headers apply to answers whose
headers were recorded. The status document is no part of tus and is not judged here.

What an offset-addressed target waives of the core is exactly one rule: the 409 on an offset other than
the current one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from patchstorm.case.case import EXPIRY_SLACK_NS, FAR, Case, UploadCase
from patchstorm.dialect.base import Broken, HeaderComplaint, NamedRule, Rules
from patchstorm.dialect.cases.claims import shown
from patchstorm.dialect.tus.codec import PROBLEM_DOCUMENT
from patchstorm.dialect.tus.conformance.fields import pairs
from patchstorm.history.model import Completion, Operation

_HTTP_ONLY = frozenset({401, 408, 411, 414, 417, 421, 429, 431})  # may come from before the target
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
_EXPIRY_TOLERANCE_NS = 61_000_000_000  # clock skew that a token may be granted

Complaint = str | None


def _tus_resumable(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if operation.call.kind in ("discover", "status") or not end.headers:
        return None
    assert end.status is not None
    if not 200 <= end.status < 500 or end.status in _HTTP_ONLY:
        return None
    if end.headers.get("tus-resumable") == "1.0.0":
        return None
    return HeaderComplaint(f"was answered {end.status} without Tus-Resumable: 1.0.0")


def _options(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if operation.outcome != "ok":
        return None
    if end.status not in (200, 204):
        return f"was answered {end.status}, expected 204 or 200"
    if not end.headers:
        return None
    versions = [part.strip() for part in end.headers.get("tus-version", "").split(",")]
    if "1.0.0" in versions:
        return None
    return HeaderComplaint("was answered without 1.0.0 in Tus-Version")


def _head(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if upload is None:
        return None
    if operation.outcome != "ok":
        if end.status in (403, 404, 410) and end.offset is not None:
            return f"was answered {end.status} with an Upload-Offset"
        return None
    if end.status not in (200, 204):
        return f"was answered {end.status}, expected 200 or 204"
    if end.offset is None:
        return "was answered without Upload-Offset"
    if end.upload_length is None and not case.can("defer-length"):
        return HeaderComplaint("was answered without Upload-Length, which is known")
    if end.upload_length not in (None, upload.size):
        return f"was answered Upload-Length {end.upload_length}, declared {upload.size}"
    if end.headers and "no-store" not in end.headers.get("cache-control", "").lower():
        return HeaderComplaint("was answered without Cache-Control: no-store")
    return None


def _metadata(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    """HEAD of an upload that was created with metadata gives it back, before completion and after it.

    One without any gives no header: its value "MUST consist of one or more comma-separated key-value
    pairs" (tus 1.0.0, Creation), so an empty one says nothing that is legal.
    """
    if upload is None or operation.outcome != "ok" or not end.headers:
        return None
    found = end.headers.get("upload-metadata")
    if found is not None and not found.strip(" \t,"):
        return HeaderComplaint("was answered with an Upload-Metadata that holds no pair")
    created = next((one for one in upload.operations if one.call.kind == "create"), None)
    if created is None or created.call.request is None:
        return None
    sent = {name.lower(): value for name, value in created.call.request.headers}
    wanted = sent.get("upload-metadata")
    if not wanted or found == wanted or (found is not None and pairs(found) == pairs(wanted)):
        return None
    if found is None:
        return HeaderComplaint("was answered without the Upload-Metadata of the creation")
    return f"was answered with Upload-Metadata: {shown(found)}, created with {shown(wanted)}"


def _patch(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    call = operation.call
    if operation.outcome != "ok" or upload is None:
        return None
    if end.status != 204:
        return f"was answered {end.status}, expected 204"
    if end.offset is None:
        return "was answered 204 without Upload-Offset"
    past = (call.offset or 0) + (call.length or 0) > upload.size
    if past and call.length and not (case.sequential and end.offset == upload.size):
        return f"went past the declared end {upload.size} and was accepted"
    return None


def _expires_header(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if operation.outcome != "ok" or not end.headers:
        return None
    if upload is None or not case.can("expiration") or upload.info.expires_ms is None:
        return None
    if end.offset is None or end.offset >= upload.size or "upload-expires" in end.headers:
        return None
    return HeaderComplaint("was answered without Upload-Expires although the upload expires")


def _expiry(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    """The moment that Upload-Expires names, where the history says what the fleet's clocks showed.

    One that has passed meanwhile is no mistake: a server may serve longer than it said, and may remove what
    has expired only now and then (tus 1.0.0, Expiration). One from before there was an upload is.
    """
    told, epoch_ns = end.headers.get("upload-expires"), case.history.header.epoch_ns
    if told is None or upload is None or operation.outcome != "ok":
        return None
    if _DATE.fullmatch(told) is None:
        return f"was answered with Upload-Expires: {told!r}, which is no date (RFC 9110, 5.6.7)"
    if epoch_ns is None or case.faults.clock or upload.full_from <= end.time_ns:
        return None
    at_s = end.expires_s
    if at_s is None:
        return f"was answered with Upload-Expires: {told!r}, and there is no such date"
    at_ns = at_s * 1_000_000_000 - epoch_ns
    if at_ns < upload.by_invocation[0].call.time_ns - EXPIRY_SLACK_NS:
        return (
            f"was answered with Upload-Expires: {told}, which had passed before there was an upload"
        )
    lifetime_ms = upload.info.expires_ms
    if lifetime_ms is None:
        return None
    latest_ns = end.time_ns + lifetime_ms * 1_000_000 + EXPIRY_SLACK_NS
    seconds = (at_ns - latest_ns) / 1e9
    return (
        f"was answered with Upload-Expires: {told}, {seconds:.0f} s later than the upload lives"
        if seconds > 0
        else None
    )


def _created(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if operation.outcome != "ok":
        return None
    if end.status != 201:
        return f"was answered {end.status}, expected 201"
    if end.headers and not end.headers.get("location"):
        return "was answered 201 without Location"
    body = bool(operation.call.length) and case.can("creation-with-upload")
    if body and end.offset is None:
        return "carried a body and was answered 201 without Upload-Offset"
    return None


def _deleted(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if upload is None or not case.can("termination"):
        return None
    if operation.outcome == "ok" and end.status != 204:
        return f"was answered {end.status}, expected 204"
    return None


def _terminated(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    call = operation.call
    if upload is None or operation.outcome != "ok" or not case.can("termination"):
        return None
    if call.time_ns <= upload.delete_done or upload.delete_done == FAR:
        return None
    if not case.sequential and upload.full_from <= upload.delete_done:
        return None  # it may have been published first, and then what is said of it is open
    return f"was answered {end.status} after the upload had been terminated, expected 404 or 410"


def _expired(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if upload is None or upload.info.expires_ms is None or not case.can("expiration"):
        return None
    if operation.outcome != "ok":
        return None
    born = [
        one.end for one in upload.operations if one.call.kind == "create" and one.outcome == "ok"
    ]
    if len(born) != 1 or born[0] is None or case.faults.clock:
        return None
    lives_ns = born[0].time_ns + upload.info.expires_ms * 1_000_000
    limit = max(lives_ns, upload.promised or 0) + _EXPIRY_TOLERANCE_NS
    if operation.call.time_ns <= limit or upload.full_from <= limit:
        return None
    return f"was answered {end.status} long after the upload had expired, expected 404 or 410"


def _retry_after(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    found = end.headers.get("retry-after")
    if found is None or (found.isascii() and found.isdigit()) or _DATE.fullmatch(found):
        return None
    return (
        f"was answered with Retry-After: {found!r}, neither seconds nor a date (RFC 9110, 10.2.3)"
    )


def _malformed(
    case: Case, upload: UploadCase | None, operation: Operation, end: Completion
) -> Complaint:
    if end.malformed is None or end.status is None or operation.call.kind == "status":
        return None
    if end.malformed.startswith(PROBLEM_DOCUMENT):
        return f"was answered with what is no {end.malformed}"
    return f"was answered with what cannot be read: {end.malformed}"


_RULES_OF_ALL: tuple[NamedRule, ...] = (
    ("tus-resumable", _tus_resumable),
    ("expiry", _expiry),
    ("retry-after", _retry_after),
    ("problem", _malformed),
)
_UNENDED = (("termination", _terminated), ("expiration", _expired))
_RULES_OF: dict[str, tuple[NamedRule, ...]] = {
    "discover": (("options", _options), *_RULES_OF_ALL),
    "create": (("creation", _created), *_RULES_OF_ALL),
    "query": (("head", _head), ("metadata", _metadata), *_UNENDED, *_RULES_OF_ALL),
    "append": (("patch", _patch), ("expires", _expires_header), *_UNENDED, *_RULES_OF_ALL),
    "terminate": (("deletion", _deleted), *_RULES_OF_ALL),
}


def _wrong_offset(case: Case, upload: UploadCase) -> Iterator[Broken]:
    """Sequential: a PATCH at an offset that was not current at any time of it was accepted.

    Below: something further on had been acknowledged or announced before it was sent. Above: not
    even all bodies under way by then reach so far.
    """
    if not case.sequential or upload.damages:
        return
    known = sorted(_known(upload))
    calls = sorted((write.invoked, write.reach) for write in upload.writes)
    sent = [since for since, _ in calls]
    heights = list(accumulate((end for _, end in calls), max))
    reached, at = 0, 0
    for write in sorted(upload.writes, key=lambda one: (one.invoked, one.op)):
        while at < len(known) and known[at][0] < write.invoked:
            reached = max(reached, known[at][1])
            at += 1
        operation = case.operation(write.op)
        if operation.outcome != "ok" or operation.call.kind != "append" or write.start == write.end:
            continue
        highest = heights[bisect_right(sent, write.completed) - 1]
        wrong = None
        if write.start < reached:
            wrong = f"at {write.start} was accepted although the offset had reached {reached}"
        elif write.start > highest:
            wrong = f"at {write.start} was accepted although nothing reached beyond {highest}"
        if wrong is not None:
            yield Broken(
                op=write.op,
                says=f"{wrong}; it must be refused with 409",
                remark="accepted at an offset that was not current",
                spans=((write.start, write.end),),
                operations=tuple([op for _, end, op in known[:at] if end == reached][:4]),
            )
            return


def _known(upload: UploadCase) -> Iterator[tuple[int, int, int]]:
    """When an offset was known to be reached: by an acknowledgement or an announcement."""
    for write in upload.writes:
        if write.acked > write.start:
            yield write.completed, write.acked, write.op
    for operation in upload.operations:
        end = operation.end
        if end is not None and operation.outcome == "ok" and end.offset is not None:
            yield end.time_ns, min(end.offset, upload.size), operation.op


RULES = Rules(of_kind=_RULES_OF, of_all=_RULES_OF_ALL, of_upload=_wrong_offset)

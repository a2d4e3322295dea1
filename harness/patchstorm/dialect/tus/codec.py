"""A scenario's request as HTTP, and an HTTP answer as a completion: pure translation both ways.

Rules of residence: no socket, no clock, no state. The caller remembers which URL a creation gave
out; the live client and the simulated network both speak through this module, so a request means
the same bytes in every world.

A completion is classed by its status alone (:func:`patchstorm.history.recorder.outcome_of`): 2xx ok,
4xx fail, 5xx and no answer info. That a 409 or 423 may hide an effect on a request that completes the
byte set is judged by the checkers, which see the other requests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit
from zlib import crc32

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Request
from patchstorm.dialect.tus.dates import unix_s
from patchstorm.dialect.wire import Wire
from patchstorm.history.model import Completion, DocumentFields, StatusDocument, UploadInfo
from patchstorm.history.no_answer import NoAnswer
from patchstorm.history.recorder import outcome_of
from patchstorm.legible import legible_line

TUS_VERSION = "1.0.0"
PATCH_TYPE = "application/offset+octet-stream"
METHODS: dict[str, str] = {
    "discover": "OPTIONS",
    "create": "POST",
    "query": "HEAD",
    "append": "PATCH",
    "status": "GET",
    "terminate": "DELETE",
}
PROBLEM = "application/problem+json"
PROBLEM_DOCUMENT = "problem document"
SHOWN_CHARS_MAX = 100
NUMBER_MAX = 2**63 - 1  # no file is longer (off_t)
_DIGITS_MAX = len(str(NUMBER_MAX))
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f]")
Buffer = bytes | bytearray | memoryview
Blocks = Callable[[], Iterable[Buffer]]


def encode(
    wire: Wire,
    request: Request,
    upload: UploadInfo,
    url: str | None,
    blocks: Blocks | None = None,
) -> Head:
    """The head of ``request``; ``url`` is what the creation gave out (a path with its query).

    ``blocks`` yields the body and is read only when a checksum is to be announced. Raises
    ValueError where a URL is needed and there is none.
    """
    headers = [("Tus-Resumable", TUS_VERSION)] if request.kind != "discover" else []
    headers += wire.headers.items()
    path, length, has_body = wire.path, 0, False
    if request.kind == "create":
        headers += _creation(wire, upload, request)
        has_body, length = True, request.length if request.whole else 0
        if request.whole:
            headers.append(("Content-Type", PATCH_TYPE))
    elif request.kind != "discover":
        path = _upload_path(wire, request, url)
    if request.kind == "append":
        headers += [("Content-Type", PATCH_TYPE), ("Upload-Offset", str(request.offset))]
        has_body, length = True, request.length
        if request.declares is not None:
            headers.append(("Upload-Length", str(request.declares)))
    if request.checksum != "none":
        headers.append(("Upload-Checksum", checksum(request, blocks or tuple)))
    return Head(
        method=METHODS[request.kind],
        path=path,
        headers=tuple(headers),
        length=length,
        has_body=has_body,
    )


def _creation(wire: Wire, upload: UploadInfo, request: Request) -> list[tuple[str, str]]:
    told = metadata(wire, upload)
    fields = [("Upload-Metadata", told)] if told else []
    if upload.parts:  # its length is that of its parts, and must not be said (tus, concatenation)
        return [("Upload-Concat", f"final;{' '.join(request.joins)}"), *fields]
    if upload.partial:
        fields.append(("Upload-Concat", "partial"))
    length = (
        ("Upload-Defer-Length", "1") if upload.deferred else ("Upload-Length", str(upload.size))
    )
    return [length, *fields]


def metadata(wire: Wire, upload: UploadInfo) -> str:
    """The value of Upload-Metadata: the target's name, and what else this server is to be told.

    Of an upload without a name only what does not depend on one; nothing at all is an empty value.
    """
    pairs = {} if upload.unnamed else {"filename": upload.target}
    for key, value in wire.metadata.items():
        if not (upload.unnamed and "{target}" in value):
            pairs[key] = value.format(target=upload.target)
    told = [f"{key} {_base64(value.encode())}" for key, value in pairs.items()]
    if upload.overwrite:
        told.append("overwrite")
    return ",".join(told)


def _upload_path(wire: Wire, request: Request, url: str | None) -> str:
    if url is None:
        raise ValueError(f"{request.kind} for `{request.upload}`: no creation gave out its URL")
    if request.kind != "status":
        return url
    if wire.status is None:
        raise ValueError("the target has no status document; its `wire.status` is not set")
    path, _, query = url.partition("?")
    return wire.status.format(path=path.rstrip("/"), query=query).rstrip("?")


def checksum(request: Request, blocks: Blocks) -> str:
    """The value of Upload-Checksum, right or wrong as the request asks (tus checksum)."""
    if request.checksum == "malformed":
        return f"{request.algorithm} not*base64!"
    if request.checksum == "unknown-algorithm":
        return f"md99 {_base64(b'an algorithm nobody has')}"
    digest = hashlib.new(request.algorithm)
    for block in blocks():
        digest.update(block)
    value = digest.digest()
    if request.checksum == "wrong":
        value = _near(value, request)
    return f"{request.algorithm} {_base64(value)}"


def _near(digest: bytes, request: Request) -> bytes:
    """Another digest: equal to this one but for its first byte, its last or one in the middle, or nowhere.

    So whoever compares a part of it takes a wrong one for right.
    """
    places = (range(1), range(len(digest) - 1, len(digest)), range(9, 10), range(len(digest)))
    named = f"{request.upload}/{request.offset}+{request.length}/{request.content}"
    wrong = places[crc32(named.encode()) % len(places)]
    return bytes(one ^ 0xFF if at in wrong else one for at, one in enumerate(digest))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def created_url(wire: Wire, reply: Reply) -> str | None:
    """The upload's URL from a creation's answer, as a path with its query; None if it has none.

    A Location may be absolute or relative (RFC 9110, section 10.2.2). Its host is not followed:
    a balancer decides which replica is asked.
    """
    location = reply.headers.get("location")
    if not 200 <= reply.status < 300 or not location or _location(reply) is not None:
        return None
    parts = urlsplit(urljoin(f"http://host{wire.path}", location))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _location(reply: Reply) -> str | None:
    """What is wrong with a Location: it cannot be parsed, is not HTTP's, or would break a request's line."""
    location = reply.headers.get("location", "")
    return _no_url(location) if location else None  # most answers have none, and each is asked


@lru_cache(maxsize=16)  # asked twice of each creation
def _no_url(location: str) -> str | None:
    wrong = _NOT_IN_URL.search(location) is not None
    try:
        parts = urlsplit(urljoin("http://host/", location))
        wrong = wrong or parts.scheme not in ("http", "https")
        parts.port  # noqa: B018 - read since it may raise
    except ValueError:
        wrong = True
    return f"Location is {_shown(location)}, no URL" if wrong else None


def _shown(text: str) -> str:
    """What a server said, on one line and not too much of it."""
    cut = text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}..."
    return f"`{legible_line(cut)}`"


def upload_id(wire: Wire, url: str) -> str:
    """The server's own name for an upload, as ``wire.id`` says where it stands in the URL."""
    return _id_at(wire.id, url)


@lru_cache(maxsize=256)  # asked of one URL at each look at the storage
def _id_at(place: str, url: str) -> str:
    parts = urlsplit(url)
    if place == "path":
        return unquote(parts.path.rstrip("/").rpartition("/")[2])
    parameter, _, claim = place.partition(":")
    value = dict(parse_qsl(parts.query)).get(parameter, "")
    return legible_line(str(_claims(value).get(claim, ""))) if claim else value


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says (RFC 7519), unverified; nothing where it is none."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def announced(reply: Reply) -> str:
    """What an answer to OPTIONS says of extensions, in a phrase."""
    return f"extensions {reply.headers.get('tus-extension', '(none)')}"


def fetch(wire: Wire, url: str) -> Head:
    """GET on the upload's URL, which is no part of tus and which most servers answer."""
    return Head(method="GET", path=url, headers=tuple(wire.headers.items()))


def published_path(pattern: str, wire: Wire, upload: UploadInfo, url: str | None) -> str | None:
    """Where ``upload`` gets published below the root; None while its URL is needed and unknown."""
    if "{id}" not in pattern:
        return pattern.format(target=upload.target)
    if url is None:
        return None
    return pattern.format(target=upload.target, id=upload_id(wire, url))


def decode(
    wire: Wire,
    op: int,
    time_ns: int,
    request: Request,
    reply: Reply | None,
    *,
    sent: int,
    error: NoAnswer | None = None,
) -> Completion:
    """What the history records of an answer, or of its absence (``error`` says why)."""
    if reply is None:
        return Completion(op=op, time_ns=time_ns, outcome="info", sent=sent, error=error)
    document, malformed = _document(wire.document, request, reply)
    malformed = malformed or _problem(request, reply)
    offset, bad_offset = _integer(reply, "upload-offset")
    length, bad_length = _integer(reply, "upload-length")
    expires = reply.headers.get("upload-expires")
    return Completion(
        op=op,
        time_ns=time_ns,
        outcome=outcome_of(reply.status),
        status=reply.status,
        offset=offset,
        upload_length=length,
        expires_s=None if expires is None else unix_s(expires),
        sent=sent,
        headers=reply.headers,
        document=document,
        malformed=malformed or bad_offset or bad_length or _location(reply),
    )


def _integer(reply: Reply, name: str) -> tuple[int | None, str | None]:
    text = reply.headers.get(name)
    if text is None:
        return None, None
    if not text.isascii() or not text.isdigit():
        return None, f"{name} is {_shown(text)}, not a plain decimal number"
    digits = text.lstrip("0") or "0"
    if len(digits) > _DIGITS_MAX or int(digits) > NUMBER_MAX:
        return None, f"{name} is {_shown(text)}, more than any file has"
    return int(digits), None


def _problem(request: Request, reply: Reply) -> str | None:
    """What is wrong with a problem document: its members are optional, but of fixed kinds (RFC 9457)."""
    if request.kind == "query" or not reply.headers.get("content-type", "").startswith(PROBLEM):
        return None
    if request.probe is not None and request.probe.what.acts_as == "HEAD":
        return None
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        return f"{PROBLEM_DOCUMENT}: {error}"
    if not isinstance(told, dict) or not told:
        return f"{PROBLEM_DOCUMENT}: no object with members"
    if told.get("status", reply.status) != reply.status:
        return (
            f"{PROBLEM_DOCUMENT}: its status is {_shown(_text(told['status']))}, "
            f"that of the answer {reply.status}"
        )
    words = [
        name for name in ("type", "title", "detail") if not isinstance(told.get(name, ""), str)
    ]
    return f"{PROBLEM_DOCUMENT}: {', '.join(words)} is no text" if words else None


def _document(
    fields: DocumentFields, request: Request, reply: Reply
) -> tuple[StatusDocument | None, str | None]:
    if request.kind != "status" or reply.status != 200:
        return None, None
    try:
        return _status(fields, json.loads(reply.body)), None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        return None, f"status document: {type(error).__name__}: {legible_line(str(error))}"


def _status(fields: DocumentFields, raw: dict[str, Any]) -> StatusDocument:
    gaps: Iterator[tuple[int, int]] = (
        (_count(gap[fields.gap_offset]), _count(gap[fields.gap_length]))
        for gap in raw[fields.missing]
    )
    if raw[fields.state] in (None, ""):
        raise ValueError(f"{fields.state} says nothing")
    return StatusDocument(
        total_size=_count(raw[fields.total]),
        committed_offset=_count(raw[fields.committed]),
        chunks_received=tuple(_count(offset) for offset in raw[fields.chunks]),
        missing_ranges=tuple(gaps),
        progress_percent=_percent(raw[fields.percent]),
        status=legible_line(_text(raw[fields.state])),
    )


def _count(value: Any) -> int:
    number = int(value)
    if abs(number) > NUMBER_MAX:
        raise ValueError("a number beyond what any file has")
    return number


def _percent(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a percentage that is no number")
    return number


def _text(value: Any) -> str:
    """``str(value)``, which a value nested deeply enough has not."""
    try:
        return str(value)
    except RecursionError:
        return "nested too deeply to be shown"

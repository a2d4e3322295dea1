"""Responses, and how a refusal becomes one: problem documents after RFC 9457.

A problem says what was expected and what came. It never holds a token, a secret or a path of the
server.
"""

from __future__ import annotations

import errno

import msgspec

from .errors import BadSignature, Locked, OutOfSpace, StoreError

TUS_VERSION = "1.0.0"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Headers = tuple[tuple[str, str], ...]

COMMON: Headers = (("Tus-Resumable", TUS_VERSION), ("Cache-Control", "no-store"))


class Response(msgspec.Struct, frozen=True):
    """What goes back: an adapter adds only ``Content-Length`` and what its HTTP version needs."""

    status: int
    headers: Headers = COMMON
    body: bytes = b""

    def carrying(self, more: Headers) -> Response:
        """The same with more fields."""
        return Response(self.status, (*self.headers, *more), self.body) if more else self

    def header(self, name: str) -> str | None:
        """The value of a field, for readers of a response."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class WrongVersion(StoreError):
    """tus 1.0.0, core: the version asked for is not served here."""

    status, title = 412, "Unsupported tus version"


class WrongContentType(StoreError):
    status, title = 415, "Unsupported content type"


class NoSuchResource(StoreError):
    status, title = 404, "No such resource"


class WrongMethod(StoreError):
    """``extra['expected']`` lists the methods that are allowed."""

    status, title = 405, "Method not allowed"


class FieldTooLarge(StoreError):
    """RFC 6585, section 5: a header line, or their number."""

    status, title = 431, "Header fields too large"


class AddressTooLong(StoreError):
    status, title = 414, "Address too long"


class CreationUnauthorized(StoreError):
    status, title = 401, "Creation not authorized"


def as_refusal(error: StoreError | OSError) -> StoreError:
    """A failed system call as a refusal: 507 for a full disk or quota, 500 for anything else."""
    if isinstance(error, StoreError):
        return error
    if error.errno in _FULL:
        return OutOfSpace("The storage is full; nothing of this request was kept.")
    return StoreError(
        f"A call to the storage failed with {errno.errorcode.get(error.errno or 0, 'no number')}."
    )


def problem(refusal: StoreError) -> Response:
    """The response for a refusal."""
    document: dict[str, object] = {
        "type": "urn:chunkstore:problem:" + refusal.title.lower().replace(" ", "-"),
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        **refusal.extra,
    }
    headers = (*COMMON, ("Content-Type", "application/problem+json"), *_hints(refusal))
    return Response(refusal.status, headers, msgspec.json.encode(document))


def _hints(refusal: StoreError) -> Headers:
    match refusal:
        case Locked():
            return (("Retry-After", str(refusal.retry_after_s)),)
        case WrongVersion():
            return (("Tus-Version", TUS_VERSION),)
        case WrongMethod():
            return (("Allow", ", ".join(_names(refusal.extra.get("expected")))),)
        case CreationUnauthorized():
            return (("WWW-Authenticate", 'Bearer realm="chunkstore creation"'),)
        case BadSignature():
            return (("WWW-Authenticate", 'Bearer realm="chunkstore upload"'),)
        case _:
            return ()


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []

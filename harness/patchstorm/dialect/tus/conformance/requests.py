"""Shorthand for the requests that cases are made of: each is what a well-behaved client sends.

A keyword ``more`` adds headers, or replaces those of the same name; a value of None takes one away.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

from patchstorm.dialect.cases.model import CREATION, Expect, Fields, Step

VERSION = "1.0.0"
RESUMABLE = ("Tus-Resumable", VERSION)
PATCH_TYPE = "application/offset+octet-stream"
More = dict[str, str | None]


def options(*expects: Expect, more: More | None = None) -> Step:
    return Step(method="OPTIONS", headers=_with((), more), expects=expects)


def create(
    name: str,
    *expects: Expect,
    length: int | str | None = 11,
    body: bytes = b"",
    more: More | None = None,
    **rest: Any,
) -> Step:
    """POST; with a body its type is announced (creation-with-upload)."""
    fields: Fields = (RESUMABLE,)
    if length is not None:
        fields += (("Upload-Length", str(length)),)
    fields += (("Upload-Metadata", "{metadata}"),)
    if body:
        fields += (("Content-Type", PATCH_TYPE),)
    return Step(
        method="POST",
        to=CREATION,
        headers=_with(fields, more),
        body=body,
        creates=name,
        expects=expects,
        **rest,
    )


def patch(
    name: str,
    offset: int | str | None,
    body: bytes,
    *expects: Expect,
    more: More | None = None,
    **rest: Any,
) -> Step:
    fields: Fields = (RESUMABLE, ("Content-Type", PATCH_TYPE))
    if offset is not None:
        fields += (("Upload-Offset", str(offset)),)
    return Step(
        method="PATCH", to=name, headers=_with(fields, more), body=body, expects=expects, **rest
    )


def head(name: str, *expects: Expect, more: More | None = None, **rest: Any) -> Step:
    return Step(method="HEAD", to=name, headers=_with((RESUMABLE,), more), expects=expects, **rest)


def delete(name: str, *expects: Expect, more: More | None = None, **rest: Any) -> Step:
    return Step(
        method="DELETE", to=name, headers=_with((RESUMABLE,), more), expects=expects, **rest
    )


def overridden(step: Step, actual: str) -> Step:
    """The same request, sent with another method and X-HTTP-Method-Override."""
    headers = (*step.headers, ("X-HTTP-Method-Override", step.method))
    body = step.body
    if actual in ("POST", "PUT", "PATCH") and body is None:
        body = b""  # a client sends Content-Length: 0 where a body was to be expected
    return replace(step, method=actual, headers=headers, body=body, acts=step.method)


def disguised(step: Step, method: str) -> Step:
    """The same request, saying that it is another: what it is must have no effect."""
    return replace(step, headers=(*step.headers, ("X-HTTP-Method-Override", method)), acts=method)


def base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _with(fields: Fields, more: More | None) -> Fields:
    changed = more or {}
    names = {name.lower() for name in changed}
    kept = tuple(field for field in fields if field[0].lower() not in names)
    return (*kept, *((name, value) for name, value in changed.items() if value is not None))

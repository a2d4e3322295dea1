"""What a client that others wrote asks for in tus 1.0.0: :mod:`codec` the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from patchstorm.dialect.base import Heard
from patchstorm.dialect.operations import Request
from patchstorm.dialect.tus.codec import METHODS, PATCH_TYPE
from patchstorm.history.model import Kind

_KINDS: Final[dict[str, Kind]] = {
    "OPTIONS": "discover",
    "POST": "create",
    "HEAD": "query",
    "PATCH": "append",
    "DELETE": "terminate",
}
assert all(METHODS[kind] == method for method, kind in _KINDS.items())
OVERRIDE: Final = "x-http-method-override"
"""Not every HTTP library can PATCH; what stands here is the method (tus 1.0.0, core protocol, headers)."""
_WRITTEN_ANEW: Final = ("upload-", "tus-", "content-type")
"""How the headers begin that the codec writes."""


def heard(method: str, headers: Sequence[tuple[str, str]]) -> Heard | None:
    """What this head asks for; None for a method that is no part of it.

    Raises ValueError, with the reason, where it says no offset.
    """
    named = {name.lower(): value for name, value in headers}
    kind = _KINDS.get(named.get(OVERRIDE, method))
    if kind is None:
        return None
    length = named.get("upload-length", "")
    algorithm = named.get("upload-checksum", "").partition(" ")[0]
    request = Request(
        kind=kind,
        upload="",
        offset=_offset(named) if kind == "append" else 0,
        whole=kind == "create" and named.get("content-type") == PATCH_TYPE,
        checksum="right" if algorithm else "none",
        algorithm=algorithm or "sha256",
        beside=tuple(pair for pair in headers if not pair[0].lower().startswith(_WRITTEN_ANEW)),
        method=method if OVERRIDE in named else "",
    )
    size = int(length) if length.isascii() and length.isdigit() else None
    return Heard(request=request, size=size, part="upload-concat" in named)


def _offset(named: dict[str, str]) -> int:
    text = named.get("upload-offset", "")
    if not (text.isascii() and text.isdigit()):
        raise ValueError("no Upload-Offset")
    return int(text)

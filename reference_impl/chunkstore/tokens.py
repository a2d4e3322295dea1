"""Upload tokens: HS256 JSON Web Tokens that every replica of a fleet can judge by itself.

The algorithm is pinned: whatever a header says, only HMAC-SHA-256 with the fleet's secret counts
(RFC 7515, RFC 7518 section 3.2, RFC 8725 section 3.1). The signature is compared as text in
constant time, so no second spelling of a good signature is accepted either. Nothing here looks at
a clock: whether a token has expired is the store's business, once the signature is known to be good.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TypeVar

import msgspec

from .errors import BadRequest, BadSignature
from .layout import check_session
from .model import Claims

SECRET_BYTES_MIN = 16
_TOKEN_CHARS_MAX = 16_384
_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_SIZE_MAX = (1 << 63) - 1
_EXPIRES_S_MAX = 253_402_300_799  # the end of the year 9999, the last an HTTP date can name
_T = TypeVar("_T")
_HEADER = b'{"alg":"HS256","typ":"JWT"}'


class _Header(msgspec.Struct):
    alg: str
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Payload(msgspec.Struct, omit_defaults=True):
    """The claims as they are spelled in the token. ``exp`` is in unix seconds (RFC 7519, 4.1.4)."""

    session: str
    size: int
    target: str
    exp: int
    overwrite: bool = False
    created: bool = False


def mint(claims: Claims, secret: bytes) -> str:
    """The token for these claims.

    Raises ``ValueError`` for a secret below 16 bytes, ``BadRequest`` for claims no store would take.
    """
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret must have at least {SECRET_BYTES_MIN} bytes")
    _check(claims)
    payload = _Payload(
        session=claims.session,
        size=claims.size,
        target=claims.target,
        exp=claims.expires_s,
        overwrite=claims.overwrite,
        created=claims.created,
    )
    signed = _encode(_HEADER) + b"." + _encode(msgspec.json.encode(payload))
    return (signed + b"." + _signature(signed, secret)).decode("ascii")


def verify(token: str, secret: bytes) -> Claims:
    """The claims of a token with a good signature; expiry is not judged here.

    Raises ``BadRequest`` (400) for what is no token at all, ``BadSignature`` (401) for a token that
    this fleet did not sign, whatever algorithm it names.
    """
    header, payload, signature = _split(token)
    protected = _decode(header, _Header)
    if protected.alg != "HS256" or protected.crit is not msgspec.UNSET:
        raise BadSignature("The token is not signed with HS256.")
    expected = _signature(f"{header}.{payload}".encode("ascii"), secret)
    if not hmac.compare_digest(expected, signature.encode("ascii")):
        raise BadSignature("The token's signature is not this fleet's.")
    found = _decode(payload, _Payload)
    claims = Claims(
        session=found.session,
        size=found.size,
        target=found.target,
        overwrite=found.overwrite,
        expires_s=found.exp,
        created=found.created,
    )
    _check(claims)
    return claims


def _check(claims: Claims) -> None:
    check_session(claims.session)
    if not 0 <= claims.size <= _SIZE_MAX:
        raise BadRequest("The claim 'size' is no size in bytes.", received=claims.size)
    if not 0 <= claims.expires_s <= _EXPIRES_S_MAX:
        raise BadRequest("The claim 'exp' is no time in unix seconds.", received=claims.expires_s)
    if not claims.target:
        raise BadRequest("The claim 'target' is empty.")


def _split(token: str) -> tuple[str, str, str]:
    found = _TOKEN.fullmatch(token) if len(token) <= _TOKEN_CHARS_MAX else None
    if found is None:
        raise BadRequest("The token is malformed.", expected="header.payload.signature (RFC 7519)")
    return found[1], found[2], found[3]


def _signature(signed: bytes, secret: bytes) -> bytes:
    return _encode(hmac.digest(secret, signed, sha256))


def _encode(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _decode(segment: str, shape: type[_T]) -> _T:
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        return msgspec.json.decode(raw, type=shape)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadRequest(
            "The token is malformed.", expected="JSON in base64url without padding (RFC 7515)"
        ) from error

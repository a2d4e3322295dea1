"""Reading the header fields of tus 1.0.0, strictly: what is not exactly right is refused.

Pure functions from text to values; every refusal is a ``StoreError`` that says what was expected
and what came.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from .errors import BadRequest, UnknownCoding

DIGEST_BYTES = {"sha1": 20, "sha256": 32}
_DECIMAL = re.compile(r"[0-9]{1,19}", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_METADATA_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_FLAGS = {b"": True, b"1": True, b"true": True, b"0": False, b"false": False}
_SHOWN_CHARS_MAX = 120


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A request before its body: the raw path and query, and the header fields in their order."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    _fields: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.headers:
            self._fields.setdefault(name.lower(), []).append(value)

    def get(self, name: str) -> str | None:
        """The value of a field that may stand once; ``BadRequest`` if it stands there twice.

        The adapter has already taken off the blanks that HTTP allows around a value.
        """
        found = self._fields.get(name)
        if found is None:
            return None
        if len(found) > 1:
            raise BadRequest(f"The header {name} stands in the request more than once.")
        return found[0]

    def joined(self, name: str) -> str | None:
        """The value of a list field, repeated fields joined by commas (RFC 9110, section 5.3)."""
        found = self._fields.get(name)
        return None if found is None else ",".join(value.strip(" \t") for value in found)


def decimal(name: str, text: str | None) -> int:
    """A non-negative integer in plain decimal digits: no sign, space, underscore or other script."""
    if text is None:
        raise BadRequest(f"The header {name} is missing.", expected="decimal digits")
    if not _DECIMAL.fullmatch(text):
        raise BadRequest(
            f"The header {name} is not a plain decimal integer.",
            expected="1 to 19 decimal digits",
            received=shown(text),
        )
    return int(text)


def body_length(head: Head) -> int | None:
    """The body's length in bytes; ``None`` if only its end will tell (RFC 9112, section 6).

    ``UnknownCoding`` for any transfer coding but chunked: its bytes would be stored as they travel.
    """
    coding = head.joined("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise UnknownCoding(
                "The body comes in a transfer coding that is not undone here.",
                expected="chunked",
                received=shown(coding),
            )
        return None
    text = head.get("content-length")
    return 0 if text is None else decimal("Content-Length", text)


def origin(head: Head) -> str:
    """Scheme and host as the client knows them, or nothing if the request does not tell.

    A proxy that ends TLS or renames the host says so in ``X-Forwarded-Proto`` and
    ``X-Forwarded-Host``. They only shape the answer to the one who sent them.
    """
    host = head.get("x-forwarded-host") or head.get("host") or ""
    scheme = head.get("x-forwarded-proto") or "http"
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return ""
    return f"{scheme}://{host}"


def token_of(query: str) -> str:
    """The one ``token`` of a query string."""
    found = parse_qs(query).get("token", [])
    if len(found) != 1:
        raise BadRequest("The request needs one token.", expected="?token=...")
    return found[0]


@dataclass(frozen=True, slots=True)
class Checksum:
    """``Upload-Checksum``: a digest of exactly this request's body."""

    algorithm: str
    digest: bytes


def checksum(text: str | None) -> Checksum | None:
    """tus 1.0.0, checksum: the algorithm's name, one space, the digest in base64."""
    if text is None:
        return None
    name, space, encoded = text.partition(" ")
    if name not in DIGEST_BYTES:
        raise BadRequest(
            "The checksum algorithm is not known.",
            expected=sorted(DIGEST_BYTES),
            received=shown(name),
        )
    digest = _base64(encoded) if space else None
    if digest is None or len(digest) != DIGEST_BYTES[name]:
        raise BadRequest(
            "The header Upload-Checksum is malformed.",
            expected=f"{name} and a base64 digest of {DIGEST_BYTES[name]} bytes",
            received=shown(text),
        )
    return Checksum(name, digest)


def metadata(text: str) -> dict[str, bytes]:
    """tus 1.0.0, creation: comma-separated pairs of an ASCII key and an optional base64 value."""
    pairs: dict[str, bytes] = {}
    for pair in text.split(",") if text else ():
        key, space, encoded = pair.strip(" \t").partition(" ")
        value = _base64(encoded) if space else b""
        if not _METADATA_KEY.fullmatch(key) or key in pairs or value is None:
            raise BadRequest(
                "The header Upload-Metadata is malformed.",
                expected="unique ASCII keys, each with an optional base64 value",
                received=shown(pair),
            )
        pairs[key] = value
    return pairs


def target(pairs: dict[str, bytes]) -> str | None:
    """The name of the file to publish, relative to the root; the store judges where it lies.

    ``None`` where the creator leaves it to the server, as most clients do. An empty name is not left
    out, it is wrong.
    """
    if "filename" not in pairs:
        return None
    try:
        name = pairs["filename"].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The metadata's filename is not UTF-8.") from error
    if not name:
        raise BadRequest(
            "The metadata's filename is empty.", expected="a name, or no filename at all"
        )
    return name


def overwrite(pairs: dict[str, bytes]) -> bool:
    """Whether the creator asked to replace what the name holds. No value, 1 and true mean yes."""
    if "overwrite" not in pairs:
        return False
    answer = _FLAGS.get(pairs["overwrite"].lower())
    if answer is None:
        raise BadRequest(
            "The metadata's overwrite is neither true nor false.", expected=["true", "false"]
        )
    return answer


def joined(values: Iterable[str]) -> str:
    """A list field as it is written on the wire by tus: commas without spaces."""
    return ",".join(values)


def shown(text: str) -> str:
    """What came, short enough for a problem document and printable in any log."""
    return ascii(text[:_SHOWN_CHARS_MAX])[1:-1]


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None

"""A small and correct tus server with every extension, in memory: what the rules are tried on.

It takes a request and gives an answer, or None where the client broke off. ``spoil`` is called with each
request and its answer and may put another in its place, or change what is stored: that is how a
deliberately wrong server is made of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from urllib.parse import urljoin, urlsplit

BASE = "/files"
TYPE = "application/offset+octet-stream"
METHODS = {"OPTIONS", "POST", "HEAD", "PATCH", "DELETE"}
EXTENSIONS = (
    "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum",
    "checksum-trailer", "termination", "concatenation",
)  # fmt: skip
ALGORITHMS = ("sha1", "sha256", "sha512", "md5", "crc32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request. ``whole``: its body came to its end. ``lengths``: its Content-Length fields."""

    method: str
    path: str
    headers: dict[str, list[str]]
    body: bytes = b""
    whole: bool = True
    lengths: tuple[str, ...] = ()
    chunked: bool = False

    def get(self, name: str) -> str | None:
        found = self.headers.get(name.lower())
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    status: int
    headers: dict[str, str] = field(default_factory=dict)

    def but(self, status: int | None = None, **changed: str | None) -> Said:
        """The same answer with some headers changed (``_`` for ``-``) or, for None, left out."""
        headers = dict(self.headers)
        for name, value in changed.items():
            headers.pop(name.replace("_", "-"), None)
            if value is not None:
                headers[name.replace("_", "-")] = value
        return Said(status=self.status if status is None else status, headers=headers)


@dataclass(slots=True, kw_only=True)
class Stored:
    data: bytearray
    length: int | None
    metadata: str | None
    concat: str | None
    born: float
    parts: tuple[str, ...] = ()
    gone: bool = False
    length_was: int | None = None

    @property
    def final(self) -> bool:
        return self.concat is not None and self.concat.startswith("final")


Spoil = Callable[["Tiny", Asked, Said, Stored | None], Said | None]


def untouched(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    return said


class Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(slots=True, kw_only=True)
class Tiny:
    extensions: tuple[str, ...] = EXTENSIONS
    max_size: int | None = 1 << 40
    lifetime_s: float | None = 86_400
    spoil: Spoil = untouched
    published: str = "{id}"
    now: float = 1_700_000_000.0
    uploads: dict[str, Stored] = field(default_factory=dict)

    def serve(self, asked: Asked) -> Said | None:
        stored = self.uploads.get(asked.path)
        said = self._served(asked)
        if said is None:
            return None
        made = self.uploads.get(said.headers.get("location", ""))
        return self.spoil(self, asked, said, made or stored)

    def read(self, name: str) -> tuple[int, bytes] | None:
        """The size and the bytes of an upload by its name; None when it is not there."""
        stored = self.uploads.get(f"{BASE}/{name}")
        return None if stored is None or stored.gone else (len(stored.data), bytes(stored.data))

    def _served(self, asked: Asked) -> Said | None:
        odd = [value for value in asked.lengths if not value.isdigit()]
        if not asked.chunked and (odd or len(set(asked.lengths)) > 1):
            return Said(status=400, headers={"connection": "close"})
        method = asked.get("x-http-method-override") or asked.method
        asked = replace(asked, method=method)
        common = {"tus-resumable": "1.0.0", "date": formatdate(self.now, usegmt=True)}
        try:
            said = self._answer(asked)
        except Refused as refused:
            said = Said(status=refused.status)
            if refused.status == 405:
                common["allow"] = ", ".join(sorted(METHODS))
            if refused.status == 412:
                common["tus-version"] = "1.0.0"
        return (
            None if said is None else Said(status=said.status, headers={**common, **said.headers})
        )

    def _answer(self, asked: Asked) -> Said | None:
        if asked.method not in METHODS:
            raise Refused(405)
        if asked.method == "OPTIONS":
            return self._options()
        if asked.get("tus-resumable") != "1.0.0":
            raise Refused(412)
        if asked.path == BASE and asked.method == "POST":
            return self._create(asked)
        stored = self.uploads.get(asked.path)
        if stored is None:
            raise Refused(404)
        if stored.gone or self._expired(stored):
            raise Refused(410)
        if asked.method == "HEAD":
            return self._head(stored)
        if asked.method == "PATCH":
            return self._patch(asked, stored)
        if asked.method == "DELETE" and "termination" in self.extensions:
            stored.gone = True
            return Said(status=204)
        raise Refused(405)

    def _options(self) -> Said:
        headers = {"tus-version": "1.0.0"}
        if self.extensions:
            headers["tus-extension"] = ",".join(self.extensions)
        if self.max_size is not None:
            headers["tus-max-size"] = str(self.max_size)
        if "checksum" in self.extensions:
            headers["tus-checksum-algorithm"] = ",".join(ALGORITHMS)
        return Said(status=204, headers=headers)

    def _create(self, asked: Asked) -> Said:
        length, concat = asked.get("upload-length"), asked.get("upload-concat")
        if concat is not None and "concatenation" not in self.extensions:
            raise Refused(400)
        final = concat is not None and concat.startswith("final;")
        if concat not in (None, "partial") and not final:
            raise Refused(400)
        stored = Stored(
            data=bytearray(), length=self._length(asked, length, final=final),
            metadata=asked.get("upload-metadata"), concat=concat, born=self.now,
        )  # fmt: skip
        _check_metadata(stored.metadata)
        if final:
            if asked.body:
                raise Refused(400)
            self._join(stored, [_path(url) for url in (concat or "").partition(";")[2].split()])
        typed = asked.get("content-type") == "application/offset+octet-stream"
        carried = (bool(asked.body) or typed) and "creation-with-upload" in self.extensions
        if asked.body and carried:
            self._check_body(asked, stored, 0)
            stored.data += asked.body
        path = f"{BASE}/{len(self.uploads):08x}"
        self.uploads[path] = stored
        headers = {"location": path, **self._expires(stored)}
        return Said(
            status=201,
            headers={**headers, "upload-offset": str(len(stored.data))} if carried else headers,
        )

    def _length(self, asked: Asked, length: str | None, *, final: bool) -> int | None:
        deferred = asked.get("upload-defer-length")
        if final:
            if length is not None:
                raise Refused(400)
            return None
        if deferred is not None:
            if (
                deferred != "1"
                or length is not None
                or "creation-defer-length" not in self.extensions
            ):
                raise Refused(400)
            return None
        size = _number(length)
        self._check_max(size)
        return size

    def _check_max(self, size: int) -> None:
        if self.max_size is not None and size > self.max_size:
            raise Refused(413)

    def _join(self, stored: Stored, urls: list[str]) -> None:
        parts = [self.uploads.get(url) for url in urls]
        if not all(part and not part.gone and part.concat == "partial" for part in parts):
            raise Refused(400)
        stored.parts = tuple(urls)
        self._check_max(sum(part.length or 0 for part in parts if part is not None))
        if not self._joined(stored) and "concatenation-unfinished" not in self.extensions:
            raise Refused(400)

    def _joined(self, stored: Stored) -> bool:
        """Take the parts' bytes, once all of them are complete."""
        parts = [self.uploads[url] for url in stored.parts]
        if any(part.length is None or len(part.data) < part.length for part in parts):
            return False
        if stored.length is None:
            stored.data = bytearray(b"".join(bytes(part.data) for part in parts))
            stored.length = len(stored.data)
        return True

    def _head(self, stored: Stored) -> Said:
        headers = {"cache-control": "no-store", **self._expires(stored)}
        if stored.concat is not None:
            headers["upload-concat"] = stored.concat
        if stored.metadata is not None:
            headers["upload-metadata"] = stored.metadata
        if not stored.final or self._joined(stored):
            headers["upload-offset"] = str(len(stored.data))
        if stored.length is not None:
            headers["upload-length"] = str(stored.length)
        elif not stored.final:
            headers["upload-defer-length"] = "1"
        return Said(status=200, headers=headers)

    def _patch(self, asked: Asked, stored: Stored) -> Said | None:
        if stored.final:
            raise Refused(403)
        if asked.get("content-type") != TYPE:
            raise Refused(415)
        offsets = asked.headers.get("upload-offset", [])
        if len(set(offsets)) != 1:
            raise Refused(400)
        offset = _number(offsets[0])
        if offset != len(stored.data):
            raise Refused(409)
        length = asked.get("upload-length")
        if length is not None:
            if stored.length is not None or _number(length) < offset + len(asked.body):
                raise Refused(400)
            self._check_max(_number(length))
        self._check_body(asked, stored, offset)
        if length is not None:
            stored.length = _number(length)
        stored.data += asked.body
        if not asked.whole:
            return None
        headers = {"upload-offset": str(len(stored.data)), **self._expires(stored)}
        return Said(status=204, headers=headers)

    def _check_body(self, asked: Asked, stored: Stored, offset: int) -> None:
        if asked.get("content-type") != TYPE:
            raise Refused(415)
        if stored.length is not None and offset + len(asked.body) > stored.length:
            raise Refused(413)
        self._check_max(offset + len(asked.body))
        checksum = asked.get("upload-checksum")
        if checksum is not None and asked.whole and "checksum" in self.extensions:
            _check_sum(checksum, asked.body)

    def _expires(self, stored: Stored) -> dict[str, str]:
        unfinished = stored.length is None or len(stored.data) < stored.length
        if self.lifetime_s is None or "expiration" not in self.extensions or not unfinished:
            return {}
        return {"upload-expires": formatdate(stored.born + self.lifetime_s, usegmt=True)}

    def _expired(self, stored: Stored) -> bool:
        return bool(self._expires(stored)) and self.now > stored.born + (self.lifetime_s or 0)


def _path(url: str) -> str:
    """The path of a part, which may be named by a relative URL."""
    return urlsplit(urljoin(f"http://host{BASE}", url)).path


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        raise Refused(400)
    return int(text)


def _check_metadata(text: str | None) -> None:
    keys = []
    for pair in (text or "").split(",") if text else ():
        key, _, value = pair.partition(" ")
        keys.append(key)
        try:
            base64.b64decode(value.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise Refused(400) from None
        if not key or not key.isascii():
            raise Refused(400)
    if len(set(keys)) != len(keys):
        raise Refused(400)


def digest(algorithm: str, body: bytes) -> bytes:
    if algorithm == "crc32":
        return zlib.crc32(body).to_bytes(4, "big")
    return hashlib.new(algorithm, body).digest()


def _check_sum(text: str, body: bytes) -> None:
    algorithm, _, value = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Refused(400)
    try:
        wanted = base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Refused(400) from None
    if wanted != digest(algorithm, body):
        raise Refused(460)

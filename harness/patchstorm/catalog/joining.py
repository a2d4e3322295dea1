"""The third base: the sequential store with the extensions concatenation and creation-defer-length.

A partial upload is an upload like any other, published under its own name. A final one is made of the
published files of its parts: their bytes are copied behind each other and synced, and only then is there a
record, which says that all of it is there. So a death on the way leaves bytes that are nobody's, and a sweep
takes them away.

An upload without a length has the length ``OPEN``, which no offset reaches. The record keeps the length from
the request that declares it, together with the offset that this request reached. What ``Upload-Concat`` said
at the creation stands in the record behind the metadata, on a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from chunkstore import protocol_headers as fields
from chunkstore import tokens
from chunkstore.errors import BadRequest, Conflict, NotAllowed, TooLarge
from chunkstore.files import no_space
from chunkstore.model import Claims, View
from chunkstore.protocol import Exchange
from chunkstore.responses import Response
from patchstorm.catalog.model import Innocent
from patchstorm.catalog.sequential import (
    Paths,
    Record,
    SequentialBody,
    SequentialStore,
    view_of,
)

OPEN = 1 << 50  # what no upload is allowed to be longer than
DEFER, CONCAT, LENGTH = "upload-defer-length", "upload-concat", "upload-length"
EXTENSIONS = ("creation-defer-length", "concatenation")
FINAL = "final;"
BLOCK_BYTES = 1 << 20


class JoiningBody(SequentialBody):
    """``declared`` is the length that its request names, if it names one."""

    declared: int | None = None


class JoiningStore(SequentialStore):
    """Every decision that a bug gets wrong is a small method."""

    body_type = JoiningBody

    # A length that comes later.

    def check_size(self, claims: Claims) -> None:
        if claims.size != OPEN:
            super().check_size(claims)

    def check_takes_bytes(self, claims: Claims) -> None:
        if concat_of(self.view(claims).metadata).startswith(FINAL):
            raise NotAllowed("A final upload is made of its parts, and takes no bytes.")

    def append(self, body: SequentialBody) -> View:
        """As the sequential store does it; a length is saved with the offset that was reached beside it."""
        assert isinstance(body, JoiningBody)
        with self.opened(body.claims) as (paths, record):
            self.check_offset(record.offset, body.offset)
            end = body.offset + body.received
            length = self.length(record, body.declared, end)
            self.check_end(end, length)
            if body.data or length != record.size:
                if body.data:
                    body.put(paths)
                record.offset, record.size = end, length
                self.save(paths, record)
            return view_of(body.claims, record)

    def length(self, record: Record, declared: int | None, end: int) -> int:
        """The upload's length once this request has been served, which reaches ``end``."""
        if declared is None or declared == record.size:
            return record.size
        if record.size != OPEN:
            raise BadRequest("The upload's length is settled.", expected=record.size)
        self.check_length(declared, end)
        return declared

    def check_end(self, end: int, length: int) -> None:
        if end > length:
            raise TooLarge("The body goes past the upload's end.", expected=length)

    def check_length(self, declared: int, end: int) -> None:
        if declared >= OPEN:
            raise TooLarge("The upload is larger than allowed.", maximum=OPEN - 1)
        if declared < end:
            raise BadRequest("The length is less than what is there.", expected=f"at least {end}")

    # Uploads that are joined.

    def joined_size(self, parts: Sequence[Claims]) -> int:
        """How long the parts are together; each has to be there, whole."""
        return sum(self.whole(part).size for part in parts)

    def whole(self, part: Claims) -> Record:
        """The record of a finished part."""
        view = self.view(part)
        if view.offset != view.size:
            raise Conflict("A part is not complete.", expected=view.size, received=view.offset)
        return self.record_of(part)

    def record_of(self, part: Claims) -> Record:
        with no_space(), self.opened(part) as (_, record):
            return record

    def join(self, claims: Claims, metadata: str, parts: Sequence[Claims]) -> View:
        """Make a final upload, complete, and publish it. After ``Busy`` call it again."""
        paths = self.paths(claims.session)
        with no_space():
            self.files.make_directory(self.uploads)
            self.files.sync_directory(self.root)
            with self.locked(paths, create=True):
                if self.load(paths) is None:
                    self.assemble(paths, claims, metadata, parts)
        return self.finished(claims)

    def assemble(
        self, paths: Paths, claims: Claims, metadata: str, parts: Sequence[Claims]
    ) -> None:
        """Bytes first, synced, then the record: under the lock of the final upload."""
        self.places.check(claims.target, overwrite=claims.overwrite)
        self.copy(paths, self.in_order(parts))
        self.save(paths, self.record_of_final(claims, metadata))

    def record_of_final(self, claims: Claims, metadata: str) -> Record:
        return Record(
            size=claims.size,
            offset=claims.size,
            target=claims.target,
            overwrite=claims.overwrite,
            expires_s=claims.expires_s,
            metadata=metadata,
        )

    def in_order(self, parts: Sequence[Claims]) -> list[str]:
        """The paths of the parts' files, in the order in which they are joined."""
        return [self.places.path(self.whole(part).target) for part in parts]

    def copy(self, paths: Paths, files: Sequence[str]) -> None:
        """Their bytes behind each other, durable on return."""
        self.files.discard(paths.of("bin"))  # of an attempt that failed before its record was there
        self.files.create(paths.of("bin"), b"")
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.add_all(fd, files, 0)
            self.port.fsync(fd)

    def add_all(self, fd: int, files: Sequence[str], at: int) -> None:
        for path in files:
            with self.files.opened(path, os.O_RDONLY) as source:
                place = 0
                while block := self.port.pread(source, BLOCK_BYTES, place):
                    self.files.write_all(fd, block, at)
                    place += len(block)
                    at += len(block)


class JoiningExchange(Exchange):
    """The two extensions on the wire."""

    parts: tuple[Claims, ...] = ()
    declared: int | None = None

    def _options(self) -> Response:
        told = super()._options()
        headers = tuple(
            (name, fields.joined((value, *EXTENSIONS)) if name == "Tus-Extension" else value)
            for name, value in told.headers
        )
        return Response(told.status, headers, told.body)

    def _new_claims(self, metadata: str) -> Claims:
        deferred, joins = self._head.get(DEFER), self._head.get(CONCAT)
        length = self._head.get(LENGTH)
        if joins is not None and joins.startswith(FINAL):
            if length is not None or deferred is not None or self._has_body():
                raise BadRequest("A final upload has neither a length of its own nor a body.")
            self.parts = tuple(map(self._part, joins.removeprefix(FINAL).split()))
            if not self.parts:
                raise BadRequest("A final upload needs parts.")
            return self._claims_of(self._joining.joined_size(self.parts), metadata)
        if joins not in (None, "partial"):
            raise BadRequest("Upload-Concat is neither partial nor final.", received=joins)
        if deferred is None:
            return self._claims_of(fields.decimal("Upload-Length", length), metadata)
        if deferred != "1" or length is not None:
            raise BadRequest("Upload-Defer-Length is 1, and then there is no Upload-Length.")
        return replace(self._claims_of(0, metadata), size=OPEN)

    def _claims_of(self, size: int, metadata: str) -> Claims:
        """As the base makes them, of a request that names this length and nothing else."""
        whole, aside = self._head, (DEFER, CONCAT, LENGTH)
        kept = tuple(pair for pair in whole.headers if pair[0].lower() not in aside)
        self._head = replace_head(whole, (*kept, ("Upload-Length", str(size))))
        try:
            return super()._new_claims(metadata)
        finally:
            self._head = whole

    def _part(self, url: str) -> Claims:
        parts = urlsplit(url)
        base = self._settings.base_path
        if parts.path.rstrip("/") != base:
            raise BadRequest("A part is none of the uploads here.", received=fields.shown(url))
        return tokens.verify(fields.token_of(parts.query), self._settings.secret)

    @property
    def _joining(self) -> Any:
        return self._store

    def _resource(self, path: str) -> dict[str, Any]:
        served = super()._resource(path)
        return {method: getattr(type(self), handler.__name__) for method, handler in served.items()}

    def _create(self) -> Response | None:
        """As the base does it; what is joined is made whole, and takes no body."""
        if self._created is None:
            self._check_creator()
            concat = self._head.get(CONCAT) or ""
            metadata = self._head.joined("upload-metadata") or ""
            claims = self.claims = self.claims or self._new_claims(metadata)
            noted = f"{metadata}\n{concat}" if concat else metadata
            if concat.startswith(FINAL):
                self._joining.join(claims, noted, self.parts)
                return self._created_response(claims, None)
            if self._has_body():
                self._check_body(claims, 0)
            self._store.create(claims, noted)
            self._created = claims
        return super()._create()

    def _head_of(self) -> Response:
        told = super()._head_of()
        headers: list[tuple[str, str]] = []
        for name, value in told.headers:
            if (name, value) == ("Upload-Length", str(OPEN)):
                headers.append(("Upload-Defer-Length", "1"))
            elif name == "Upload-Metadata":
                metadata, _, concat = value.partition("\n")
                headers += [(name, metadata)] if metadata else []
                headers += [("Upload-Concat", concat)] if concat else []
            else:
                headers.append((name, value))
        return Response(told.status, tuple(headers), told.body)

    def _patch(self) -> None:
        claims = self._verified()
        self._check_type()
        offset = self.offset = fields.decimal("Upload-Offset", self._head.get("upload-offset"))
        length = self._head.get(LENGTH)
        self.declared = None if length is None else fields.decimal("Upload-Length", length)
        if self.declared is not None and self.declared > self._settings.size_max:
            raise TooLarge("The upload is larger than allowed.", received=self.declared)
        self._joining.check_takes_bytes(claims)
        self._check_body(claims, offset)
        if claims.size != OPEN and self.declared not in (None, claims.size):
            raise BadRequest("The upload's length is settled.", expected=claims.size)
        self._open_body(claims, offset)
        if isinstance(self._body, JoiningBody):
            self._body.declared = self.declared


def concat_of(metadata: str) -> str:
    """What ``Upload-Concat`` said when the upload was made; empty where nothing was said."""
    return metadata.partition("\n")[2]


def replace_head(head: Any, headers: tuple[tuple[str, str], ...]) -> Any:
    return type(head)(method=head.method, path=head.path, query=head.query, headers=headers)


INNOCENT = Innocent(
    says="the sequential store, which joins uploads in the order asked for, and keeps a length that is "
    "declared later with the offset that was reached beside it",
    store=JoiningStore,
    exchange=JoiningExchange,
)

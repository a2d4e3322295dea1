"""Stores and protocols that answer something else than what is so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from chunkstore.errors import ChecksumMismatch
from chunkstore.model import Claims, Info, StatusDocument, View
from chunkstore.protocol import Body, Exchange
from chunkstore.responses import Response
from chunkstore.session import Session
from chunkstore.store import Store


class OffsetAhead(Store):
    """Announces the end of the last chunk instead of the end of the prefix."""

    def view_of(self, info: Info) -> View:
        end = max((end for _, end in info.ranges), default=0)
        return msgspec.structs.replace(super().view_of(info), offset=end)


class StatusForgetsLastGap(Store):
    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        return msgspec.structs.replace(found, missing_ranges=found.missing_ranges[:-1])


class StatusCountsChunks(Store):
    """Takes the number of chunks, and not their bytes, for the progress."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        return msgspec.structs.replace(found, progress_percent=float(len(found.chunks_received)))


class Revived(Store):
    """DELETE removes everything, and what comes later begins anew under the old name."""

    def terminate(self, claims: Claims) -> None:
        with self.session(claims) as session:
            self.require_open(session.info)
            if not session.info.finished:
                self._sweeper._remove(session, session.paths)

    @contextmanager
    def session(self, claims: Claims) -> Iterator[Session]:
        with self._opened(claims, make=True) as session:
            yield session


class AnyChecksum(Exchange):
    def _check_digest(self, body: Body) -> None:
        return


class MismatchKept(Exchange):
    """Refuses a wrong checksum after it has stored the body."""

    def _check_digest(self, body: Body) -> None:
        try:
            super()._check_digest(body)
        except ChecksumMismatch:
            body.commit()
            raise


class NoOffset(Exchange):
    def end(self) -> Response:
        response = super().end()
        kept = tuple(pair for pair in response.headers if pair[0] != "Upload-Offset")
        return Response(response.status, kept, response.body)

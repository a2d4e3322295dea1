"""Stores and protocols that answer something else than what is so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from chunkstore.errors import ChecksumMismatch, OutOfSpace, StoreError
from chunkstore.model import Claims, Info, StatusDocument, View
from chunkstore.protocol import Body, Exchange
from chunkstore.responses import Response, problem
from chunkstore.session import Session
from chunkstore.store import Store
from patchstorm.catalog.model import Bug

BLOCK_BYTES = 8
DIGEST_BYTES = 8
NO_ROOM = "The storage is full."


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


class StatusForgetsChunks(Store):
    """Lists no chunks of what is finished, and goes on counting them."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        if found.status != "published":
            return found
        return msgspec.structs.replace(found, chunks_received=[])


class ChunkListedTwice(Store):
    """Lists the chunk that came last once for each time that its list was read."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        listed = [*found.chunks_received, *found.chunks_received[-1:]]
        return msgspec.structs.replace(found, chunks_received=listed)


class ChunksAsTheyCame(Store):
    """Lists chunks as the directory does that holds them, by the text of their names."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        return msgspec.structs.replace(
            found, chunks_received=sorted(found.chunks_received, key=str)
        )


class ChunksByBlock(Store):
    """Lists a chunk for each block that is there, whatever the bodies were."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        missing = {
            at for gap in found.missing_ranges for at in range(gap.offset, gap.offset + gap.length)
        }
        blocks = {at for at in range(0, found.total_size, BLOCK_BYTES) if at not in missing}
        listed = sorted({*found.chunks_received, *blocks})
        return msgspec.structs.replace(found, chunks_received=listed)


class ChunksAsIfEven(Store):
    """Keeps of a finished upload where its second chunk began and how many there were, for the whole list."""

    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        if found.status != "published" or len(found.chunks_received) < 3:
            return found
        step, count = found.chunks_received[1], len(found.chunks_received)
        listed = list(range(0, step * count, step))
        return msgspec.structs.replace(found, chunks_received=listed)


class HeadNeedsRoom(Exchange):
    """HEAD publishes what is complete, and where that fails for want of room it fails as well."""

    def _refuse(self, refusal: StoreError) -> Response:
        if self._method == "HEAD" and refusal.detail.endswith(NO_ROOM):
            return problem(OutOfSpace(NO_ROOM))
        return super()._refuse(refusal)


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


class ChecksumCut(Exchange):
    """Compares the first eight bytes of a digest."""

    def _check_digest(self, body: Body) -> None:
        wanted = self._checksum
        found = (self._sha1 or body.sha256).digest()
        if wanted is not None and found[:DIGEST_BYTES] != wanted.digest[:DIGEST_BYTES]:
            super()._check_digest(body)


class ChecksumOfNews(Exchange):
    """Looks at the checksum of what has not come before."""

    def _check_digest(self, body: Body) -> None:
        assert self.claims is not None
        if (self.offset or 0) + self.received > self._store.view(self.claims).offset:
            super()._check_digest(body)


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


BUGS = (
    Bug(
        name="offset-ahead",
        says="HEAD gives the end of the last chunk, gaps or not",
        stands_for="file size taken for the offset of a sparse file",
        storms=("parallel",),
        caught_by=("offsets", "linearizable", "publication"),
        deed="answer 204 Upload-Offset",
        also=("status", "completion", "durability", "bytes"),
        store=OffsetAhead,
    ),
    Bug(
        name="status-forgets-last-gap",
        says="missing_ranges leaves out the last gap",
        stands_for="an off-by-one in the list of gaps",
        storms=("resuming",),
        caught_by=("status",),
        deed="client STATUS",
        also=("offsets", "linearizable", "completion"),
        store=StatusForgetsLastGap,
    ),
    Bug(
        name="any-checksum",
        says="a checksum that does not match is ignored",
        stands_for="Upload-Checksum announced and not looked at",
        storms=("checksums-wrong",),
        caught_by=("checksum",),
        deed="client PATCH checksum wrong",
        also=("bytes", "conflict", "durability", "linearizable", "replay"),
        exchange=AnyChecksum,
    ),
    Bug(
        name="checksum-cut",
        says="a checksum matches if its first eight bytes do",
        stands_for="a digest cut to the width of a number",
        storms=("checksums-wrong",),
        caught_by=("checksum",),
        deed="client PATCH checksum wrong",
        also=("bytes", "conflict", "durability", "linearizable", "replay"),
        exchange=ChecksumCut,
    ),
    Bug(
        name="checksum-of-news",
        says="the checksum of bytes that have come before is not looked at",
        stands_for="a replay that is thanked for before its body is read to the end",
        storms=("composed",),
        caught_by=("checksum",),
        deed="client PATCH checksum wrong",
        also=("bytes", "conflict", "durability", "linearizable", "replay"),
        exchange=ChecksumOfNews,
        sim_only="composed storms of real processes are too few to draw what it takes",
    ),
    Bug(
        name="no-offset",
        says="a PATCH is answered without Upload-Offset",
        stands_for="a proxy or framework that drops unknown headers",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="answer 204 [",
        exchange=NoOffset,
    ),
    Bug(
        name="status-counts-chunks",
        says="progress_percent is the number of chunks",
        stands_for="progress computed from parts and not from bytes",
        storms=("resuming",),
        caught_by=("status",),
        deed="client STATUS",
        store=StatusCountsChunks,
    ),
    Bug(
        name="status-forgets-chunks",
        says="a finished upload has no chunks in one answer and all of them in another",
        stands_for="two reports of one state that are kept in two places",
        storms=("resuming",),
        caught_by=("status",),
        deed="client STATUS",
        store=StatusForgetsChunks,
    ),
    Bug(
        name="chunk-listed-twice",
        says="chunks_received lists the last chunk twice",
        stands_for="a list that is appended to at each retry, and never looked at for doubles",
        storms=("resuming",),
        caught_by=("status",),
        deed="client STATUS",
        store=ChunkListedTwice,
    ),
    Bug(
        name="chunks-by-name",
        says="chunks_received is in the order of the names of files, so that 96 comes behind 128",
        stands_for="numbers sorted as text",
        storms=("resuming", "parallel"),
        caught_by=("status",),
        deed="client STATUS",
        store=ChunksAsTheyCame,
    ),
    Bug(
        name="chunks-by-block",
        says="chunks_received lists each block of a fixed size that is there, not what was accepted",
        stands_for="a report made from the file and not from what was acknowledged",
        storms=("resuming",),
        caught_by=("status",),
        deed="client STATUS",
        store=ChunksByBlock,
    ),
    Bug(
        name="chunks-as-if-even",
        says="chunks_received of a finished upload is as if all chunks were as long as the first",
        stands_for="a list that is folded to a first, a step and a count although its chunks are uneven",
        storms=("resuming-after-crash", "resuming"),
        caught_by=("status",),
        deed="client STATUS",
        store=ChunksAsIfEven,
    ),
    Bug(
        name="head-needs-room",
        says="HEAD of a complete upload that waits for room to be published is answered 507",
        stands_for="a read that does a write's work: clients drop an upload when HEAD fails",
        storms=("disk-full-assembling",),
        caught_by=("availability",),
        deed="client HEAD",
        exchange=HeadNeedsRoom,
        sim_only="a real storage has room again before anybody asks",
    ),
    Bug(
        name="revived",
        says="a PATCH after DELETE begins the upload anew",
        stands_for="a request that finds no record and makes one",
        storms=("late-after-termination",),
        caught_by=("protocol", "linearizable"),
        deed="client DELETE",
        also=("status", "offsets", "durability", "conflict", "residue", "publication", "status"),
        store=Revived,
    ),
    Bug(
        name="mismatch-kept",
        says="a body whose checksum is wrong is refused and kept",
        stands_for="the checksum computed after the bytes were appended",
        storms=("checksums-wrong",),
        caught_by=("checksum",),
        deed="request replace **/chunks/*",
        also=("bytes", "conflict", "linearizable", "publication"),
        exchange=MismatchKept,
    ),
)

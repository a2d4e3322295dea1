"""Stores for which an upload can be too large: offsets in 32 bits, and a thousand of something."""

from __future__ import annotations

from typing import Final

import msgspec

from chunkstore import chunks
from chunkstore.body import Body
from chunkstore.errors import StoreError
from chunkstore.layout import Paths as SessionPaths
from chunkstore.model import Claims, Info, Record, StatusDocument
from chunkstore.publish import Publisher, Stage
from chunkstore.session import Session, Sessions
from chunkstore.store import Store
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import Paths, SequentialStore
from patchstorm.catalog.sequential import Record as Written

BITS_32: Final = (1 << 32) - 1
INT32_MAX: Final = (1 << 31) - 1
PAGE: Final = 1_000


class OffsetInInt32(SequentialStore):
    """Keeps the offset in a column of 32 bits with a sign, which takes the largest it can hold for more."""

    def save(self, paths: Paths, record: Written) -> None:
        kept = min(record.offset, INT32_MAX)
        super().save(paths, msgspec.structs.replace(record, offset=kept))


class _WrappingPublisher(Publisher):
    """Assembles with offsets of 32 bits: what lies beyond 4 GiB goes to the beginning again."""

    def _assemble(self, paths: SessionPaths, stage: Stage, records: list[Record]) -> Record | None:
        for record in records:
            path = paths.chunk(record.offset)
            if not chunks.copy(self._files, path, record, stage.fd, record.offset & BITS_32):
                return record
        self._files.port.fsync(stage.fd)
        return None


class AssembledIn32Bits(Store):
    publisher_type = _WrappingPublisher


class _ShortNames(SessionPaths, frozen=True):
    """Names a chunk by the low 32 bits of its offset: two of them may have one name."""

    def chunk(self, offset: int) -> str:
        return super().chunk(offset & BITS_32)


class NamedIn32Bits(Store):
    def paths(self, session: str) -> SessionPaths:
        return _ShortNames(super().paths(session).directory)


class _FirstPage(Session):
    """Reads the first page of its records, which has a thousand."""

    def records(self) -> list[Record]:
        return super().records()[:PAGE]


class _FirstPages(Sessions):
    """Believes what a session says of its ranges, without the records."""

    def _load(self, paths: SessionPaths, fd: int) -> Session:
        found = super()._load(paths, fd)
        return _FirstPage(found.files, found.paths, found.names, found._info)

    def require_covered(self, info: Info, records: list[Record]) -> None:
        return


class FirstPageAssembled(Store):
    sessions_type = _FirstPages


class StatusOfAPage(Store):
    """Tells of a thousand chunks at most, as the listing does that it asks."""

    def status(self, claims: Claims) -> StatusDocument:
        told = super().status(claims)
        return msgspec.structs.replace(told, chunks_received=told.chunks_received[:PAGE])


class _RoomForAThousand(Body):
    """Has a place for a thousand chunks, and none for the next."""

    def _look(self, session: Session) -> tuple[list[Record], list[tuple[int, int]]]:
        if session.info.count >= PAGE and not session.info.finished:
            raise StoreError("The table of chunks is full.")
        return super()._look(session)


class TableOfAThousand(Store):
    body_type = _RoomForAThousand


BUGS = (
    Bug(
        name="offset-int32",
        says="the offset is recorded in 32 bits with a sign, and stays at the largest they hold",
        stands_for="MySQL without strict mode: an out-of-range integer becomes the nearest that fits",
        storms=("beyond-4gib",),
        caught_by=("offsets", "durability", "linearizable"),
        deed="client PATCH",
        also=(
            "completion",
            "availability",
            "refusal",
            "bytes",
            "replay",
            "publication",
            "protocol",
        ),
        base="sequential",
        store=OffsetInInt32,
        sim_only="real storms are not that large",
    ),
    Bug(
        name="assembled-in-32-bits",
        says="what lies beyond 4 GiB is written to the beginning of the published file again",
        stands_for="off_t of 32 bits: lseek(2), feature_test_macros(7), _FILE_OFFSET_BITS",
        storms=("beyond-4gib",),
        caught_by=("bytes",),
        deed="client PATCH",
        also=(
            "replay",
            "conflict",
            "completion",
            "availability",
            "refusal",
            "durability",
            "publication",
            "linearizable",
        ),
        store=AssembledIn32Bits,
        sim_only="real storms are not that large",
    ),
    Bug(
        name="named-in-32-bits",
        says="two chunks 4 GiB apart have one name, and the later one's bytes stand for both",
        stands_for="a key that is cut off to the width of its column",
        storms=("beyond-4gib",),
        caught_by=("durability", "offsets", "availability", "completion", "bytes"),
        deed="client PATCH",
        also=("linearizable", "refusal", "replay", "status", "conflict", "publication"),
        store=NamedIn32Bits,
        sim_only="real storms are not that large",
    ),
    Bug(
        name="first-page-assembled",
        says="of the records of an upload the first thousand are assembled",
        stands_for="a listing that comes in pages of 1,000: Amazon S3, ListParts",
        storms=("thousand-chunks",),
        caught_by=("bytes",),
        deed="client PATCH",
        also=(
            "completion",
            "availability",
            "durability",
            "replay",
            "conflict",
            "refusal",
            "publication",
            "linearizable",
            "status",
        ),
        store=FirstPageAssembled,
        sim_only="real storms have fewer chunks",
    ),
    Bug(
        name="status-of-a-page",
        says="the status tells of the first thousand chunks",
        stands_for="a listing whose IsTruncated nobody looks at: Amazon S3, ListObjects",
        storms=("thousand-chunks",),
        caught_by=("status",),
        deed="client STATUS",
        also=("linearizable",),
        store=StatusOfAPage,
        sim_only="real storms have fewer chunks",
    ),
    Bug(
        name="table-of-a-thousand",
        says="there is a place for a thousand chunks, and the next is refused for ever",
        stands_for="a table of fixed size",
        storms=("thousand-chunks",),
        caught_by=("availability", "completion"),
        deed="answer 500",
        store=TableOfAThousand,
        sim_only="real storms have fewer chunks",
    ),
)

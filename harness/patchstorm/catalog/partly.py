"""Mistakes that only unkind inputs show: bodies that agree in part, names that are almost another's."""

from __future__ import annotations

import os
import unicodedata
from typing import Any, Final
from urllib.parse import unquote

from chunkstore.body import Body
from chunkstore.late import LateBody
from chunkstore.layout import Paths
from chunkstore.model import Identity, Record
from chunkstore.places import Places
from chunkstore.port import Data
from chunkstore.store import Store
from patchstorm.catalog.model import Bug

GLANCE_BYTES: Final = 32
HEADER_BYTES: Final = 512
BLOCK_BYTES: Final = 4_096
NAME_BYTES_MAX: Final = 128


class _GlancingBody(Body):
    """Looks at what a body and a committed chunk share, and not at all of it."""

    def _compare(self, record: Record) -> None:
        whole = self._whole
        assert whole is not None
        start, end = max(record.offset, self.offset), min(record.end, self.end)
        try:
            with self._files.opened(self._paths.chunk(record.offset), os.O_RDONLY) as chunk:
                there = self._files.read_at(chunk, end - start, start - record.offset)
        except FileNotFoundError:  # damage, which is not what is wrong here
            super()._compare(record)
            return
        came = self._files.read_at(whole.fd, end - start, start - self.offset)
        if self._alike(came, there):
            self._agreed.add(record)
        else:
            super()._compare(record)

    def _alike(self, came: bytes, there: bytes) -> bool:
        raise NotImplementedError


class _FrontOnly(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        return came[:GLANCE_BYTES] == there[:GLANCE_BYTES]


class _EndOnly(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        return came[-1:] == there[-1:]


class _SumOnly(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        return len(came) == len(there) and sum(came) == sum(there)


class _BothEnds(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        ends = came[:GLANCE_BYTES] + came[-GLANCE_BYTES:]
        return ends == there[:GLANCE_BYTES] + there[-GLANCE_BYTES:]


class BothEndsCompared(Store):
    body_type = _BothEnds


class _AfterHeader(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        begin = HEADER_BYTES if len(came) > HEADER_BYTES else 0
        return came[begin:] == there[begin:]


class HeaderSkipped(Store):
    body_type = _AfterHeader


class _WholeBlocks(_GlancingBody):
    def _alike(self, came: bytes, there: bytes) -> bool:
        whole = len(came) - len(came) % BLOCK_BYTES or len(came)
        return came[:whole] == there[:whole]


class BlocksCompared(Store):
    body_type = _WholeBlocks


class _TimesBelieved(LateBody):
    """Takes a file with another time stamp for another file."""

    def _likely(self, found: Identity | None) -> bool:
        return found is not None and found == self._info.published


class TimesBelieved(Store):
    late_type = _TimesBelieved


class SessionsFolded(Store):
    def paths(self, session: str) -> Paths:
        return super().paths(session.lower())


class _FirstBlock(LateBody):
    """Compares the first block of what comes with the published file."""

    def write(self, block: Data) -> None:
        first, same = not self.received, self._same
        super().write(block)
        if not first:
            self._same = same


class LateInPart(Store):
    late_type = _FirstBlock


class FrontCompared(Store):
    body_type = _FrontOnly


class EndCompared(Store):
    body_type = _EndOnly


class SumCompared(Store):
    body_type = _SumOnly


class _FoldedPlaces(Places):
    def path(self, target: str) -> str:
        return super().path(target.casefold())


class _NormalPlaces(Places):
    def path(self, target: str) -> str:
        return super().path(unicodedata.normalize("NFC", target))


class _UnquotedPlaces(Places):
    def path(self, target: str) -> str:
        return super().path(unquote(target))


class _ShortPlaces(Places):
    def path(self, target: str) -> str:
        return super().path(target[:NAME_BYTES_MAX])


class _Renaming(Store):
    """Publishes under what it makes of a name."""

    places_type: type[Places]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.places = self.places_type(self.files, self.root)


class FoldedNames(_Renaming):
    places_type = _FoldedPlaces


class NormalNames(_Renaming):
    places_type = _NormalPlaces


class UnquotedNames(_Renaming):
    places_type = _UnquotedPlaces


class ShortNames(_Renaming):
    places_type = _ShortPlaces


_SELDOM: Final = "composed storms of real processes are too few to draw what it takes"
_CONTRADICTED: Final = ("conflict", "linearizable")
_UNPUBLISHED: Final = ("durability", "publication", "completion", "residue")

BUGS = (
    Bug(
        name="compared-at-the-front",
        says="a body agrees with committed bytes if their first 32 do",
        stands_for="a compare of a prefix, as of a header",
        storms=("composed",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=FrontCompared,
        sim_only=_SELDOM,
    ),
    Bug(
        name="compared-at-the-end",
        says="a body agrees with committed bytes if their last byte does",
        stands_for="a resume that checks where it left off",
        storms=("composed",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=EndCompared,
        sim_only=_SELDOM,
    ),
    Bug(
        name="compared-by-sum",
        says="a body agrees with committed bytes if their bytes add up to the same",
        stands_for="a checksum that does not see the order of bytes",
        storms=("composed",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=SumCompared,
        sim_only=_SELDOM,
    ),
    Bug(
        name="compared-at-both-ends",
        says="a body agrees with committed bytes if their first 32 and their last 32 do",
        stands_for="a fingerprint of a file's ends, taken for one of the file",
        storms=("composed",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=BothEndsCompared,
        sim_only=_SELDOM,
    ),
    Bug(
        name="late-compared-in-part",
        says="of what comes after the publication the first block is compared with the file",
        stands_for="a loop over blocks that keeps what it said of the first",
        storms=("late-replays",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "publication"),
        deed="answer 204",
        store=LateInPart,
        sim_only="a local connection brings small bodies in one block",
    ),
    Bug(
        name="names-unquoted",
        says="a file is published under its name with %25 and the like undone",
        stands_for="what is no URL decoded as one, or a URL twice: RFC 3986, 2.4",
        storms=("composed",),
        caught_by=_UNPUBLISHED,
        also=("bytes", "availability", "refusal", "conflict", "linearizable", "replay"),
        deed="answer 204",
        store=UnquotedNames,
        sim_only=_SELDOM,
    ),
    Bug(
        name="names-folded",
        says="a file is published under its name in lower case",
        stands_for="names compared as a file system without case does",
        storms=("composed",),
        caught_by=(*_UNPUBLISHED, "refusal"),
        also=("bytes", "availability", "conflict", "linearizable"),
        deed="answer 204",
        store=FoldedNames,
        sim_only=_SELDOM,
    ),
    Bug(
        name="names-normalized",
        says="a file is published under the composed form of its name",
        stands_for="names normalized as HFS+ did, in the other direction (Unicode Standard Annex #15)",
        storms=("composed",),
        caught_by=_UNPUBLISHED,
        also=("bytes", "availability", "refusal", "conflict", "linearizable"),
        deed="client PATCH",
        store=NormalNames,
        sim_only=_SELDOM,
    ),
    Bug(
        name="names-cut",
        says="a file is published under the first 128 letters of its name",
        stands_for="a name cut to the width of a column",
        storms=("composed",),
        caught_by=_UNPUBLISHED,
        also=("bytes", "availability", "refusal", "conflict", "linearizable", "replay"),
        deed="answer 204",
        store=ShortNames,
        sim_only=_SELDOM,
    ),
    Bug(
        name="compared-after-header",
        says="a body of more than 512 bytes agrees with committed ones if all after its first 512 do",
        stands_for="a compare that skips what it takes for a header",
        storms=("conflicting-in-part",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=HeaderSkipped,
    ),
    Bug(
        name="compared-by-block",
        says="of bodies longer than 4096 bytes whole blocks are compared, and not what is left over",
        stands_for="a loop over blocks that forgets the last one, which is shorter",
        storms=("conflicting-in-part",),
        caught_by=_CONTRADICTED,
        also=("replay", "bytes", "status", "offsets", "publication"),
        deed="answer 204",
        store=BlocksCompared,
    ),
    Bug(
        name="times-believed",
        says="what comes after the publication is refused once the file has another time stamp",
        stands_for="a file's identity taken from its time, which a restore or an NFS client moves",
        storms=("touched",),
        caught_by=("refusal", "replay"),
        also=("availability", "linearizable"),
        deed="fault touched",
        store=TimesBelieved,
        sim_only="no world of real processes moves time stamps",
    ),
    Bug(
        name="sessions-folded",
        says="uploads whose names differ in their capitals alone are one",
        stands_for="identifiers compared as a file system without case does",
        storms=("conformance",),
        caught_by=("conformance",),
        deed="answer 409",
        store=SessionsFolded,
        sim_only="only the simulator mints the names of uploads itself",
    ),
)

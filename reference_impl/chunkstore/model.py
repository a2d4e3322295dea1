"""The store's records: what a token claims, what lies in ``info.json``, what a caller is told.

Offsets, lengths and sizes are bytes; ``*_s`` are unix seconds; ``*_ns`` nanoseconds. Ranges are
half-open pairs ``(start, end)``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["uploading", "published", "terminated", "expired"]
FORMAT_VERSION = 1


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token is good for. ``created``: minted by this fleet's POST, so the session must exist."""

    session: str
    size: int
    target: str
    overwrite: bool = False
    expires_s: int
    created: bool = False


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One committed chunk: the file ``chunks/chunk_<offset>.dat`` holds exactly these bytes.

    ``generation`` is that of the ``info.json`` which first named it, and tells a repaired chunk from
    the damaged one whose place it took.
    """

    offset: int
    length: int
    sha256: str
    generation: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """An immutable file of records; ``start`` and ``end`` bound their bytes, of which there are ``length``.

    -1: of a session that was begun when nobody noted that.
    """

    name: str
    count: int
    start: int
    end: int
    length: int = -1


class Intent(msgspec.Struct, frozen=True):
    """A publication that has begun: which staging file, which inode, what stood at the target before."""

    staging: str
    inode: int
    previous: int | None = None


class Identity(msgspec.Struct, frozen=True):
    """How the published file is recognised. Device numbers differ between hosts and stay out.

    Time stamps may move without a change: an NFS client that has a delegation of the file brings its own
    to the server later. ``seal`` tells by the bytes then (:func:`chunkstore.chunks.seal`); empty in a
    session that was published when nobody noted it.
    """

    inode: int
    size: int
    mtime_ns: int
    seal: str = ""


class OffsetRun(msgspec.Struct, frozen=True, array_like=True):
    """``count`` chunk offsets, ``step`` apart, from ``start`` on."""

    start: int
    step: int
    count: int


class Info(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``info.json``, the source of truth. Only ever replaced whole; ``generation`` counts that."""

    session: str
    size: int
    target: str
    expires_s: int
    version: int = FORMAT_VERSION
    overwrite: bool = False
    metadata: str = ""
    state: State = "uploading"
    generation: int = 0
    count: int = 0
    ranges: list[tuple[int, int]] = []
    recent: list[Record] = []
    segments: list[Segment] = []
    intent: Intent | None = None
    published: Identity | None = None
    received: list[OffsetRun] = []  # chunk offsets, kept when the records themselves are gone

    @property
    def offset(self) -> int:
        """The end of the committed contiguous prefix."""
        if self.size == 0 or not self.ranges or self.ranges[0][0] != 0:
            return 0
        return self.ranges[0][1]

    @property
    def complete(self) -> bool:
        return self.offset == self.size

    @property
    def finished(self) -> bool:
        return self.state != "uploading"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What HEAD and PATCH answer from. ``offset`` equals ``size`` only once published.

    ``received`` counts all committed bytes, those after a gap included.
    """

    session: str
    size: int
    offset: int
    received: int
    count: int
    expires_s: int
    metadata: str
    state: State


class MissingRange(msgspec.Struct, frozen=True):
    offset: int
    length: int


class StatusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of ``GET /upload/status``."""

    session: str
    total_size: int
    committed_offset: int
    chunks_received: list[int]
    missing_ranges: list[MissingRange]
    progress_percent: float
    status: State


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one replica. ``stalled_s``: how long another's staging file may stand still before
    this replica assembles for itself, since nobody can tell a dead assembler from a paused one."""

    skew_s: int = 60
    size_max: int = 1 << 50
    segment_records: int = 128
    kept_recent: int = 32
    stalled_s: float = 2.0

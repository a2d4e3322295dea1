"""A history laid out for judging: the tables that all checkers read.

``layout`` fills them. What an answer means for the stored bytes is decided there, and once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import msgspec

from patchstorm.case.faults import Faults
from patchstorm.history.events import Damage, Sighting, Told
from patchstorm.history.model import Final, History, Operation, UploadInfo
from patchstorm.history.ranges import Ranges

FAR = 1 << 62  # later than any time, in nanoseconds
EXPIRY_SLACK_NS = 2_000_000_000  # tokens carry whole seconds, and clocks are read twice
BLOCK_BYTES = 4_096
Effect = Literal["done", "maybe", "none"]


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """What one PATCH (or POST with a body) can have stored.

    ``reach`` is the end of what can have been stored, ``acked`` the end of what was acknowledged;
    both equal ``start`` when nothing was. ``end`` is the announced end; all within the declared
    size. ``invoked`` and ``completed`` are nanoseconds, FAR for a run that ended first.
    """

    op: int
    start: int
    end: int
    handed: int  # end of what was handed to a socket
    reach: int
    acked: int
    content: int
    invoked: int
    completed: int
    effect: Effect
    whole: bool  # every announced byte was handed over
    partial: bool  # any prefix of it may be stored instead of all, if it was not acknowledged
    poisoned: bool  # carries a checksum that must be refused


@dataclass(kw_only=True)
class UploadCase:
    """One upload of a history, with every request about it in order of operation index."""

    info: UploadInfo
    operations: list[Operation] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    final: Final | None = None
    owner: str | None = None  # whose bytes the published file holds: this upload's or a rival's
    rivals: tuple[str, ...] = ()
    sightings: list[Sighting] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    damaged: Ranges = field(default_factory=Ranges)
    damages: list[Damage] = field(default_factory=list)
    delete_invoked: int = FAR  # earliest DELETE that may have worked
    delete_done: int = FAR  # earliest DELETE answered 2xx
    expires: int = FAR  # earliest moment at which the upload may count as expired
    promised: int | None = None  # the latest end of its life that was announced
    consumed: int = (
        FAR  # earliest join that may have taken it away, where the target keeps no parts
    )
    full_from: int = FAR  # earliest moment at which every byte can have been committed
    announced: int = FAR  # earliest end of an answer that gave the full length as offset
    announcer: int | None = None

    def ackers(self, start: int, end: int) -> list[Write]:
        """The requests that were acknowledged for a byte of this range."""
        return [
            write
            for write in self.writes
            if write.acked > write.start and write.start < end and start < write.acked
        ]

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def size(self) -> int:
        return self.info.size

    @property
    def gone_from(self) -> int:
        """From here on the target may answer that the upload is gone."""
        return min(self.delete_invoked, self.expires, self.consumed)

    @property
    def removed(self) -> int:
        """From here on its file may be gone: somebody asked for that, or a join may have taken it away."""
        return min(self.delete_invoked, self.consumed)

    @property
    def shown_from(self) -> int:
        """The earliest look that saw a file under its name; FAR where none did, or nobody looked."""
        return min((one.time_ns for one in self.sightings if one.present), default=FAR)

    @cached_property
    def by_invocation(self) -> list[Operation]:
        """All requests in the order in which they were sent."""
        return sorted(self.operations, key=lambda one: (one.call.time_ns, one.op))

    @cached_property
    def by_op(self) -> dict[int, Write]:
        return {write.op: write for write in self.writes}

    @cached_property
    def acked(self) -> Ranges:
        """Every byte that was acknowledged at any time, damage left out."""
        acked = Ranges((write.start, write.acked) for write in self.writes)
        return acked.minus(self.damaged)

    @cached_property
    def acked_by_content(self) -> dict[int, Ranges]:
        """Per content, what was acknowledged at any time, damage left out."""
        acked: dict[int, Ranges] = {}
        for write in self.writes:
            if write.acked > write.start:
                acked.setdefault(write.content, Ranges()).add(write.start, write.acked)
        if not self.damaged:
            return dict(sorted(acked.items()))
        return {content: ranges.minus(self.damaged) for content, ranges in sorted(acked.items())}

    @cached_property
    def rejected(self) -> bool:
        """Every creation was refused, so nothing is owed."""
        posts = [op for op in self.operations if op.call.kind == "create"]
        return bool(posts) and all(op.outcome == "fail" for op in posts)

    @cached_property
    def existed(self) -> bool:
        """Some answer shows that the target knew this upload."""
        return any(
            op.outcome == "ok" and op.call.kind in ("create", "query", "append", "status")
            for op in self.operations
        )


@dataclass(kw_only=True)
class Case:
    """A history with everything checkers ask of it more than once."""

    history: History
    uploads: dict[str, UploadCase]
    faults: Faults
    sequential: bool
    capabilities: frozenset[str]
    keeps_partial: bool
    stood_still: frozenset[int]  # operations whose body did
    heal_ns: int | None  # when healing began
    last_ns: int  # the latest time recorded
    spoilt: dict[str, UploadCase] = field(default_factory=dict)
    """Uploads of which a record was damaged, and those that want the same names: a server owes them nothing
    but that no wrong bytes are published. They are not among ``uploads``."""
    apart: dict[str, UploadCase] = field(default_factory=dict)
    """Uploads that are joined from others, and those of which somebody declared another length than the
    plan's: what follows from a declared size does not hold for them. Not among ``uploads`` either."""

    def can(self, capability: str) -> bool:
        return capability in self.capabilities

    def name_taken_from(self, upload: UploadCase) -> int:
        """The earliest moment at which another upload can have been published under its name."""
        return min((self.uploads[rival].full_from for rival in upload.rivals), default=FAR)

    def lost_from(self, upload: UploadCase) -> int:
        """From here on the target may answer that the upload is gone, for its end or for want of its name."""
        return min(upload.gone_from, self.name_taken_from(upload))

    @cached_property
    def operations(self) -> list[Operation]:
        """All requests but those about uploads that are spoilt, or apart."""
        aside = self.spoilt.keys() | self.apart.keys()
        if not aside:
            return list(self.history.operations)
        return [one for one in self.history.operations if one.call.upload not in aside]

    @cached_property
    def every_upload(self) -> dict[str, UploadCase]:
        """Those of the plan, whoever judges them."""
        return {**self.uploads, **self.apart, **self.spoilt}

    def operation(self, op: int) -> Operation:
        return self.history.operations[op]

    @cached_property
    def answered(self) -> bool:
        """Whether any request was answered at all."""
        return any(one.end is not None and one.end.status for one in self.history.operations)

    @cached_property
    def crowded(self) -> bool:
        """The storage has a limit, and what the storm brought may have filled it without any fault.

        A store needs room for an upload's bytes and for the file made of them, and file systems give room in
        blocks: at least one for each request that leaves something.
        """
        limit = re.search(r"\bsize=(\d+)([KMG])?", self.history.header.storage)
        if limit is None:
            return False
        room = int(limit[1]) << {"K": 10, "M": 20, "G": 30}.get(limit[2] or "", 0)
        brought = sum(2 * upload.size for upload in self.uploads.values())
        return room <= brought + BLOCK_BYTES * len(self.history.operations)

    @cached_property
    def checks_checksums(self) -> bool:
        return any(name.startswith("checksum-") for name in self.capabilities)


def bodied(operation: Operation) -> bool:
    """Whether a request carries bytes of its upload."""
    call = operation.call
    return call.kind == "append" or (call.kind == "create" and bool(call.length))


def ended(operation: Operation) -> int:
    """When an operation ended; FAR if it never did."""
    return FAR if operation.end is None else operation.end.time_ns


def effect_of(operation: Operation) -> Effect:
    """What an answer says by itself, before the exceptions for bodies."""
    end = operation.end
    if end is None:
        return "maybe"
    status = end.status
    if status is not None:  # as for most requests of most histories, so it is asked first
        if end.outcome == "info" or status >= 500:
            return "maybe"
        return "done" if 200 <= status < 300 else "none"
    if end.error is not None and not end.error.may_have_effect and not end.sent:
        return "none"
    if end.outcome == "info":
        return "maybe"
    return "done" if end.outcome == "ok" else "none"


def may_have_made(operation: Operation, size: int) -> bool:
    """Whether a creation may have made an upload of ``size`` bytes.

    One that brought every byte, as that of an empty upload always does, may have been told that the name or
    the lock is not to be had just now: the upload is there all the same, and is published later.
    """
    call, end = operation.call, operation.end
    if call.kind != "create":
        return False
    whole = (call.length or 0) >= size
    return effect_of(operation) != "none" or (
        whole and end is not None and end.status in (409, 423)
    )

"""A plan made small enough to be run hundreds of times a second, without losing its shape.

What a store can get wrong depends on how many chunks there are, which of them overlap, and where
bodies break, hardly ever on how long a chunk is. The rule:

* a chunk is at most ``CHUNK_BYTES_MAX`` bytes and keeps, if it was longer, its remainder by 32 (the
  payload's cell), so that odd sizes stay odd;
* an upload has at most ``CHUNKS_MAX`` chunks, and its last one stays short if it was short;
* ``after_bytes`` triggers move in proportion.

Sizes that are small already stay as they are, and so do those of a storm that says ``scale = false``. Then
all of it has to fit into memory, unless the store takes bodies that are described and not held
(:mod:`patchstorm.scenario.described`): to it uploads may be as large as they like. What became smaller is
told beside the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from patchstorm.scenario.dividing import summed
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger, UploadPlan
from patchstorm.storage.parse import parse_flavour

if TYPE_CHECKING:
    from patchstorm.worlds.sim.app import Subject

CHUNK_BYTES_MAX = 512
CHUNKS_MAX = 12
CELL = 32
UNSCALED_BYTES_MAX = 256 << 20
"""Of all uploads of a storm together: a store holds them up to three times, as parts and as a whole. Larger
ones are described."""
_CHECKSUMS = ("checksums", "creating")


def scaled(plan: Plan) -> Plan:
    """The same storm over smaller uploads, unless their sizes are to stay."""
    if not plan.scale:
        return plan
    small = resized(plan, tuple(_upload(upload) for upload in plan.uploads))
    return plan if _bytes(small.uploads) == _bytes(plan.uploads) else small


def said(plan: Plan) -> tuple[str, ...]:
    """What :func:`scaled` makes smaller, a line for each table of uploads."""
    lines: dict[str, str] = {}
    for old, new in zip(plan.uploads, scaled(plan).uploads, strict=True):
        if old != new:
            table = old.id.partition(".")[0]
            lines.setdefault(table, f"{table}: {_size(old)} became {_size(new)}")
    return tuple(lines.values())


def _size(upload: UploadPlan) -> str:
    count = -(-upload.size // upload.chunk)
    return f"{upload.size:,} bytes in {count:,} chunk{'s' * (count != 1)} of {upload.chunk:,}"


def is_described(plan: Plan) -> bool:
    """Whether its sizes are to stay and do not fit into memory."""
    return not plan.scale and _bytes(plan.uploads) > UNSCALED_BYTES_MAX


def cannot_describe(plan: Plan, subject: Subject) -> str | None:
    """Why such a plan cannot be run; None if it can."""
    if not subject.describes:
        return (
            f"{plan.scenario}.toml: scale: its uploads are {_bytes(plan.uploads):,} bytes together, and the "
            f"simulator takes at most {UNSCALED_BYTES_MAX:,} into memory for a store that wants real bytes; "
            "make them smaller, leave `scale = false` out, or run the storm with --world processes"
        )
    durable = parse_flavour(plan.storage or "tmpfs").disk.durable
    if durable and any(FAULTS[fault.kind].loses_power for fault in plan.faults):
        return "uploads larger than memory: what a power loss leaves of them is drawn page by page"
    for client in plan.clients:
        if (
            client.kind in _CHECKSUMS
            or "checksum" in client.modifiers
            or client.options.get("checksum_permille")
        ):
            return "uploads larger than memory: their checksums would take longer than the storm"
    return None


def resized(plan: Plan, uploads: tuple[UploadPlan, ...]) -> Plan:
    """``plan`` with its uploads in other sizes; ``after_bytes`` triggers move in proportion."""
    uploads = summed(uploads)
    before, after = _bytes(plan.uploads), _bytes(uploads)
    faults = tuple(_fault(fault, before, after) for fault in plan.faults)
    return msgspec.structs.replace(plan, uploads=uploads, faults=faults)


def _bytes(uploads: tuple[UploadPlan, ...]) -> int:
    return sum(upload.size for upload in uploads)


def chunk_bytes(chunk: int) -> int:
    """The scaled length of a usual PATCH."""
    if chunk <= CHUNK_BYTES_MAX:
        return chunk
    return CHUNK_BYTES_MAX - CELL + chunk % CELL if chunk % CELL else CHUNK_BYTES_MAX


def _upload(upload: UploadPlan) -> UploadPlan:
    size = upload.size
    chunk = chunk_bytes(upload.chunk)
    whole, tail = divmod(size, upload.chunk)
    count = whole + (1 if tail else 0)
    if count > CHUNKS_MAX:
        whole = CHUNKS_MAX - (1 if tail else 0)
    small = min(size, whole * chunk + _tail(tail, upload.chunk, chunk))
    info = msgspec.structs.replace(upload.info, size=small)
    return msgspec.structs.replace(upload, info=info, chunk=min(chunk, small) or 1)


def _tail(tail: int, old: int, new: int) -> int:
    if tail == 0 or old == new:
        return tail
    return max(1, min(new - 1, tail * new // old))


def _fault(fault: FaultPlan, before: int, after: int) -> FaultPlan:
    trigger: Trigger = fault.trigger
    if trigger.after_bytes is None or before == 0:
        return fault
    moved = msgspec.structs.replace(trigger, after_bytes=trigger.after_bytes * after // before)
    return msgspec.structs.replace(fault, trigger=moved)

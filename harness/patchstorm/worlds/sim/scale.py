"""A plan made small enough to be run hundreds of times a second, without losing its shape.

What a store can get wrong depends on how many chunks there are, which of them overlap, and where
bodies break, hardly ever on how long a chunk is. The rule:

* a chunk is at most ``CHUNK_BYTES_MAX`` bytes and keeps, if it was longer, its remainder by 32 (the
  payload's cell), so that odd sizes stay odd;
* an upload has at most ``CHUNKS_MAX`` chunks, and its last one stays short if it was short;
* ``after_bytes`` triggers move in proportion.

Sizes that are small already stay as they are, and so do those of a storm that says ``scale = false``: then
all of it has to fit into memory. What became smaller is told beside the verdict.
"""

from __future__ import annotations

import msgspec

from patchstorm.errors import UsageError
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger, UploadPlan

CHUNK_BYTES_MAX = 512
CHUNKS_MAX = 12
CELL = 32
UNSCALED_BYTES_MAX = 256 << 20
"""Of all uploads of a storm together: a store holds them up to three times, as parts and as a whole."""


def scaled(plan: Plan) -> Plan:
    """The same storm over smaller uploads. UsageError for sizes that are to stay and are too large."""
    if not plan.scale:
        _check_fits(plan)
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


def _check_fits(plan: Plan) -> None:
    size = _bytes(plan.uploads)
    if size > UNSCALED_BYTES_MAX:
        raise UsageError(
            f"{plan.scenario}.toml: scale: its uploads are {size:,} bytes together, and the simulator "
            f"takes at most {UNSCALED_BYTES_MAX:,} into memory; make them smaller, leave `scale = false` "
            "out, or run the storm with --world processes"
        )


def resized(plan: Plan, uploads: tuple[UploadPlan, ...]) -> Plan:
    """``plan`` with its uploads in other sizes; ``after_bytes`` triggers move in proportion."""
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

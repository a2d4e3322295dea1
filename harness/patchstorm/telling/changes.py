"""What a task changed on the storage, for others to see; and where one pass of a sweeper ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patchstorm.telling.causes import CHANGES
from patchstorm.telling.record import StepRecord

O_CREAT = 0o100
O_TRUNC = 0o1000
SLEPT_NS = 20_000_000
"""A sweeper that made no step for so long had slept."""


def passes(records: Sequence[StepRecord]) -> Iterator[list[StepRecord]]:
    """The steps of a sweeper, pass by pass: a new one begins where it had slept."""
    current: list[StepRecord] = []
    for record in records:
        if current and record.time_ns - current[-1].time_ns > SLEPT_NS:
            yield current
            current = []
        current.append(record)
    if current:
        yield current


def seen(records: Sequence[StepRecord]) -> list[StepRecord]:
    """The changes that others can see: not those of files that a task made for itself and took away."""
    made = {
        one.path
        for one in records
        if one.call in ("open", "create") and one.detail.get("flags", 0) & O_CREAT
    }
    gone = {one.path for one in records if one.call in ("replace", "rename", "unlink")}
    own = made & gone
    return [
        one
        for one in records
        if (one.call in CHANGES or _truncates(one))
        and one.footprint.writes
        and (one.path not in own or one.call in ("replace", "rename", "link"))
    ]


def _truncates(record: StepRecord) -> bool:
    flags = record.detail.get("flags", 0)
    return record.call == "open" and bool(flags & O_TRUNC) and not flags & O_CREAT


def began_at(
    record: StepRecord, steps: Sequence[StepRecord] = (), held_at: int | None = None
) -> int | None:
    """Where a write begins, or began; None where nobody knows.

    One that appends and was ``held_at`` a step would have begun at the end that the file had then.
    """
    detail = record.detail
    if held_at is None or not detail.get("appends"):
        began: int | None = detail.get("offset", detail.get("began", {}).get("at"))
        return began
    known = None
    for one in steps:
        if one.path != record.path or one.step > held_at or one.failed:
            continue
        if one.call == "write":
            known = one.detail["began"].get("at", 0) + int(one.result)
        elif one.call == "ftruncate":
            known = int(one.detail["length"])
        elif known is None and one.detail.get("flags", 0) & O_CREAT:
            known = 0
    return known

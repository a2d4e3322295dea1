"""Which two steps a schedule's failure hangs on: what a task had learnt, and who changed it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from patchstorm.telling.record import StepRecord

CHANGES = (
    "write", "pwrite", "ftruncate", "truncate", "fallocate", "copy", "replace", "rename", "link", "unlink",
    "rmdir",
)  # fmt: skip
"""Calls that change bytes or names; opening a file may make one, closing and locking change neither."""
_OPENINGS = ("open", "create", "mkdir")
_READING = ("pread", "read", "listdir", "scandir", "list")
_HANDLING = ("open", "close", "flock", "lockf")


def pair(
    steps: Sequence[StepRecord], before: Sequence[StepRecord], after: Sequence[StepRecord]
) -> tuple[StepRecord, StepRecord] | None:
    """The last thing that a task had looked at and that another changed while it stood still.

    A change of bytes or of a name that both know comes before one of a directory in which both work, since
    that one mostly harms nobody; and locks, which are there to be waited for, come last.
    """
    if not before or not after:
        return None
    since, until, task = before[-1].step, after[0].step, before[-1].task
    meanwhile = [
        one
        for one in steps
        if since < one.step < until and one.task != task and one.footprint.writes
    ]
    return next(_pairs(before, meanwhile), None)


def _pairs(
    before: Sequence[StepRecord], meanwhile: Sequence[StepRecord]
) -> Iterator[tuple[StepRecord, StepRecord]]:
    changes = [one for one in meanwhile if one.call in CHANGES and not one.failed]
    made = [one for one in meanwhile if one.call in (*CHANGES, *_OPENINGS) and not one.failed]
    looks = [one for one in reversed(before) if one.call not in _HANDLING]
    yield from _meeting(looks, changes, same_file=True)
    yield from _meeting(looks, made, same_file=True)
    yield from _meeting(looks, changes, same_file=False)
    yield from _meeting(looks, meanwhile, same_file=False)


def _meeting(
    looks: Iterable[StepRecord], changes: Sequence[StepRecord], *, same_file: bool
) -> Iterator[tuple[StepRecord, StepRecord]]:
    for learnt in looks:
        own = {name for name in learnt.footprint.writes if name.startswith("!")}
        touched = {*learnt.footprint.reads, *learnt.footprint.writes} - own
        for changed in changes:
            if same_file and learnt.path not in (changed.path, changed.detail.get("to")):
                continue
            if touched & set(changed.footprint.writes):
                yield learnt, changed


def granted(
    steps: Sequence[StepRecord], learnt: StepRecord, changed: StepRecord
) -> tuple[StepRecord, StepRecord] | None:
    """What a service gave to whoever learnt something, and then to whoever changed that: a lease, mostly.

    Of several objects that both wrote there it is the one that the first had written longest ago.
    """
    mine = _written(steps, learnt.doer, 0, learnt.step)
    for name, first in sorted(mine.items(), key=lambda one: one[1].step):
        then = _written(steps, changed.doer, first.step, changed.step).get(name)
        if then is not None and learnt.doer != changed.doer:
            return first, then
    return None


def _written(
    steps: Sequence[StepRecord], doer: str, since: int, until: int
) -> dict[str, StepRecord]:
    """By object of a service, the last step within these with which ``doer`` wrote it."""
    return {
        name: one
        for one in steps
        if since < one.step < until and one.doer == doer
        for name in one.footprint.writes
        if name.startswith("@")
    }


def relied(after: Sequence[StepRecord]) -> StepRecord | None:
    """What a task then did all the same: a change if it made one, else what it opened or locked."""
    changed = next((one for one in after if one.call in CHANGES), None)
    others = (one for one in after if one.footprint.writes and one.call != "close")
    return changed or next(others, None)


def missed(steps: Sequence[StepRecord], asked: StepRecord) -> StepRecord | None:
    """The last change by another replica that an answer out of a cache does not show."""
    wanted = {*asked.footprint.reads, *asked.footprint.writes}
    before = [
        one
        for one in steps
        if one.step < asked.step
        and one.replica != asked.replica
        and wanted & set(one.footprint.writes)
    ]
    changes = [one for one in before if one.call in (*CHANGES, *_OPENINGS)]
    among = changes or before
    return among[-1] if among else None


def looked_last(
    steps: Sequence[StepRecord], own: Sequence[StepRecord]
) -> tuple[StepRecord | None, StepRecord | None]:
    """The last thing that a task read, or met with an error, which another had changed; and that change."""
    read = [one for one in own if one.call in _READING or (one.failed and one.call != "flock")]
    for look in reversed(read):
        change = next(
            (
                one
                for one in reversed(steps)
                if one.step < look.step
                and one.task != look.task
                and one.call in (*CHANGES, *_OPENINGS)
                and look.path in (one.path, one.detail.get("to"))
                and set(look.footprint.reads) & set(one.footprint.writes)
            ),
            None,
        )
        if change is not None:
            return look, change
    return None, None


def in_vain(steps: Iterable[StepRecord]) -> list[StepRecord]:
    """The longest row of one call that one task made again and again, and that failed each time."""
    longest: list[StepRecord] = []
    row: list[StepRecord] = []
    for one in steps:
        if not one.failed:
            row = []
            continue
        if row and (one.doer, one.call, one.path) != (row[0].doer, row[0].call, row[0].path):
            row = []
        row.append(one)
        if len(row) > len(longest):
            longest = row
    return longest

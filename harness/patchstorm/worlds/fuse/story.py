"""A run as stories know it: its calls by request, and choices by the request that was held up.

Choices name calls, since these come back in another run; a story names requests, since these are what a
reader has seen go wrong. So each choice is told as taken by the request for which the named call was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from patchstorm.choice.replay import SWITCH, TIMER
from patchstorm.choice.schedule import Choice
from patchstorm.history.model import History
from patchstorm.storage import constants as c
from patchstorm.telling.record import SWEEPER, Account, Detail, StepRecord
from patchstorm.worlds.fuse.aiming import AFTER, words_of
from patchstorm.worlds.fuse.chains import OWN
from patchstorm.worlds.fuse.choosing import HOLD
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome, Step

_FLAGS: Final = {"creat": c.O_CREAT, "excl": c.O_EXCL, "trunc": c.O_TRUNC, "append": c.O_APPEND}


def account_of(ran: FuseOutcome) -> Account:
    """What a story is told of."""
    uploads = _uploads(ran.history)
    made: Counter[str] = Counter()
    records: list[StepRecord] = []
    by_key: dict[str, StepRecord] = {}
    forced: list[Choice] = []
    for number, step in enumerate(ran.trace, start=1):
        call, path, detail = words_of(step.told)
        task = _task(step, uploads, ran.paths)
        path, _, to = path.partition(" -> ")
        record = StepRecord(
            number, step.time_ns, task, made[task], step.replica, call, path,
            _asked(call, detail, to), step.result, step.footprint,
        )  # fmt: skip
        made[task] += 1
        records.append(record)
        if step.number != NO_STEP:
            by_key[step.key] = record
        forced += [Choice(task, record.local, kind, 1) for kind in (step.old, step.fault) if kind]
    return Account(
        steps=records,
        choices=tuple(_choices(ran, by_key)),
        paths=ran.paths,
        forced=forced,
        names=ran.names,
    )


def _uploads(history: History) -> dict[int, str]:
    return {one.op: f"<{one.call.upload}>" for one in history.operations if one.call.upload}


def _task(step: Step, uploads: Mapping[int, str], paths: Mapping[str, int]) -> str:
    """For whom a call is made: of several requests the one whose upload stands in its path."""
    if step.who.endswith(OWN):
        return f"r{step.replica}{SWEEPER}"
    for request in step.requests:
        upload = uploads.get(paths[request])
        if upload is not None and upload in step.told:
            return request
    return step.requests[0] if step.requests else f"r{step.replica}"


def _asked(call: str, detail: str, to: str) -> Detail:
    """What a call was asked, as the calls of other worlds have it."""
    asked: Detail = {"to": to} if to else {}
    if call in ("open", "create"):
        flags = sum(_FLAGS.get(word, 0) for word in detail.split("|"))
        asked["flags"] = flags | (c.O_CREAT if call == "create" else 0)
    elif call in ("read", "write", "fallocate"):
        offset, _, length = detail.partition("+")
        asked |= {"offset": int(offset), "length": int(length)}
    elif call == "truncate":
        asked["length"] = int(detail)
    elif detail:
        asked["says"] = detail
    return asked


def _choices(ran: FuseOutcome, by_key: Mapping[str, StepRecord]) -> Iterator[Choice]:
    """Each choice by the request that was held up, struck or told something old; those of turns have none."""
    after = {(one.task, one.step) for one in ran.choices if one.kind == AFTER}
    for one in ran.choices:
        name = f"{one.task}#{one.step}"
        record = by_key.get(name)
        if one.kind == AFTER:
            continue
        if record is None:
            if name in ran.turns and one.target is not None:
                yield Choice(ran.turns[name], 0, one.kind, one.value, _whom(ran, by_key, one))
            continue
        kind = SWITCH if one.kind == HOLD else one.kind
        local = record.local + ((one.task, one.step) in after)
        yield Choice(record.task, local, kind, one.value, _whom(ran, by_key, one))


def _whom(ran: FuseOutcome, by_key: Mapping[str, StepRecord], choice: Choice) -> str | None:
    """Who goes on instead."""
    target = choice.target
    if target is None or target == TIMER:
        return target
    record = by_key.get(target)
    return ran.turns.get(target, target) if record is None else record.task

"""crowding: one connection never lets off, and another, slower one, wants a turn.

The busy one stays at one replica and sends one small PATCH after the other; where offsets are addressed it
begins anew when it is through, and elsewhere it asks HEAD. The slow one goes to another replica with a body
that takes a while, and tries again, after pauses that do not grow, until it was served or was refused
``tries`` times. It wants the last chunk of the same upload, or its HEAD where only the current offset is
accepted, and a chunk of each further upload. The busy one goes on until all of them have ended.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.scenario.actions import Answer, Send, Sleep, Together, Workload
from patchstorm.scenario.options import count, millis
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import Move, Range, advance, chunks, head, patch, refused

SMALL = 4
SMALL_SEQUENTIAL = 32
"""Into so many pieces the busy connection cuts a chunk. Where nothing is taken twice they have to last."""


class Options(msgspec.Struct, frozen=True):
    tries: Annotated[int, count(1, 100, "so often the slow connection tries")] = 13
    pause_ms: Annotated[int, millis("how long it waits between two tries")] = 2
    slow_ms: Annotated[int, millis("how long its body stands still halfway")] = 4
    requests: Annotated[int, count(1, 2_000, "the most that the busy connection sends")] = 400


def crowding(ctx: Context, options: Options) -> Workload:
    upload, *others = ctx.uploads
    here = ctx.replica()
    waiting = {f"{number}" for number in range(1 + len(others))}
    parts = [_busy(ctx.part("busy"), upload, here, waiting, options)]
    for number, one in enumerate((upload, *others)):
        part = ctx.part(f"slow-{number}")
        parts.append(_slow(part, one, ctx.other(here), str(number), waiting, options))
    yield Together(workloads=tuple(parts))
    for one in ctx.uploads:
        yield from advance(ctx, one)


def _busy(
    ctx: Context, upload: UploadPlan, here: int, waiting: set[str], options: Options
) -> Workload:
    """Until nobody waits any more; what it sends is true, and mostly known already."""
    size = max(1, upload.chunk // (SMALL_SEQUENTIAL if ctx.sequential else SMALL))
    ranges = chunks(upload, size)[: -SMALL or None]  # the last chunk is the slow one's
    sent = 0
    while waiting and sent < options.requests:
        if ctx.sequential:
            sent += yield from _onwards(ctx, upload, size, here)
        else:
            for at in ranges or chunks(upload, size):
                yield patch(ctx, upload, at, replica=here)
                sent += 1
                if not waiting:
                    return
        yield Sleep(ms=1)


def _onwards(ctx: Context, upload: UploadPlan, size: int, here: int) -> Move[int]:
    """One small step at the current offset, if more than a chunk is missing; the number of requests."""
    offset = yield from head(ctx, upload, replica=here)
    if offset is None or upload.size - offset <= upload.chunk:
        return 1
    yield patch(ctx, upload, (offset, size), replica=here)
    return 2


def _slow(
    ctx: Context,
    upload: UploadPlan,
    there: int,
    name: str,
    waiting: set[str],
    options: Options,
) -> Workload:
    same = name == "0"
    for _ in range(options.tries):
        answer: Answer = yield from _turn(ctx, upload, there, options, asks=same and ctx.sequential)
        if answer.ok or refused(answer):
            break
        yield Sleep(ms=options.pause_ms)
    waiting.discard(name)


def _turn(
    ctx: Context, upload: UploadPlan, there: int, options: Options, *, asks: bool
) -> Move[Answer]:
    if asks or upload.size == 0:
        request = Request(kind="query", upload=upload.id, replica=there)
        answer: Answer = yield Send(request=request)
        return answer
    at: Range = chunks(upload)[-1]
    if ctx.sequential:
        at = (0, min(upload.chunk, upload.size))
    mischief = Mischief(stall_after=at[1] // 2, stall_ms=options.slow_ms)
    answer = yield patch(ctx, upload, at, replica=there, mischief=mischief)
    return answer


KIND = WorkloadKind(
    name="crowding",
    says="one connection never lets off, and a slower one at another replica wants a turn",
    run=crowding,
    options=Options,
)

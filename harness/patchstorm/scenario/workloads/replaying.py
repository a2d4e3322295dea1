"""replaying: each PATCH arrives several times, at several replicas: a balancer that retries.

Offset-addressed: every chunk is delivered ``times`` times. Usually all deliveries are under way
together; the seed also holds single ones back by ``gap_ms``, or until the whole upload has been sent.
Sequential: the deliveries race at the current offset, then HEAD says where to go on; deliveries that
were held back arrive at an offset that has long been passed.

After the last delivery of a chunk that nobody acknowledged it is sent again like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Answer, Send, Together, Workload
from patchstorm.scenario.options import count, millis
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    Range,
    chunks,
    gone,
    head,
    lanes,
    one_by_one,
    patch,
    push,
    single,
)


class Options(msgspec.Struct, frozen=True):
    times: Annotated[int, count(2, 20, "how often each PATCH is delivered")] = 3
    connections: Annotated[int, count(1, 64, "how many chunks are under way at once")] = 2
    gap_ms: Annotated[int, millis("the longest a delivery is held back within its chunk")] = 30


def replaying(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
        else:
            dealt = lanes(ctx.shuffled(chunks(upload)), options.connections)
            parts = [_lane(ctx.part(i), upload, ranges, options) for i, ranges in enumerate(dealt)]
            yield Together(workloads=tuple(parts))
        yield from head(ctx, upload)


def _lane(ctx: Context, upload: UploadPlan, ranges: Sequence[Range], options: Options) -> Workload:
    late: list[Send] = []
    for at in ranges:
        answers = yield from _deliver(ctx, upload, at, options, late)
        if any(gone(answer) for answer in answers):
            return
        if not any(answer.ok or answer.status == 409 for answer in answers):
            yield from push(ctx, upload, at)
    yield from one_by_one(late)


def _deliver(
    ctx: Context, upload: UploadPlan, at: Range, options: Options, late: list[Send]
) -> Workload:
    """The deliveries of one chunk, each to the next replica; some may be put off into ``late``."""
    first = ctx.replica()
    sends = [patch(ctx, upload, at, replica=ctx.other(first, i)) for i in range(options.times)]
    if options.times > 2 and ctx.draw("put-off", 4) == 3:
        late.append(sends.pop())
    waits = [ctx.draw("gap", 3) * options.gap_ms // 2 for _ in sends]
    waits[0] = 0
    parts = tuple(single(send, after_ms=ms) for send, ms in zip(sends, waits, strict=True))
    answers: list[Answer] = yield Together(workloads=parts)
    return answers


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    late: list[Send] = []
    offset = yield from head(ctx, upload)
    failures = 0
    while offset is not None and offset < upload.size and failures < ctx.tries:
        at = (offset, min(upload.chunk, upload.size - offset))
        yield from _deliver(ctx, upload, at, options, late)
        reached = yield from head(ctx, upload)
        failures = 0 if reached is not None and reached > offset else failures + 1
        offset = reached
    yield from one_by_one(late)


KIND = WorkloadKind(
    name="replaying",
    says="each PATCH arrives several times, at several replicas, at once or much later",
    run=replaying,
    options=Options,
)

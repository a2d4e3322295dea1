"""terminating: DELETE comes while a PATCH is under way.

The seed chooses the chunk beside which the DELETE is sent, to another replica, before or within
``spread_ms``; it may be the last one, so that termination races publication. What follows must find
the upload gone (or, if publication won, finished), and the file either whole or not there at all.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Send, Together, Workload
from patchstorm.scenario.options import flag, millis
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, patch, single


class Options(msgspec.Struct, frozen=True):
    last: Annotated[bool, flag("always beside the last chunk")] = False
    spread_ms: Annotated[int, millis("how much earlier or later the DELETE comes")] = 6


def terminating(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        ranges = chunks(upload)
        beside = len(ranges) - 1 if options.last else ctx.draw("beside", len(ranges))
        reached = yield from advance(ctx, upload, until=ranges[beside][0])
        if reached is None:
            continue
        yield from _race(ctx, upload, beside, options)
        yield patch(ctx, upload, ranges[min(beside + 1, len(ranges) - 1)])
        yield from head(ctx, upload)


def _race(ctx: Context, upload: UploadPlan, beside: int, options: Options) -> Workload:
    """PATCH to one replica, DELETE and a replay of the PATCH to others."""
    at = chunks(upload)[beside]
    first = ctx.replica()
    waits = [ctx.draw("wait", 3) * options.spread_ms // 2 for _ in range(2)]
    delete = Request(kind="terminate", upload=upload.id, replica=ctx.other(first))
    yield Together(
        workloads=(
            single(patch(ctx, upload, at, replica=first), after_ms=waits[0]),
            single(Send(request=delete), after_ms=waits[1]),
            single(patch(ctx, upload, at, replica=ctx.other(first, 2)), after_ms=waits[0]),
        )
    )


KIND = WorkloadKind(
    name="terminating",
    says="DELETE comes while a PATCH is under way",
    run=terminating,
    options=Options,
    needs=("termination",),
)

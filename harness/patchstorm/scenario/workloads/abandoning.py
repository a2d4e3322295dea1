"""abandoning: everything is sent, and then the client never comes back.

Every chunk is acknowledged except, at the seed's choice, the last one, whose answer gets lost. No HEAD
follows. Whoever is left has to finish the upload: with ``closing = "sweeper"`` this is the storm for
completion without a client.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Sleep, Together, Workload
from patchstorm.scenario.options import count, millis, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    GOOD,
    Range,
    advance,
    chunks,
    lanes,
    patch,
    push,
    push_all,
)


class Options(msgspec.Struct, frozen=True):
    connections: Annotated[int, count(1, 64, "how many connections send at once")] = 2
    linger_ms: Annotated[int, millis("how long the client waits for an answer that got lost")] = 300
    lose_permille: Annotated[int, permille("how many uploads lose their last answer")] = 0


def abandoning(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        *most, last = chunks(upload)
        if ctx.sequential:
            yield from advance(ctx, upload, until=last[0])
        else:
            dealt = lanes(ctx.shuffled(most), options.connections)
            parts = [push_all(ctx.part(i), upload, lane) for i, lane in enumerate(dealt)]
            yield Together(workloads=tuple(parts))
        yield from _last(ctx, upload, last, options)


def _last(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Workload:
    if ctx.chance("lose", options.lose_permille):
        yield patch(ctx, upload, at, mischief=Mischief(drop_response=True))
        yield Sleep(ms=options.linger_ms)
    elif ctx.sequential:
        yield patch(ctx, upload, at, mischief=GOOD)
    else:
        yield from push(ctx, upload, at)


KIND = WorkloadKind(
    name="abandoning",
    says="everything is sent, and then the client never comes back",
    run=abandoning,
    options=Options,
)

"""parallel: distinct offsets at once, in any order, over several connections.

Offset-addressed: the chunks are dealt out to ``connections`` lanes in a drawn order and pushed to any
replica. Sequential: ``connections`` clients race with PATCHes at the current offset, each asking
HEAD again after a refusal; every byte is accepted from one of them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Together, Workload
from patchstorm.scenario.options import count
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import chunks, head, lanes, push_all, racing


class Options(msgspec.Struct, frozen=True):
    connections: Annotated[int, count(1, 64, "how many connections send at once")] = 4


def parallel(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield Together(workloads=tuple(racing(ctx, upload, options.connections)))
        else:
            yield Together(workloads=tuple(_lanes(ctx, upload, options.connections)))
        yield from head(ctx, upload)


def _lanes(ctx: Context, upload: UploadPlan, connections: int) -> list[Workload]:
    dealt = lanes(ctx.shuffled(chunks(upload)), connections)
    return [push_all(ctx.part(i), upload, lane) for i, lane in enumerate(dealt)]


KIND = WorkloadKind(
    name="parallel",
    says="distinct offsets at once, in any order, over several connections",
    run=parallel,
    options=Options,
)

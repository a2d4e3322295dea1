"""empty: PATCHes without a body, and uploads of no bytes at all.

Empty PATCHes come at the current offset, before, between and after the chunks of an upload; where
offsets are addressed also at any other. None of them may change what a later request gets. An
upload of size zero is complete as soon as it is created; an empty PATCH and HEAD then look at it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Together, Workload
from patchstorm.scenario.options import permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, head, patch, single


class Options(msgspec.Struct, frozen=True):
    astray_permille: Annotated[
        int, permille("how many empty PATCHES come at another offset than the current one")
    ] = 300


def empty(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        offset = yield from head(ctx, upload)
        while offset is not None and offset < upload.size:
            yield from _empty(ctx, upload, offset, options)
            until = min(offset + upload.chunk, upload.size)
            reached = yield from advance(ctx, upload, until=until)
            if reached is None or reached <= offset:
                return
            offset = reached
        yield from _empty(ctx, upload, upload.size, options)
        yield from head(ctx, upload)


def _empty(ctx: Context, upload: UploadPlan, offset: int, options: Options) -> Workload:
    """Two empty PATCHes at once, at different replicas; possibly one of them astray."""
    first = ctx.replica()
    offsets = [offset, offset]
    if ctx.chance("astray", options.astray_permille):
        offsets[1] = ctx.draw("where", upload.size + 1)
    sends = [
        patch(ctx, upload, (at, 0), replica=ctx.other(first, i)) for i, at in enumerate(offsets)
    ]
    yield Together(workloads=tuple(single(send) for send in sends))


KIND = WorkloadKind(
    name="empty",
    says="PATCHes without a body, and uploads of no bytes at all",
    run=empty,
    options=Options,
)

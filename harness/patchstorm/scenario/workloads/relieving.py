"""relieving: the storage fills up, and somebody ends an upload so that there is room again.

All uploads but the first are sent by half. The first goes on chunk by chunk until the storage has no more
room, or to its last chunk but one; then it is ended with DELETE, which is asked again for as long as a full
storage is the answer. Nobody else writes meanwhile, so nobody takes what the DELETE gives back. Then the
others go on.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Answer, Send, Sleep, Workload
from patchstorm.scenario.options import count, millis
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, patch

NO_ROOM = 507


class Options(msgspec.Struct, frozen=True):
    deletes: Annotated[int, count(1, 20, "how often DELETE is asked at most")] = 6
    pause_ms: Annotated[int, millis("how long the client waits before it asks again")] = 30


def relieving(ctx: Context, options: Options) -> Workload:
    first, *others = ctx.uploads
    for upload in others:
        yield from advance(ctx, upload, until=upload.size // 2)
    for at in chunks(first)[:-1]:
        answer: Answer = yield patch(ctx, first, at)
        if not answer.ok:
            break
    yield from _end(ctx, first, options)
    yield from head(ctx, first)
    for upload in others:
        yield from advance(ctx, upload)


def _end(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    for _ in range(options.deletes):
        request = Request(kind="terminate", upload=upload.id, replica=ctx.replica())
        answer: Answer = yield Send(request=request)
        if answer.status is not None and answer.status not in (NO_ROOM, 423, 503):
            return
        yield Sleep(ms=options.pause_ms)


KIND = WorkloadKind(
    name="relieving",
    says="an upload is ended while the storage is full, so that others go on",
    run=relieving,
    options=Options,
    uploads_min=2,
    needs=("termination",),
)

"""late: requests that arrive when everything is over.

The upload is sent whole (``after = "completion"``) or half and then terminated (``after =
"termination"``). Afterwards earlier PATCHes arrive once more at every replica, true to the byte, and
between them false ones. Nothing of that may change the published file or bring the upload back.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from patchstorm.scenario.actions import Request, Send, Together, Workload
from patchstorm.scenario.options import count, words
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, patch, single


class Options(msgspec.Struct, frozen=True):
    after: Annotated[Literal["completion", "termination"], words("what is over")] = "completion"
    replays: Annotated[int, count(1, 100, "how many earlier PATCHes arrive again")] = 6


def late(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        whole = options.after == "completion" or "termination" not in ctx.capabilities
        yield from advance(ctx, upload, until=None if whole else upload.size // 2)
        if not whole:
            yield Send(request=Request(kind="DELETE", upload=upload.id, replica=ctx.replica()))
        yield from _replay(ctx, upload, options)
        yield from head(ctx, upload)


def _replay(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    """Drawn chunks again, at all replicas in turn; every third of them is false."""
    order = ctx.shuffled(chunks(upload))
    first = ctx.replica()
    for i in range(options.replays):
        at = order[i % len(order)]
        true = patch(ctx, upload, at, replica=ctx.other(first, i))
        false = patch(ctx, upload, at, content=1, replica=ctx.other(first, i + 1))
        if i % 3 == 2:
            yield Together(workloads=(single(true), single(false)))
        else:
            yield true


KIND = WorkloadKind(
    name="late",
    says="replays, true and false, after completion or termination",
    run=late,
    options=Options,
)

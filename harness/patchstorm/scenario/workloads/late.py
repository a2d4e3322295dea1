"""late: requests that arrive when everything is over.

The upload is sent whole (``after = "completion"``) or half and then terminated (``after =
"termination"``). Afterwards earlier PATCHes arrive once more at every replica, true to the byte, and
between them false ones. Nothing of that may change the published file or bring the upload back.

``astride_permille`` of the uploads have two of these on their way already when the rest is sent: they begin
before the upload is complete, one true and one false, and stand still until it is published.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.scenario.actions import Send, Together, Workload
from patchstorm.scenario.options import count, permille, words
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, in_part, patch, push, single

ASTRIDE_MS = 400


class Options(msgspec.Struct, frozen=True):
    after: Annotated[Literal["completion", "termination"], words("what is over")] = "completion"
    replays: Annotated[int, count(1, 100, "how many earlier PATCHes arrive again")] = 6
    astride_permille: Annotated[
        int, permille("how many uploads have a true and a false one begin before they are complete")
    ] = 300


def late(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        whole = options.after == "completion" or "termination" not in ctx.capabilities
        if whole and not ctx.sequential and ctx.chance("astride", options.astride_permille):
            yield from _astride(ctx, upload)
        reached = yield from advance(ctx, upload, until=None if whole else upload.size // 2)
        if not whole:
            yield Send(request=Request(kind="terminate", upload=upload.id, replica=ctx.replica()))
        yield from _replay(ctx, upload, options, everything=whole and reached == upload.size)
        yield from head(ctx, upload)


def _astride(ctx: Context, upload: UploadPlan) -> Workload:
    """The first chunk, and then the rest beside two bodies for that chunk that take their time."""
    at = chunks(upload)[0]
    yield from push(ctx, upload, at)
    slow = Mischief(stall_after=at[1] // 2, stall_ms=ASTRIDE_MS)
    parts = [ctx.part(f"{upload.id}.{i}") for i in range(3)]
    rest = advance(parts[0], upload)
    true, false = (patch(parts[1 + i], upload, at, content=i, mischief=slow) for i in range(2))
    yield Together(workloads=(single(true), single(false), rest))


def _replay(ctx: Context, upload: UploadPlan, options: Options, *, everything: bool) -> Workload:
    """Drawn chunks again, at all replicas in turn; every third of them is false.

    ``everything`` was acknowledged: then most of the false ones are so but for a part.
    """
    order = ctx.shuffled(chunks(upload))
    first = ctx.replica()
    for i in range(options.replays):
        at = order[i % len(order)]
        true = patch(ctx, upload, at, replica=ctx.other(first, i))
        false = patch(ctx, upload, at, content=1, replica=ctx.other(first, i + 1))
        if everything and ctx.draw("in-part", 4):
            false = in_part(ctx, false)
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

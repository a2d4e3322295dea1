"""expiring: an upload is left half done until it expires, and then somebody returns.

The uploads need ``expires``. After that time and a margin the client sends the next PATCH, a replay
and HEAD, to different replicas: all have to be refused, and nothing may come back to life. With
``late_permille`` the client comes once more late in the life, and an answer may put the end off: what that
answer announced is then promised.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Sleep, Workload
from patchstorm.scenario.options import millis, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, patch, push


class Options(msgspec.Struct, frozen=True):
    first_permille: Annotated[int, permille("the share of the upload sent in time")] = 500
    margin_ms: Annotated[int, millis("how long after the expiry the client returns")] = 1_200
    late_permille: Annotated[
        int, permille("when in its life one more chunk of the upload is sent; 0: not at all")
    ] = 0


def expiring(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        yield from _in_time(ctx, upload, upload.size * options.first_permille // 1000)
    longest = max((upload.info.expires_ms or 0) for upload in ctx.uploads)
    late_ms = longest * options.late_permille // 1000
    if late_ms:
        yield Sleep(ms=late_ms)
        for upload in ctx.uploads:
            yield from _in_time(ctx, upload, upload.size * options.first_permille // 1000 + 1)
    yield Sleep(ms=longest - late_ms + options.margin_ms)
    for upload in ctx.uploads:
        ranges = chunks(upload)
        for i, at in enumerate((ranges[-1], ranges[0])):
            yield patch(ctx, upload, at, replica=ctx.other(ctx.replica(), i))
        yield from head(ctx, upload)


def _in_time(ctx: Context, upload: UploadPlan, until: int) -> Workload:
    if ctx.sequential or not until:
        yield from advance(ctx, upload, until=until)
        return
    for at in chunks(upload):
        if at[0] < until:
            yield from push(ctx, upload, at)


KIND = WorkloadKind(
    name="expiring",
    says="an upload is left until it expires, and then somebody returns",
    run=expiring,
    options=Options,
    needs=("expiration",),
)

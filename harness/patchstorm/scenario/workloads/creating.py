"""creating: clients create their own uploads, and the creation carries the first bytes.

Each POST has the first ``first_permille`` of a chunk in its body (creation-with-upload); the offset of
the answer says how much was kept, and the client goes on from HEAD. When no answer comes the client
creates anew, since it has no URL to ask.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Answer, Request, Send, Workload
from patchstorm.scenario.options import permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import Move, advance, head, pause


class Options(msgspec.Struct, frozen=True):
    first_permille: Annotated[int, permille("the share of a chunk that the creation carries")] = (
        1000
    )


def creating(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        length = min(upload.chunk, upload.size) * options.first_permille // 1000
        created = yield from create(ctx, upload, carried=length)
        if created:
            yield from advance(ctx, upload)
            yield from head(ctx, upload)


def create(ctx: Context, upload: UploadPlan, *, carried: int | None = None) -> Move[bool]:
    """POST until the upload exists; ``carried`` bytes go along. False when the tries are spent."""
    for failures in range(ctx.tries):
        request = Request(
            kind="POST",
            upload=upload.id,
            length=carried or 0,
            whole=carried is not None,
            replica=ctx.replica(),
        )
        answer: Answer = yield Send(request=request)
        if answer.ok:
            return True
        if answer.status is not None and answer.status < 500 and answer.status != 423:
            return False
        yield from pause(ctx, failures)
    return False


KIND = WorkloadKind(
    name="creating",
    says="clients create their own uploads, and the creation carries the first bytes",
    run=creating,
    options=Options,
    creates=True,
    needs=("creation-with-upload",),
)

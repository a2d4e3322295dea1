"""retrying: answers and requests get lost, and the client sends the same PATCH again.

The seed loses the answer of a chunk's first delivery, or the request itself. The client then either
sends the same bytes to the same offset at another replica (as a balancer or an HTTP library does),
or asks HEAD first (as tus demands). In the sequential reading a retry of what did arrive comes at
an offset that has been passed: 409 and without effect.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.options import permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    GOOD,
    Range,
    advance,
    chunks,
    gone,
    head,
    patch,
    push,
)


class Options(msgspec.Struct, frozen=True):
    answers_permille: Annotated[int, permille("how many chunks lose their first answer")] = 500
    requests_permille: Annotated[int, permille("how many chunks lose their first request")] = 100
    ask_permille: Annotated[int, permille("how many retries ask HEAD first")] = 300


def retrying(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
        else:
            for at in ctx.shuffled(chunks(upload)):
                answer = yield from _twice(ctx, upload, at, options)
                if answer is not None and gone(answer):
                    break
        yield from head(ctx, upload)


def _twice(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Workload:
    """Deliver a chunk under drawn mischief; then, if no answer came, again from another replica."""
    replica = ctx.replica()
    mischief = _mischief(ctx, options)
    answer = yield patch(ctx, upload, at, replica=replica, mischief=mischief)
    if answer.ok or gone(answer):
        return answer
    if ctx.chance("ask", options.ask_permille):
        yield from head(ctx, upload, replica=ctx.other(replica))
    again = yield from push(ctx, upload, at, replica=ctx.other(replica))
    return again


def _mischief(ctx: Context, options: Options) -> Mischief:
    if ctx.chance("lose-answer", options.answers_permille):
        return Mischief(drop_response=True)
    if ctx.chance("lose-request", options.requests_permille):
        return Mischief(lose_request=True)
    return GOOD


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    offset = yield from head(ctx, upload)
    failures = 0
    while offset is not None and offset < upload.size and failures < ctx.tries:
        at = (offset, min(upload.chunk, upload.size - offset))
        replica = ctx.replica()
        mischief = _mischief(ctx, options)
        answer = yield patch(ctx, upload, at, replica=replica, mischief=mischief)
        if mischief != GOOD and not ctx.chance("ask", options.ask_permille):
            yield patch(ctx, upload, at, replica=ctx.other(replica))  # without asking
        if gone(answer):
            return
        reached = yield from head(ctx, upload)
        failures = 0 if reached is not None and reached > offset else failures + 1
        offset = reached
    yield from advance(ctx, upload)


KIND = WorkloadKind(
    name="retrying",
    says="answers and requests get lost, and the client sends the same PATCH again",
    run=retrying,
    options=Options,
)

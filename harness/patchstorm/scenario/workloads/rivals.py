"""rivals: several uploads with one target, finished at the same moment.

Each upload is sent up to its last chunk; then all last chunks are under way together, at different
replicas. Without ``overwrite`` one of them gets the name and the others are refused, with their
bytes kept; with it every publication is whole and the last one stands. Then some bytes of each arrive once
more. The uploads of this workload have to name one target.

``late`` of them, the last ones, are only begun by then: each goes on chunk by chunk while the others are
finished, until it is told that the name is another's.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Send, Together, Workload
from patchstorm.scenario.options import count
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, patch, pause, refused


class Options(msgspec.Struct, frozen=True):
    late: Annotated[int, count(0, 15, "how many are only begun when the others are finished")] = 0


def rivals(ctx: Context, options: Options) -> Workload:
    parts = [ctx.part(upload.id) for upload in ctx.uploads]
    pairs = list(zip(parts, ctx.uploads, strict=True))
    names = tuple(part.client for part in parts)
    late = max(1, len(pairs) - options.late)
    sent = [
        advance(part, upload, until=_last(upload) if i < late else min(upload.chunk, _last(upload)))
        for i, (part, upload) in enumerate(pairs)
    ]
    yield Together(workloads=tuple(sent), names=names)
    first = ctx.replica()
    last = [
        _finish(part, upload, ctx.other(first, i)) if i < late else advance(part, upload)
        for i, (part, upload) in enumerate(pairs)
    ]
    yield Together(workloads=tuple(last), names=names)
    if not ctx.sequential:
        for part, upload in pairs:
            yield from _again(part, upload)


def _again(ctx: Context, upload: UploadPlan) -> Workload:
    """Bytes of an upload whose name may be another's by now: a whole chunk, and what no chunk is."""
    first = chunks(upload)[0]
    yield patch(ctx, upload, first)
    yield patch(ctx, upload, (0, first[1] // 2))


def _last(upload: UploadPlan) -> int:
    """Where the last chunk begins."""
    return chunks(upload)[-1][0] if upload.size else 0


def _finish(ctx: Context, upload: UploadPlan, replica: int) -> Workload:
    at = (_last(upload), upload.size - _last(upload))
    for failures in range(ctx.tries):
        answer = yield patch(ctx, upload, at, replica=ctx.other(replica, failures))
        if answer.ok or answer.status == 409 or refused(answer):
            break
        yield from pause(ctx, failures)
    yield Send(request=Request(kind="query", upload=upload.id, replica=ctx.replica()))


KIND = WorkloadKind(
    name="rivals",
    says="several uploads with one target, finished at the same moment",
    run=rivals,
    options=Options,
    uploads_min=2,
    needs=("named-targets",),
)
